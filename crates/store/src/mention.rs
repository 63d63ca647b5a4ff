//! Whether a text names an e-mail address.

/// An address to look for, in small letters.
pub(crate) struct Address(String);

impl Address {
    /// Takes an address as a person typed it.
    pub(crate) fn new(text: &str) -> Self {
        Self(text.trim().to_lowercase())
    }

    /// Whether `text` names it: as a whole, in whatever case. JSON counts as the text that it is.
    pub(crate) fn is_in(&self, text: &str) -> bool {
        if self.0.is_empty() {
            return false;
        }
        let text = text.to_lowercase();
        let written = [self.0.clone(), escaped(&self.0)];
        written.iter().any(|address| {
            text.match_indices(address.as_str()).any(|(at, found)| {
                let (before, behind) = (&text[..at], &text[at + found.len()..]);
                !ends_in_address(before) && !goes_on_as_address(behind)
            })
        })
    }
}

/// As a JSON text holds it.
fn escaped(address: &str) -> String {
    let quoted = serde_json::Value::from(address).to_string();
    quoted.trim_matches('"').to_owned()
}

fn belongs(letter: char) -> bool {
    letter.is_alphanumeric() || "!#$%&'*+/=?^_`{|}~-".contains(letter)
}

/// Whether what stands before would be part of the same, longer address. A JSON escape's letter is none of it.
fn ends_in_address(before: &str) -> bool {
    let mut letters = before.chars().rev();
    match (letters.next(), letters.next()) {
        (Some('n' | 't' | 'r'), Some('\\')) | (None, _) => false,
        (Some('.'), Some(letter)) | (Some(letter), _) => belongs(letter),
    }
}

/// Whether what stands behind would be part of the same, longer address. A full stop ends a sentence.
fn goes_on_as_address(behind: &str) -> bool {
    let mut letters = behind.chars();
    match (letters.next(), letters.next()) {
        (Some('.'), Some(letter)) => letter.is_alphanumeric(),
        (Some(letter), _) => letter.is_alphanumeric() || letter == '-' || letter == '_',
        (None, _) => false,
    }
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
        ] {
            assert!(address.is_in(text), "{text}");
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
            assert!(!address.is_in(text), "{text}");
        }
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
