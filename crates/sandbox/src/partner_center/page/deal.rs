//! One deal on the page: the partner's side, Microsoft's side, and what can be done on each.

use std::fmt::Write as _;

use serde_json::Value;

use super::{
    super::{
        book::{Owner, Record, text},
        codes::{ERROR_REASONS, LOSS_REASONS, MICROSOFT_DECLINES},
        rules,
    },
    console::PATH,
};
use crate::html::{Field, escape};

/// Whether a referral's name, customer or ids contain the text.
pub(super) fn mentions(record: &Record, wanted: &str) -> bool {
    let wanted = wanted.to_lowercase();
    let customer = rules::at(&record.document, "/customerProfile/name").and_then(Value::as_str);
    [record.text("name"), customer.unwrap_or_default(), record.text("id"), record.text("engagementId")]
        .iter()
        .any(|text| text.to_lowercase().contains(&wanted))
}

/// A card with everything of one engagement.
pub(super) fn card(page: &mut String, number: usize, records: &[&Record]) {
    let first = records.iter().find(|record| record.owner == Owner::Ours).or(records.first());
    let Some(first) = first else { return };
    let name = if first.text("name").is_empty() { "A deal without a name" } else { first.text("name") };
    let customer = rules::at(&first.document, "/customerProfile/name").and_then(Value::as_str);
    let _ = write!(
        page,
        "<article class=\"card\" aria-labelledby=\"deal{number}\"><h3 id=\"deal{number}\">{}</h3>\n\
         <p class=\"quiet\">{}</p>\n<div class=\"sides\">\n",
        escape(name),
        escape(customer.unwrap_or("No customer")),
    );
    for (side, record) in records.iter().enumerate() {
        let whose = match record.owner {
            Owner::Ours => format!("{} (partner)", record.text("organizationName")),
            Owner::Microsoft => "Microsoft".to_owned(),
            Owner::Other => format!("{} (another partner)", record.text("organizationName")),
        };
        let label = format!("deal{number}-{side}");
        let _ = write!(
            page,
            "<section aria-labelledby=\"{label}\"><h4 id=\"{label}\">{}</h4>\n\
             <p><span class=\"state\">{}</span></p>\n<dl>",
            escape(&whose),
            escape(&format!("{}, {}", record.text("status"), record.text("substatus"))),
        );
        facts(page, record);
        page.push_str("</dl>\n");
        deeds(page, record, &label);
        page.push_str("</section>\n");
    }
    page.push_str("</div></article>\n");
}

fn facts(page: &mut String, record: &Record) {
    let at = |pointer: &str| rules::at(&record.document, pointer).and_then(Value::as_str).map(str::to_owned);
    let value = rules::at(&record.document, "/details/dealValue").filter(|value| !value.is_null());
    let value = value.map(|value| format!("{value} {}", at("/details/currency").unwrap_or_default()));
    let day = |stamp: Option<String>| stamp.map(|stamp| stamp.chars().take(10).collect::<String>());
    let team: Vec<String> = rules::list(&record.document, "/team")
        .iter()
        .map(|one| format!("{} {}", text_of(one, "firstName"), text_of(one, "lastName")))
        .collect();
    let open = record.text("status") == "New";
    for (term, fact) in [
        ("Value", value),
        ("Closes", day(at("/details/closingDateTime"))),
        ("Help asked", at("/inviteContext/assistanceRequestCode").filter(|help| help != "Unknown")),
        ("Team", (!team.is_empty()).then(|| team.join(", "))),
        ("Microsoft's id", at("/trackingInfo/microsoftMsxId")),
        ("Reason", at("/statusReason").filter(|reason| !reason.is_empty())),
        ("Answer until", day(at("/expirationDateTime")).filter(|_| open)),
        ("Registration", at("/registrationStatus").filter(|status| status != "None")),
        ("Id", Some(record.text("id").to_owned())),
    ] {
        if let Some(fact) = fact {
            let _ = write!(page, "<dt>{term}</dt><dd>{}</dd>", escape(&fact));
        }
    }
}

