//! Where each setting of a mapping stands: in which file, on which line, and over what.
//!
//! A setting is what one file can replace of another: a key of a field, a stage, a name. A value table is one setting,
//! because a company's own takes the place of the whole.

/// A place in one of a mapping's files.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// The file's name, as the caller gave it.
    pub file: String,
    /// The line, from 1.
    pub line: usize,
    /// The column in characters, from 1.
    pub column: usize,
}

/// What one file says of a setting.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Said {
    /// Which file in the order of merging: 0 is the first, the default.
    pub layer: usize,
    /// Where its key stands.
    pub place: Place,
    /// The value as TOML on one line.
    pub value: String,
}

/// One setting, and every file's word on it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Setting {
    pub(crate) path: Vec<String>,
    pub(crate) said: Vec<Said>,
}

impl Setting {
    /// The keys that lead to it, from the top: `fields`, `deal_value`, `conflict`.
    pub fn path(&self) -> &[String] {
        &self.path
    }

    /// The same as TOML has it: `fields.deal_value.conflict`, with quotes around what needs them.
    pub fn name(&self) -> String {
        dotted(&self.path)
    }

    /// The section it belongs to.
    pub fn section(&self) -> &str {
        self.path.first().map_or("", String::as_str)
    }

    /// The file that counts: the last that says it.
    pub fn effective(&self) -> &Said {
        self.said.last().expect("a setting is made of what a file says")
    }

    /// What the first file says of it, the default; none if the company added it.
    pub fn default(&self) -> Option<&Said> {
        self.said.first().filter(|said| said.layer == 0)
    }

    /// Whether a company's file says it.
    pub fn is_yours(&self) -> bool {
        self.effective().layer > 0
    }

    /// Whether a company's file says what the default says anyhow: the line could go.
    pub fn is_repeated(&self) -> bool {
        self.is_yours() && self.default().is_some_and(|default| default.value == self.effective().value)
    }
}

/// Every setting of a mapping, in the files' order.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Provenance {
    pub(crate) settings: Vec<Setting>,
}

impl Provenance {
    /// All of them; of the head (`version`, `extends`) too.
    pub fn settings(&self) -> &[Setting] {
        &self.settings
    }

    /// The setting at this path.
    pub fn get(&self, path: &[&str]) -> Option<&Setting> {
        self.settings.iter().find(|setting| setting.path == path)
    }

    /// The settings below this path: of a section, of one field.
    pub fn below<'p>(&'p self, path: &'p [&str]) -> impl Iterator<Item = &'p Setting> {
        let is_below = move |setting: &&Setting| {
            setting.path.len() > path.len()
                && setting.path.iter().zip(path).all(|(key, wanted)| key == wanted)
        };
        self.settings.iter().filter(is_below)
    }

    /// The names of the fields, in the files' order; those that are off too.
    pub fn fields(&self) -> Vec<&str> {
        let mut names: Vec<&str> = Vec::new();
        for setting in self.below(&["fields"]) {
            let name = setting.path[1].as_str();
            if !names.contains(&name) {
                names.push(name);
            }
        }
        names
    }
}

/// Keys as a dotted path of TOML.
pub(crate) fn dotted(path: &[String]) -> String {
    path.iter().map(|key| written_key(key)).collect::<Vec<_>>().join(".")
}

/// A key, in quotes if it needs them.
pub(crate) fn written_key(key: &str) -> String {
    let is_bare =
        !key.is_empty() && key.chars().all(|each| each.is_ascii_alphanumeric() || matches!(each, '_' | '-'));
    if is_bare { key.to_owned() } else { quoted(key) }
}

/// A text as a basic string of TOML.
pub(crate) fn quoted(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 2);
    out.push('"');
    for each in text.chars() {
        match each {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            each if each.is_control() => {
                let _ = std::fmt::Write::write_fmt(&mut out, format_args!("\\u{:04X}", u32::from(each)));
            }
            each => out.push(each),
        }
    }
    out.push('"');
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_and_texts_are_quoted_as_toml_wants_them() {
        assert_eq!(written_key("deal_value"), "deal_value");
        assert_eq!(written_key("Closed Won"), "\"Closed Won\"");
        assert_eq!(written_key(""), "\"\"");
        assert_eq!(quoted("a \"b\"\\\n\u{7f}"), "\"a \\\"b\\\"\\\\\\n\\u007F\"");
    }
}
