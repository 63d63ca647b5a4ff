//! One opportunity: what a seller may change, what co-sell says of it, and the rows that belong to it.

use std::fmt::Write as _;

use super::{
    super::{
        id::Id,
        org::{Caller, Org},
        schema::{Field as Column, Kind},
        tables::Row,
        values::Cell,
    },
    PATH,
};
use crate::html::{Field, choice, escape, long_text, tick};

/// What a seller may change, in the order in which it stands on the page.
pub(super) const EDITED: [&str; 15] = [
    "Name",
    "StageName",
    "Amount",
    "CurrencyIsoCode",
    "CloseDate",
    "Description",
    "Sync_with_Partner_Center__c",
    "Consent_to_Share__c",
    "How_can_Microsoft_help__c",
    "Notes_to_Microsoft__c",
    "Share_with_Microsoft__c",
    "Co_sell_Response__c",
    "Loss_Reason__c",
    "Marketplace_Intent__c",
    "IsPrivate",
];
/// What co-sell tells the seller.
const TOLD: [(&str, &str); 11] = [
    ("Co_sell_Status__c", "Status"),
    ("Co_sell_Problem__c", "To do"),
    ("Co_sell_Synced_At__c", "The same since"),
    ("Referral_Identifier__c", "Referral"),
    ("Referral_Expires__c", "Answer until"),
    ("Microsoft_Status__c", "Microsoft"),
    ("Microsoft_Reason__c", "Microsoft's reason"),
    ("Microsoft_Sellers__c", "Microsoft's sellers"),
    ("Microsoft_CRM_Identifier__c", "Microsoft's CRM id"),
    ("Microsoft_Expires__c", "Microsoft answers until"),
    ("Audit__c", "Audit"),
];

impl Org {
    /// The opportunity's name and its page, unless there is none.
    pub(super) fn opportunity(&self, caller: &Caller, id: Id) -> Option<(String, String)> {
        let object = self.schema.find("Opportunity")?;
        let row = self.live(object, id).ok()?;
        let name = self.reads(caller, object, &row, "Name").unwrap_or_default();
        let mut text = String::new();
        self.told(&mut text, caller, object, &row);
        self.form(&mut text, caller, object, &row);
        self.solutions(&mut text, caller, id);
        self.people_around(&mut text, caller, id);
        let _ = write!(
            text,
            "<form method=\"post\" action=\"{PATH}\"><input type=\"hidden\" name=\"id\" value=\"{id}\">\n\
             <div class=\"row\"><button class=\"plain\" name=\"deed\" value=\"delete\">Delete the opportunity</button>\
             </div></form>\n"
        );
        Some((name, text))
    }