fn text_of<'v>(value: &'v Value, member: &str) -> &'v str {
    value[member].as_str().unwrap_or_default()
}

/// What can be done now, as forms.
fn deeds(page: &mut String, record: &Record, label: &str) {
    let state = record.text("status");
    let (who, answers) = match record.owner {
        Owner::Ours => ("portal", LOSS_REASONS),
        Owner::Microsoft => ("microsoft", MICROSOFT_DECLINES),
        Owner::Other => return,
    };
    let id = escape(record.text("id"));
    let form = |inside: &str| {
        format!(
            "<form method=\"post\" action=\"{PATH}\"><input type=\"hidden\" name=\"id\" value=\"{id}\">\n\
             <div class=\"row\">{inside}</div></form>\n"
        )
    };
    let button = |actor: &str, words: &str, class: &str| {
        format!(
            "<button{class} name=\"actor\" value=\"{who}/{actor}\" aria-describedby=\"{label}\">{words}</button>"
        )
    };
    let plain = " class=\"plain\"";
    match state {
        "New" => {
            page.push_str(&form(&button("accept", "Accept", "")));
            let why = reasons(label, "decline", answers);
            page.push_str(&form(&(why + &button("decline", "Decline", plain))));
        }
        "Active" => {
            let amount = rules::at(&record.document, "/details/dealValue").map(ToString::to_string);
            let closing = rules::at(&record.document, "/details/closingDateTime").and_then(Value::as_str);
            let closing: String = closing.unwrap_or_default().chars().take(10).collect();
            let amount = amount.filter(|amount| amount != "null").unwrap_or_default();
            let edit = format!(
                "<div>{}</div><div>{}</div>{}",
                labelled(label, "value", "Value", "number", &amount),
                labelled(label, "closing", "Closing date", "date", &closing),
                button("edit", "Save", plain)
            );
            let _ =
                writeln!(page, "<details><summary>Change value or date</summary>{}</details>", form(&edit));
            page.push_str(&form(&button("win", "Win", "")));
            let lose = reasons(label, "lose", LOSS_REASONS) + &button("lose", "Lose", plain);
            let _ = writeln!(page, "<details><summary>Lose</summary>{}</details>", form(&lose));
            if record.owner == Owner::Ours {
                let error =
                    reasons(label, "error", ERROR_REASONS) + &button("error", "Close as error", plain);
                let _ =
                    writeln!(page, "<details><summary>Close as an error</summary>{}</details>", form(&error));
            }
        }
        _ => {}
    }
    if record.owner == Owner::Ours && text(&record.document, "registrationStatus") == "ReviewPending" {
        let review = ["Passed", "Failed", "ActionRequired"].map(|status| {
            let words = if status == "ActionRequired" { "Ask for action" } else { status };
            format!(
                "<button class=\"plain\" name=\"review\" value=\"{status}\" aria-describedby=\"{label}\">{words}</button>"
            )
        });
        // The referral shows the status of its newest registration.
        let newest = rules::list(&record.document, "/registrations").len().saturating_sub(1);
        let actor = format!(
            "<input type=\"hidden\" name=\"actor\" value=\"microsoft/registration\">\
             <input type=\"hidden\" name=\"index\" value=\"{newest}\">"
        );
        let _ = write!(page, "<p>Review of the registration:</p>{}", form(&(actor + &review.concat())));
    }
}

fn labelled(side: &str, name: &str, label: &str, kind: &str, value: &str) -> String {
    Field { id: &format!("{side}-{name}"), name, label, kind, value, required: false }.html()
}

fn reasons(label: &str, deed: &str, known: &[&str]) -> String {
    let mut options = String::new();
    for reason in known {
        let _ = write!(options, "<option>{}</option>", escape(reason));
    }
    format!(
        "<div><label for=\"{label}-{deed}\">Reason</label>\
         <select id=\"{label}-{deed}\" name=\"reason\">{options}</select></div>"
    )
}
