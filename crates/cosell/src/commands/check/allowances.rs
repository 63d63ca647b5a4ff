//! The lines about what the org allows in a day: calls and event deliveries.

use std::collections::BTreeMap;

use connectors::Finding;
use ports::Platform;
use salesforce::{CallContext, OrgLimit, Refusal};

use crate::wiring::Wired;

const CALLS: (&str, &str) = ("salesforce.calls", "API calls of 24 hours");

pub(super) async fn look(wired: &Wired, context: CallContext) -> Vec<Finding> {
    let (id, title) = ("salesforce.view_setup", "View Setup and Configuration");
    // From this share on the service halts what it can do without.
    let share = wired.loaded.config.salesforce.allowance.shares().report;
    match wired.salesforce.limits(context).await {
        Ok(limits) => vec![
            Finding::pass(id, title, format!("{} allowances are told", limits.len())),
            calls(limits.get("DailyApiRequests"), share),
            deliveries(&limits, share),
        ],
        Err(error) => {
            // A spent day is a 403, too, and says nothing of the right.
            let lacks_right = |refusal: &Refusal| {
                refusal.status() == 403 && refusal.code() != Some("REQUEST_LIMIT_EXCEEDED")
            };
            let line = if error.refusal().is_some_and(lacks_right) {
                Finding::fail(
                    id,
                    title,
                    format!("The org's allowances are not told: {error}."),
                    "Give the integration user's permission set \"View Setup and Configuration\".",
                )
            } else {
                let why = format!("The org's allowances could not be asked for: {error}.");
                Finding::unseen(id, title, why, "Try again in a while.")
            };
            // Every answer tells of the calls, whatever the user may ask.
            let usage = wired.budget.allowance(Platform::Salesforce).map(|standing| standing.usage);
            let number = |count: u64| i64::try_from(count).unwrap_or(i64::MAX);
            let limit = usage.map(|usage| OrgLimit {
                max: number(usage.allowed),
                remaining: number(usage.allowed).saturating_sub(number(usage.used)),
            });
            vec![line, calls(limit.as_ref(), share)]
        }
    }
}

fn calls(limit: Option<&OrgLimit>, nearly: u8) -> Finding {
    share(
        CALLS,
        limit,
        nearly,
        "Find in Setup, API Usage, which app spends them; poll more rarely ([salesforce] poll_every), or buy more calls.",
    )
}

fn deliveries(limits: &BTreeMap<String, OrgLimit>, nearly: u8) -> Finding {
    share(
        ("salesforce.deliveries", "Event deliveries of 24 hours"),
        limits.get("DailyDeliveredPlatformEvents"),
        nearly,
        "Find in Setup, Event Usage, who subscribes to what; past the allowance Cosell polls by itself.",
    )
}

/// `nearly`: from this share on, in hundredths, a person should know.
fn share((id, title): (&str, &str), limit: Option<&OrgLimit>, nearly: u8, mend: &str) -> Finding {
    let Some(limit) = limit else {
        return Finding::unseen(
            id,
            title,
            "The org does not tell this allowance.",
            "Look into Setup, Company Information.",
        );
    };
    let used = limit.max.saturating_sub(limit.remaining);
    if limit.max <= 0 {
        return Finding::unseen(
            id,
            title,
            "The org tells an allowance of nothing.",
            "Look into Setup, Company Information.",
        );
    }
    let percent = used.saturating_mul(100) / limit.max;
    let evidence = format!("{used} of {} are spent ({percent} %)", limit.max);
    if percent >= i64::from(nearly) {
        Finding::fail(id, title, format!("{evidence}."), mend)
    } else {
        Finding::pass(id, title, evidence)
    }
}

#[cfg(test)]
mod tests {
    use connectors::Verdict;

    use super::*;

    #[test]
    fn an_allowance_fails_when_it_is_nearly_spent_and_is_unknown_when_it_is_not_told() {
        let told = |remaining| share(("x", "X"), Some(&OrgLimit { max: 1_000, remaining }), 80, "").verdict;
        assert_eq!(told(1_000), Verdict::Pass);
        assert_eq!(told(201), Verdict::Pass);
        assert_eq!(told(200), Verdict::Fail);
        assert_eq!(told(-5), Verdict::Fail);
        assert_eq!(share(("x", "X"), None, 80, "").verdict, Verdict::CannotBeChecked);
        let none = OrgLimit { max: 0, remaining: 0 };
        assert_eq!(share(("x", "X"), Some(&none), 80, "").verdict, Verdict::CannotBeChecked);
    }
}
