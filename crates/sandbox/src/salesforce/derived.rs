//! Fields and rows that follow from a save: stages, names, totals, primary roles and history (section 5).

use std::sync::Arc;

use rust_decimal::{Decimal, RoundingStrategy};
use serde_json::{Map, Value};

use super::{
    errors::Fault,
    id::Id,
    org::{Caller, Org, value_of},
    rows::Draft,
    schema::{Object, system},
    tables::Row,
    values::{self, Cell},
};

/// The status of a converted lead, which only conversion gives.
const CONVERTED: &str = "Closed - Converted";

impl Org {
    /// Fills in what the platform works out itself. May run twice in a save.
    pub(crate) fn derive(&self, draft: &mut Draft) -> Result<(), Fault> {
        let object = self.schema.object(draft.object);
        match object.name {
            "Opportunity" => {
                check_lines(object, draft)?;
                self.derive_opportunity(object, draft);
            }
            "Account" if value_of(object, &draft.row, "IsPersonAccount").is_true() => {
                let part =
                    |field| value_of(object, &draft.row, field).as_text().unwrap_or_default().to_owned();
                let name = format!("{} {}", part("FirstName"), part("LastName"));
                draft.set(object, "Name", Cell::text(name.trim()));
            }
            "Lead"
                if draft.writes(object, "Status")
                    && value_of(object, &draft.row, "Status").as_text() == Some(CONVERTED)
                    && !value_of(object, &draft.row, "IsConverted").is_true() =>
            {
                let text = "a lead is converted by convertLead(), not by its status";
                return Err(Fault::bad("INVALID_STATUS", text).on("Status"));
            }
            "Contact" | "Lead" => {
                let part =
                    |field| value_of(object, &draft.row, field).as_text().unwrap_or_default().to_owned();
                let name = format!("{} {}", part("FirstName"), part("LastName"));
                draft.set(object, "Name", Cell::text(name.trim()));
            }
            "OpportunityTeamMember" => {
                self.check_team_access(object, draft)?;
                let user = value_of(object, &draft.row, "UserId").as_id();
                let name = user.map_or(Cell::Null, |user| self.name_of(user));
                draft.set(object, "Name", name);
            }
            "PricebookEntry" => {
                let product = value_of(object, &draft.row, "Product2Id").as_id();
                let name = product.map_or(Cell::Null, |product| self.name_of(product));
                draft.set(object, "Name", name);
            }
            "OpportunityLineItem" => self.derive_line(object, draft)?,
            "Task" => {
                let done = value_of(object, &draft.row, "Status").as_text() == Some("Completed");
                draft.set(object, "IsClosed", Cell::Bool(done));
            }
            _ => {}
        }
        Ok(())
    }

    /// The text of a row's name field.
    pub(crate) fn name_of(&self, id: Id) -> Cell {
        let Some(object) = self.object_of(id) else { return Cell::Null };
        let Some(at) = self.schema.object(object).name_position() else { return Cell::Null };
        self.tables.get(object, id).map_or(Cell::Null, |row| row.cell(at).clone())
    }

    fn derive_opportunity(&self, object: &Object, draft: &mut Draft) {
        let cell = |draft: &Draft, field: &str| value_of(object, &draft.row, field).clone();
        if self.knobs.amount_ignored_with_line_items
            && cell(draft, "HasOpportunityLineItem").is_true()
            && let Some(before) = draft.before.clone()
            && draft.writes(object, "Amount")
        {
            draft.set(object, "Amount", value_of(object, &before, "Amount").clone());
        }
        let stage = cell(draft, "StageName").as_text().and_then(|label| self.stage(label));
        if draft.changes(object, "StageName") {
            if let Some(stage) = stage {
                draft.set(object, "IsClosed", Cell::Bool(stage.closed));
                draft.set(object, "IsWon", Cell::Bool(stage.won));
                if !draft.writes(object, "Probability") {
                    draft.set(object, "Probability", Cell::Number(stage.probability.into()));
                }
                if !draft.writes(object, "ForecastCategoryName") {
                    draft.set(object, "ForecastCategoryName", Cell::text(stage.category_name));
                }
            } else {
                draft.set(object, "IsClosed", Cell::Bool(false));
                draft.set(object, "IsWon", Cell::Bool(false));
            }
        }
        if cell(draft, "Probability").is_null() {
            draft.set(object, "Probability", Cell::Number(stage.map_or(0, |stage| stage.probability).into()));
        }
        if cell(draft, "ForecastCategoryName").is_null() {
            draft.set(
                object,
                "ForecastCategoryName",
                Cell::text(stage.map_or("Pipeline", |stage| stage.category_name)),
            );
        }
        let category = cell(draft, "ForecastCategoryName").as_text().and_then(super::stages::category_of);
        draft.set(object, "ForecastCategory", Cell::text(category.unwrap_or("Pipeline")));
        let expected = cell(draft, "Amount").as_number().zip(cell(draft, "Probability").as_number());
        let expected =
            expected.and_then(|(amount, percent)| amount.checked_mul(percent)).map(|hundredfold| {
                (hundredfold / Decimal::ONE_HUNDRED)
                    .round_dp_with_strategy(2, RoundingStrategy::MidpointAwayFromZero)
            });
        draft.set(object, "ExpectedRevenue", expected.map_or(Cell::Null, Cell::Number));
        if let Cell::Date(close) = cell(draft, "CloseDate") {
            let quarter = (i64::from(close.month()) - 1) / 3 + 1;
            draft.set(object, "FiscalYear", Cell::Number(i64::from(close.year()).into()));
            draft.set(object, "FiscalQuarter", Cell::Number(quarter.into()));
            draft.set(object, "Fiscal", Cell::Text(format!("{} {quarter}", close.year())));
        }
    }

