//! Deal registrations: what a won deal must be to get one, and how Microsoft reviews it (reference, 3.7 and 4.5).

use std::str::FromStr as _;

use jiff::{SignedDuration, Timestamp};
use rust_decimal::Decimal;
use serde_json::{Value, json};

use super::{
    State,
    book::{Document, Owner, text},
    patch::Operation,
    refusal::Refusal,
    rules, stamp,
};

/// Where a new registration goes.
pub(super) const NEW: &str = "/registrations/-";
/// What may be changed of one.
const PATHS: [&str; 12] = [
    "contract/startDateTime",
    "contract/endDateTime",
    "contract/signDateTime",
    "contract/term",
    "contract/value",
    "solutionDetails/0/value",
    "solutionDetails/0/currency",
    "solutionDetails/0/isDeployedOnAzure",
    "solutionDetails/0/primaryDeploymentOn",
    "solutionDetails/0/pricingModel",
    "solutionDetails/0/marketplaceTransactionDetails/isMarketplaceTransacted",
    "solutionDetails/0/marketplaceTransactionDetails/marketplaceTransactionDateTime",
];
/// Smallest value of a deal, and smallest of a contract in a year. In US dollars; other currencies are taken as they
/// are, because no rate is published.
const MIN_VALUE: Decimal = Decimal::from_parts(25_000, 0, 0, false, 0);
/// Over how many years a perpetual contract is spread.
const PERPETUAL_YEARS: Decimal = Decimal::from_parts(6, 0, 0, false, 0);
/// Days of a year, where a finite contract is brought to one.
const YEAR_DAYS: Decimal = Decimal::from_parts(365, 0, 0, false, 0);
/// Shortest time between creation and win.
const MIN_AGE: SignedDuration = SignedDuration::from_hours(72);
/// How long ago a contract may have been signed, and may have begun.
const SIGNED_WITHIN: SignedDuration = SignedDuration::from_hours(24 * 60);
const STARTED_WITHIN: SignedDuration = SignedDuration::from_hours(24 * 90);

/// From each status, where Microsoft's review may move it (enumerations: `registrationStates_display`, under the names
/// that the API is inferred to use).
const GRAPH: [(&str, &[&str]); 5] = [
    ("ReviewPending", &["Passed", "Failed", "ActionRequired", "Approved"]),
    ("ActionRequired", &["ReviewPending"]),
    ("Approved", &["ReviewPending"]),
    ("Passed", &[]),
    ("Failed", &[]),
];

/// Whether the path leads to what may be changed of a registration.
pub(super) fn may_change(path: &str) -> bool {
    let inside = path.strip_prefix("/registrations/").and_then(|rest| rest.split_once('/'));
    inside.is_some_and(|(index, member)| index.parse::<usize>().is_ok() && PATHS.contains(&member))
}

impl State {
    /// Registers a deal, or changes registrations of it. The referral itself stays as it is, even when it is closed.
    pub(super) fn register(
        &self,
        at: usize,
        document: &mut Document,
        operations: Vec<Operation>,
        now: Timestamp,
    ) -> Result<(), Refusal> {
        if (text(document, "status"), text(document, "substatus")) != ("Closed", "Won") {
            return Err(refused("notWon", "can be made for deals that are won only."));
        }
        if self.knobs.check_registrations {
            self.eligible(at, document)?;
        }
        for operation in operations {
            let path = operation.path.clone();
            self.apply(document, operation)?;
            let all = document.get_mut("registrations").and_then(Value::as_array_mut);
            let Some(all) = all else { continue };
            if path == NEW {
                let Some(made) = all.last_mut() else { continue };
                made["id"] = self.world.guid().into();
                made["registrationDateTime"] = stamp::server(now).into();
                made["statusReason"] = Value::Null;
                enter(made, "ReviewPending", now);
            } else {
                let index = path.split('/').nth(2).and_then(|index| index.parse::<usize>().ok());
                let Some(changed) = index.and_then(|index| all.get_mut(index)) else { continue };
                match changed["status"].as_str() {
                    // What Microsoft asked for was given; it looks again.
                    Some("ActionRequired") => enter(changed, "ReviewPending", now),
                    Some("Passed" | "Failed") => {
                        return Err(refused("registrationFinal", "cannot be changed after its review."));
                    }
                    _ => {}
                }
            }
        }
        if self.knobs.check_registrations {
            let created = self.book.get(at).created;
            let none = Vec::new();
            for one in document.get("registrations").and_then(Value::as_array).unwrap_or(&none) {
                contract(one, created, now)?;
            }
        }
        mirror(document);
        Ok(())
    }

