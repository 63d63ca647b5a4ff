//! The rows a fresh org starts with: people, stages, currencies, record types and a small price book.

use std::sync::Arc;

use jiff::Timestamp;

use super::{
    id::Id,
    org::{Org, Person, Role, value_of},
    schema::system,
    stages::STAGES,
    tables::Row,
    values::{Cell, to_second},
};

/// The product's own user.
pub(crate) const INTEGRATION: &str = "cosell@trey-research.example";
/// The administrator.
pub(crate) const ADMIN: &str = "admin@trey-research.example";
/// Two sellers; the second left her phone out.
pub(crate) const SELLERS: [&str; 2] =
    ["noa.seller@trey-research.example", "kim.seller@trey-research.example"];
/// A user who left: owns nothing and cannot sign in.
const FORMER: &str = "former.seller@trey-research.example";

/// Where the org is and how it calls itself.
const COMPANY: &str = "Trey Research";
const SYSTEM_CODE: [(&str, &str); 2] = [("LanguageLocaleKey", "en_US"), ("TimeZoneSidKey", "GMT")];

fn flag(value: bool) -> Cell {
    Cell::Bool(value)
}

fn text(value: &str) -> Cell {
    Cell::text(value)
}

impl Org {
    /// Puts the first rows in, stamped `now`.
    pub(crate) fn seed(&mut self, now: Timestamp) {
        let admin = self.new_id("005");
        for (username, first, last, phone, role, active) in [
            (ADMIN, "Ada", "Admin", None, Some(Role::Admin), true),
            (INTEGRATION, "Cosell", "Integration", None, Some(Role::Integration), true),
            (SELLERS[0], "Noa", "Seller", Some("+4940100"), Some(Role::Seller), true),
            (SELLERS[1], "Kim", "Seller", None, Some(Role::Seller), true),
            (FORMER, "Fred", "Former", None, None, false),
        ] {
            let id = if username == ADMIN { admin } else { self.new_id("005") };
            let mut cells = vec![
                ("Username", text(username)),
                ("Email", text(username)),
                ("FirstName", text(first)),
                ("LastName", text(last)),
                ("Name", Cell::Text(format!("{first} {last}"))),
                ("Alias", text(&last.to_lowercase().chars().take(8).collect::<String>())),
                ("IsActive", flag(active)),
                ("UserType", text("Standard")),
                ("LocaleSidKey", text("en_US")),
                ("CurrencyIsoCode", text("USD")),
            ];
            cells.extend(phone.map(|phone| ("Phone", text(phone))));
            cells.extend(SYSTEM_CODE.map(|(name, value)| (name, text(value))));
            self.plant("User", id, admin, now, cells);
            if let Some(role) = role {
                self.people.push(Person { id, username, role });
            }
        }
        let org = self.id;
        let mut cells = vec![
            ("Name", text(COMPANY)),
            ("OrganizationType", text("Developer Edition")),
            ("IsSandbox", flag(false)),
            ("InstanceName", text("SIM1")),
            ("DefaultLocaleSidKey", text("en_US")),
            ("FiscalYearStartMonth", Cell::Number(1.into())),
        ];
        cells.extend(SYSTEM_CODE.map(|(name, value)| (name, text(value))));
        self.plant("Organization", org, admin, now, cells);
        for (order, stage) in (1..).zip(&STAGES) {
            let id = self.new_id("01J");
            self.plant("OpportunityStage", id, admin, now, stage.cells(order));
        }
        self.seed_currencies(admin, now);
        self.seed_catalogue(admin, now);
        let id = self.new_id("012");
        let cells = vec![
            ("Name", text("Co-sell")),
            ("DeveloperName", text("Co_sell")),
            ("SobjectType", text("Opportunity")),
            ("IsActive", flag(true)),
        ];
        self.plant("RecordType", id, admin, now, cells);
        self.tables.settle();
        self.schema_changed = to_second(now);
    }

