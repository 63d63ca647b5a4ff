//! Rights on whole objects, the relationships between them, and what a new record must bring.

use mapping::{AccountRule, Mapping, SetSource};

use super::wishes::Wishes;
use crate::{
    Finding,
    salesforce::schema::{ACCOUNT, CONTACT, CONTACT_ROLE, LEAD, OPPORTUNITY, Schema},
};

/// What is done to the records of one object.
struct Deeds {
    object: String,
    create: bool,
    update: bool,
    delete: bool,
    /// What is filled on new records beside the mapped fields.
    filled: Vec<String>,
}

fn deeds(mapping: &Mapping) -> Vec<Deeds> {
    let inbound = mapping.inbound();
    let own = ["Name", "StageName", "CloseDate", "OwnerId", "AccountId", "RecordTypeId", "CampaignId"];
    let named = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
    let mut deeds = vec![
        Deeds {
            object: OPPORTUNITY.to_owned(),
            create: inbound.create,
            update: true,
            delete: false,
            filled: named(&own),
        },
        Deeds {
            object: ACCOUNT.to_owned(),
            create: inbound.create && inbound.account == AccountRule::Create,
            update: true,
            delete: false,
            filled: named(&["Name"]),
        },
    ];
    if mapping.leads().create {
        let (object, filled) = (LEAD.to_owned(), named(&["LastName", "Company", "OwnerId", "Status"]));
        deeds.push(Deeds { object, create: true, update: true, delete: false, filled });
    }
    if let Some(catalogue) = mapping.catalogue() {
        let (object, filled) = (catalogue.object.to_string(), vec![catalogue.id.to_string()]);
        deeds.push(Deeds { object, create: true, update: true, delete: false, filled });
    }
    for set in mapping.sets() {
        match &set.crm {
            SetSource::Children { object, .. } => deeds.push(Deeds {
                object: object.as_str().to_owned(),
                create: true,
                update: true,
                delete: true,
                filled: named(&["Name"]),
            }),
            SetSource::ContactRoles => {
                let filled = named(&["OpportunityId", "ContactId"]);
                let object = CONTACT_ROLE.to_owned();
                deeds.push(Deeds { object, create: true, update: true, delete: true, filled });
                let (object, filled) = (CONTACT.to_owned(), named(&["LastName", "AccountId"]));
                deeds.push(Deeds { object, create: true, update: true, delete: false, filled });
            }
            // An org without team selling has no such object: that is one of its options.
            SetSource::Team { .. } => {}
        }
    }
    deeds
}

/// A line for each object: whether it can be seen, and what this user may do to its records.
pub(super) fn rights(mapping: &Mapping, schema: &Schema, wishes: &Wishes) -> Vec<Finding> {
    let told = |deeds: &Deeds| {
        let object = &deeds.object;
        let (id, title) = (format!("salesforce.object.{object}"), format!("Object {object}"));
        let Some(described) = schema.object(object) else {
            return Finding::fail(
                id,
                title,
                "The object is not installed, or the integration user may not see it: both look the same.",
                "Install it, or give the integration user's permission set access to it. The set's licence must be \
                 \"--None--\"; the user needs the permission set licence \"Salesforce API Integration\".",
            );
        };
        let rights = [
            ("create", deeds.create, described.createable),
            ("edit", deeds.update, described.updateable),
            ("delete", deeds.delete, described.deletable),
        ];
        let lacking: Vec<&str> =
            rights.iter().filter(|(_, wanted, has)| *wanted && !has).map(|(name, ..)| *name).collect();
        if !lacking.is_empty() {
            return Finding::fail(
                id,
                title,
                format!("The integration user may not {} its records.", lacking.join(" or ")),
                format!("Give the integration user's permission set the right to {}.", lacking.join(" and ")),
            );
        }
        let had: Vec<&str> = rights.iter().filter(|(_, _, has)| *has).map(|(name, ..)| *name).collect();
        let (wanted, seen) = wishes.of_object(object).fold((0, 0), |(wanted, seen), (name, _)| {
            (wanted + 1, seen + usize::from(described.field(name).is_some()))
        });
        let had = if had.is_empty() { "read".to_owned() } else { format!("read, {}", had.join(", ")) };
        Finding::pass(id, title, format!("{had}; {seen} of {wanted} mapped fields are visible"))
    };
    deeds(mapping).iter().map(told).collect()
}

/// A line for each set of child rows: the lookup to the opportunity, and its name there.
pub(super) fn relationships(mapping: &Mapping, schema: &Schema) -> Vec<Finding> {
    let mut findings = Vec::new();
    for set in mapping.sets() {
        let SetSource::Children { relationship, object, parent_field, .. } = &set.crm else { continue };
        let (id, title) =
            (format!("salesforce.relationship.{relationship}"), format!("Related list {relationship}"));
        // An object that cannot be seen has a line of its own, and so has its field.
        let Some(field) = schema.field(object.as_str(), parent_field.as_str()) else { continue };
        let children = schema.object(OPPORTUNITY).map(|it| it.child_relationships.as_slice());
        let link = children.unwrap_or_default().iter().find(|link| {
            link.child_object.eq_ignore_ascii_case(object.as_str())
                && link.field.eq_ignore_ascii_case(parent_field.as_str())
        });
        let name = link.and_then(|link| link.relationship_name.as_deref());
        findings.push(if name.is_some_and(|name| name.eq_ignore_ascii_case(relationship.as_str())) {
            Finding::pass(id, title, format!("{object}.{parent_field} leads to the opportunity"))
        } else {
            let points = field.reference_to.join(", ");
            let named = name.map_or_else(String::new, |name| format!("; the relationship is called {name}"));
            Finding::fail(
                id,
                title,
                format!("{object}.{parent_field} points to {points}{named}."),
                "Correct relationship, object and parent under [fields.*.rows] of the mapping, or the lookup in \
                 Setup.",
            )
        });
    }
    findings
}

/// A line for each object whose records are created: whether something is required that nobody fills.
pub(super) fn required(mapping: &Mapping, schema: &Schema, wishes: &Wishes) -> Vec<Finding> {
    let mut findings = Vec::new();
    for deeds in deeds(mapping).iter().filter(|deeds| deeds.create) {
        let object = &deeds.object;
        let Some(described) = schema.object(object) else { continue };
        let fills = |name: &str| {
            deeds.filled.iter().any(|filled| filled.eq_ignore_ascii_case(name))
                || wishes
                    .of_object(object)
                    .any(|(wished, wish)| wish.create && wished.eq_ignore_ascii_case(name))
        };
        let fields = described.fields.iter().filter(|field| field.is_required() && !fills(&field.name));
        let lacking: Vec<&str> = fields.map(|field| field.name.as_str()).collect();
        let (id, title) = (format!("salesforce.required.{object}"), format!("New records of {object}"));
        findings.push(if lacking.is_empty() {
            Finding::pass(id, title, "every required field is filled")
        } else {
            Finding::fail(
                id,
                title,
                format!("Salesforce requires {}, and nothing fills it.", lacking.join(", ")),
                "Map the field with a default, or let Setup not require it or give it a default value.",
            )
        });
    }
    findings
}
