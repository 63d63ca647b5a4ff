//! What every page is made of: a frame, and text that can never become markup.

use std::{collections::HashMap, fmt::Write as _};

use bytes::Bytes;
use http::{
    HeaderValue, Response, StatusCode,
    header::{CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, LOCATION},
};

use crate::exchange;

/// The style of every page.
const STYLE: &str = include_str!("page.css");

/// `text` as it may stand in an element or in a quoted attribute.
pub(crate) fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            other => escaped.push(other),
        }
    }
    escaped
}

/// An input with its label. `id` is the page's, `name` is what the form sends.
pub(crate) struct Field<'f> {
    pub(crate) id: &'f str,
    pub(crate) name: &'f str,
    pub(crate) label: &'f str,
    pub(crate) kind: &'f str,
    pub(crate) value: &'f str,
    pub(crate) required: bool,
}

impl Field<'_> {
    /// As markup.
    pub(crate) fn html(&self) -> String {
        let required = if self.required { " required" } else { "" };
        let step = if self.kind == "number" { " step=\"any\" min=\"0\"" } else { "" };
        format!(
            "<label for=\"{id}\">{label}</label>\
             <input id=\"{id}\" name=\"{name}\" type=\"{kind}\" value=\"{value}\"{step}{required}>",
            id = escape(self.id),
            label = escape(self.label),
            name = escape(self.name),
            kind = escape(self.kind),
            value = escape(self.value),
        )
    }
}

/// A list to choose from; `empty` puts nothing first. A value that the list lacks stands first, so that it is not lost.
pub(crate) fn choice(
    id: &str,
    name: &str,
    label: &str,
    values: &[&str],
    chosen: &str,
    empty: bool,
) -> String {
    let mut options = String::new();
    let mut option = |value: &str, shown: &str| {
        let selected = if value == chosen { " selected" } else { "" };
        let (value, shown) = (escape(value), escape(shown));
        let _ = write!(options, "<option value=\"{value}\"{selected}>{shown}</option>");
    };
    if empty || chosen.is_empty() {
        option("", "None");
    }
    if !chosen.is_empty() && !values.contains(&chosen) {
        option(chosen, chosen);
    }
    for value in values {
        option(value, value);
    }
    let (id, name, label) = (escape(id), escape(name), escape(label));
    format!("<label for=\"{id}\">{label}</label><select id=\"{id}\" name=\"{name}\">{options}</select>")
}

/// A box to tick.
pub(crate) fn tick(id: &str, name: &str, label: &str, ticked: bool) -> String {
    let (id, name, label) = (escape(id), escape(name), escape(label));
    let checked = if ticked { " checked" } else { "" };
    format!(
        "<label class=\"tick\"><input id=\"{id}\" name=\"{name}\" type=\"checkbox\" value=\"true\"{checked}> {label}</label>"
    )
}

/// A field of several lines, whose id is its name.
pub(crate) fn long_text(name: &str, label: &str, value: &str) -> String {
    let (name, label, value) = (escape(name), escape(label), escape(value));
    // A browser drops the first line end.
    format!(
        "<label for=\"{name}\">{label}</label><textarea id=\"{name}\" name=\"{name}\" rows=\"3\">\n{value}</textarea>"
    )
}

/// What the form before had to say, good or bad, as [`led_to`] put it into the page's address.
pub(crate) fn notices(query: &HashMap<String, String>) -> String {
    let mut text = String::new();
    for (name, class, role) in [("said", "notice", "status"), ("problem", "notice bad", "alert")] {
        if let Some(sentence) = query.get(name) {
            let _ = writeln!(text, "<p class=\"{class}\" role=\"{role}\">{}</p>", escape(sentence));
        }
    }
    text
}

/// Sends the browser to a page, with what is to stand in its address.
pub(crate) fn led_to(path: &str, query: &[(&str, &str)]) -> Response<Bytes> {
    let query = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(query).finish();
    let mut response = exchange::empty(StatusCode::SEE_OTHER);
    if let Ok(location) = HeaderValue::from_str(&format!("{path}?{query}")) {
        response.headers_mut().insert(LOCATION, location);
    }
    response
}

/// A whole page. `title` is plain text; `main` is markup.
pub(crate) fn page(status: StatusCode, title: &str, main: &str) -> Response<Bytes> {
    let title = escape(title);
    let text = format!(
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <title>{title} - sandbox</title>\n<style>\n{STYLE}</style>\n</head>\n\
         <body>\n{main}\n</body>\n</html>\n"
    );
    let mut response = exchange::empty(status);
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/html; charset=utf-8"));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    // Should an escape ever be forgotten, no script runs all the same.
    let policy = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; frame-ancestors 'none'";
    headers.insert(CONTENT_SECURITY_POLICY, HeaderValue::from_static(policy));
    *response.body_mut() = Bytes::from(text);
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_never_becomes_markup() {
        assert_eq!(
            escape(r#"<script>alert("x")</script> & 'y'"#),
            "&lt;script&gt;alert(&quot;x&quot;)&lt;/script&gt; &amp; &#39;y&#39;"
        );
    }
}
