//! The lines about the Salesforce org: sign-in, version, clock, allowances, schema, events, conditional writes.

use connectors::{Finding, Verdict, salesforce::Salesforce};
use jiff::{SignedDuration, Timestamp};
use ports::{Lane, RetryClass};
use salesforce::{CallContext, Error, FieldPath, ObjectName, Record, soql::Select};
use service::{Seen, seen_of_salesforce};
use sync_engine::CallScope;

use super::{allowances, mapped};
use crate::{
    org_facts::{self, Conditional},
    wiring::Wired,
};

/// How far this machine's clock may be off: signed logins live for three minutes, and stamps have whole seconds.
const MAX_SKEW: SignedDuration = SignedDuration::from_secs(30);

const VERSION: (&str, &str) = ("salesforce.api_version", "API version");

pub(super) const CONTEXT: CallContext = CallContext { lane: Lane::Now, send_before: None };
pub(super) const SCOPE: CallScope = CallScope { lane: Lane::Now, send_before: None };

/// All lines about the org. If nobody can sign in, or the version is not spoken there, nothing else is looked at.
pub(super) async fn look(wired: &Wired, write_probe: bool) -> Vec<Finding> {
    if let Err(error) = wired.salesforce.org_id().await {
        return vec![no_sign_in(&error)];
    }
    let mut findings = version_and_clock(wired).await;
    if findings.iter().any(|finding| finding.id == VERSION.0 && finding.verdict == Verdict::Fail) {
        return findings;
    }
    match sign_in(wired).await {
        Ok(signed_in) => findings.insert(0, signed_in),
        Err(error) => return vec![no_sign_in(&error)],
    }
    findings.extend(allowances::look(wired, CONTEXT).await);
    let (about_mapping, features) = mapped::org(wired).await;
    findings.extend(about_mapping);
    findings.extend(conditional(wired, write_probe).await);
    if let Err(error) = org_facts::note_features(&*wired.store, &features, wired.clock.now()) {
        tracing::warn!(%error, "what was seen of the org could not be kept");
    }
    findings
}

/// What cannot be seen at the moment says nothing of the user's rights.
pub(super) fn undescribed(class: &RetryClass, what: &str) -> Finding {
    let (id, title) = ("salesforce.describe", "Descriptions of objects");
    let why = format!("The org could not be described: {what}.");
    if matches!(class, RetryClass::Later { .. }) {
        return Finding::unseen(
            id,
            title,
            why,
            "Try again in a while: neither objects nor fields were looked at.",
        );
    }
    let mend = "Give the integration user's permission set access to Opportunity, and try again.";
    Finding::fail(id, title, why, mend)
}

async fn sign_in(wired: &Wired) -> Result<Finding, Error> {
    let org = wired.salesforce.org_id().await?;
    let user = wired.salesforce.user_id().await?;
    let columns = ["Id", "OrganizationType", "InstanceName", "IsSandbox"].map(name);
    let object = ObjectName::new("Organization").expect("a constant that is a name");
    let page = wired.salesforce.query(CONTEXT, &Select::from(&object).fields(&columns).build()).await?;
    let told = page.records.first().map(kind_of_org).unwrap_or_default();
    Ok(Finding::pass("salesforce.sign_in", "Sign-in", format!("org {org}, user {user}{told}")))
}

/// Edition, instance, and what the org is for. Its name is the customer's.
fn kind_of_org(org: &Record) -> String {
    let mut told = String::new();
    for text in ["OrganizationType", "InstanceName"].iter().filter_map(|name| org.text(name)) {
        told = format!("{told}, {text}");
    }
    match org.at("IsSandbox").and_then(serde_json::Value::as_bool) {
        Some(true) => format!("{told}, a sandbox"),
        Some(false) => format!("{told}, production"),
        None => told,
    }
}

fn no_sign_in(error: &Error) -> Finding {
    let (id, title) = ("salesforce.sign_in", "Sign-in");
    match seen_of_salesforce(error) {
        Seen::NeedsPerson(sentence, next) => {
            Finding::fail(id, title, sentence, format!("{next} Nothing else of the org was looked at."))
        }
        Seen::NotNow(why) | Seen::Works(why) => Finding::fail(
            id,
            title,
            format!("{why}."),
            "Try again in a while. Nothing else of the org was looked at.",
        ),
    }
}

