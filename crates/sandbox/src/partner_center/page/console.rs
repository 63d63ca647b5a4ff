//! The page on which a person is Microsoft's seller or the portal's user: deals, invitations, codes, notifications.

use std::{collections::HashMap, fmt::Write as _};

use bytes::Bytes;
use http::{Method, Request, Response, StatusCode};
use jiff::{SignedDuration, Timestamp};
use serde_json::Value;

use super::{
    super::{State, book::Record, rules, token::Person},
    deal, orders,
};
use crate::exchange;
use crate::html::{self, Field, escape};

/// Where the page is.
pub(super) const PATH: &str = "/_sandbox/page";
/// The member that is edited by its day.
const CLOSING: &str = "/details/closingDateTime";
/// Most deals on one page.
const MAX_DEALS: usize = 25;
/// Most notifications shown.
const MAX_NOTIFICATIONS: usize = 25;

impl State {
    /// Shows the page, or does what one of its forms says and sends the browser back to it.
    pub(in super::super) fn console(&mut self, request: &Request<Bytes>, now: Timestamp) -> Response<Bytes> {
        if request.method() == Method::POST {
            let form: HashMap<String, String> =
                url::form_urlencoded::parse(request.body()).into_owned().collect();
            let answered = orders::order(&form).and_then(|mut order| {
                self.keep_the_hour(&mut order.body);
                self.act(order.actor, &order.body, now).map(|_| order.done)
            });
            let sentence = match &answered {
                Ok(sentence) => ("said", *sentence),
                Err(sentence) => ("problem", sentence.as_str()),
            };
            return html::led_to(PATH, &[sentence]);
        }
        let query: HashMap<String, String> = exchange::query(request).into_iter().collect();
        html::page(StatusCode::OK, "Deals", &self.written(&query, now))
    }

    /// The page shows a closing date without its time of day: a day that stays must not move the time to midnight.
    fn keep_the_hour(&self, body: &mut Value) {
        let at = body["id"].as_str().and_then(|id| self.book.find(id));
        let present =
            at.and_then(|at| rules::at(&self.book.get(at).document, CLOSING)).and_then(Value::as_str);
        let day = |stamp: &str| stamp.chars().take(10).collect::<String>();
        let Some(Value::Object(set)) = body.get_mut("set") else { return };
        let same = set.get(CLOSING).and_then(Value::as_str).zip(present);
        if same.is_some_and(|(asked, present)| day(asked) == day(present)) {
            set.remove(CLOSING);
        }
    }

    fn written(&self, query: &HashMap<String, String>, now: Timestamp) -> String {
        let mut text = format!(
            "<a class=\"skip\" href=\"#deals\">Skip to the deals</a>\n\
             <header class=\"top\"><h1>Partner Center sandbox</h1>\n\
             <p class=\"quiet\">Here you are Microsoft's seller, and {}'s user of the portal. It is {}.</p>\n\
             <nav aria-label=\"Parts of this page\"><ul>\
             <li><a href=\"#deals\">Deals</a></li><li><a href=\"#invite\">Invite the partner</a></li>\
             <li><a href=\"#codes\">Sign-in codes</a></li><li><a href=\"#hooks\">Notifications</a></li><li><a href=\"#clock\">Clock</a></li>\
             <li><a href=\"{PATH}\">Reload</a></li></ul></nav></header>\n<main>\n",
            escape(&self.identity.organization_name),
            now.strftime("%Y-%m-%d %H:%M:%S UTC"),
        );
        text.push_str(&html::notices(query));
        self.deals(&mut text, query);
        invitation(&mut text, now);
        codes(&mut text, &self.waiting_devices(now), &self.identity.people);
        notifications(&mut text, &self.hooks.report());
        let _ = write!(
            text,
            "<section aria-labelledby=\"clock\"><h2 id=\"clock\">Clock</h2>\n\
             <p class=\"quiet\">An invitation that nobody answers ends after {} days. The clock only moves forward, \
             and for both platforms.</p>\n<form class=\"card\" method=\"post\" action=\"{PATH}\">\
             <div class=\"row\"><div>{}</div><button>Move the clock</button></div></form></section>\n",
            self.knobs.expiry_days,
            input("advance_days", "Days", "number", "1", true),
        );
        text + "</main>"
    }

