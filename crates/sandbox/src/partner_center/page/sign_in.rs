//! The pages of the sign-in service: consent, device code, and where they end.

use std::fmt::Write as _;

use bytes::Bytes;
use http::{Response, StatusCode};

use super::super::token::Person;
use crate::html::{escape, page};

/// Asks whether the client may act for one of these people.
pub(in super::super) fn consent(request: &str, people: &[Person], hinted: Option<usize>) -> Response<Bytes> {
    let main = format!(
        "<main class=\"narrow\"><h1>Sign in</h1>\n\
         <p>An application asks to work with your company's referrals as you.</p>\n\
         <form method=\"post\">\n<input type=\"hidden\" name=\"request\" value=\"{}\">\n{}{}</form></main>",
        escape(request),
        choice(people, hinted.unwrap_or_default()),
        DECISION,
    );
    page(StatusCode::OK, "Sign in", &main)
}

/// Asks for the code that a device shows.
pub(in super::super) fn device(
    status: StatusCode,
    code: &str,
    people: &[Person],
    problem: Option<&str>,
) -> Response<Bytes> {
    let problem =
        problem.map(|text| format!("<p class=\"notice bad\" role=\"alert\">{}</p>\n", escape(text)));
    let main = format!(
        "<main class=\"narrow\"><h1>Enter a code</h1>\n{}\
         <p>Type the code that your application or device shows.</p>\n\
         <form method=\"post\">\n<label for=\"code\">Code</label>\n\
         <input id=\"code\" name=\"user_code\" value=\"{}\" autocomplete=\"off\" required>\n{}{}</form></main>",
        problem.unwrap_or_default(),
        escape(code),
        choice(people, 0),
        DECISION,
    );
    page(status, "Enter a code", &main)
}

/// Says that it is over.
pub(in super::super) fn done(sentence: &str) -> Response<Bytes> {
    let main = format!("<main class=\"narrow\"><h1>Done</h1>\n<p>{}</p></main>", escape(sentence));
    page(StatusCode::OK, "Done", &main)
}

/// Says why nobody can be sent back to an application.
pub(in super::super) fn refused(sentence: &str) -> Response<Bytes> {
    let main = format!(
        "<main class=\"narrow\"><h1>Sign-in is not possible</h1>\n<p role=\"alert\">{}</p></main>",
        escape(sentence)
    );
    page(StatusCode::BAD_REQUEST, "Sign-in is not possible", &main)
}

/// Sends fields back to the application by a form (`response_mode=form_post`).
pub(in super::super) fn post_back(to: &str, fields: &[(&str, &str)]) -> Response<Bytes> {
    let mut hidden = String::new();
    for (name, value) in fields {
        let (name, value) = (escape(name), escape(value));
        let _ = writeln!(hidden, "<input type=\"hidden\" name=\"{name}\" value=\"{value}\">");
    }
    let main = format!(
        "<main class=\"narrow\"><h1>Back to the application</h1>\n\
         <form method=\"post\" action=\"{}\">\n{hidden}<button>Continue</button>\n</form></main>",
        escape(to)
    );
    page(StatusCode::OK, "Back to the application", &main)
}

const DECISION: &str = "<div class=\"row\"><button name=\"decision\" value=\"approve\">Approve</button>\n\
    <button class=\"plain\" name=\"decision\" value=\"decline\" formnovalidate>Decline</button></div>\n";

fn choice(people: &[Person], chosen: usize) -> String {
    let mut radios = String::from("<fieldset><legend>Who are you?</legend>\n");
    for (number, person) in people.iter().enumerate() {
        let checked = if number == chosen { " checked" } else { "" };
        let _ = writeln!(
            radios,
            "<label><input type=\"radio\" name=\"person\" value=\"{}\"{checked}> {}</label>",
            person.key,
            escape(person.name)
        );
    }
    radios + "</fieldset>\n"
}
