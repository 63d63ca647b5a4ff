//! The lines about what the org allows in a day: calls and event deliveries.

use std::collections::BTreeMap;

use connectors::Finding;
use salesforce::{CallContext, Client, OrgLimit};

/// From this share of an allowance on, in hundredths, a person should know.
const NEARLY_SPENT: i64 = 80;

pub(super) async fn look(client: &Client, context: CallContext) -> Vec<Finding> {
    let (id, title) = ("salesforce.view_setup", "View Setup and Configuration");
    match client.limits(context).await {
        Ok(limits) => vec![
            Finding::pass(id, title, format!("{} allowances are told", limits.len())),
            calls(&limits),
            deliveries(&limits),
        ],
        Err(error) if error.refusal().is_some_and(|refusal| refusal.status() == 403) => vec![Finding::fail(
            id,
            title,
            format!("The org's allowances are not told: {error}."),
            "Give the integration user's permission set \"View Setup and Configuration\".",
        )],
        Err(error) => vec![Finding::unseen(
            id,
            title,
            format!("The org's allowances could not be asked for: {error}."),
            "Try again in a while.",
        )],
    }
}

fn calls(limits: &BTreeMap<String, OrgLimit>) -> Finding {
    share(
        "salesforce.calls",
        "API calls of 24 hours",
        limits.get("DailyApiRequests"),
        "Find in Setup, API Usage, which app spends them; poll more rarely ([salesforce] poll_every), or buy more calls.",
    )
}

fn deliveries(limits: &BTreeMap<String, OrgLimit>) -> Finding {
    share(
        "salesforce.deliveries",
        "Event deliveries of 24 hours",
        limits.get("DailyDeliveredPlatformEvents"),
        "Find in Setup, Event Usage, who subscribes to what; past the allowance Cosell polls by itself.",
    )
}

fn share(id: &str, title: &str, limit: Option<&OrgLimit>, mend: &str) -> Finding {
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
    if percent >= NEARLY_SPENT {
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
        let told = |remaining| share("x", "X", Some(&OrgLimit { max: 1_000, remaining }), "").verdict;
        assert_eq!(told(1_000), Verdict::Pass);
        assert_eq!(told(201), Verdict::Pass);
        assert_eq!(told(200), Verdict::Fail);
        assert_eq!(told(-5), Verdict::Fail);
        assert_eq!(share("x", "X", None, "").verdict, Verdict::CannotBeChecked);
        let none = OrgLimit { max: 0, remaining: 0 };
        assert_eq!(share("x", "X", Some(&none), "").verdict, Verdict::CannotBeChecked);
    }
}
