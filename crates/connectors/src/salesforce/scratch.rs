//! Proves on a record of its own what no document settles: whether the conditional header is honoured inside a
//! composite call, and on a call alone, and which stamp it is compared with (salesforce reference, section 2.14).
//!
//! The record is an account with a name that says what it is. It is made, tried and deleted in one go; one that a
//! crash left behind is found by its name and its creator, and deleted first.

use jiff::{SignedDuration, Timestamp};
use salesforce::{
    CallContext, Error, Fields, RecordId, ReferenceId, Subrequest,
    soql::{Condition, Op, Select},
};
use serde_json::Value as Json;
use sync_engine::CallScope;

use super::{
    Salesforce, context,
    rows::path,
    schema::{ACCOUNT, Schema, object_name},
};
use crate::{Finding, Verdict};

/// The scratch record's name, as people see it should they look at the wrong moment.
const NAME: &str = "Cosell check: scratch record, may be deleted";
/// Its name once a write went through.
const CHANGED: &str = "Cosell check: scratch record, changed, may be deleted";
/// Most records of earlier checks that one removes.
const MAX_LEFT: u32 = 20;
/// How far before the record's own stamp a stale one lies.
const STALE_BY: SignedDuration = SignedDuration::from_mins(10);

const COMPOSITE: (&str, &str) = ("salesforce.conditional_in_composite", "Conditional writes, in composite");
const ALONE: (&str, &str) = ("salesforce.conditional_alone", "Conditional writes, one a call");
const STAMP: (&str, &str) = ("salesforce.conditional_stamp", "Stamp of conditional writes");
const RECORD: (&str, &str) = ("salesforce.scratch_record", "Scratch record");

/// What the trial came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Trial {
    /// Whether a composite subrequest honours the conditional header; none if it could not be told.
    pub in_composite: Option<bool>,
    /// Line by line.
    pub findings: Vec<Finding>,
}

/// A record's two stamps.
#[derive(Debug, Clone, Copy)]
struct Stamps {
    modified: Timestamp,
    system: Timestamp,
}

/// How a conditional write ended.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Ended {
    /// Refused for its condition.
    Refused,
    /// Written.
    Written,
    /// Anything else.
    Failed(String),
}

impl Salesforce {
    /// What the trial would say, had it been made: `kept` is the last outcome that somebody wrote down.
    pub fn untried(kept: Option<(bool, Timestamp)>) -> Vec<Finding> {
        let (id, title) = COMPOSITE;
        let again =
            "Run: cosell check --write-probe. It makes one account, tries to change it, and deletes it.";
        let day = |at: Timestamp| at.strftime("%Y-%m-%d %H:%M UTC").to_string();
        vec![match kept {
            Some((true, at)) => Finding::pass(id, title, format!("honoured, as tried {}", day(at))),
            Some((false, at)) => ignored(format!("The header was ignored when it was tried, {}.", day(at))),
            None => Finding::unseen(id, title, "Nobody has tried it on this org yet.", again),
        }]
    }

    /// Makes the scratch record, tries conditional writes on it, and deletes it whatever happened.
    pub async fn try_conditional_writes(&self, scope: CallScope) -> Trial {
        let context = context(scope);
        let schema = match self.schema(context).await {
            Ok(schema) => schema,
            Err(error) => return Trial::impossible(error.what),
        };
        let may = schema.object(ACCOUNT).is_some_and(|it| it.createable && it.updateable && it.deletable);
        if !may {
            let why = "The integration user may not create, edit and delete accounts: nothing was tried.";
            return Trial::impossible(why.to_owned());
        }
        let swept = match self.sweep(&schema, context).await {
            Ok(swept) => swept,
            Err(error) => {
                return Trial::impossible(format!("Earlier records could not be looked for: {error}."));
            }
        };
        let account = object_name(ACCOUNT);
        let id = match self.client.insert(context, &account, &named(NAME)).await {
            Ok(id) => id,
            Err(error) => {
                // An answer may be lost although the record was made.
                let _ = self.sweep(&schema, context).await;
                return Trial::impossible(format!("The scratch record could not be made: {error}."));
            }
        };
        let mut trial = self.tried(id, context).await;
        let (line, title) = RECORD;
        trial.findings.push(match self.client.delete(context, &account, id).await {
            Ok(()) => {
                let swept =
                    if swept > 0 { format!("; {swept} of earlier checks too") } else { String::new() };
                Finding::pass(line, title, format!("account {id} was made and deleted{swept}"))
            }
            Err(error) => Finding::fail(
                line,
                title,
                format!("Account {id} could not be deleted: {error}."),
                "Delete it by hand, or run cosell check --write-probe again: it deletes it first.",
            ),
        });
        trial
    }

