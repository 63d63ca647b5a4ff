//! A code out of a list, under one name in Salesforce and another at the portal.

use deal_model::{Held, Observed, Value};
use serde_json::Value as Json;

/// Pairs of (name in Salesforce, code at the portal), in the file's order. The canonical value is the code.
///
/// Several names may stand for one code: reading takes each, writing takes the first.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ChoiceTable {
    pub(crate) pairs: Vec<(String, String)>,
    pub(crate) none: Option<String>,
}

impl ChoiceTable {
    /// A table of `pairs`; with none, names and codes are the same. `none` is the portal's code for no choice.
    pub fn new(pairs: Vec<(String, String)>, none: Option<String>) -> Self {
        Self { pairs, none }
    }

    /// The pairs (name in Salesforce, code at the portal).
    pub fn pairs(&self) -> &[(String, String)] {
        &self.pairs
    }

    /// The code that `text` names, by its own name or by that in Salesforce; with an empty table any text is one.
    pub(crate) fn code_of<'t>(&'t self, text: &'t str) -> Option<&'t str> {
        if self.pairs.is_empty() {
            return Some(text);
        }
        let known = self.pairs.iter().find(|(name, code)| name == text || code == text);
        known.map(|(_, code)| code.as_str())
    }

    /// A code that the table does not know is kept as it came.
    pub(super) fn read_portal(&self, json: &Json) -> Observed {
        let Json::String(code) = json else { return Observed::Unknown };
        let code = code.trim();
        if self.none.as_deref() == Some(code) {
            return Observed::Empty;
        }
        Observed::Value(Value::Choice(code.to_owned()))
    }

    /// A name that the table does not know stands for no code: `Unknown`.
    pub(super) fn read_crm(&self, json: &Json) -> Observed {
        let Json::String(name) = json else { return Observed::Unknown };
        let name = name.trim();
        if self.pairs.is_empty() {
            return Observed::Value(Value::Choice(name.to_owned()));
        }
        self.pairs
            .iter()
            .find(|(known, _)| known == name)
            .map_or(Observed::Unknown, |(_, code)| Observed::Value(Value::Choice(code.clone())))
    }

    pub(super) fn write_portal(&self, held: &Held) -> Json {
        match held {
            Held::Value(Value::Choice(code)) => Json::String(code.clone()),
            Held::Value(other) => super::plain(other),
            Held::Empty => self.none.clone().map_or(Json::Null, Json::String),
        }
    }

    pub(super) fn write_crm(&self, code: &str) -> Json {
        let name = self.pairs.iter().find(|(_, known)| known == code).map_or(code, |(name, _)| name);
        Json::String(name.to_owned())
    }
}
