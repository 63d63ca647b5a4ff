//! What this user may see of the org, and so what is asked for: the columns, the hidden ones, the currencies.

mod opt_in;
mod told;

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use deal_model::Measure;
use mapping::{ApiName, Binding, Codec, CrmPath, Expression, Mapping, SetBinding, SetSource};
use salesforce::{
    CallContext, Client, Describe, Error, FieldDescribe, FieldName, FieldPath, ObjectName, RecordId, UserId,
    soql::Select,
};
use sync_engine::SideError;

use super::{
    catalogue,
    features::{OrgFeatures, OrgStage, TEAM_MEMBER},
    refusal,
};
pub(super) use opt_in::OptedIn;
pub(super) use told::Asking;
use told::{Told, parent_object};

pub(super) const OPPORTUNITY: &str = "Opportunity";
pub(super) const ACCOUNT: &str = "Account";
pub(super) const CONTACT: &str = "Contact";
pub(super) const CONTACT_ROLE: &str = "OpportunityContactRole";
pub(super) const CONTACT_ROLES: &str = "OpportunityContactRoles";
pub(super) const TEAM_MEMBERS: &str = "OpportunityTeamMembers";
pub(super) const USER: &str = "User";
pub(super) const LEAD: &str = "Lead";
pub(super) const CURRENCY: &str = "CurrencyIsoCode";
pub(super) const AMOUNT: &str = "Amount";
pub(super) const PROBABILITY: &str = "Probability";
/// The developer name of an opportunity's record type.
pub(super) const RECORD_TYPE: &str = "RecordType.DeveloperName";
pub(super) const HAS_LINE_ITEMS: &str = "HasOpportunityLineItem";

/// Columns of every opportunity, whatever the mapping says.
const ALWAYS: [&str; 8] = [
    "SystemModstamp",
    "LastModifiedById",
    "IsDeleted",
    "StageName",
    "IsClosed",
    "IsWon",
    "IsPrivate",
    "AccountId",
];
/// Columns that are read where the org has them, and whose absence is nobody's concern.
const OPTIONAL: [&str; 2] = [HAS_LINE_ITEMS, "Account.IsPersonAccount"];
/// Columns of every child row.
const OF_CHILDREN: [&str; 3] = ["SystemModstamp", "CreatedById", IS_DELETED];
const IS_DELETED: &str = "IsDeleted";

/// The currencies of an org.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Currencies {
    /// The org has one; the configuration says which.
    One(Option<String>),
    /// The org has several; these may be written. None: the description lists none.
    Many(BTreeSet<String>),
}

/// The org as this user sees it, and what is read because of it.
#[derive(Debug)]
pub(super) struct Schema {
    /// Whom we write as.
    pub(super) user: UserId,
    /// What of the org's options can be seen.
    pub(super) features: OrgFeatures,
    /// The stages of opportunities; none if they cannot be asked for.
    pub(super) stages: Option<Vec<OrgStage>>,
    /// By lower-case API name.
    objects: BTreeMap<String, Arc<Describe>>,
    /// `Opportunity.Amount` and the sentence for who can mend it.
    pub(super) hidden: BTreeMap<String, String>,
    pub(super) currencies: Currencies,
    /// How the lengths of texts are counted here.
    pub(super) measure: Measure,
    /// The opportunity's columns that can be read.
    columns: Vec<FieldPath>,
    /// The sets whose rows can be read, and their columns.
    sets: Vec<(FieldName, Vec<FieldPath>)>,
    /// The relationship from a solution's row to the catalogue, if there is one that can be seen.
    pub(super) catalogue: Option<String>,
}

impl Schema {
    /// Asks for every description that the mapping needs. `refused`: columns that a query refused, whatever the
    /// descriptions say.
    pub(super) async fn load(
        client: &Client,
        mapping: &Mapping,
        single_currency: Option<&str>,
        context: CallContext,
        asking: Asking,
        refused: &BTreeSet<String>,
    ) -> Result<Self, Error> {
        let user = client.user_id().await?;
        let told = Told::ask(client, mapping, context, asking).await?;
        let mut schema = Self {
            user,
            features: OrgFeatures::default(),
            stages: told.stages,
            objects: told.objects,
            hidden: BTreeMap::new(),
            currencies: Currencies::One(single_currency.map(str::to_owned)),
            measure: mapping.measure(),
            columns: Vec::new(),
            sets: Vec::new(),
            catalogue: None,
        };
        schema.settle_currencies();
        schema.features = OrgFeatures::read(&told.global, |name| schema.object(name), &schema.currencies);
        schema.choose_columns(mapping, refused);
        schema.choose_sets(mapping, refused);
        Ok(schema)
    }