    /// Deletes what earlier trials left. Only what this very user made under the scratch record's names.
    async fn sweep(&self, schema: &Schema, context: CallContext) -> Result<usize, Error> {
        let ours = Condition::compare(&path("CreatedById"), Op::Eq, RecordId::from(schema.user));
        let named = Condition::one_of(&path("Name"), [NAME, CHANGED]);
        let select = Select::from(&object_name(ACCOUNT)).filter(named.and(ours)).limit(MAX_LEFT);
        let page = self.client.query(context, &select.build()).await?;
        let left: Vec<RecordId> = page.records.iter().filter_map(salesforce::Record::id).collect();
        for id in &left {
            self.client.delete(context, &object_name(ACCOUNT), *id).await?;
        }
        Ok(left.len())
    }

    async fn tried(&self, id: RecordId, context: CallContext) -> Trial {
        let told =
            |error: &Error| Trial::impossible(format!("The scratch record could not be read: {error}."));
        let (stamps, _) = match self.stamps(id, context).await {
            Ok(read) => read,
            Err(error) => return told(&error),
        };
        let stale = stamps.modified.min(stamps.system).saturating_sub(STALE_BY).unwrap_or(Timestamp::MIN);
        let mut composite = self.in_composite(id, stale, context).await;
        let alone = self.alone(id, stale, context).await;
        let after = match self.stamps(id, context).await {
            Ok(read) => read,
            Err(error) => return told(&error),
        };
        // Believe the record, not the status.
        if composite == Ended::Refused && alone == Ended::Refused && after.1 {
            composite = Ended::Written;
        }
        // A server that refuses everything honours nothing.
        let newest = after.0.modified.max(after.0.system);
        if composite == Ended::Refused {
            let fresh = self.in_composite(id, newest, context).await;
            if fresh != Ended::Written {
                composite = Ended::Failed(format!("a write with the record's own stamp ended so: {fresh:?}"));
            }
        }
        let compared = self.compared(id, context).await;
        Trial::of(&composite, &alone, compared)
    }

    async fn in_composite(&self, id: RecordId, stamp: Timestamp, context: CallContext) -> Ended {
        let write = Subrequest::update(ReferenceId::numbered(0), &object_name(ACCOUNT), id, named(CHANGED))
            .if_unmodified_since(stamp);
        match self.client.composite(context, vec![write], true).await {
            Ok(answer) => match answer.parts.first().map(|part| (part.status, part.outcome().map(drop))) {
                Some((_, Ok(()))) => Ended::Written,
                Some((412, Err(_))) => Ended::Refused,
                Some((_, Err(refusal))) => Ended::Failed(refusal.to_string()),
                None => Ended::Failed("no answer to the write".to_owned()),
            },
            Err(error) => Ended::Failed(error.to_string()),
        }
    }

    async fn alone(&self, id: RecordId, stamp: Timestamp, context: CallContext) -> Ended {
        match self.client.update(context, &object_name(ACCOUNT), id, &named(CHANGED), Some(stamp)).await {
            Ok(()) => Ended::Written,
            Err(Error::Refused(refusal)) if refusal.status() == 412 => Ended::Refused,
            Err(error) => Ended::Failed(error.to_string()),
        }
    }

    /// The record's stamps as they are now, and whether a write has gone through.
    async fn stamps(&self, id: RecordId, context: CallContext) -> Result<(Stamps, bool), Error> {
        let fields = [path("Name"), path("LastModifiedDate"), path("SystemModstamp")];
        let read = self.client.get(context, &object_name(ACCOUNT), id, &fields).await?;
        let stamp = |name: &str| {
            let unreadable =
                Error::Unreadable { status: 200, reason: "a record without its stamps", write: false };
            read.record.datetime(name).ok_or(unreadable)
        };
        let stamps = Stamps { modified: stamp("LastModifiedDate")?, system: stamp("SystemModstamp")? };
        Ok((stamps, read.record.text("Name") == Some(CHANGED)))
    }

