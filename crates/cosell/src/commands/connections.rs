//! `cosell connections`: how the three connections are, and what a person has to do.

mod salesforce;

use std::{
    collections::{BTreeMap, BTreeSet},
    path::Path,
    process::ExitCode,
};

use clap::Args;
use jiff::{SignedDuration, Timestamp};
use ports::{Clock as _, SystemClock, TokenFacts};
use serde_json::{Value, json};
use service::{
    AGE_PROBLEM, CERTIFICATE_PROBLEM, REFERRALS_CONNECTION, SALESFORCE_CONNECTION, Seen, SignInTimes,
    WEBHOOK_PROBLEM, WEBHOOKS_CONNECTION,
};
use sync_engine::{ConnectionProblem, ConnectionWorked};

use self::salesforce::SalesforceDetails;
use super::login::{seen_as_json, seen_as_lines};
use crate::{
    config::{Config, Loaded},
    output::{self, Format},
    wiring::{Access, Wired, open_store, wire},
};

/// A connection that worked no longer ago than so many tries is taken to work.
const RECENT_TRIES: u32 = 3;

/// The state of a connection that this configuration does not need.
const NOT_USED: &str = "not used";
/// The state of a connection that waits for a person to sign in.
const NEVER_SIGNED_IN: &str = "never signed in";

const CONNECTIONS: [(&str, &str); 3] = [
    (REFERRALS_CONNECTION, "Partner Center referrals"),
    (WEBHOOKS_CONNECTION, "Partner Center webhooks"),
    (SALESFORCE_CONNECTION, "Salesforce"),
];

/// Shows each connection: whether it works, when the sign-in ends, what to do.
///
/// What else needs a person, as a displaced registration, follows after them.
/// Exit status 1 if anything needs a person; with --test, also if one did not answer.
#[derive(Debug, Args)]
pub(crate) struct Connections {
    /// Make one harmless call on each, and say what it saw.
    #[arg(long)]
    test: bool,
}

/// What is known of one connection.
struct Shown {
    name: &'static str,
    key: &'static str,
    state: &'static str,
    worked: Option<ConnectionWorked>,
    problem: Option<ConnectionProblem>,
    tried: Option<Seen>,
}

/// What the store knows of all of them.
struct Known {
    facts: Option<TokenFacts>,
    worked: BTreeMap<String, ConnectionWorked>,
    problems: Vec<ConnectionProblem>,
}

impl Connections {
    pub(crate) async fn run(self, config: &Path, format: Format) -> anyhow::Result<ExitCode> {
        let loaded = Config::load(config)?;
        let times = loaded.config.connections.times();
        let is_first = crate::store_place::store_is_new(&loaded);
        let mut details = SalesforceDetails::configured(&loaded)?;
        let tested = if self.test {
            let wired = wire(loaded.clone(), if is_first { Access::Own } else { Access::Look })?;
            let tested = test(&wired).await?;
            details.ask(&wired).await;
            tested
        } else {
            Vec::new()
        };
        let known =
            if is_first && !self.test { Known::nothing() } else { known(&loaded, &mut details).await? };
        let now = SystemClock.now();
        let (mut calm, mut told) = (true, BTreeSet::new());
        for (key, name) in CONNECTIONS {
            let tried = tested.iter().find(|(tried, _)| *tried == key).map(|(_, seen)| seen.clone());
            let mut shown = known.shown(key, name, tried, &loaded, times, now);
            if key == SALESFORCE_CONNECTION && details.lacks_sign_in() {
                shown.state = NEVER_SIGNED_IN;
            }
            calm &= shown.is_calm();
            told.extend(shown.told().map(ToOwned::to_owned));
            let has_sign_in = key != SALESFORCE_CONNECTION && shown.state != NOT_USED;
            let sign_in = known.facts.as_ref().filter(|_| has_sign_in);
            let details = Some(&details).filter(|_| key == SALESFORCE_CONNECTION);
            match format {
                Format::Json => {
                    let mut told = shown.as_json(sign_in, times, now);
                    if let Some(details) = details {
                        details.tell(&mut told, now);
                    }
                    output::json(&told)?;
                }
                Format::Text => {
                    shown.print(sign_in, details, times, now);
                }
            }
        }
        for problem in known.others(&told) {
            calm = false;
            match format {
                Format::Json => output::json(&other_as_json(problem))?,
                Format::Text => print_other(problem),
            }
        }
        Ok(if calm { ExitCode::SUCCESS } else { ExitCode::FAILURE })
    }
}

/// One harmless call each; what works is told to the store, where it ends a problem.
async fn test(wired: &Wired) -> anyhow::Result<Vec<(&'static str, Seen)>> {
    let mut tested = Vec::new();
    for probe in wired.probes() {
        let seen = probe.probe().await;
        if let Seen::Works(saw) = &seen {
            wired.store.connection_worked(probe.key(), wired.clock.now(), saw).await?;
        }
        tested.push((probe.key(), seen));
    }
    Ok(tested)
}