    fn eligible(&self, at: usize, document: &Document) -> Result<(), Refusal> {
        if !rules::shared(document) {
            return Err(refused("privateDeal", "can be made for co-sell and partner-led deals only."));
        }
        let eligible = &self.knobs.azure_ip_solutions;
        let solutions = rules::list(document, "/details/requirements/solutions");
        let fits = solutions.iter().any(|one| eligible.iter().any(|id| one["id"] == id.as_str()));
        if !eligible.is_empty() && !fits {
            return Err(refused(
                "solutionNotEligible",
                "needs a solution that is Azure IP co-sell eligible.",
            ));
        }
        if amount(rules::at(document, "/details/dealValue")).is_none_or(|value| value < MIN_VALUE) {
            return Err(refused("valueTooLow", "needs a deal value of at least 25,000."));
        }
        if rules::at(document, "/customerProfile/isMatchingComplete") == Some(&Value::Bool(false)) {
            return Err(refused("customerNotManaged", "needs a customer that Microsoft manages."));
        }
        let record = self.book.get(at);
        let theirs = self.book.engagement(record.text("engagementId")).map(|at| self.book.get(at));
        let answers: Vec<&str> = theirs
            .filter(|theirs| theirs.owner == Owner::Microsoft)
            .map(|theirs| theirs.text("substatus"))
            .collect();
        if !answers.is_empty() && !answers.iter().any(|answer| matches!(*answer, "Accepted" | "Won")) {
            return Err(refused("notAccepted", "needs Microsoft to have accepted or won the deal."));
        }
        let closed: Option<Timestamp> = text(document, "closedDateTime").parse().ok();
        if closed.is_none_or(|closed| closed.duration_since(record.created) < MIN_AGE) {
            return Err(refused("wonTooSoon", "needs 72 hours between the deal's creation and its win."));
        }
        Ok(())
    }
}

/// Microsoft's review moves a registration on; `index` counts from zero.
pub(super) fn review(
    document: &mut Document,
    index: usize,
    status: &str,
    reason: &Value,
    now: Timestamp,
) -> Result<(), Refusal> {
    let all = document.get_mut("registrations").and_then(Value::as_array_mut);
    let one = all.and_then(|all| all.get_mut(index));
    let one = one.ok_or_else(|| Refusal::invalid("There is no such registration."))?;
    let before = one["status"].as_str().unwrap_or_default();
    let reachable = GRAPH.iter().find(|(from, _)| *from == before).map_or(&[][..], |(_, to)| *to);
    if !reachable.contains(&status) {
        return Err(Refusal::invalid(format!("A registration cannot go from {before} to {status}.")));
    }
    one["statusReason"] = reason.clone();
    enter(one, status, now);
    mirror(document);
    Ok(())
}

/// Writes a status and the time it was reached.
fn enter(registration: &mut Value, status: &str, now: Timestamp) {
    registration["status"] = status.into();
    let mut letters = status.chars();
    let member =
        letters.next().map(|first| format!("{}{}DateTime", first.to_ascii_lowercase(), letters.as_str()));
    if let Some(member) = member {
        if !registration["statusHistory"].is_object() {
            registration["statusHistory"] = json!({});
        }
        registration["statusHistory"][member] = stamp::server(now).into();
    }
}

/// The referral shows the status of its newest registration.
fn mirror(document: &mut Document) {
    let newest = document.get("registrations").and_then(Value::as_array).and_then(|all| all.last());
    if let Some(status) = newest.map(|one| one["status"].clone()) {
        document.insert("registrationStatus".to_owned(), status);
    }
}

fn contract(registration: &Value, created: Timestamp, now: Timestamp) -> Result<(), Refusal> {
    let contract = &registration["contract"];
    let instant = |member: &str| contract[member].as_str().and_then(|text| text.parse::<Timestamp>().ok());
    let missing = |member: &str| {
        Refusal::member(&format!("registrations.contract.{member}"), "missing", "is required.")
    };
    let value = amount(Some(&contract["value"])).ok_or_else(|| missing("value"))?;
    let signed = instant("signDateTime").ok_or_else(|| missing("signDateTime"))?;
    let start = instant("startDateTime").ok_or_else(|| missing("startDateTime"))?;
    if signed > now || signed < created || now.duration_since(signed) > SIGNED_WITHIN {
        let what = "must be after the deal's creation, not in the future and at most 60 days ago.";
        return Err(Refusal::member("registrations.contract.signDateTime", "outOfRange", what));
    }
    if now.duration_since(start) > STARTED_WITHIN {
        let what = "must be at most 90 days ago.";
        return Err(Refusal::member("registrations.contract.startDateTime", "outOfRange", what));
    }
    let annual = match contract["term"].as_str() {
        Some("Perpetual") => value / PERPETUAL_YEARS,
        Some("Finite") => {
            let end = instant("endDateTime").ok_or_else(|| missing("endDateTime"))?;
            let days = end.duration_since(start).as_hours() / 24;
            if days < 1 {
                let what = "must be after startDateTime.";
                return Err(Refusal::member("registrations.contract.endDateTime", "outOfRange", what));
            }
            // A contract shorter than a year counts as it is.
            if Decimal::from(days) <= YEAR_DAYS {
                value
            } else {
                value.checked_mul(YEAR_DAYS).map_or(value, |value| value / Decimal::from(days))
            }
        }
        _ => return Err(missing("term")),
    };
    if annual <= MIN_VALUE {
        let what = "must be more than 25,000 a year.";
        return Err(Refusal::member("registrations.contract.value", "valueTooLow", what));
    }
    let none = Vec::new();
    let solutions = registration["solutionDetails"].as_array().unwrap_or(&none);
    if solutions.is_empty() {
        let what = "needs at least one solution.";
        return Err(Refusal::member("registrations.solutionDetails", "missing", what));
    }
    if solutions.iter().any(|one| amount(Some(&one["value"])).is_some_and(|part| part > value)) {
        let what = "must not be more than the contract's value.";
        return Err(Refusal::member("registrations.solutionDetails.value", "outOfRange", what));
    }
    Ok(())
}

fn amount(value: Option<&Value>) -> Option<Decimal> {
    let text = value?.to_string();
    Decimal::from_str(&text).or_else(|_| Decimal::from_scientific(&text)).ok()
}

fn refused(inner: &'static str, what: &str) -> Refusal {
    Refusal::member("registrations", inner, what)
}