    /// Which stamp is compared: told only if the two differ, and nothing that a user may do makes them differ.
    async fn compared(&self, id: RecordId, context: CallContext) -> Option<&'static str> {
        let (stamps, _) = self.stamps(id, context).await.ok()?;
        if stamps.modified.as_second() == stamps.system.as_second() {
            return None;
        }
        let older = stamps.modified.min(stamps.system);
        let newer_is_system = stamps.system > stamps.modified;
        match self.alone(id, older, context).await {
            // The newer one stood against it.
            Ended::Refused if newer_is_system => Some("SystemModstamp"),
            Ended::Refused => Some("LastModifiedDate"),
            Ended::Written if newer_is_system => Some("LastModifiedDate"),
            Ended::Written => Some("SystemModstamp"),
            Ended::Failed(_) => None,
        }
    }
}

impl Trial {
    /// Nothing could be tried.
    fn impossible(why: String) -> Self {
        let (id, title) = COMPOSITE;
        let mend = "Give the integration user the right to create, edit and delete accounts, and see that no rule of \
                    the org refuses an account with a name alone; then run cosell check --write-probe again.";
        Self { in_composite: None, findings: vec![Finding::unseen(id, title, why, mend)] }
    }

    fn of(composite: &Ended, alone: &Ended, compared: Option<&'static str>) -> Self {
        let (id, title) = COMPOSITE;
        let unclear = |id: &str, title: &str, why: &str| {
            Finding::unseen(id, title, format!("It could not be told: {why}."), "Run the check again later.")
        };
        let in_composite = match composite {
            Ended::Refused => Finding::pass(id, title, "a stale stamp was refused (412), a fresh one taken"),
            Ended::Written => ignored("A write with a stale stamp went through.".to_owned()),
            Ended::Failed(why) => unclear(id, title, why),
        };
        let (id, title) = ALONE;
        let one_a_call = match alone {
            Ended::Refused => Finding::pass(id, title, "a stale stamp was refused (412)"),
            Ended::Written => Finding::fail(
                id,
                title,
                "A write with a stale stamp went through.",
                "Tell Salesforce's support: without this header no program can keep from overwriting what people \
                 typed a moment ago.",
            ),
            Ended::Failed(why) => unclear(id, title, why),
        };
        let (id, title) = STAMP;
        let stamp = match compared {
            Some(name) => Finding::pass(id, title, format!("{name} is compared")),
            None => Finding::unseen(
                id,
                title,
                "The scratch record's two stamps are equal, so that it cannot be told which one is compared.",
                "Nothing: both are sent as the later one, and what slips through is read again.",
            ),
        };
        let told = match in_composite.verdict {
            Verdict::Pass => Some(true),
            Verdict::Fail => Some(false),
            Verdict::CannotBeChecked => None,
        };
        Self { in_composite: told, findings: vec![in_composite, one_a_call, stamp] }
    }
}

fn ignored(evidence: String) -> Finding {
    let (id, title) = COMPOSITE;
    let mend = "Restart cosell run: it then writes one record a call, which costs more calls. Run cosell check \
                --write-probe after each Salesforce release.";
    Finding::fail(id, title, evidence, mend)
}

fn named(name: &str) -> Fields {
    Fields::from_iter([("Name".to_owned(), Json::String(name.to_owned()))])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_refusal_that_a_fresh_stamp_does_not_meet_counts_as_honoured() {
        let refused = Trial::of(&Ended::Refused, &Ended::Refused, None);
        assert_eq!(refused.in_composite, Some(true));
        let written = Trial::of(&Ended::Written, &Ended::Refused, None);
        assert_eq!(written.in_composite, Some(false));
        assert_eq!(written.findings[1].verdict, Verdict::Pass, "alone it was honoured");
        let failed = Trial::of(&Ended::Failed("400".to_owned()), &Ended::Refused, None);
        assert_eq!(failed.in_composite, None);
    }

    #[test]
    fn what_was_kept_is_shown_and_what_was_never_tried_is_not_said_to_hold() {
        let at = "2026-11-22T06:00:00Z".parse().unwrap();
        let verdict = |kept| Salesforce::untried(kept).remove(0).verdict;
        assert_eq!(verdict(Some((true, at))), Verdict::Pass);
        assert_eq!(verdict(Some((false, at))), Verdict::Fail);
        assert_eq!(verdict(None), Verdict::CannotBeChecked);
    }
}