    fn derive_line(&self, object: &Object, draft: &mut Draft) -> Result<(), Fault> {
        let own = |draft: &Draft, field: &str| value_of(object, &draft.row, field).clone();
        let entry = own(draft, "PricebookEntryId").as_id();
        let book = self.schema.find("PricebookEntry");
        if let (Some(entry), Some(book)) = (entry, book)
            && let Some(row) = self.tables.get(book, entry)
        {
            let shape = self.schema.object(book);
            draft.set(object, "Product2Id", value_of(shape, row, "Product2Id").clone());
            draft.set(object, "Name", value_of(shape, row, "Name").clone());
            draft.set(object, "CurrencyIsoCode", value_of(shape, row, "CurrencyIsoCode").clone());
        }
        let (unit, total) = (draft.writes(object, "UnitPrice"), draft.writes(object, "TotalPrice"));
        if draft.before.is_none() && unit == total {
            let text = "exactly one of UnitPrice and TotalPrice is given";
            return Err(Fault::bad("FIELD_INTEGRITY_EXCEPTION", text).on("UnitPrice"));
        }
        let quantity = own(draft, "Quantity").as_number().filter(|quantity| !quantity.is_zero());
        if let Some(quantity) = quantity {
            let round =
                |number: Decimal| number.round_dp_with_strategy(2, RoundingStrategy::MidpointAwayFromZero);
            if total {
                let price =
                    own(draft, "TotalPrice").as_number().and_then(|total| total.checked_div(quantity));
                draft.set(object, "UnitPrice", price.map_or(Cell::Null, |price| Cell::Number(round(price))));
            } else {
                let price = own(draft, "UnitPrice").as_number().and_then(|unit| unit.checked_mul(quantity));
                draft.set(object, "TotalPrice", price.map_or(Cell::Null, |price| Cell::Number(round(price))));
            }
        }
        Ok(())
    }

    /// Full access to an opportunity is its owner's (section 5.5).
    fn check_team_access(&self, object: &Object, draft: &Draft) -> Result<(), Fault> {
        let level = "OpportunityAccessLevel";
        if !draft.writes(object, level) || value_of(object, &draft.row, level).as_text() != Some("All") {
            return Ok(());
        }
        let user = value_of(object, &draft.row, "UserId").as_id();
        let deals = self.object("Opportunity")?;
        let deal =
            value_of(object, &draft.row, "OpportunityId").as_id().and_then(|id| self.tables.get(deals, id));
        let owner = deal.and_then(|deal| value_of(self.schema.object(deals), deal, "OwnerId").as_id());
        if user.is_some() && user == owner {
            return Ok(());
        }
        let text = "OpportunityAccessLevel: only the owner's is All";
        Err(Fault::bad("FIELD_INTEGRITY_EXCEPTION", text).on(level))
    }

    /// The team row of the same opportunity and user, if there is one already.
    pub(crate) fn team_twin(&self, draft: &Draft) -> Option<Id> {
        let object = self.schema.object(draft.object);
        let (opportunity, user) = (object.position("OpportunityId")?, object.position("UserId")?);
        let parent = draft.row.cell(opportunity).as_id()?;
        self.tables
            .by_parent(draft.object, opportunity, parent)
            .into_iter()
            .find(|id| self.live(draft.object, *id).is_ok_and(|row| row.cell(user) == draft.row.cell(user)))
    }

    /// What a stored row causes in other rows.
    pub(crate) fn follow_up(&mut self, caller: &Caller, object: &Object, draft: &Draft) -> Result<(), Fault> {
        match object.name {
            "Opportunity" => self.after_opportunity(caller, object, draft),
            "OpportunityContactRole" => {
                self.one_primary(caller, object, draft);
                Ok(())
            }
            "OpportunityLineItem" => self.total_up(caller, object, &draft.row),
            "Account" => self.mirror_person(caller, object, draft),
            "ContentNote" | "ContentVersion" => {
                self.after_content(caller, object, draft);
                Ok(())
            }
            _ => Ok(()),
        }
    }

