//! The compiled mapping: what the merge, the connectors and the service each need of it.

use deal_model::{FieldId, Side, Specs};

use crate::{Binding, CodeLists, Inbound, Leads, MappingError, Names, OptIn, SetBinding, Stages};

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
    /// `mpnId`: the partner's location, if the company has several.
    pub partner_id: Option<String>,
    /// Which deals have another location; the first that fits is taken.
    pub locations: Vec<LocationRule>,
}

/// The location of the deals whose field holds one of these values.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LocationRule {
    /// The field.
    pub field: FieldId,
    /// Its values, as the portal spells them.
    pub values: Vec<String>,
    /// The location's partner id.
    pub partner_id: String,
}

impl Creation {
    /// The partner id of a deal of which `value` tells what a field holds (partner-center reference, section 4.5).
    pub fn partner_id_of(&self, value: impl Fn(&FieldId) -> Option<String>) -> Option<&str> {
        let fits = |rule: &&LocationRule| value(&rule.field).is_some_and(|held| rule.values.contains(&held));
        let ruled = self.locations.iter().find(fits).map(|rule| rule.partner_id.as_str());
        ruled.or(self.partner_id.as_deref())
    }
}

/// A field that a side demands at creation, and its place there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Requirement {
    /// The field.
    pub field: FieldId,
    /// What a person calls it.
    pub label: String,
}

/// A compiled mapping.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mapping {
    pub(crate) specs: Specs,
    pub(crate) bindings: Vec<Binding>,
    pub(crate) sets: Vec<SetBinding>,
    pub(crate) stages: Stages,
    pub(crate) inbound: Inbound,
    pub(crate) leads: Leads,
    pub(crate) opt_in: OptIn,
    pub(crate) names: Names,
    pub(crate) creation: Creation,
    pub(crate) version: String,
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

    /// What the merge needs.
    pub fn specs(&self) -> &Specs {
        &self.specs
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

    /// Stages and reasons.
    pub fn stages(&self) -> &Stages {
        &self.stages
    }

    /// How referrals become opportunities.
    pub fn inbound(&self) -> &Inbound {
        &self.inbound
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

    /// Constants of a created referral.
    pub fn creation(&self) -> &Creation {
        &self.creation
    }

    /// Twelve hexadecimal digits that change with the effective mapping: for audit rows.
    pub fn version(&self) -> &str {
        &self.version
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
        for path in self.bindings.iter().filter_map(|binding| binding.crm.as_ref()) {
            let soql = path.soql();
            if !paths.contains(&soql) {
                paths.push(soql);
            }
        }
        paths
    }
}
