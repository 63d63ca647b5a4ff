//! The compiled mapping: what the merge, the connectors and the service each need of it.

use std::collections::BTreeMap;

use deal_model::{FieldId, Measure, Side, Specs};

use crate::{
    AccountRules, ApiName, Binding, Catalogue, CodeLists, ContactRules, Inbound, Leads, MappingError, Names,
    OptIn, PartnerIds, Provenance, SetBinding, Stages,
};

/// One mapping file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Source<'t> {
    /// Its name, for messages.
    pub name: &'t str,
    /// Its text, TOML.
    pub text: &'t str,
}

/// The constants of a referral that this program creates.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Creation {
    /// `qualification`: what kind of lead it is.
    pub qualification: String,
}

/// A field that a side demands at creation, and its place there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Requirement {
    /// The field.
    pub field: FieldId,
    /// What a person calls it.
    pub label: String,
}

/// What is said of one record type of opportunities.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RecordType {
    /// Its developer name, as the file writes it.
    pub name: String,
    /// Its sales process: what all have in common, with its own lines over it.
    pub stages: Stages,
}

/// A compiled mapping.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mapping {
    pub(crate) specs: Specs,
    pub(crate) bindings: Vec<Binding>,
    pub(crate) sets: Vec<SetBinding>,
    pub(crate) stages: Stages,
    /// By the record type's developer name, in small letters.
    pub(crate) record_types: BTreeMap<String, RecordType>,
    pub(crate) inbound: Inbound,
    pub(crate) accounts: AccountRules,
    pub(crate) contacts: ContactRules,
    pub(crate) catalogue: Catalogue,
    pub(crate) leads: Leads,
    pub(crate) opt_in: OptIn,
    pub(crate) measure: Measure,
    pub(crate) names: Names,
    pub(crate) creation: Creation,
    pub(crate) partner_ids: PartnerIds,
    pub(crate) version: String,
    pub(crate) provenance: Provenance,
}