    pub(crate) fn after_delete(&mut self, caller: &Caller, object: &Object, row: &Row) -> Result<(), Fault> {
        match object.name {
            "OpportunityLineItem" => self.total_up(caller, object, row),
            "ContentNote" | "ContentDocument" => {
                self.bin_content(caller, object, row);
                Ok(())
            }
            "OpportunityContactRole" if value_of(object, row, "IsPrimary").is_true() => {
                self.show_primary(caller, value_of(object, row, "OpportunityId").as_id(), Cell::Null);
                Ok(())
            }
            _ => Ok(()),
        }
    }

    fn after_opportunity(&mut self, caller: &Caller, object: &Object, draft: &Draft) -> Result<(), Fault> {
        let born = draft.before.is_none();
        let watched = ["Amount", "Probability", "StageName", "CloseDate", "ForecastCategory"];
        if born || draft.changes(object, "StageName") {
            let mut row = draft.row.clone();
            if let Some(at) = object.position("LastStageChangeDate").filter(|_| !born) {
                row.set(at, Cell::At(values::to_second(caller.now)));
            }
            self.tables.put(draft.object, row, caller.now, None);
        }
        if born || watched.iter().any(|field| draft.changes(object, field)) {
            let mut cells: Vec<(&str, Cell)> =
                watched.iter().map(|field| (*field, value_of(object, &draft.row, field).clone())).collect();
            cells.push(("OpportunityId", Cell::Id(draft.row.id)));
            cells.push(("CurrencyIsoCode", value_of(object, &draft.row, "CurrencyIsoCode").clone()));
            self.record(caller, "OpportunityHistory", None, cells);
        }
        if let Some(before) = &draft.before {
            for (at, field) in
                object.fields.iter().enumerate().filter(|(_, field)| field.tracked && field.enabled)
            {
                let (old, new) = (before.cell(at), draft.row.cell(at));
                if old != new {
                    let name = if field.reference().is_some() {
                        field.name.trim_end_matches("Id")
                    } else {
                        field.name
                    };
                    let plain = |cell: &Cell| cell.plain().map_or(Cell::Null, |text| Cell::text(&text));
                    let cells = vec![
                        ("OpportunityId", Cell::Id(draft.row.id)),
                        ("Field", Cell::text(name)),
                        ("OldValue", plain(old)),
                        ("NewValue", plain(new)),
                        ("DataType", Cell::text(field.kind.name())),
                    ];
                    self.record(caller, "OpportunityFieldHistory", None, cells);
                }
            }
        } else if let Some(contact) = value_of(object, &draft.row, "ContactId").as_id() {
            let mut body = Map::new();
            body.insert("OpportunityId".into(), Value::from(draft.row.id.to_string()));
            body.insert("ContactId".into(), Value::from(contact.to_string()));
            body.insert("IsPrimary".into(), Value::Bool(true));
            let roles = self.object("OpportunityContactRole")?;
            self.insert(caller, roles, &body)?;
        }
        Ok(())
    }

    /// Stores a row that the platform itself writes, new or, with the `id` of one that is there, changed; its id.
    pub(crate) fn record(
        &mut self,
        caller: &Caller,
        object: &'static str,
        id: Option<Id>,
        cells: Vec<(&str, Cell)>,
    ) -> Option<Id> {
        let index = self.schema.find(object)?;
        let schema = Arc::clone(&self.schema);
        let shape = schema.object(index);
        let id = id.unwrap_or_else(|| self.new_id(shape.prefix));
        let mut row = Row { id, cells: shape.fields.iter().map(Cell::unwritten).collect() };
        let now = Cell::At(values::to_second(caller.now));
        row.set(system::ID, Cell::Id(id));
        row.set(system::IS_DELETED, Cell::Bool(false));
        for at in [system::CREATED_DATE, system::MODIFIED_DATE, system::MODSTAMP] {
            row.set(at, now.clone());
        }
        for at in [system::CREATED_BY, system::MODIFIED_BY] {
            row.set(at, Cell::Id(caller.user));
        }
        for (field, cell) in cells {
            if let Some(at) = shape.position(field) {
                row.set(at, cell);
            }
        }
        self.tables.put(index, row, caller.now, None);
        Some(id)
    }

