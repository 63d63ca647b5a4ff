//! The org's objects and fields, as data (salesforce reference, section 5; custom fields as its section 7 names them).

mod catalogue;
pub(crate) mod countries;
mod customers;
mod deals;
mod notes;
mod packaged;
mod parts;
mod settings;

pub(crate) use self::parts::CURRENCIES;
use super::{
    knobs::Knobs,
    metadata::Customization,
    schema::{Kind, Object, Schema, lasting},
};

/// Custom fields that the customer made, not the product's package.
const CUSTOMERS_OWN: [&str; 1] = ["Regions__c"];
/// Fields that an org has only when accounts may be persons.
const OF_PERSONS: [&str; 6] =
    ["IsPersonAccount", "Salutation", "FirstName", "LastName", "PersonEmail", "PersonContactId"];

/// The schema as the knobs' features and the deploys leave it. Positions never depend on a feature.
pub(crate) fn build(knobs: &Knobs, customization: &Customization) -> Schema {
    let mut objects = vec![deals::opportunity(), customers::account(), customers::contact()];
    objects.extend(deals::sales_children());
    objects.extend(catalogue::catalogue());
    objects.extend(notes::notes_and_tasks());
    objects.extend(settings::people_and_settings());
    objects.push(customers::lead());
    for field in packaged::on_opportunity() {
        objects[0].define(field);
    }
    objects.push(packaged::solutions());
    for object in &mut objects {
        featured(object, knobs);
    }
    customization.apply(&mut objects);
    Schema::new(objects)
}

/// Switches off what the org's features leave out.
fn featured(object: &mut Object, knobs: &Knobs) {
    object.enabled = match object.name {
        "CurrencyType" => knobs.multi_currency,
        "OpportunityTeamMember" => knobs.team_selling,
        "ContentNote" => knobs.notes,
        name if name.starts_with(packaged::NAMESPACE) => knobs.packaged_fields,
        _ => knobs.package_installed || !object.custom(),
    };
    let account = object.name == "Account";
    for field in &mut object.fields {
        if field.custom() {
            field.enabled = knobs.package_installed || CUSTOMERS_OWN.contains(&field.name);
        }
        if field.name.starts_with(packaged::NAMESPACE) {
            field.enabled = knobs.packaged_fields;
        }
        if field.name.ends_with("CountryCode") || field.name.ends_with("StateCode") {
            field.enabled = knobs.state_country_picklists;
        }
        if (account && OF_PERSONS.contains(&field.name)) || field.name == "IsPersonAccount" {
            field.enabled = knobs.person_accounts;
        }
        match field.name {
            "CurrencyIsoCode" => {
                field.enabled = knobs.multi_currency;
                let active = |code: &&&str| knobs.active_currencies.iter().any(|known| known == **code);
                field.kind = Kind::Picklist {
                    values: CURRENCIES.iter().filter(active).copied().collect(),
                    restricted: true,
                };
            }
            "RecordTypeId" => field.enabled = knobs.record_types,
            "Referral_Identifier__c" => field.unique = knobs.identifier_unique,
            "StageName" => {
                if let Kind::Picklist { restricted, values } = &mut field.kind {
                    values.extend(knobs.own_stages.iter().map(|stage| lasting(&stage.name)));
                    *restricted = knobs.stages_restricted;
                }
            }
            _ => {}
        }
    }
}