    /// Whether co-sell may look at the opportunity, in few words.
    pub(super) fn shared(&self, caller: &Caller, object: usize, row: &Row) -> &'static str {
        let ticked = |name| self.reads(caller, object, row, name).as_deref() == Some("true");
        match (ticked("Sync_with_Partner_Center__c"), ticked("IsPrivate")) {
            (true, false) => "Shared",
            (true, true) => "Private, so not shared",
            (false, _) => "Not shared",
        }
    }

    fn told(&self, text: &mut String, caller: &Caller, object: usize, row: &Row) {
        text.push_str("<section aria-labelledby=\"cosell\"><h2 id=\"cosell\">Co-sell</h2>\n");
        let _ =
            writeln!(text, "<p><span class=\"state\">{}</span></p>\n<dl>", self.shared(caller, object, row));
        let mut anything = false;
        for (name, term) in TOLD {
            if let Some(fact) = self.reads(caller, object, row, name) {
                anything = true;
                let lines: Vec<String> = fact.lines().map(escape).collect();
                let _ = write!(text, "<dt>{term}</dt><dd>{}</dd>", lines.join("<br>"));
            }
        }
        if let Some(link) = self.reads(caller, object, row, "Referral_Link__c") {
            // An address that runs something is text.
            let safe = link.starts_with("https://") || link.starts_with("http://");
            let link = escape(&link);
            let shown = if safe { format!("<a href=\"{link}\" rel=\"noreferrer\">{link}</a>") } else { link };
            let _ = write!(text, "<dt>In Partner Center</dt><dd>{shown}</dd>");
        }
        text.push_str("</dl>\n");
        if !anything {
            text.push_str("<p class=\"quiet\">Co-sell has not said anything about this opportunity.</p>\n");
        }
        text.push_str("</section>\n");
    }

    fn form(&self, text: &mut String, caller: &Caller, object: usize, row: &Row) {
        let id = row.id;
        let _ = write!(
            text,
            "<section aria-labelledby=\"details\"><h2 id=\"details\">Details</h2>\n\
             <form class=\"card\" method=\"post\" action=\"{PATH}\"><input type=\"hidden\" name=\"id\" value=\"{id}\">\n\
             <div class=\"fields\">"
        );
        for name in EDITED {
            let Some(at) = self.position(caller.role, object, name) else { continue };
            let Some(column) = self.schema.object(object).fields.get(at) else { continue };
            let _ = writeln!(text, "<div>{}</div>", control(column, row.cell(at)));
        }
        text.push_str(
            "</div>\n<div class=\"row\"><button name=\"deed\" value=\"save\">Save</button></div></form></section>\n",
        );
    }

    fn solutions(&self, text: &mut String, caller: &Caller, id: Id) {
        let Some(object) = self.schema.find("Microsoft_Solution__c") else { return };
        text.push_str(
            "<section aria-labelledby=\"solutions\"><h2 id=\"solutions\">Microsoft Solutions</h2>\n",
        );
        for row in self.rows_below(object, "Opportunity__c", id) {
            let reads = |name: &str| self.reads(caller, object, &row, name).unwrap_or_default();
            let primary = if reads("Primary__c") == "true" { ", primary" } else { "" };
            let label = format!("{} ({}{primary})", reads("Solution_Id__c"), reads("Name"));
            let _ = writeln!(
                text,
                "<form method=\"post\" action=\"{PATH}\"><input type=\"hidden\" name=\"id\" value=\"{id}\">\
                 <input type=\"hidden\" name=\"row\" value=\"{row}\"><div class=\"row\">\
                 <div id=\"row-{row}\">{label}</div>\
                 <button class=\"plain\" name=\"deed\" value=\"remove\" aria-describedby=\"row-{row}\">Remove</button>\
                 </div></form>",
                row = row.id,
                label = escape(&label),
            );
        }
        let field = |name, label, required| {
            format!(
                "<div>{}</div>",
                Field { id: name, name, label, kind: "text", value: "", required }.html()
            )
        };
        let _ = write!(
            text,
            "<form class=\"card\" method=\"post\" action=\"{PATH}\"><input type=\"hidden\" name=\"id\" value=\"{id}\">\n\
             <div class=\"row\">{}{}<div>{}</div>\
             <button class=\"plain\" name=\"deed\" value=\"add-solution\">Add</button></div></form></section>\n",
            field("Solution_Id__c", "Solution's id", true),
            field("Solution_Name", "Its name", true),
            tick("Primary__c", "Primary__c", "Primary", false),
        );
    }

    /// Contacts and the team.
    fn people_around(&self, text: &mut String, caller: &Caller, id: Id) {
        for (heading, anchor, table, reference, person, role) in [
            ("Contacts", "contacts", "OpportunityContactRole", "ContactId", "Contact", "Role"),
            ("Team", "team", "OpportunityTeamMember", "UserId", "User", "TeamMemberRole"),
        ] {
            let (Some(object), Some(people)) = (self.schema.find(table), self.schema.find(person)) else {
                continue;
            };
            let _ = write!(
                text,
                "<section aria-labelledby=\"{anchor}\"><h2 id=\"{anchor}\">{heading}</h2>\n<ul>"
            );
            let rows = self.rows_below(object, "OpportunityId", id);
            for row in &rows {
                let at = self.schema.object(object).position(reference);
                let who = at.and_then(|at| row.cell(at).as_id());
                let who = who.and_then(|who| self.tables.get(people, who));
                let reads =
                    |name| who.and_then(|who| self.reads(caller, people, who, name)).unwrap_or_default();
                let role = self.reads(caller, object, row, role).unwrap_or_default();
                let access = self.reads(caller, object, row, "OpportunityAccessLevel");
                let parts = [reads("Name"), reads("Email"), role, access.unwrap_or_default()];
                let parts: Vec<&str> =
                    parts.iter().map(String::as_str).filter(|part| !part.is_empty()).collect();
                let _ = writeln!(text, "<li>{}</li>", escape(&parts.join(", ")));
            }
            text.push_str(if rows.is_empty() {
                "</ul><p class=\"quiet\">Nobody.</p></section>\n"
            } else {
                "</ul></section>\n"
            });
        }
    }

    /// The live rows whose `reference` points to `parent`, oldest first.
    fn rows_below(&self, object: usize, reference: &str, parent: Id) -> Vec<std::sync::Arc<Row>> {
        let Some(at) = self.schema.object(object).position(reference) else { return Vec::new() };
        let ids = self.tables.by_parent(object, at, parent);
        ids.into_iter().filter_map(|id| self.live(object, id).ok()).collect()
    }
}

/// The control of a field, with what it held when the page was made: only what the seller changes is saved.
fn control(column: &Column, cell: &Cell) -> String {
    let name = column.name;
    let value = cell.full().unwrap_or_default();
    let label = column.label.as_str();
    let input =
        |kind: &str| Field { id: name, name, label, kind, value: &value, required: !column.nillable }.html();
    let shown = match &column.kind {
        Kind::Boolean => tick(name, name, label, cell.is_true()),
        Kind::Picklist { values, .. } => choice(name, name, label, values, &value, column.nillable),
        Kind::LongText { .. } => long_text(name, label, &value),
        Kind::Currency { .. } | Kind::Double { .. } | Kind::Percent { .. } | Kind::Int { .. } => {
            input("number")
        }
        Kind::Date => input("date"),
        _ => input("text"),
    };
    format!("{shown}<input type=\"hidden\" name=\"was-{name}\" value=\"{}\">", escape(&value))
}