    /// Setting a primary role clears the former one (section 5.4).
    fn one_primary(&mut self, caller: &Caller, object: &Object, draft: &Draft) {
        let (Some(parent), Some(primary)) = (object.position("OpportunityId"), object.position("IsPrimary"))
        else {
            return;
        };
        let Some(opportunity) = draft.row.cell(parent).as_id() else { return };
        if !draft.row.cell(primary).is_true() {
            if draft.before.as_ref().is_some_and(|before| before.cell(primary).is_true()) {
                self.show_primary(caller, Some(opportunity), Cell::Null);
            }
            return;
        }
        for sibling in self.tables.by_parent(draft.object, parent, opportunity) {
            let Ok(row) = self.live(draft.object, sibling) else { continue };
            if sibling != draft.row.id && row.cell(primary).is_true() {
                let mut former = Row::clone(&row);
                former.set(primary, Cell::Bool(false));
                touch(caller, &mut former);
                self.tables.put(draft.object, former, caller.now, None);
            }
        }
        self.show_primary(caller, Some(opportunity), value_of(object, &draft.row, "ContactId").clone());
    }

    /// `Opportunity.ContactId` reads back the primary contact.
    fn show_primary(&mut self, caller: &Caller, opportunity: Option<Id>, contact: Cell) {
        let Some(index) = self.schema.find("Opportunity") else { return };
        let at = self.schema.object(index).position("ContactId");
        if let (Some(at), Some(id)) = (at, opportunity)
            && let Some(row) = self.tables.get(index, id)
        {
            let mut row = Row::clone(row);
            row.set(at, contact);
            self.tables.put(index, row, caller.now, None);
        }
    }

    /// Line items take the opportunity's amount over (section 5.6).
    fn total_up(&mut self, caller: &Caller, lines: &Object, line: &Row) -> Result<(), Fault> {
        let opportunities = self.object("Opportunity")?;
        let own = self.object("OpportunityLineItem")?;
        let Some(parent) = lines.position("OpportunityId") else { return Ok(()) };
        let Some(id) = line.cell(parent).as_id() else { return Ok(()) };
        let rows: Vec<Arc<Row>> = self
            .tables
            .by_parent(own, parent, id)
            .into_iter()
            .filter_map(|id| self.live(own, id).ok())
            .collect();
        let total = rows
            .iter()
            .filter_map(|row| value_of(lines, row, "TotalPrice").as_number())
            .fold(Decimal::ZERO, Decimal::saturating_add);
        let Ok(opportunity) = self.live(opportunities, id) else { return Ok(()) };
        let schema = Arc::clone(&self.schema);
        let shape = schema.object(opportunities);
        let book = value_of(shape, &opportunity, "Pricebook2Id").clone();
        let mut draft = Draft::of(opportunities, &opportunity);
        if let Some(entries) = schema.find("PricebookEntry") {
            let entry = value_of(lines, line, "PricebookEntryId").as_id();
            let theirs = entry
                .and_then(|entry| self.tables.get(entries, entry))
                .map_or(Cell::Null, |row| value_of(schema.object(entries), row, "Pricebook2Id").clone());
            let coin = |object: &Object, row: &Row| value_of(object, row, "CurrencyIsoCode").clone();
            let entry = entry.and_then(|entry| self.tables.get(entries, entry));
            if let Some(entry) = entry
                && self.knobs.multi_currency
                && coin(schema.object(entries), entry) != coin(shape, &opportunity)
            {
                let text = "The currency of the price book entry is not the opportunity's";
                return Err(Fault::bad("FIELD_INTEGRITY_EXCEPTION", text).on("PricebookEntryId"));
            }
            if book.is_null() {
                draft.set(shape, "Pricebook2Id", theirs);
            } else if book != theirs {
                let text = "Price Book Entry ID: the entry is in another price book than the opportunity";
                return Err(Fault::bad("FIELD_INTEGRITY_EXCEPTION", text).on("PricebookEntryId"));
            }
        }
        draft.set(shape, "HasOpportunityLineItem", Cell::Bool(!rows.is_empty()));
        if !rows.is_empty() {
            draft.set(shape, "Amount", Cell::Number(total));
        }
        self.save(caller, draft)
    }
}

/// With lines, price book and currency stay (sections 5.1 and 5.6).
fn check_lines(object: &Object, draft: &Draft) -> Result<(), Fault> {
    let Some(before) = &draft.before else { return Ok(()) };
    if !value_of(object, before, "HasOpportunityLineItem").is_true() {
        return Ok(());
    }
    for field in ["Pricebook2Id", "CurrencyIsoCode"] {
        if draft.writes(object, field) && draft.changes(object, field) {
            let text = format!("{field} cannot be changed while the opportunity has products");
            return Err(Fault::bad("FIELD_INTEGRITY_EXCEPTION", text).on(field));
        }
    }
    Ok(())
}

/// Dates a row that another row's save changed.
fn touch(caller: &Caller, row: &mut Row) {
    let now = Cell::At(values::to_second(caller.now));
    row.set(system::MODIFIED_DATE, now.clone());
    row.set(system::MODSTAMP, now);
    row.set(system::MODIFIED_BY, Cell::Id(caller.user));
}
