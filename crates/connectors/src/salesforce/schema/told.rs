//! What the org tells of itself in one round of questions: its objects, the descriptions of those that the mapping
//! needs, its stages.

use std::{collections::BTreeMap, sync::Arc};

use mapping::{Binding, Mapping, SetSource};
use salesforce::{CallContext, Client, Describe, Error, FieldPath, GlobalDescribe, ObjectName, soql::Select};

use super::{ACCOUNT, CONTACT, CONTACT_ROLE, LEAD, OPPORTUNITY, USER, object_name};
use crate::salesforce::features::{OrgStage, TEAM_MEMBER};

/// Parents of a path, at most (salesforce reference, section 2.8).
const MAX_PARENTS: usize = 5;

/// How descriptions are asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::salesforce) enum Asking {
    /// By their dates: what still holds is not sent again.
    IfChanged,
    /// Whole: a lost or regained permission is not known to change a date.
    Anew,
}

/// What was told.
pub(super) struct Told {
    /// Which objects there are.
    pub(super) global: Arc<GlobalDescribe>,
    /// By lower-case API name.
    pub(super) objects: BTreeMap<String, Arc<Describe>>,
    /// The stages of opportunities; none if they cannot be asked for. No event tells of their changes.
    pub(super) stages: Option<Vec<OrgStage>>,
}

impl Told {
    /// Asks for everything that the mapping needs. One call tells which objects there are; none that is absent is asked
    /// for.
    pub(super) async fn ask(
        client: &Client,
        mapping: &Mapping,
        context: CallContext,
        asking: Asking,
    ) -> Result<Self, Error> {
        let global = match asking {
            Asking::IfChanged => client.objects(context).await?,
            Asking::Anew => client.objects_anew(context).await?,
        };
        let mut round = Round { client, context, asking, global: &global, objects: BTreeMap::new() };
        round.object(OPPORTUNITY).await?;
        for set in mapping.sets() {
            match &set.crm {
                SetSource::Children { object, .. } => round.object(object.as_str()).await?,
                SetSource::ContactRoles => {
                    round.object(CONTACT_ROLE).await?;
                    round.object(CONTACT).await?;
                }
                SetSource::Team { .. } => {
                    round.object(TEAM_MEMBER).await?;
                    round.object(USER).await?;
                }
            }
        }
        let bound = mapping.bindings().iter().flat_map(Binding::crm_paths);
        let asked_of = mapping.opt_in().conditions.iter().map(|condition| &condition.subject);
        for path in bound.chain(asked_of) {
            let mut object = OPPORTUNITY.to_owned();
            for parent in path.parents().take(MAX_PARENTS) {
                let Some(next) = parent_object(&round.objects, &object, parent) else { break };
                round.object(&next).await?;
                object = next;
            }
        }
        if let Some(catalogue) = mapping.catalogue() {
            round.object(catalogue.object.as_str()).await?;
        }
        round.object(ACCOUNT).await?;
        if mapping.leads().create {
            round.object(LEAD).await?;
        }
        let objects = round.objects;
        let stages = stages(client, context, &global).await?;
        Ok(Self { global, objects, stages })
    }
}

struct Round<'c> {
    client: &'c Client,
    context: CallContext,
    asking: Asking,
    global: &'c GlobalDescribe,
    objects: BTreeMap<String, Arc<Describe>>,
}

impl Round<'_> {
    /// Adds a description. An object that is missing or forbidden is left out, unless nothing works without it.
    async fn object(&mut self, name: &str) -> Result<(), Error> {
        let needed = name == OPPORTUNITY;
        let key = name.to_ascii_lowercase();
        if self.objects.contains_key(&key) || !(needed || self.global.has(name)) {
            return Ok(());
        }
        let Ok(object) = name.parse::<ObjectName>() else { return Ok(()) };
        let described = match self.asking {
            Asking::IfChanged => self.client.describe(self.context, &object).await,
            Asking::Anew => self.client.describe_anew(self.context, &object).await,
        };
        match described {
            Ok(describe) => {
                self.objects.insert(key, describe);
                Ok(())
            }
            Err(Error::Refused(refusal)) if !needed && matches!(refusal.status(), 403 | 404) => Ok(()),
            Err(error) => Err(error),
        }
    }
}

/// The object that `object` points to by the relationship `parent`.
pub(super) fn parent_object(
    objects: &BTreeMap<String, Arc<Describe>>,
    object: &str,
    parent: &str,
) -> Option<String> {
    let field = objects.get(&object.to_ascii_lowercase())?.reference(parent)?;
    field.reference_to.first().cloned()
}

/// The org's stages. A user who may not ask for them works without: the stage's own flags stand in each record.
async fn stages(
    client: &Client,
    context: CallContext,
    global: &GlobalDescribe,
) -> Result<Option<Vec<OrgStage>>, Error> {
    if !global.has(OrgStage::OBJECT) {
        return Ok(None);
    }
    let columns = OrgStage::COLUMNS.map(|name| FieldPath::new(name).expect("a constant that is a name"));
    let select = Select::from(&object_name(OrgStage::OBJECT)).fields(&columns);
    match client.query(context, &select.build()).await {
        Ok(page) => Ok(Some(page.records.iter().filter_map(OrgStage::read).collect())),
        Err(Error::Refused(refusal)) if matches!(refusal.status(), 400 | 403 | 404) => Ok(None),
        Err(error) => Err(error),
    }
}