    /// Dates the first rows anew: an org is born when somebody first looks.
    pub(crate) fn restamp(&mut self, now: Timestamp) {
        let stamp = Cell::At(to_second(now));
        for index in 0..self.schema.objects.len() {
            let rows: Vec<Arc<Row>> = self.tables.all(index).cloned().collect();
            for row in rows {
                let mut row = Row::clone(&row);
                for at in [system::CREATED_DATE, system::MODIFIED_DATE, system::MODSTAMP] {
                    row.set(at, stamp.clone());
                }
                self.tables.put(index, row, Timestamp::UNIX_EPOCH, None);
            }
        }
        self.tables.settle();
        self.schema_changed = to_second(now);
    }

    /// Makes the currency rows follow the knob.
    pub(crate) fn seed_currencies(&mut self, admin: Id, now: Timestamp) {
        let schema = Arc::clone(&self.schema);
        let Some(index) = schema.find("CurrencyType") else { return };
        let object = schema.object(index);
        let active = self.knobs.active_currencies.clone();
        let known: Vec<Arc<Row>> = self.tables.all(index).cloned().collect();
        for row in &known {
            let code = value_of(object, row, "IsoCode").as_text().unwrap_or_default().to_owned();
            if let Some(at) = object.position("IsActive") {
                let mut row = Row::clone(row);
                row.set(at, flag(active.contains(&code)));
                self.tables.put(index, row, now, None);
            }
        }
        for (order, code) in active.iter().enumerate() {
            if known.iter().any(|row| value_of(object, row, "IsoCode").as_text() == Some(code)) {
                continue;
            }
            let id = self.new_id("01L");
            let places = match code.as_str() {
                "JPY" => 0,
                "KWD" => 3,
                _ => 2,
            };
            let cells = vec![
                ("IsoCode", text(code)),
                ("ConversionRate", Cell::Number(1.into())),
                ("DecimalPlaces", Cell::Number(places.into())),
                ("IsActive", flag(true)),
                ("IsCorporate", flag(order == 0)),
            ];
            self.plant("CurrencyType", id, admin, now, cells);
        }
    }

    fn seed_catalogue(&mut self, admin: Id, now: Timestamp) {
        let book = self.new_id("01s");
        let cells =
            vec![("Name", text("Standard Price Book")), ("IsActive", flag(true)), ("IsStandard", flag(true))];
        self.plant("Pricebook2", book, admin, now, cells);
        for (name, code, price) in [("Cloud migration", "MIG", 5_000), ("Managed service", "SRV", 900)] {
            let product = self.new_id("01t");
            let cells = vec![("Name", text(name)), ("ProductCode", text(code)), ("IsActive", flag(true))];
            self.plant("Product2", product, admin, now, cells);
            let entry = self.new_id("01u");
            let cells = vec![
                ("Name", text(name)),
                ("Pricebook2Id", Cell::Id(book)),
                ("Product2Id", Cell::Id(product)),
                ("UnitPrice", Cell::Number(price.into())),
                ("IsActive", flag(true)),
                ("CurrencyIsoCode", text("USD")),
            ];
            self.plant("PricebookEntry", entry, admin, now, cells);
        }
    }

    /// Stores a row as it is given, past every check.
    pub(crate) fn plant(
        &mut self,
        object: &'static str,
        id: Id,
        by: Id,
        now: Timestamp,
        cells: Vec<(&str, Cell)>,
    ) {
        let Some(index) = self.schema.find(object) else { return };
        let schema = Arc::clone(&self.schema);
        let shape = schema.object(index);
        let blank = shape.fields.iter().map(|field| {
            if matches!(field.kind, super::schema::Kind::Boolean) { Cell::Bool(false) } else { Cell::Null }
        });
        let mut row = Row { id, cells: blank.collect() };
        row.set(system::ID, Cell::Id(id));
        for at in [system::CREATED_DATE, system::MODIFIED_DATE, system::MODSTAMP] {
            row.set(at, Cell::At(to_second(now)));
        }
        for at in [system::CREATED_BY, system::MODIFIED_BY] {
            row.set(at, Cell::Id(by));
        }
        for (field, cell) in cells {
            if let Some(at) = shape.position(field) {
                row.set(at, cell);
            }
        }
        self.tables.put(index, row, now, None);
    }
}
