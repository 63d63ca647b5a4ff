//! Whether a text names an e-mail address.
//!
//! What is overlooked is not forgotten, so doubt counts as a hit: only letters, digits and marks that addresses are in
//! practice made of make another address out of one. What may or may not be another one is told apart, for a person to see.

/// An address to look for, in small letters.
pub(crate) struct Address(String);

/// How surely a text names an address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Sight {
    /// It may be the end, or the beginning, of another one.
    Doubtful,
    /// As a whole.
    Whole,
}

impl Address {
    /// Takes an address as a person typed it.
    pub(crate) fn new(text: &str) -> Self {
        Self(text.trim().to_lowercase())
    }

    /// How `text` names it, in whatever case. JSON counts as the text that it is.
    pub(crate) fn seen_in(&self, text: &str) -> Option<Sight> {
        if self.0.is_empty() {
            return None;
        }
        let text = text.to_lowercase();
        let written = [self.0.clone(), escaped(&self.0)];
        let hits = written.iter().flat_map(|address| text.match_indices(address.as_str()));
        let seen = hits.filter_map(|(at, found)| {
            let (before, behind) = (&text[..at], &text[at + found.len()..]);
            Some(beginning(before)?.min(ending(behind)?))
        });
        seen.max()
    }

    /// Whether `text` names it, or may.
    pub(crate) fn is_in(&self, text: &str) -> bool {
        self.seen_in(text).is_some()
    }
}

/// As a JSON text holds it.
fn escaped(address: &str) -> String {
    let quoted = serde_json::Value::from(address).to_string();
    quoted.trim_matches('"').to_owned()
}

/// What stands before: `None` if it is part of the same, longer address.
fn beginning(before: &str) -> Option<Sight> {
    let rest = before.trim_end_matches(['.', '_', '%', '+', '-']);
    let marks = before.len() - rest.len();
    let Some(last) = rest.chars().next_back() else { return Some(Sight::Whole) };
    if ends_in_escape(rest) {
        return Some(Sight::Whole);
    }
    if last.is_ascii_alphanumeric() {
        // Two marks in a row stand in hardly any address; a letter that a URL escapes is none of it.
        let doubtful = marks > 1 || marks == 0 && ends_in_percent(rest);
        return doubtful.then_some(Sight::Doubtful);
    }
    if last.is_alphanumeric() {
        return Some(Sight::Doubtful);
    }
    // Allowed in an address, and nearly always around one: `mail=`, quotes, Markdown, columns, paths.
    let around = rest.trim_end_matches(|letter| "!#$&'*/=?^`{|}~".contains(letter));
    let joined = around.len() < rest.len() && around.ends_with(char::is_alphanumeric);
    Some(if joined && !ends_in_escape(around) { Sight::Doubtful } else { Sight::Whole })
}

/// What stands behind: `None` if it is part of the same, longer address. A full stop or a dash ends a sentence.
fn ending(behind: &str) -> Option<Sight> {
    let next = behind.trim_start_matches(['.', '-']).chars().next();
    let mark = behind.starts_with(['.', '-']);
    match next {
        Some(letter) if letter.is_ascii_alphanumeric() => {
            let marks = behind.chars().take_while(|letter| ['.', '-'].contains(letter)).count();
            (marks > 1).then_some(Sight::Doubtful)
        }
        Some(letter) if letter.is_alphanumeric() && !mark => Some(Sight::Doubtful),
        _ => Some(Sight::Whole),
    }
}

/// Whether it ends in what JSON writes for a control character.
fn ends_in_escape(before: &str) -> bool {
    let simple = ["\\n", "\\t", "\\r", "\\b", "\\f"].iter().any(|escape| before.ends_with(escape));
    let numbered = before.rsplit_once("\\u").is_some_and(|(_, digits)| {
        digits.len() == 4 && digits.bytes().all(|digit| digit.is_ascii_hexdigit())
    });
    simple || numbered
}

/// Whether it ends in what a URL writes for a letter.
fn ends_in_percent(before: &str) -> bool {
    let hidden = before.rsplit_once('%').map(|(_, digits)| digits);
    hidden.is_some_and(|digits| digits.len() == 2 && digits.bytes().all(|digit| digit.is_ascii_hexdigit()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_found_as_a_whole_and_in_any_case() {
        let address = Address::new(" Jo.Kunde@Northwind.example ");
        for text in [
            "jo.kunde@northwind.example",
            "ask JO.Kunde@northwind.EXAMPLE.",
            "\"email\":\"jo.kunde@northwind.example\"",
            "<jo.kunde@northwind.example>, and others",
            "first line\\njo.kunde@northwind.example",
            "(jo.kunde@northwind.example)",
            "'jo.kunde@northwind.example'",
            "ask **jo.kunde@northwind.example**",
            "_jo.kunde@northwind.example_",
            "`jo.kunde@northwind.example`",
            "|jo.kunde@northwind.example|",
            "-jo.kunde@northwind.example- and others",
            "a list:\\n-jo.kunde@northwind.example",
            "one line\\u001fjo.kunde@northwind.example",
        ] {
            assert_eq!(address.seen_in(text), Some(Sight::Whole), "{text}");
        }
        for text in [
            "",
            "mojo.kunde@northwind.example",
            "a.jo.kunde@northwind.example",
            "x+jo.kunde@northwind.example",
            "jo.kunde@northwind.example.org",
            "jo.kunde@northwind.example-x",
            "jo.kunde@northwind",
        ] {
            assert_eq!(address.seen_in(text), None, "{text}");
        }
    }

    #[test]
    fn what_may_be_another_address_is_found_and_called_doubtful() {
        let address = Address::new("jo@northwind.example");
        for text in [
            "E-Mail=jo@northwind.example",
            "o'jo@northwind.example",
            "B\u{fc}ro/jo@northwind.example",
            "\u{8054}\u{7cfb}jo@northwind.example",
            "jo@northwind.example\u{8c22}\u{8c22}",
            "ask...jo@northwind.example",
            "mailto%3Ajo@northwind.example",
            "jo@northwind.example--Vertrieb",
        ] {
            assert_eq!(address.seen_in(text), Some(Sight::Doubtful), "{text}");
        }
        let twice = "o'jo@northwind.example, or jo@northwind.example";
        assert_eq!(address.seen_in(twice), Some(Sight::Whole), "the surest counts");
    }

    #[test]
    fn letters_that_json_escapes_are_found_in_json() {
        let address = Address::new("o\"hara@northwind.example");
        let json = serde_json::json!({ "email": "O\"Hara@northwind.example" }).to_string();
        assert!(address.is_in(&json));
        assert!(Address::new("j\u{fc}rgen@m\u{fc}nchen.example").is_in("J\u{dc}RGEN@m\u{fc}nchen.example"));
    }

    #[test]
    fn no_address_is_in_nothing() {
        assert!(!Address::new("  ").is_in("anything"));
    }
}
