//! What a deal needs before it can be registered (partner-center reference, section 4.5, deal registration).
//!
//! Which solutions are eligible, and whether Microsoft manages the customer, no interface tells: the company states it.
//! What can be checked is checked here, so that a person knows before anything is sent what would be missing.

use jiff::{SignedDuration, Timestamp, civil::Date};
use rust_decimal::Decimal;

/// The least value of a deal, and of a contract for a year, in US dollars.
const LEAST_USD: i64 = 25_000;
/// A deal is registered no sooner than this after it was created.
const LEAST_AGE: SignedDuration = SignedDuration::from_hours(72);
/// A contract was signed at most so many days ago.
const SIGNED_WITHIN_DAYS: i32 = 60;
/// It started at most so many days ago.
const STARTED_WITHIN_DAYS: i32 = 90;
/// Over so many years a contract without an end is spread.
const PERPETUAL_YEARS: i64 = 6;
/// Days of a year, for a contract's yearly value.
const DAYS_A_YEAR: i64 = 365;

/// The contract that a registration is made for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Contract {
    /// When it was signed.
    pub signed: Date,
    /// When it starts.
    pub starts: Date,
    /// When it ends; none for a perpetual one.
    pub ends: Option<Date>,
    /// Its value in US dollars.
    pub value_usd: Decimal,
}

/// A deal that somebody wants to register. Amounts are in US dollars: nothing is converted here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Registrable {
    /// Whether Microsoft's sellers see it: a private deal cannot be registered.
    pub shared: bool,
    /// Whether Microsoft's help was asked for; and then, whether Microsoft accepted or won.
    pub microsoft_agreed: Option<bool>,
    /// When the referral was created, or its invitation if that came later.
    pub created: Timestamp,
    /// When it was won, if it was.
    pub won: Option<Timestamp>,
    /// Whether Microsoft manages the customer, as the company knows it.
    pub managed_customer: bool,
    /// How many of its solutions are eligible for Azure IP co-sell, as the company knows them.
    pub eligible_solutions: usize,
    /// Its value; none if it is known in another currency alone.
    pub value_usd: Option<Decimal>,
    /// The value of the solution that is registered; the highest of several.
    pub solution_usd: Decimal,
    /// The contract.
    pub contract: Contract,
}

/// Everything that the deal lacks for a registration on the day `today` (UTC), each as a sentence; empty if nothing is known
/// to be missing.
pub(super) fn lacks_for_registration(deal: &Registrable, today: Date) -> Vec<String> {
    let least = Decimal::from(LEAST_USD);
    let contract = &deal.contract;
    let created_on = deal.created.to_zoned(jiff::tz::TimeZone::UTC).date();
    let since = |day: Date| today.since(day).map_or(i32::MAX, |span| span.get_days());
    let rules = [
        (deal.shared, "A private deal cannot be registered: share it first."),
        (deal.microsoft_agreed != Some(false), "Microsoft has to accept or win its part first."),
        (deal.won.is_some(), "The deal has to be won first."),
        (
            deal.won.is_none_or(|won| won.duration_since(deal.created) >= LEAST_AGE),
            "At least 72 hours have to lie between creating and winning the deal.",
        ),
        (deal.managed_customer, "The customer has to be one that Microsoft manages."),
        (deal.eligible_solutions > 0, "The deal needs a solution that is eligible for Azure IP co-sell."),
        (
            deal.value_usd.is_some(),
            "The deal's value is not in US dollars, and nothing is converted: it has to be stated in dollars.",
        ),
        (
            deal.value_usd.is_none_or(|value| value >= least),
            "The deal's value has to be at least 25,000 US dollars.",
        ),
        (contract.signed <= today, "The contract cannot be signed in the future."),
        (contract.signed >= created_on, "The contract cannot be signed before the deal was created."),
        (
            since(contract.signed) <= SIGNED_WITHIN_DAYS,
            "The contract has to be signed within the last 60 days.",
        ),
        (since(contract.starts) <= STARTED_WITHIN_DAYS, "The contract cannot have started over 90 days ago."),
        (yearly(contract) > least, "The contract's value for a year has to be over 25,000 US dollars."),
        (deal.solution_usd <= contract.value_usd, "The solution's value cannot be above the contract's."),
    ];
    rules.into_iter().filter(|(holds, _)| !holds).map(|(_, sentence)| sentence.to_owned()).collect()
}

/// The contract's value for one year; one of less than a year counts whole.
fn yearly(contract: &Contract) -> Decimal {
    let Some(ends) = contract.ends else { return contract.value_usd / Decimal::from(PERPETUAL_YEARS) };
    let days = ends.since(contract.starts).map_or(DAYS_A_YEAR, |span| i64::from(span.get_days()));
    contract.value_usd * Decimal::from(DAYS_A_YEAR) / Decimal::from(days.max(DAYS_A_YEAR))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test that cannot be set up has failed")]

    use super::*;

    /// Breaks one rule.
    type Spoil = fn(&mut Registrable);

    fn day(text: &str) -> Date {
        text.parse().unwrap()
    }

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    fn deal() -> Registrable {
        Registrable {
            shared: true,
            microsoft_agreed: Some(true),
            created: at("2026-10-01T09:00:00Z"),
            won: Some(at("2026-10-20T09:00:00Z")),
            managed_customer: true,
            eligible_solutions: 1,
            value_usd: Some(30_000.into()),
            solution_usd: 30_000.into(),
            contract: Contract {
                signed: day("2026-10-18"),
                starts: day("2026-11-01"),
                ends: Some(day("2027-11-01")),
                value_usd: 30_000.into(),
            },
        }
    }

    #[test]
    fn each_rule_is_told_by_itself_and_a_deal_that_keeps_them_all_lacks_nothing() {
        let today = day("2026-11-01");
        assert_eq!(lacks_for_registration(&deal(), today), [""; 0]);
        let table: [(&str, Spoil); 14] = [
            ("private", |deal| deal.shared = false),
            ("Microsoft has to", |deal| deal.microsoft_agreed = Some(false)),
            ("won first", |deal| deal.won = None),
            ("72 hours", |deal| deal.won = Some(at("2026-10-04T08:59:59Z"))),
            ("Azure IP", |deal| deal.eligible_solutions = 0),
            ("that Microsoft manages", |deal| deal.managed_customer = false),
            ("nothing is converted", |deal| deal.value_usd = None),
            ("at least 25,000", |deal| deal.value_usd = Some(24_999.into())),
            ("in the future", |deal| deal.contract.signed = day("2026-11-02")),
            ("before the deal", |deal| deal.contract.signed = day("2026-09-30")),
            ("last 60 days", |deal| {
                deal.created = at("2026-08-01T09:00:00Z");
                deal.contract.signed = day("2026-09-01");
            }),
            ("90 days ago", |deal| {
                deal.contract.starts = day("2026-08-02");
                deal.contract.ends = Some(day("2027-08-02"));
            }),
            ("for a year", |deal| deal.contract.ends = None),
            ("above the contract's", |deal| deal.solution_usd = 30_001.into()),
        ];
        for (word, spoil) in table {
            let mut spoilt = deal();
            spoil(&mut spoilt);
            let lacks = lacks_for_registration(&spoilt, today);
            assert!(lacks.len() == 1 && lacks[0].contains(word), "{word}: {lacks:?}");
        }
    }

    #[test]
    fn a_deal_without_help_needs_no_answer_of_microsofts() {
        let alone = Registrable { microsoft_agreed: None, ..deal() };
        assert_eq!(lacks_for_registration(&alone, day("2026-11-01")), [""; 0]);
    }
}
