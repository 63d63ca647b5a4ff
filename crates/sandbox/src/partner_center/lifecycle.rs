//! The state machine of a referral (reference, section 4.1).

use super::{knobs::Knobs, refusal::Refusal};

/// Who moves the referral.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Mover {
    /// Its owner or receiver, by API or portal.
    Person,
    /// The service, when its time is over.
    Clock,
}

/// Whether a referral may go from one `(status, substatus)` to another.
pub(super) fn check(
    from: (&str, &str),
    to: (&str, &str),
    mover: Mover,
    knobs: &Knobs,
) -> Result<(), Refusal> {
    if from.0 == "Closed" {
        return Err(Refusal::member("status", "referralClosed", "is final: the referral is closed."));
    }
    let fits = match to.0 {
        "New" => matches!(to.1, "Pending" | "Received"),
        "Active" => to.1 == "Accepted",
        "Closed" => matches!(to.1, "Won" | "Lost" | "Declined" | "Expired" | "Error"),
        _ => false,
    };
    if !fits {
        let what = format!("{} is not permitted while the status is {}.", or_none(to.1), or_none(to.0));
        return Err(Refusal::member("substatus", "invalidSubstatus", &what));
    }
    let moves = match from.0 {
        "New" => true,
        "Active" => to.0 != "New",
        _ => false,
    };
    if !moves {
        let what = format!("cannot go from {} to {}.", from.0, to.0);
        return Err(Refusal::member("status", "invalidTransition", &what));
    }
    let barred = match to.1 {
        "Expired" => mover != Mover::Clock,
        "Declined" => from.0 != "New",
        "Won" => from.0 == "New" && !knobs.won_from_new,
        "Error" => !knobs.close_as_error,
        _ => false,
    };
    if barred {
        let what = format!("{} cannot be set on a referral that is {}.", to.1, from.0);
        return Err(Refusal::member("substatus", "invalidSubstatus", &what));
    }
    Ok(())
}

fn or_none(text: &str) -> &str {
    if text.is_empty() { "None" } else { text }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_of_moves_is_the_documented_one() {
        let knobs = Knobs::default();
        let states = [
            ("New", "Pending"),
            ("New", "Received"),
            ("Active", "Accepted"),
            ("Closed", "Won"),
            ("Closed", "Lost"),
            ("Closed", "Declined"),
            ("Closed", "Expired"),
            ("Closed", "Error"),
        ];
        // Rows: from New/Pending, from Active/Accepted, from Closed/Won. A cross is a permitted move.
        let table = ["xxxxxx.x", "..xxx..x", "........"];
        for (from, row) in [states[0], states[2], states[3]].into_iter().zip(table) {
            let found: String = states
                .iter()
                .map(|to| if check(from, *to, Mover::Person, &knobs).is_ok() { 'x' } else { '.' })
                .collect();
            assert_eq!(found, row, "from {from:?}");
        }
        assert!(check(("New", "Pending"), ("Closed", "Expired"), Mover::Clock, &knobs).is_ok());
    }

    #[test]
    fn a_status_without_its_substatus_is_refused() {
        let knobs = Knobs::default();
        for to in [("Active", "Pending"), ("New", "Accepted"), ("Closed", "Accepted"), ("None", "None")] {
            assert!(check(("New", "Pending"), to, Mover::Person, &knobs).is_err(), "{to:?}");
        }
    }
}
