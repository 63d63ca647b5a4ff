//! The page on which a person is the seller: a list of opportunities, and one opportunity as Salesforce would show it.

mod list;
mod opportunity;
mod save;

use std::collections::HashMap;

use bytes::Bytes;
use http::{Method, Request, Response, StatusCode};
use jiff::Timestamp;

use super::{
    id::Id,
    org::{Caller, Org, Role},
    seed,
    tables::Row,
};
use crate::{
    exchange,
    html::{self, escape},
};

/// Where the page is.
const PATH: &str = "/_sandbox/page";

/// What a form sent, or a query asked.
type Form = HashMap<String, String>;

impl Org {
    /// Shows the page, or does what one of its forms says and sends the browser back to it.
    pub(super) fn page(&mut self, request: &Request<Bytes>, now: Timestamp) -> Response<Bytes> {
        let Some(caller) = self.seller(now) else {
            return html::page(
                StatusCode::NOT_FOUND,
                "No seller",
                "<main><p>The org has no seller.</p></main>",
            );
        };
        if request.method() == Method::POST {
            let form: Form = url::form_urlencoded::parse(request.body()).into_owned().collect();
            self.sign_as_person(caller.user);
            let (id, name, sentence) = match self.do_as_told(&caller, &form) {
                Ok((id, sentence)) => (id.map(|id| id.to_string()), "said", sentence),
                Err(sentence) => (form.get("id").cloned(), "problem", sentence),
            };
            let id = id.as_deref().map(|id| ("id", id));
            let told: Vec<(&str, &str)> = id.into_iter().chain([(name, sentence.as_str())]).collect();
            return html::led_to(PATH, &told);
        }
        let query: Form = exchange::query(request).into_iter().collect();
        let (title, main) = match query.get("id") {
            None => ("Opportunities".to_owned(), self.list(&caller, &query)),
            Some(text) => match Id::parse(text).and_then(|id| self.opportunity(&caller, id)) {
                Some((name, main)) => (name, main),
                None => {
                    return html::page(StatusCode::NOT_FOUND, "Not there", &frame("", &query, NOT_THERE));
                }
            },
        };
        html::page(StatusCode::OK, &title, &frame(&title, &query, &main))
    }

    /// The first of the org's sellers, as whom everything on the page is done.
    fn seller(&self, now: Timestamp) -> Option<Caller> {
        let person = self.people.iter().find(|person| person.username == seed::SELLERS[0])?;
        Some(Caller { user: person.id, role: Role::Seller, version: 66, allow_duplicates: false, now })
    }

    /// What a field of a row reads like, if there is such a field and it has a value.
    fn reads(&self, caller: &Caller, object: usize, row: &Row, name: &str) -> Option<String> {
        let at = self.position(caller.role, object, name)?;
        row.cell(at).full()
    }
}

const NOT_THERE: &str = "<p>There is no opportunity with this id; it may have been deleted.</p>";

fn frame(title: &str, query: &Form, main: &str) -> String {
    let text = format!(
        "<header class=\"top\"><h1>{}</h1>\n<p class=\"quiet\">Here you are Noa Seller, in the local Salesforce.</p>\n\
         <nav aria-label=\"Pages\"><ul><li><a href=\"{PATH}\">All opportunities</a></li></ul></nav></header>\n<main>\n",
        escape(if title.is_empty() { "Salesforce sandbox" } else { title }),
    );
    text + &html::notices(query) + main + "</main>"
}