    fn settle_currencies(&mut self) {
        if let Some(field) = self.field(OPPORTUNITY, CURRENCY) {
            let active = field.picklist_values.iter().filter(|each| each.active);
            self.currencies = Currencies::Many(active.map(|each| each.value.clone()).collect());
        }
    }

    fn choose_columns(&mut self, mapping: &Mapping, refused: &BTreeSet<String>) {
        let names = mapping.names();
        let own = [
            &names.sync,
            &names.identifier,
            &names.unique_key,
            &names.origin,
            &names.consent,
            &names.response,
        ];
        let mut wanted: Vec<String> = ALWAYS.map(str::to_owned).to_vec();
        wanted.extend(own.into_iter().chain(mapping.reason_fields()).map(|name| name.as_str().to_owned()));
        if mapping.reads_record_type() {
            wanted.push(RECORD_TYPE.to_owned());
        }
        if mapping.reads_probability() {
            wanted.push(PROBABILITY.to_owned());
        }
        wanted.extend(mapping.opt_in().conditions.iter().map(|condition| condition.subject.soql()));
        let of_expressions = mapping.bindings().iter().flat_map(Binding::expressions);
        let one_currency = matches!(self.currencies, Currencies::One(_));
        let named = of_expressions.flat_map(Expression::crm_paths).map(CrmPath::soql);
        wanted.extend(named.filter(|soql| !(one_currency && soql.eq_ignore_ascii_case(CURRENCY))));
        for binding in mapping.bindings() {
            let Some(path) = &binding.crm else { continue };
            let soql = path.soql();
            // In an org with one currency the field does not exist; the currency is the org's own.
            let constant =
                one_currency && binding.codec == Codec::Currency && soql.eq_ignore_ascii_case(CURRENCY);
            if !constant {
                wanted.push(soql);
            }
            // A write through a parent is a compare-and-set on the parent.
            if let (Some(parent), 1) = (path.parents().next(), path.parents().count()) {
                wanted.extend(["Id", "SystemModstamp"].map(|name| format!("{parent}.{name}")));
            }
        }
        for set in mapping.sets().iter().filter(|set| matches!(set.crm, SetSource::Team { .. })) {
            let columns = std::iter::once("Id").chain(set.user_columns());
            wanted.extend(columns.map(|column| format!("Owner.{column}")));
        }
        let mut seen_before = BTreeSet::new();
        wanted.retain(|path| seen_before.insert(path.to_ascii_lowercase()));
        for path in wanted {
            // Record types are not described here; whoever sees the reference sees what it leads to.
            let seen = match path.as_str() {
                RECORD_TYPE => self.field(OPPORTUNITY, "RecordTypeId").is_some(),
                "Id" => true,
                path => self.sees(OPPORTUNITY, path),
            };
            if seen && !refused.contains(&path.to_ascii_lowercase()) {
                self.columns.extend(FieldPath::new(path).ok());
            } else {
                self.hide(format!("{OPPORTUNITY}.{path}"));
            }
        }
        let mut optional: Vec<String> = OPTIONAL.map(str::to_owned).to_vec();
        let countries = mapping.bindings().iter().filter(|binding| binding.codec == Codec::Country);
        optional
            .extend(countries.filter_map(|binding| Some(format!("{}Code", binding.crm.as_ref()?.soql()))));
        for path in optional {
            if self.sees(OPPORTUNITY, &path)
                && !self.selects(&path)
                && !refused.contains(&path.to_ascii_lowercase())
            {
                self.columns.extend(FieldPath::new(path).ok());
            }
        }
        // What is only written is not selected, but a person must know why no report appears.
        for name in [&names.audit, &names.status, &names.problem, &names.synced_at] {
            if self.field(OPPORTUNITY, name.as_str()).is_none() {
                self.hide(format!("{OPPORTUNITY}.{name}"));
            }
        }
    }

