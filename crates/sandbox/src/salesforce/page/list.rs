//! All opportunities, those that changed last first, and the form for a new one.

use std::fmt::Write as _;

use jiff::SignedDuration;

use super::{
    super::{
        org::{Caller, Org},
        schema::system,
        stages,
    },
    Form, PATH,
};
use crate::html::{Field, choice, escape};

/// Most opportunities on one page.
const MAX_ROWS: usize = 50;

impl Org {
    pub(super) fn list(&self, caller: &Caller, query: &Form) -> String {
        let Some(object) = self.schema.find("Opportunity") else { return String::new() };
        let wanted = query.get("find").map_or("", String::as_str).to_lowercase();
        let reads = |row, name| self.reads(caller, object, row, name).unwrap_or_default();
        let mut rows: Vec<_> = self
            .tables
            .all(object)
            .filter(|row| !row.deleted())
            .filter(|row| {
                ["Name", "Id", "Referral_Identifier__c"]
                    .iter()
                    .any(|name| reads(row, name).to_lowercase().contains(&wanted))
            })
            .collect();
        rows.sort_by_key(|row| std::cmp::Reverse((row.cell(system::MODSTAMP).as_time(), row.id)));
        let find = Field {
            id: "find",
            name: "find",
            label: "Name or id",
            kind: "search",
            value: query.get("find").map_or("", String::as_str),
            required: false,
        };
        let mut text = format!(
            "<form method=\"get\" action=\"{PATH}\" role=\"search\"><div class=\"row\"><div>{}</div>\
             <button class=\"plain\">Find</button></div></form>\n<p class=\"quiet\">{}</p>\n",
            find.html(),
            match rows.len() {
                0 if !wanted.is_empty() => "No opportunity has this in its name or id.".to_owned(),
                0 => "No opportunity yet.".to_owned(),
                1 => "One opportunity.".to_owned(),
                many if many > MAX_ROWS => format!("{many} opportunities; the {MAX_ROWS} that changed last:"),
                many => format!("{many} opportunities, those that changed last first."),
            },
        );
        if !rows.is_empty() {
            text.push_str(
                "<div class=\"wide\" tabindex=\"0\" role=\"region\" aria-label=\"Opportunities\"><table><thead><tr>\
                 <th scope=\"col\">Name</th><th scope=\"col\">Stage</th><th scope=\"col\">Amount</th>\
                 <th scope=\"col\">Closes</th><th scope=\"col\">Shared</th><th scope=\"col\">Co-sell</th></tr></thead>\n<tbody>\n",
            );
        }
        for row in rows.iter().take(MAX_ROWS) {
            let _ = writeln!(
                text,
                "<tr><td><a href=\"{PATH}?id={}\">{}</a></td><td>{}</td><td>{}</td><td>{}</td><td>{}</td><td>{}</td></tr>",
                row.id,
                escape(&reads(row, "Name")),
                escape(&reads(row, "StageName")),
                escape(&reads(row, "Amount")),
                escape(&reads(row, "CloseDate")),
                self.shared(caller, object, row),
                escape(&reads(row, "Co_sell_Status__c")),
            );
        }
        if !rows.is_empty() {
            text.push_str("</tbody></table></div>\n");
        }
        new_opportunity(&mut text, caller);
        text
    }
}

fn new_opportunity(text: &mut String, caller: &Caller) {
    let closes = caller.now.checked_add(SignedDuration::from_hours(24 * 90)).unwrap_or(caller.now);
    let closes = closes.strftime("%Y-%m-%d").to_string();
    let input = |name, label, kind, value: &str, required| {
        format!("<div>{}</div>", Field { id: name, name, label, kind, value, required }.html())
    };
    let stage = choice("stage", "StageName", "Stage", &stages::labels(), "Prospecting", false);
    let _ = write!(
        text,
        "<section aria-labelledby=\"new\"><h2 id=\"new\">New opportunity</h2>\n\
         <form class=\"card\" method=\"post\" action=\"{PATH}\">\n<div class=\"fields\">{}{}{}<div>{stage}</div>\
         {}{}{}{}{}{}{}{}{}</div>\n\
         <div class=\"row\"><button name=\"deed\" value=\"create\">Create</button></div></form></section>\n",
        input("Name", "Name", "text", "", true),
        input("Amount", "Amount", "number", "50000", false),
        input("CloseDate", "Closes", "date", &closes, true),
        input("customer", "Customer", "text", "", true),
        input("street", "Customer's street", "text", "", false),
        input("postcode", "Postal code", "text", "", false),
        input("city", "City", "text", "", false),
        input("country", "Country", "text", "Germany", true),
        input("first", "Contact's first name", "text", "", false),
        input("last", "Contact's last name", "text", "", false),
        input("email", "Contact's e-mail", "email", "", false),
        input("phone", "Contact's phone", "tel", "", false),
    );
}