async fn known(loaded: &Loaded, details: &mut SalesforceDetails) -> anyhow::Result<Known> {
    let store = open_store(loaded, Access::Read)?;
    details.read(&*store).await?;
    let facts = store.facts(partner_center::TokenConfig::STORE_NAME).await?;
    let worked = store.connections_worked().await?;
    let worked = worked.into_iter().map(|worked| (worked.key.clone(), worked)).collect();
    let mut problems = store.connection_problems().await?;
    let uses_webhooks = loaded.config.webhook.is_some();
    problems.retain(|problem| still_stands(problem, facts.as_ref(), uses_webhooks));
    Ok(Known { facts, worked, problems })
}

/// Whether a problem is one still: what ended meanwhile, the service says at its next look, if one runs.
fn still_stands(problem: &ConnectionProblem, facts: Option<&TokenFacts>, uses_webhooks: bool) -> bool {
    match problem.key.as_str() {
        // A login, or a renewal by a command, ended it.
        AGE_PROBLEM => facts.is_none_or(|facts| problem.since >= facts.stored_at),
        // It was wrong while events were wanted.
        WEBHOOKS_CONNECTION | WEBHOOK_PROBLEM => uses_webhooks,
        _ => true,
    }
}

impl Known {
    fn nothing() -> Self {
        Self { facts: None, worked: BTreeMap::new(), problems: Vec::new() }
    }

    fn shown(
        &self,
        key: &'static str,
        name: &'static str,
        tried: Option<Seen>,
        loaded: &Loaded,
        times: SignInTimes,
        now: Timestamp,
    ) -> Shown {
        let worked = self.worked.get(key).cloned();
        let worked_at = worked.as_ref().map(|worked| worked.at);
        let problem = self.problem(key, worked_at);
        if key == WEBHOOKS_CONNECTION && loaded.config.webhook.is_none() {
            return Shown { name, key, state: NOT_USED, worked: None, problem: None, tried: None };
        }
        let is_portal = key != SALESFORCE_CONNECTION;
        let never = is_portal && self.facts.is_none() && loaded.config.partner_center.refresh_token.is_none();
        let recent =
            SignedDuration::try_from(times.check_every * RECENT_TRIES).unwrap_or(SignedDuration::MAX);
        let state = match (&tried, &problem) {
            _ if never => NEVER_SIGNED_IN,
            (Some(Seen::Works(_)), _) => "ok",
            (Some(Seen::NeedsPerson(..)), _) | (None, Some(_)) => "needs you",
            (None, None) if worked_at.is_some_and(|at| now.duration_since(at) < recent) => "ok",
            (Some(Seen::NotNow(_)), _) | (None, None) => "unknown",
        };
        Shown { name, key, state, worked, problem, tried }
    }

    /// What is told under none of the connections.
    fn others<'a>(&'a self, told: &'a BTreeSet<String>) -> impl Iterator<Item = &'a ConnectionProblem> {
        let is_one = |key: &str| CONNECTIONS.iter().any(|(connection, _)| *connection == key);
        self.problems.iter().filter(move |problem| !told.contains(&problem.key) && !is_one(&problem.key))
    }

    /// What is wrong with a connection. Of the sign-in as a whole it is told under the first of the two that rest on
    /// it, unless the other was seen to work since.
    fn problem(&self, key: &str, worked: Option<Timestamp>) -> Option<ConnectionProblem> {
        let of = |key: &str| self.problems.iter().find(|problem| problem.key == key);
        let whole = || of(AGE_PROBLEM).or_else(|| of(CERTIFICATE_PROBLEM));
        let found = match key {
            REFERRALS_CONNECTION => of(key).or_else(whole),
            WEBHOOKS_CONNECTION => of(key)
                .or_else(|| of(REFERRALS_CONNECTION).filter(|p| worked.is_none_or(|at| at < p.since)))
                .or_else(whole),
            _ => of(key),
        };
        found.cloned()
    }
}

impl Shown {
    fn is_calm(&self) -> bool {
        self.state == "ok" || self.state == NOT_USED || (self.state == "unknown" && self.tried.is_none())
    }

    /// The key of the problem that is told here; what a try just saw is told in its place.
    fn told(&self) -> Option<&str> {
        self.problem.as_ref().filter(|_| self.tried.is_none()).map(|problem| problem.key.as_str())
    }

    fn next_step(&self) -> Option<&str> {
        match (&self.tried, &self.problem) {
            _ if self.state == NEVER_SIGNED_IN && self.key == SALESFORCE_CONNECTION => {
                Some("Run: cosell login salesforce")
            }
            _ if self.state == NEVER_SIGNED_IN => Some("Run: cosell login partner-center"),
            (Some(Seen::NeedsPerson(_, next)), _) => Some(next),
            (_, Some(problem)) => Some(&problem.next_step),
            _ if self.state == "unknown" && self.tried.is_none() => Some("Run: cosell connections --test"),
            _ => None,
        }
    }