    fn choose_sets(&mut self, mapping: &Mapping, refused: &BTreeSet<String>) {
        self.catalogue = catalogue::of(mapping).and_then(|(catalogue, set)| {
            self.field(&place_of(set).0, catalogue.lookup.as_str())?.relationship_name.clone()
        });
        for set in mapping.sets() {
            if matches!(set.crm, SetSource::Team { .. }) && !self.features.team_selling {
                // An option that is off is nothing hidden: the owner is the whole team.
                continue;
            }
            let (object, relationship) = place_of(set);
            let mut columns = Vec::new();
            let mut whole = true;
            let of_catalogue = catalogue::row_columns(mapping, set, self.catalogue.as_deref());
            for column in row_columns(set).into_iter().chain(of_catalogue) {
                let seen = match column.strip_prefix("Contact.") {
                    Some(of_contact) => self.field(CONTACT, of_contact).is_some(),
                    None => self.sees(&object, &column),
                };
                let path = format!("{relationship}.{column}");
                if seen && !refused.contains(&path.to_ascii_lowercase()) {
                    columns.extend(FieldPath::new(column).ok());
                } else {
                    // Rows without one of their columns cannot be told from rows where it is empty.
                    whole = false;
                    self.hide(path);
                }
            }
            if refused.contains(&relationship.to_ascii_lowercase()) {
                whole = false;
                self.hide(relationship.clone());
            }
            if whole && let Ok(name) = FieldName::new(relationship) {
                self.sets.push((name, columns));
            }
        }
    }

    fn hide(&mut self, path: String) {
        let sentence = format!(
            "{path} cannot be read: it is not installed, or the integration user has no field-level access to it."
        );
        self.hidden.insert(path, sentence);
    }

    /// The description of an object.
    pub(super) fn object(&self, name: &str) -> Option<&Describe> {
        self.objects.get(&name.to_ascii_lowercase()).map(AsRef::as_ref)
    }

    /// The description of a field.
    pub(super) fn field(&self, object: &str, field: &str) -> Option<&FieldDescribe> {
        self.object(object)?.field(field)
    }

    /// Whether a path from `object` ends in a visible field.
    fn sees(&self, object: &str, path: &str) -> bool {
        match path.split_once('.') {
            None => self.field(object, path).is_some(),
            Some((parent, rest)) => {
                parent_object(&self.objects, object, parent).is_some_and(|next| self.sees(&next, rest))
            }
        }
    }

    /// The description of the field in which a path from the opportunity ends.
    pub(super) fn described(&self, path: &str) -> Option<&FieldDescribe> {
        let (mut object, mut steps) = (OPPORTUNITY.to_owned(), path.split('.').peekable());
        loop {
            let step = steps.next()?;
            if steps.peek().is_none() {
                return self.field(&object, step);
            }
            object = parent_object(&self.objects, &object, step)?;
        }
    }

    /// The object that the opportunity points to by this relationship.
    pub(super) fn parent(&self, relationship: &str) -> Option<String> {
        self.parent_of(OPPORTUNITY, relationship)
    }

    /// The object that `object` points to by this relationship.
    pub(super) fn parent_of(&self, object: &str, relationship: &str) -> Option<String> {
        parent_object(&self.objects, object, relationship)
    }

    /// The record type of an object by its developer name; an error if this user may not use it.
    pub(super) fn record_type(&self, object: &str, name: &str) -> Result<RecordId, SideError> {
        let types = self.object(object).map(|object| object.record_type_infos.as_slice()).unwrap_or_default();
        let is = |known: &String| known.eq_ignore_ascii_case(name);
        let found = types.iter().find(|each| each.developer_name.as_ref().is_some_and(is) && each.available);
        found.map(|each| each.record_type_id).ok_or_else(|| {
            let what = format!(
                "the record type {name} of {object} is not there, or not available to the integration user"
            );
            refusal::person(what, Vec::new())
        })
    }

    /// Whether the opportunity's own column can be read.
    pub(super) fn reads(&self, name: &ApiName) -> bool {
        self.selects(name.as_str())
    }

    /// Whether the query asks for this path.
    pub(super) fn selects(&self, path: &str) -> bool {
        self.columns.iter().any(|column| column.as_str().eq_ignore_ascii_case(path))
    }

    /// Whether the rows of `set` can be read.
    pub(super) fn reads_set(&self, set: &SetBinding) -> bool {
        let (_, relationship) = place_of(set);
        self.sets.iter().any(|(name, _)| name.as_str() == relationship)
    }

    /// The query that observes opportunities, without its condition.
    pub(super) fn select(&self) -> Select {
        let mut select = Select::from(&object_name(OPPORTUNITY)).fields(&self.columns);
        for (relationship, columns) in &self.sets {
            select = select.children(&Select::from_children(relationship).fields(columns));
        }
        select
    }

