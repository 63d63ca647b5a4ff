//! Nobody's value is invented: an amount stands beside the currency that it was typed with, and a street in its town.

use serde_json::Value;

use super::Violation;
use crate::{
    edits::Record,
    scene::{Scene, list, text},
};

/// Every street that people of this world live in begins so, and is in this town, with this postal code.
const TOWNS: [(&str, &str, &str); 2] = [("Hafenstr. ", "Hamburg", "20457"), ("Ring ", "Zurich", "8001")];

pub(super) fn judge(scene: &Scene, record: &Record) -> Vec<Violation> {
    let mut found = addresses(scene);
    found.extend(amounts(scene, record));
    found
}

fn addresses(scene: &Scene) -> Vec<Violation> {
    let rows = list(&scene.org["Account"]).iter().map(|row| {
        (text(&row["Id"]), [&row["BillingStreet"], &row["BillingCity"], &row["BillingPostalCode"]].map(text))
    });
    let own = scene.referrals().iter().map(|referral| {
        let address = &referral["customerProfile"]["address"];
        let parts = [&address["addressLine1"], &address["city"], &address["postalCode"]];
        (text(&referral["id"]), parts.map(text))
    });
    let whole = |[street, city, code]: [&str; 3]| {
        let is_in = |(begins, town, its): &(&str, &str, &str)| {
            street.starts_with(begins) && city == *town && code == *its
        };
        (street.is_empty() && city.is_empty() && code.is_empty()) || TOWNS.iter().any(is_in)
    };
    let wrong = own.chain(rows).filter(|(_, address)| !whole(*address));
    wrong.map(|(id, address)| Violation::new("invention", format!("{id} is at {address:?}"))).collect()
}

fn amounts(scene: &Scene, record: &Record) -> Vec<Violation> {
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

    #[test]
    fn a_street_in_another_town_is_seen() {
        let scene = |city: &str| Scene {
            org: json!({ "Account": [{ "Id": "001", "BillingStreet": "Hafenstr. 7", "BillingCity": city,
                "BillingPostalCode": "20457" }, { "Id": "002", "BillingStreet": null }] }),
            portal: json!({ "referrals": [] }),
        };
        let record = Record::default();
        assert!(judge(&scene("Hamburg"), &record).is_empty());
        assert_eq!(judge(&scene("Zurich"), &record).len(), 1);
    }
}