    fn as_json(&self, sign_in: Option<&TokenFacts>, times: SignInTimes, now: Timestamp) -> Value {
        json!({
            "connection": self.name,
            "key": self.key,
            "state": self.state,
            "account": sign_in.and_then(|facts| facts.account.clone()),
            "signed_in_at": sign_in.map(|facts| facts.signed_in_at),
            "renewed_at": sign_in.map(|facts| facts.stored_at),
            "days_left": sign_in.map(|facts| times.days_left(facts, now)),
            "last_worked_at": self.worked.as_ref().map(|worked| worked.at),
            "saw": self.worked.as_ref().map(|worked| &worked.saw),
            "problem": self.problem,
            "next_step": self.next_step(),
            "tried": self.tried.as_ref().map(seen_as_json),
        })
    }

    fn print(
        &self,
        sign_in: Option<&TokenFacts>,
        details: Option<&SalesforceDetails>,
        times: SignInTimes,
        now: Timestamp,
    ) {
        output::line(format!("{:<26}{}", self.name, self.state));
        if let Some(facts) = sign_in {
            let who = facts.account.as_deref().map_or_else(String::new, |account| format!(" as {account}"));
            output::labelled("", &format!("signed in {}{who}", ago(facts.signed_in_at, now)));
            let days = times.days_left(facts, now);
            output::labelled("", &format!("renewed {}, {days} days left", ago(facts.stored_at, now)));
        }
        for line in details.map(|details| details.lines(now)).unwrap_or_default() {
            output::labelled("", &line);
        }
        if let Some(worked) = &self.worked {
            output::labelled("", &format!("worked {}", ago(worked.at, now)));
            if self.tried.is_none() {
                output::labelled("", &worked.saw);
            }
        }
        if let Some(seen) = &self.tried {
            for line in seen_as_lines(seen) {
                output::labelled("", &line);
            }
            return;
        }
        if let Some(problem) = &self.problem {
            output::labelled("", &problem.sentence);
        }
        if let Some(next) = self.next_step() {
            output::labelled("", &format!("next: {next}"));
        }
    }
}

fn other_as_json(problem: &ConnectionProblem) -> Value {
    json!({
        "connection": null,
        "key": problem.key,
        "state": "needs you",
        "problem": problem,
        "next_step": problem.next_step,
    })
}

fn print_other(problem: &ConnectionProblem) {
    output::line(format!("{:<26}needs you", problem.key));
    output::labelled("", &problem.sentence);
    output::labelled("", &format!("next: {}", problem.next_step));
}

/// How long ago, in the largest unit that fits.
fn ago(at: Timestamp, now: Timestamp) -> String {
    let minutes = now.duration_since(at).as_mins().max(0);
    let (number, unit) = match minutes {
        0 => return "just now".to_owned(),
        1..60 => (minutes, "minute"),
        60..1440 => (minutes / 60, "hour"),
        _ => (minutes / 1440, "day"),
    };
    format!("{number} {unit}{} ago", if number == 1 { "" } else { "s" })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn problem(key: &str, since: &str) -> ConnectionProblem {
        ConnectionProblem {
            key: key.to_owned(),
            sentence: "It ended.".to_owned(),
            next_step: "Sign in.".to_owned(),
            since: since.parse().unwrap(),
        }
    }

    #[test]
    fn the_problem_of_an_old_sign_in_is_over_with_the_login_that_came_after_it() {
        let stored_at = "2026-11-02T12:00:00Z".parse().unwrap();
        let facts =
            TokenFacts { version: 2, stored_at, signed_in_at: stored_at, account: None, challenge: None };
        for (key, since, stands) in [
            (AGE_PROBLEM, "2026-11-02T11:59:59Z", false),
            (AGE_PROBLEM, "2026-11-02T12:00:01Z", true),
            (REFERRALS_CONNECTION, "2026-11-02T11:59:59Z", true),
        ] {
            assert_eq!(still_stands(&problem(key, since), Some(&facts), true), stands, "{key} {since}");
        }
        let webhook = problem(WEBHOOK_PROBLEM, "2026-11-02T12:00:01Z");
        assert!(still_stands(&webhook, None, true) && !still_stands(&webhook, None, false));
    }

    #[test]
    fn what_is_told_under_no_connection_is_listed_after_them() {
        let since = "2026-11-02T12:00:00Z";
        let keys = [REFERRALS_CONNECTION, AGE_PROBLEM, WEBHOOK_PROBLEM, "field.hidden"];
        let problems = keys.map(|key| problem(key, since)).to_vec();
        let known = Known { facts: None, worked: BTreeMap::new(), problems };
        let told = BTreeSet::from([REFERRALS_CONNECTION.to_owned()]);
        let others: Vec<_> = known.others(&told).map(|problem| problem.key.as_str()).collect();
        assert_eq!(others, [AGE_PROBLEM, WEBHOOK_PROBLEM, "field.hidden"]);
        assert_eq!(known.problem(SALESFORCE_CONNECTION, None), None);
    }

    #[test]
    fn an_age_is_told_in_the_largest_unit_that_fits() {
        let now: Timestamp = "2026-11-02T12:00:00Z".parse().unwrap();
        for (minutes, told) in
            [(0, "just now"), (1, "1 minute ago"), (119, "1 hour ago"), (2880, "2 days ago")]
        {
            assert_eq!(ago(now - SignedDuration::from_mins(minutes), now), told);
        }
    }
}
