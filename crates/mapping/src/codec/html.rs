//! Text that one side keeps as HTML: the tags go, the lines and the characters stay.
//!
//! Reading is total: any text is HTML to it, and what is broken is read as a browser would or as the text that it is.
//! `read(write(text)) = text` for every text that fits. What a person only formats differently reads the same, so it
//! is no change, and the formatting stays until the words change.

use deal_model::Observed;
use serde_json::Value as Json;

/// Elements that begin and end a line of their own.
const BLOCKS: &[&str] = &[
    "address",
    "article",
    "blockquote",
    "dd",
    "div",
    "dl",
    "dt",
    "footer",
    "h1",
    "h2",
    "h3",
    "h4",
    "h5",
    "h6",
    "header",
    "hr",
    "li",
    "ol",
    "p",
    "pre",
    "section",
    "table",
    "tr",
    "ul",
];
/// Elements whose content is no text.
const SILENT: &[&str] = &["script", "style", "title"];
/// Names of characters, as both platforms' editors write them; all others are written as themselves or by number.
const NAMED: &[(&str, char)] = &[
    ("amp", '&'),
    ("lt", '<'),
    ("gt", '>'),
    ("quot", '"'),
    ("apos", '\''),
    ("nbsp", '\u{a0}'),
    ("ndash", '\u{2013}'),
    ("mdash", '\u{2014}'),
    ("lsquo", '\u{2018}'),
    ("rsquo", '\u{2019}'),
    ("ldquo", '\u{201c}'),
    ("rdquo", '\u{201d}'),
    ("bull", '\u{2022}'),
    ("hellip", '\u{2026}'),
    ("euro", '\u{20ac}'),
    ("copy", '\u{a9}'),
    ("reg", '\u{ae}'),
    ("trade", '\u{2122}'),
];
/// Longest reference to a character, between `&` and `;`.
const MAX_REFERENCE: usize = 10;

pub(super) fn read(json: &Json) -> Observed {
    match json {
        Json::String(html) => Observed::text(to_text(html).trim()),
        _ => Observed::Unknown,
    }
}

pub(super) fn write(text: &str) -> Json {
    Json::String(to_html(text))
}

/// The text as HTML that means it and nothing else.
fn to_html(text: &str) -> String {
    let mut html = String::with_capacity(text.len() + text.len() / 8);
    for each in text.chars() {
        match each {
            '&' => html.push_str("&amp;"),
            '<' => html.push_str("&lt;"),
            '>' => html.push_str("&gt;"),
            '"' => html.push_str("&quot;"),
            '\n' => html.push_str("<br>"),
            other => html.push(other),
        }
    }
    html
}

/// The words of the HTML, line by line.
fn to_text(html: &str) -> String {
    let mut out = Lines::default();
    let ends = Ends::of(html);
    let mut rest = html;
    while let Some(first) = rest.chars().next() {
        match first {
            '<' => match markup(rest, &ends) {
                Some((Markup::Break, after)) => {
                    out.end_line();
                    rest = after;
                }
                Some((Markup::Block, after)) => {
                    out.begin_block();
                    rest = after;
                }
                Some((Markup::Nothing, after)) => rest = after,
                None => {
                    out.push('<');
                    rest = &rest[1..];
                }
            },
            '&' => {
                let (each, after) = reference(rest).unwrap_or(('&', &rest[1..]));
                out.push(each);
                rest = after;
            }
            // Line ends of the source are blanks.
            '\n' | '\r' => {
                out.blank();
                rest = &rest[1..];
            }
            // And so is how the source is indented.
            ' ' | '\t' if out.blank => rest = &rest[1..],
            other => {
                out.push(other);
                rest = &rest[other.len_utf8()..];
            }
        }
    }
    out.text
}

/// Text while it grows.
#[derive(Default)]
struct Lines {
    text: String,
    /// A line end of the source came, which is a blank if words follow in the same line.
    blank: bool,
}

impl Lines {
    fn push(&mut self, each: char) {
        if self.blank && !self.at_start() {
            self.text.push(' ');
        }
        self.blank = false;
        self.text.push(each);
    }

    fn blank(&mut self) {
        self.blank = true;
    }

    fn end_line(&mut self) {
        self.blank = false;
        self.text.push('\n');
    }

    fn begin_block(&mut self) {
        self.blank = false;
        if !self.at_start() {
            self.text.push('\n');
        }
    }

    fn at_start(&self) -> bool {
        self.text.is_empty() || self.text.ends_with('\n')
    }
}

/// What a piece of markup means for the text.
enum Markup {
    Break,
    Block,
    Nothing,
}

/// The markup that `html` begins with, and what follows it; none if the `<` is a character like any other.
fn markup<'h>(html: &'h str, ends: &Ends) -> Option<(Markup, &'h str)> {
    if let Some(comment) = html.strip_prefix("<!--") {
        if comment.len() < ends.after_comments {
            return None;
        }
        return comment.split_once("-->").map(|(_, after)| (Markup::Nothing, after));
    }
    let inner = html.strip_prefix('<')?;
    let (closing, inner) = inner.strip_prefix('/').map_or((false, inner), |inner| (true, inner));
    let declares = inner.starts_with(['!', '?']) && !closing;
    if !declares && !inner.starts_with(|each: char| each.is_ascii_alphabetic()) {
        return None;
    }
    let end = ends.of_tag(inner)?;
    let after = &inner[end + 1..];
    let name_end = inner.find(|each: char| !each.is_ascii_alphanumeric()).unwrap_or(end);
    let name = inner[..name_end.min(end)].to_ascii_lowercase();
    let meaning = match name.as_str() {
        "br" => Markup::Break,
        name if BLOCKS.contains(&name) => Markup::Block,
        name if SILENT.contains(&name) && !closing => {
            return Some((Markup::Nothing, behind_element(after, name)));
        }
        _ => Markup::Nothing,
    };
    Some((meaning, after))
}