async fn version_and_clock(wired: &Wired) -> Vec<Finding> {
    let (id, title) = VERSION;
    let before = wired.clock.now();
    let known = match wired.salesforce.versions(CONTEXT).await {
        Ok(known) => known,
        Err(error) => {
            let why = format!("The versions could not be asked for: {error}.");
            return vec![Finding::unseen(id, title, why, "Try again in a while.")];
        }
    };
    let after = wired.clock.now();
    let (ours, newest) =
        (wired.salesforce.api_version(), known.versions.last().map_or("none", String::as_str));
    let version = if known.versions.iter().any(|version| version == ours) {
        Finding::pass(id, title, format!("{ours} is spoken; the org's newest is {newest}"))
    } else {
        Finding::fail(
            id,
            title,
            format!("The org does not speak {ours}; its newest is {newest}."),
            format!("Set [salesforce] api_version = \"{newest}\"."),
        )
    };
    vec![version, clock("salesforce.clock", "Salesforce", before, known.server_date, after)]
}

/// Compares this machine's clock with a server's, which told its time between `before` and `after`, in whole seconds.
pub(super) fn clock(id: &str, server: &str, before: Timestamp, told: Timestamp, after: Timestamp) -> Finding {
    let title = format!("Clock against {server}");
    let second = SignedDuration::from_secs(1);
    let skew = if told + second < before {
        before.duration_since(told)
    } else if told > after {
        told.duration_since(after)
    } else {
        SignedDuration::ZERO
    };
    if skew <= MAX_SKEW {
        let evidence = if skew.as_secs() <= 1 {
            "within a second".to_owned()
        } else {
            format!("{} seconds apart", skew.as_secs())
        };
        return Finding::pass(id, title, evidence);
    }
    let way = if told > after { "behind" } else { "ahead of" };
    Finding::fail(
        id,
        title,
        format!("This machine is {} seconds {way} the server.", skew.as_secs()),
        "Set this machine's clock by a time service (NTP): signed logins and signatures are refused otherwise.",
    )
}

async fn conditional(wired: &Wired, write_probe: bool) -> Vec<Finding> {
    if !write_probe {
        let kept = org_facts::conditional(&*wired.store).unwrap_or_default();
        return Salesforce::untried(kept.map(|kept| (kept.honoured, kept.at)));
    }
    let trial = wired.crm.try_conditional_writes(SCOPE).await;
    if let Some(honoured) = trial.in_composite
        && let Err(error) =
            org_facts::keep_conditional(&*wired.store, Conditional { honoured, at: wired.clock.now() })
    {
        tracing::warn!(%error, "the outcome could not be kept for the service");
    }
    trial.findings
}

pub(super) fn name(text: &'static str) -> FieldPath {
    FieldPath::new(text).expect("a constant that is a name")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_org_that_does_not_answer_now_is_not_said_to_lack_rights() {
        let verdict = |class| undescribed(&class, "no call could be made").verdict;
        assert_eq!(verdict(RetryClass::LATER), Verdict::CannotBeChecked);
        assert_eq!(verdict(RetryClass::Person), Verdict::Fail);
    }

    #[test]
    fn only_a_clock_that_is_far_off_fails_and_whole_seconds_are_no_skew() {
        let at = |second: i64| Timestamp::from_second(second).unwrap();
        let verdict = |told| clock("x", "X", at(1_000), at(told), at(1_002)).verdict;
        for (told, expected) in [
            (1_000, Verdict::Pass),
            (1_001, Verdict::Pass),
            (999, Verdict::Pass),
            (970, Verdict::Pass),
            (969, Verdict::Fail),
            (1_032, Verdict::Pass),
            (1_033, Verdict::Fail),
        ] {
            assert_eq!(verdict(told), expected, "{told}");
        }
        let behind = clock("x", "X", at(1_000), at(2_000), at(1_000)).evidence;
        assert_eq!(behind, "This machine is 1000 seconds behind the server.");
    }
}