    fn deals(&self, text: &mut String, query: &HashMap<String, String>) {
        let wanted = query.get("find").map_or("", String::as_str);
        let mut engagements: HashMap<&str, Vec<&Record>> = HashMap::new();
        for record in self.book.all() {
            engagements.entry(record.text("engagementId")).or_default().push(record);
        }
        let mut found: Vec<Vec<&Record>> = engagements
            .into_values()
            .filter(|records| records.iter().any(|record| deal::mentions(record, wanted)))
            .collect();
        found.sort_by_key(|records| std::cmp::Reverse(records.iter().map(|record| record.updated).max()));
        let skipped = query.get("from").and_then(|from| from.parse::<usize>().ok()).unwrap_or_default();
        let _ = write!(
            text,
            "<section aria-labelledby=\"deals\"><h2 id=\"deals\">Deals</h2>\n\
             <form method=\"get\" action=\"{PATH}\" role=\"search\"><div class=\"row\">\
             <div>{}</div><button class=\"plain\">Find</button></div></form>\n<p class=\"quiet\">{}</p>\n",
            input("find", "Name, customer or id", "search", wanted, false),
            match found.len() {
                0 if !wanted.is_empty() => "No deal has this in its name, customer or id.".to_owned(),
                0 => "No deal yet. Invite the partner below, or let a client create one.".to_owned(),
                1 => "One deal.".to_owned(),
                many => format!("{many} deals, those that changed last first."),
            },
        );
        for (number, records) in found.iter().enumerate().skip(skipped).take(MAX_DEALS) {
            deal::card(text, number, records);
        }
        let find: String = url::form_urlencoded::byte_serialize(wanted.as_bytes()).collect();
        let mut link = |from: usize, what: &str| {
            let _ = writeln!(text, "<a href=\"{PATH}?find={find}&amp;from={from}\">{what}</a>");
        };
        if skipped > 0 {
            link(skipped.saturating_sub(MAX_DEALS), "Those that changed later");
        }
        if found.len() > skipped.saturating_add(MAX_DEALS) {
            link(skipped + MAX_DEALS, "Those that changed earlier");
        }
        text.push_str("</section>\n");
    }
}

/// An input whose id is its name.
fn input(name: &str, label: &str, kind: &str, value: &str, required: bool) -> String {
    Field { id: name, name, label, kind, value, required }.html()
}

fn invitation(text: &mut String, now: Timestamp) {
    let closing = now.checked_add(SignedDuration::from_hours(24 * 90)).unwrap_or(now);
    let closing = closing.strftime("%Y-%m-%d").to_string();
    let fields = [
        input("name", "Name of the deal", "text", "", true),
        input("customer", "Customer", "text", "", true),
        input("country", "Country, two letters", "text", "DE", true),
        input("value", "Value", "number", "50000", true),
        input("currency", "Currency", "text", "EUR", true),
        input("closing", "Closing date", "date", &closing, true),
        input("first", "Contact's first name", "text", "", false),
        input("last", "Contact's last name", "text", "", false),
        input("email", "Contact's e-mail", "email", "", false),
        input("phone", "Contact's phone", "tel", "", false),
        input("notes", "Notes", "text", "", false),
    ];
    let _ = write!(
        text,
        "<section aria-labelledby=\"invite\"><h2 id=\"invite\">Invite the partner to a deal</h2>\n\
         <form class=\"card\" method=\"post\" action=\"{PATH}\">\n<div class=\"fields\">{}</div>\n\
         <div class=\"row\"><button name=\"actor\" value=\"microsoft/invite\">Invite as Microsoft</button>\
         <button class=\"plain\" name=\"actor\" value=\"microsoft/lead\">Send as a lead</button></div>\n\
         </form></section>\n",
        fields.map(|input| format!("<div>{input}</div>")).concat(),
    );
}

