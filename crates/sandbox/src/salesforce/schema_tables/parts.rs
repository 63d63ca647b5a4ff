//! Ways to say a field in one line.

use crate::salesforce::schema::{Field, Kind, OnDelete, Reference};

/// ISO codes that an admin of this org could activate.
pub(crate) const CURRENCIES: [&str; 20] = [
    "USD", "EUR", "GBP", "JPY", "CHF", "SEK", "DKK", "NOK", "AUD", "CAD", "NZD", "PLN", "CZK", "HUF", "BRL",
    "MXN", "INR", "SGD", "KWD", "ZAR",
];

pub(super) fn text(name: &'static str, length: usize) -> Field {
    Field::new(name, Kind::Text { length })
}
pub(super) fn area(name: &'static str, length: usize) -> Field {
    Field::new(name, Kind::TextArea { length })
}
pub(super) fn long(name: &'static str, length: usize) -> Field {
    Field::new(name, Kind::LongText { length })
}
pub(super) fn flag(name: &'static str) -> Field {
    Field::new(name, Kind::Boolean)
}
pub(super) fn date(name: &'static str) -> Field {
    Field::new(name, Kind::Date)
}
pub(super) fn instant(name: &'static str) -> Field {
    Field::new(name, Kind::DateTime)
}
pub(super) fn url(name: &'static str) -> Field {
    Field::new(name, Kind::Url)
}
pub(super) fn email(name: &'static str) -> Field {
    Field::new(name, Kind::Email)
}
pub(super) fn phone(name: &'static str) -> Field {
    Field::new(name, Kind::Phone { length: 40 })
}
pub(super) fn pick(name: &'static str, values: &[&'static str]) -> Field {
    Field::new(name, Kind::Picklist { values: values.to_vec(), restricted: false })
}
pub(super) fn strict_pick(name: &'static str, values: &[&'static str]) -> Field {
    Field::new(name, Kind::Picklist { values: values.to_vec(), restricted: true })
}
pub(super) fn money(name: &'static str) -> Field {
    Field::new(name, Kind::Currency { precision: 18, scale: 2 })
}
pub(super) fn number(name: &'static str, precision: u32, scale: u32) -> Field {
    Field::new(name, Kind::Double { precision, scale })
}
pub(super) fn whole(name: &'static str) -> Field {
    Field::new(name, Kind::Int { digits: 9 })
}
pub(super) fn currency() -> Field {
    strict_pick("CurrencyIsoCode", &CURRENCIES).labelled("Currency").supplied()
}

/// A lookup; its path is its name without `Id`, or with `__r` for `__c`.
pub(super) fn lookup(name: &'static str, to: &[&'static str], children: Option<&'static str>) -> Field {
    let path = match name.strip_suffix("__c") {
        Some(bare) => format!("{bare}__r"),
        None => name.strip_suffix("Id").unwrap_or(name).to_owned(),
    };
    let reference = Reference { to: to.to_vec(), path, children, on_delete: OnDelete::Clear, master: false };
    Field::new(name, Kind::Reference(reference))
}

/// A reference whose rows go with their parent; set once.
pub(super) fn detail(name: &'static str, to: &[&'static str], children: &'static str) -> Field {
    let mut field = lookup(name, to, Some(children)).required().create_only();
    if let Kind::Reference(reference) = &mut field.kind {
        reference.on_delete = OnDelete::Cascade;
        reference.master = name.ends_with("__c");
    }
    field
}

/// A lookup whose rows nevertheless go with their parent.
pub(super) fn owned(name: &'static str, to: &[&'static str], children: &'static str) -> Field {
    let mut field = lookup(name, to, Some(children));
    if let Kind::Reference(reference) = &mut field.kind {
        reference.on_delete = OnDelete::Cascade;
    }
    field
}

pub(super) fn owner(children: Option<&'static str>) -> Field {
    lookup("OwnerId", &["User"], children).supplied()
}

pub(super) fn address(prefix: &'static str, names: [&'static str; 6]) -> [Field; 6] {
    let [street, city, state, postal, country, whole] = names;
    [
        area(street, 255),
        text(city, 40),
        text(state, 80),
        text(postal, 20),
        text(country, 80),
        Field::new(whole, Kind::Address { prefix }).read_only(),
    ]
}

pub(super) fn bytes(name: &'static str) -> Field {
    Field::new(name, Kind::Base64)
}
pub(super) fn percent(name: &'static str) -> Field {
    Field::new(name, Kind::Percent { precision: 3, scale: 0 })
}