impl Mapping {
    /// Compiles `sources`: the first is the default, each later one is merged over it. All mistakes come at once.
    pub fn compile(sources: &[Source<'_>]) -> Result<Self, Vec<MappingError>> {
        crate::file::compile(sources, &CodeLists::shipped())
    }

    /// The shipped default, with a company's file merged over it if it has one, and with these code lists.
    pub fn with_lists(company: Option<Source<'_>>, lists: &CodeLists) -> Result<Self, Vec<MappingError>> {
        let sources: Vec<Source<'_>> = [crate::file::DEFAULT].into_iter().chain(company).collect();
        crate::file::compile(&sources, lists)
    }

    /// The shipped default, alone. It has no on-hold stage: the service refuses to run on it.
    pub fn shipped() -> Self {
        Self::compile(&[crate::file::DEFAULT]).expect("the shipped default compiles; a test holds it to that")
    }

    /// The shipped default with a company's file merged over it.
    pub fn with_company(name: &str, text: &str) -> Result<Self, Vec<MappingError>> {
        Self::compile(&[crate::file::DEFAULT, Source { name, text }])
    }

    /// The JSON Schema of a mapping file, for editors: draft 2020-12. It knows every key that a file may have.
    pub fn json_schema() -> serde_json::Value {
        crate::file::schema()
    }

    /// What the merge needs.
    pub fn specs(&self) -> &Specs {
        &self.specs
    }

    /// How the lengths of texts are counted.
    pub fn measure(&self) -> Measure {
        self.measure
    }

    /// The single-valued fields, in the file's order.
    pub fn bindings(&self) -> &[Binding] {
        &self.bindings
    }

    /// The single-valued field of this name.
    pub fn binding(&self, field: &FieldId) -> Option<&Binding> {
        self.bindings.iter().find(|binding| &binding.field == field)
    }

    /// The set-valued fields, in the file's order.
    pub fn sets(&self) -> &[SetBinding] {
        &self.sets
    }

    /// The set-valued field of this name.
    pub fn set(&self, field: &FieldId) -> Option<&SetBinding> {
        self.sets.iter().find(|set| &set.field == field)
    }

    /// Stages and reasons of opportunities without a record type, and of those whose record type the file does not
    /// name.
    pub fn stages(&self) -> &Stages {
        &self.stages
    }

    /// Stages and reasons of opportunities of this record type. Developer names are compared without case.
    pub fn stages_of(&self, record_type: Option<&str>) -> &Stages {
        let named = record_type.and_then(|name| self.record_types.get(&name.to_ascii_lowercase()));
        named.map_or(&self.stages, |named| &named.stages)
    }

    /// The record types that have stages of their own.
    pub fn record_types(&self) -> impl Iterator<Item = &RecordType> {
        self.record_types.values()
    }

    /// Whether the record type of an opportunity decides anything.
    pub fn reads_record_type(&self) -> bool {
        !self.record_types.is_empty()
            || !self.opt_in.record_types.is_empty()
            || self.partner_ids.record_types().next().is_some()
    }

    /// Whether the probability of an opportunity tells its sales stage.
    pub fn reads_probability(&self) -> bool {
        self.stages.reads_probability() || self.record_types().any(|each| each.stages.reads_probability())
    }

    /// The opportunity's fields that hold reasons, whatever its record type, each once.
    pub fn reason_fields(&self) -> Vec<&ApiName> {
        let mut fields = self.stages.reason_fields();
        for field in self.record_types().flat_map(|each| each.stages.reason_fields()) {
            if !fields.contains(&field) {
                fields.push(field);
            }
        }
        fields
    }

    /// How referrals become opportunities.
    pub fn inbound(&self) -> &Inbound {
        &self.inbound
    }

    /// How a customer's account is found and made.
    pub fn accounts(&self) -> &AccountRules {
        &self.accounts
    }

    /// How a referral's person is found among the contacts.
    pub fn contacts(&self) -> &ContactRules {
        &self.contacts
    }

    /// The solutions that a seller picks from; none if the org has no catalogue.
    pub fn catalogue(&self) -> Option<&Catalogue> {
        Some(&self.catalogue).filter(|catalogue| catalogue.used)
    }

    /// How leads become Salesforce's own.
    pub fn leads(&self) -> &Leads {
        &self.leads
    }

    /// Which opportunities may be opted in.
    pub fn opt_in(&self) -> &OptIn {
        &self.opt_in
    }

    /// Salesforce names outside the merge.
    pub fn names(&self) -> &Names {
        &self.names
    }

    /// Which partner id a created referral gets.
    pub fn partner_ids(&self) -> &PartnerIds {
        &self.partner_ids
    }

    /// Constants of a created referral.
    pub fn creation(&self) -> &Creation {
        &self.creation
    }

    /// Twelve hexadecimal digits that change with the effective mapping: for audit rows.
    pub fn version(&self) -> &str {
        &self.version
    }

    /// Where each setting stands, and over what.
    pub fn provenance(&self) -> &Provenance {
        &self.provenance
    }

    /// The fields that `side` demands at creation, in the file's order: what to raise as problems before posting.
    pub fn required(&self, side: Side) -> Vec<Requirement> {
        let members = self.specs.groups.iter().flat_map(|group| &group.members);
        let demanded = members.filter(|field| *field.required.at(side));
        demanded.map(|field| Requirement { field: field.id.clone(), label: field.label.clone() }).collect()
    }

    /// Everything to `SELECT` from the opportunity for the merge, each once: `Amount`, `Account.BillingCity`. Sets,
    /// stages and names come on top.
    pub fn crm_select(&self) -> Vec<String> {
        let mut paths: Vec<String> = Vec::new();
        for path in self.bindings.iter().flat_map(Binding::crm_paths) {
            let soql = path.soql();
            if !paths.contains(&soql) {
                paths.push(soql);
            }
        }
        paths
    }
}
