//! Nobody's value is invented: an amount stands beside the currency that it was typed with.

use serde_json::Value;

use super::Violation;
use crate::{
    edits::Record,
    scene::{Scene, text},
};

pub(super) fn judge(scene: &Scene, record: &Record) -> Vec<Violation> {
    // A flow of the customer's changed amounts by themselves: then nobody typed them.
    if record.automated {
        return Vec::new();
    }
    let own = scene.ours().map(|referral| {
        let details = &referral["details"];
        (text(&referral["id"]), &details["dealValue"], &details["currency"])
    });
    let rows = scene.opportunities().map(|row| (text(&row["Id"]), &row["Amount"], &row["CurrencyIsoCode"]));
    let mut found = Vec::new();
    for (id, amount, currency) in own.chain(rows) {
        if amount.is_null() {
            continue;
        }
        let pair = (plain(amount), text(currency).to_owned());
        if !record.money.contains(&pair) {
            found.push(Violation::new("invention", format!("{id} holds {} {}", pair.0, pair.1)));
        }
    }
    found
}

/// A number as it was typed: two decimals, none of them a zero at the end.
fn plain(number: &Value) -> String {
    let text = number.to_string();
    if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.').to_owned() } else { text }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn an_amount_beside_a_currency_that_nobody_typed_with_it_is_seen() {
        let mut record = Record::default();
        record.money.insert(("30017.44".to_owned(), "EUR".to_owned()));
        let scene = |currency: &str| Scene {
            org: json!({ "Opportunity": [{ "Id": "006", "Amount": 30017.44, "CurrencyIsoCode": currency }] }),
            portal: json!({ "referrals": [] }),
        };
        assert!(judge(&scene("EUR"), &record).is_empty());
        assert_eq!(judge(&scene("USD"), &record).len(), 1);
    }
}