    /// The developer name of the record type that a new opportunity of this user gets by itself; none for the one that
    /// stands for none.
    pub(super) fn default_record_type(&self) -> Option<&str> {
        let mut types = self.object(OPPORTUNITY)?.record_type_infos.iter();
        let own = types.find(|each| each.default_record_type_mapping && !each.master)?;
        own.developer_name.as_deref()
    }

    /// Everything that the query names, lower case: columns, relationships, their columns.
    pub(super) fn selected(&self) -> BTreeSet<String> {
        let mut names: BTreeSet<String> =
            self.columns.iter().map(|column| column.as_str().to_ascii_lowercase()).collect();
        for (relationship, columns) in &self.sets {
            let relationship = relationship.as_str().to_ascii_lowercase();
            names.extend(
                columns
                    .iter()
                    .map(|column| format!("{relationship}.{}", column.as_str().to_ascii_lowercase())),
            );
            names.insert(relationship);
        }
        names
    }
}

/// The object of a set's rows, and the relationship that leads to them.
pub(super) fn place_of(set: &SetBinding) -> (String, String) {
    match &set.crm {
        SetSource::Children { object, relationship, .. } => {
            (object.as_str().to_owned(), relationship.as_str().to_owned())
        }
        SetSource::ContactRoles => (CONTACT_ROLE.to_owned(), CONTACT_ROLES.to_owned()),
        SetSource::Team { .. } => (TEAM_MEMBER.to_owned(), TEAM_MEMBERS.to_owned()),
    }
}

/// The columns of a set's rows.
fn row_columns(set: &SetBinding) -> Vec<String> {
    let mut columns: Vec<String> = OF_CHILDREN.map(str::to_owned).to_vec();
    match &set.crm {
        SetSource::Children { unique_key_column, .. } => columns.push(unique_key_column.as_str().to_owned()),
        SetSource::ContactRoles => {
            columns.extend(["ContactId".to_owned(), "Contact.SystemModstamp".to_owned()]);
        }
        SetSource::Team { .. } => {
            // A deleted member leaves no row behind that could say so.
            columns.retain(|column| column != IS_DELETED);
            columns.push("UserId".to_owned());
        }
    }
    columns.extend(set.crm_select());
    columns
}

/// A name that this room wrote itself, or that the mapping has checked.
pub(super) fn object_name(name: &str) -> ObjectName {
    ObjectName::new(name).expect("names in this room and in a compiled mapping are well-formed")
}

/// The columns that a refused query names, of those that it asked for: the platform quotes them in its words.
pub(super) fn named_in(message: &str, selected: &BTreeSet<String>) -> BTreeSet<String> {
    let mut quoted = BTreeSet::new();
    let mut dotted = BTreeSet::new();
    let is_name = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '.';
    for (at, word) in message.match_indices(is_name).map(|(at, _)| (at, &message[at..])) {
        if message[..at].ends_with(is_name) {
            continue;
        }
        let word = &word[..word.find(|c: char| !is_name(c)).unwrap_or(word.len())];
        // An apostrophe is no quotation mark: "Didn't understand relationship 'X'".
        let in_quotes = message[..at].ends_with('\'') && message[at + word.len()..].starts_with('\'');
        let word = word.trim_matches('.').to_ascii_lowercase();
        if in_quotes {
            quoted.insert(word.clone());
        }
        if word.contains('.') {
            dotted.insert(word);
        }
    }
    let last = |path: &str| path.rsplit('.').next().unwrap_or_default().to_owned();
    // A column's last name is quoted, its path is not always.
    let hit =
        |path: &&String| dotted.contains(*path) || quoted.contains(*path) || quoted.contains(&last(path));
    selected.iter().filter(hit).cloned().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refused_column_is_found_in_the_platforms_words() {
        let selected: BTreeSet<String> =
            ["amount", "account.name", "name", "rows__r", "rows__r.key__c"].map(str::to_owned).into();
        let found = |message: &str| named_in(message, &selected).into_iter().collect::<Vec<_>>();
        assert_eq!(found("No such column 'Amount' on entity 'Opportunity'."), ["amount"]);
        assert_eq!(found("No such column 'Key__c' on entity 'Row__c'."), ["rows__r.key__c"]);
        assert_eq!(found("Didn't understand relationship 'Rows__r' in FROM part."), ["rows__r"]);
        assert!(found("something else entirely").is_empty());
    }
}