fn codes(text: &mut String, waiting: &[(Timestamp, String)], people: &[Person]) {
    text.push_str("<section aria-labelledby=\"codes\"><h2 id=\"codes\">Sign-in codes</h2>\n");
    if waiting.is_empty() {
        text.push_str("<p class=\"quiet\">No device or application waits for a code to be approved.</p>\n");
    }
    let mut options = String::new();
    for person in people {
        let _ = write!(options, "<option value=\"{}\">{}</option>", person.key, escape(person.name));
    }
    for (number, (until, code)) in waiting.iter().enumerate() {
        let _ = write!(
            text,
            "<form class=\"card\" method=\"post\" action=\"{PATH}\"><h3 id=\"code{number}\">Code {code}</h3>\n\
             <p class=\"quiet\">Waits until {}.</p>\n\
             <input type=\"hidden\" name=\"user_code\" value=\"{code}\">\n<div class=\"row\">\
             <div><label for=\"person{number}\">Sign in as</label>\
             <select id=\"person{number}\" name=\"person\">{options}</select></div>\
             <button name=\"actor\" value=\"sign-in/approve\" aria-describedby=\"code{number}\">Approve</button>\
             <button class=\"plain\" name=\"actor\" value=\"sign-in/decline\" aria-describedby=\"code{number}\">\
             Decline</button></div></form>\n",
            until.strftime("%H:%M:%S UTC"),
        );
    }
    text.push_str("</section>\n");
}

fn notifications(text: &mut String, report: &Value) {
    text.push_str("<section aria-labelledby=\"hooks\"><h2 id=\"hooks\">Notifications</h2>\n");
    let registration = &report["registration"];
    match registration["WebhookUrl"].as_str() {
        None => text.push_str("<p>Nobody is registered for notifications.</p>\n"),
        Some(url) => {
            let none = Vec::new();
            let events = registration["WebhookEvents"].as_array().unwrap_or(&none);
            let events: Vec<&str> = events.iter().filter_map(Value::as_str).collect();
            let (url, events) = (escape(url), escape(&events.join(", ")));
            let _ = writeln!(text, "<dl><dt>Sent to</dt><dd>{url}</dd><dt>Events</dt><dd>{events}</dd></dl>");
        }
    }
    let none = Vec::new();
    let deliveries = report["deliveries"].as_array().unwrap_or(&none);
    if deliveries.is_empty() {
        text.push_str("<p class=\"quiet\">No notification was sent yet.</p></section>\n");
        return;
    }
    text.push_str(
        "<div class=\"wide\" tabindex=\"0\" role=\"region\" aria-label=\"Latest notifications\"><table>\
         <thead><tr><th scope=\"col\">Event</th><th scope=\"col\">Referral</th><th scope=\"col\">Outcome</th>\
         <th scope=\"col\">Attempts</th></tr></thead>\n<tbody>\n",
    );
    for one in deliveries.iter().rev().take(MAX_NOTIFICATIONS) {
        let id = one["resource_uri"].as_str().and_then(|uri| uri.rsplit('/').next()).unwrap_or_default();
        let attempts: Vec<String> = one["attempts"].as_array().unwrap_or(&none).iter().map(attempt).collect();
        let _ = writeln!(
            text,
            "<tr><td>{}</td><td>{}</td><td>{}</td><td>{}</td></tr>",
            escape(one["event"].as_str().unwrap_or_default()),
            escape(id),
            escape(one["fate"].as_str().unwrap_or_default()),
            if attempts.is_empty() { "none yet".to_owned() } else { escape(&attempts.join(", ")) },
        );
    }
    text.push_str("</tbody></table></div></section>\n");
}

fn attempt(one: &Value) -> String {
    match (one["status"].as_u64(), one["error"].as_str()) {
        (Some(status), _) => status.to_string(),
        (None, error) => error.unwrap_or("no answer").to_owned(),
    }
}
