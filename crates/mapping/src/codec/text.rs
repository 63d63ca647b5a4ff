//! Text: one line, many lines, and the link around an identifier.

use deal_model::{Observed, Value};
use serde_json::Value as Json;

pub(super) fn read(json: &Json) -> Observed {
    match json {
        Json::String(text) => Observed::text(text.trim()),
        _ => Observed::Unknown,
    }
}

pub(super) fn read_long(json: &Json) -> Observed {
    match json {
        // Salesforce stores the line ends of a browser's form, the portal whatever it was sent.
        Json::String(text) => Observed::text(text.replace("\r\n", "\n").trim()),
        _ => Observed::Unknown,
    }
}

/// The place of the identifier in a link.
pub(crate) const ID_MARK: &str = "{id}";

/// An address with `{id}` where the referral's identifier goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LinkTemplate(String);

impl LinkTemplate {
    /// Takes an https address that holds `{id}` once; none otherwise.
    pub fn parse(text: &str) -> Option<Self> {
        let fit = text.starts_with("https://")
            && text.matches(ID_MARK).count() == 1
            && !text.contains(char::is_whitespace);
        fit.then(|| Self(text.to_owned()))
    }

    /// The address of the referral `id`.
    pub fn link(&self, id: &str) -> String {
        self.0.replacen(ID_MARK, id, 1)
    }

    pub(super) fn read_portal(&self, id: &Json) -> Observed {
        match id {
            Json::String(id) => Observed::Value(Value::Text(self.link(id.trim()))),
            _ => Observed::Unknown,
        }
    }
}