/// Where the markup of a text ends, found in one pass: to look for it from each `<` would take the square of the text.
struct Ends {
    /// By each byte, where a tag that is open there, outside of quotes, has its `>`.
    tags: Vec<Option<usize>>,
    /// Bytes from the last end of a comment on; more than any text has if no comment ends.
    after_comments: usize,
}

impl Ends {
    fn of(html: &str) -> Self {
        let mut tags = vec![None; html.len()];
        // From the end: where a tag ends that is outside of quotes here, within single and within double ones.
        let (mut outside, mut in_single, mut in_double) = (None, None, None);
        for (at, each) in html.bytes().enumerate().rev() {
            let behind = outside;
            match each {
                b'>' => outside = Some(at),
                b'\'' => (outside, in_single) = (in_single, behind),
                b'"' => (outside, in_double) = (in_double, behind),
                _ => {}
            }
            tags[at] = outside;
        }
        let after_comments = html.rfind("-->").map_or(usize::MAX, |at| html.len() - at);
        Self { tags, after_comments }
    }

    /// How far into `inner`, the end of the text from within a tag on, that tag ends: at its `>` outside of quotes.
    fn of_tag(&self, inner: &str) -> Option<usize> {
        let at = self.tags.len() - inner.len();
        self.tags.get(at).copied().flatten().map(|end| end - at)
    }
}

/// What follows the end of the element `name`; nothing, if it never ends.
fn behind_element<'h>(html: &'h str, name: &str) -> &'h str {
    let is_end = |at: usize| {
        let said = html.as_bytes()[at + 2..].get(..name.len());
        said.is_some_and(|said| said.eq_ignore_ascii_case(name.as_bytes()))
    };
    let end = html.match_indices("</").map(|(at, _)| at).find(|at| is_end(*at));
    end.and_then(|at| html[at..].split_once('>')).map_or("", |(_, after)| after)
}

/// The character that a reference stands for, and what follows it.
fn reference(html: &str) -> Option<(char, &str)> {
    let inner = html.strip_prefix('&')?;
    let end = inner.bytes().take(MAX_REFERENCE + 1).position(|each| each == b';')?;
    let (name, after) = (inner.get(..end)?, inner.get(end + 1..)?);
    let each = match name.strip_prefix('#') {
        Some(number) => {
            let code = match number.strip_prefix(['x', 'X']) {
                Some(hex) => u32::from_str_radix(hex, 16),
                None => number.parse(),
            };
            char::from_u32(code.ok()?)?
        }
        None => NAMED.iter().find(|(known, _)| *known == name)?.1,
    };
    Some((each, after))
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use super::*;

    #[test]
    fn what_an_editor_wrote_is_read_as_its_words() {
        for (html, text) in [
            ("<p>Needs a <b>quote</b> by May.</p><p>Ask Ada.</p>", "Needs a quote by May.\nAsk Ada."),
            ("<p>a</p><p><br></p><p>b</p>", "a\n\nb"),
            ("<div>a<br/>b<BR />c</div>\r\n<div>d</div>", "a\nb\nc\nd"),
            ("<ul>\n  <li>one</li>\n  <li>two</li>\n</ul>", "one\ntwo"),
            (
                "5 &lt; 6 &amp;&amp; &quot;x&quot; &#39;y&#x27; &euro;9&nbsp;",
                "5 < 6 && \"x\" 'y' \u{20ac}9\u{a0}",
            ),
            ("<a href=\"https://x.example/?a>b\">link</a>", "link"),
            ("a<script>if (a < b) {}</script>b<style>p{}</style><!-- c -->d", "abd"),
            ("plain words, one\nline", "plain words, one line"),
            ("", ""),
        ] {
            assert_eq!(to_text(html).trim_matches([' ', '\n']), text.trim_matches([' ', '\n']), "{html}");
        }
    }

    #[test]
    fn what_is_no_markup_is_text() {
        for text in
            ["a < b", "a <", "<3", "R&D", "a &nosuch; b", "&#xD800;", "&;", "<!-- open", "if a <b then"]
        {
            assert_eq!(to_text(text), text);
        }
    }

    #[test]
    fn what_never_ends_is_looked_for_once() {
        let begun = Instant::now();
        for (piece, end) in [("<a ", ""), ("<a '", "\">\""), ("<!-- ", "")] {
            let html = piece.repeat(100_000) + end;
            assert!(to_text(&html) == html, "{piece}");
        }
        assert_eq!(to_text(&"<STYLE>p</style>".repeat(30_000)), "");
        // The square of it takes minutes.
        assert!(begun.elapsed() < Duration::from_secs(20), "{:?}", begun.elapsed());
    }

    #[test]
    fn a_tag_ends_outside_of_its_quotes() {
        for (html, text) in [
            ("<a x='>' y=\"'>\">b", "b"),
            ("<a x='\">b", "<a x='\">b"),
            ("<a 'x>b</a>", "<a 'x>b"),
            ("a<!-- b --><!-- c", "a<!-- c"),
            ("<style>a</STYLE >b", "b"),
            ("<style>\u{e9}</sty</style>b", "b"),
        ] {
            assert_eq!(to_text(html), text, "{html}");
        }
    }

    #[test]
    fn a_script_that_never_ends_says_nothing() {
        assert_eq!(to_text("a<script>b"), "a");
        assert_eq!(to_text("a<script>b</script"), "a");
    }
}
