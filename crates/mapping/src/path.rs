//! Where a field lives on each side: a JSON pointer into the referral, a dotted path from the opportunity.

use std::fmt;

use serde_json::Value;

/// The object every CRM path starts from.
pub const ROOT_OBJECT: &str = "Opportunity";
/// Objects of notes, and the relationships by which an opportunity leads to them (salesforce reference, section 5.7).
const NOTES: [&str; 7] = [
    "Note",
    "Notes",
    "NotesAndAttachments",
    "ContentNote",
    "ContentDocumentLink",
    "ContentDocumentLinks",
    "AttachedContentDocuments",
];

/// Longest name of a field or relationship: a namespace of 15, two underscores, a name of 40 and a suffix, with room.
const MAX_API_NAME_CHARS: usize = 80;
/// Most relationships a query may follow from child to parent (salesforce reference, section 2.8).
const MAX_PARENTS: usize = 5;
const MAX_POINTER_CHARS: usize = 255;

/// Why a path or a name is none.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct PathError(String);

/// The name of a Salesforce object, field or relationship, a namespace included: `ns__Loss_Reason__c`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ApiName(String);

impl ApiName {
    /// Letters, digits and single or double underscores, beginning with a letter, at most 80 characters.
    pub fn parse(text: &str) -> Result<Self, PathError> {
        let well_formed = text.starts_with(|first: char| first.is_ascii_alphabetic())
            && text.ends_with(|last: char| last.is_ascii_alphanumeric())
            && text.chars().all(|each| each.is_ascii_alphanumeric() || each == '_')
            && !text.contains("___")
            && text.len() <= MAX_API_NAME_CHARS;
        if well_formed {
            Ok(Self(text.to_owned()))
        } else {
            Err(PathError(format!(
                "`{text}` is not an API name: letters, digits and underscores, beginning with a letter"
            )))
        }
    }

    /// A name known to be well-formed.
    pub(crate) fn fixed(text: &'static str) -> Self {
        Self::parse(text).expect("a name written in this crate is well-formed")
    }

    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for ApiName {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.0)
    }
}

/// A JSON pointer (RFC 6901) to one member of a referral: `/details/dealValue`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PortalPath(String);

impl PortalPath {
    /// Refuses the whole document, empty segments, the append mark `-` and broken escapes.
    pub fn parse(text: &str) -> Result<Self, PathError> {
        let Some(rest) = text.strip_prefix('/') else {
            return Err(PathError(format!("`{text}` is not a JSON pointer: it must begin with a slash")));
        };
        if text.len() > MAX_POINTER_CHARS {
            return Err(PathError(format!("the pointer is longer than {MAX_POINTER_CHARS} characters")));
        }
        for segment in rest.split('/') {
            if segment.is_empty() {
                return Err(PathError(format!("`{text}` has an empty segment")));
            }
            if segment == "-" {
                return Err(PathError(format!("`{text}` points past the end of an array")));
            }
            if segment.chars().any(|each| each.is_control() || each.is_whitespace()) {
                return Err(PathError(format!(
                    "`{}` holds a blank or a control character",
                    text.escape_debug()
                )));
            }
            let unescaped = segment.replace("~0", "").replace("~1", "");
            if unescaped.contains('~') {
                return Err(PathError(format!("`{text}` has a `~` that is neither `~0` nor `~1`")));
            }
        }
        Ok(Self(text.to_owned()))
    }

    /// A pointer known to be well-formed.
    pub(crate) fn fixed(text: &'static str) -> Self {
        Self::parse(text).expect("a pointer written in this crate is well-formed")
    }

    /// The pointer.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The `path` of a JSON Patch operation on this member.
    pub fn patch_path(&self) -> &str {
        &self.0
    }

    /// The member in `document`; none if it, or a parent of it, is absent.
    pub fn read<'d>(&self, document: &'d Value) -> Option<&'d Value> {
        document.pointer(&self.0)
    }

    /// Whether a parent on the way to the member is there but null: the member is then as null as it.
    pub(crate) fn through_null(&self, document: &Value) -> bool {
        self.0.match_indices('/').skip(1).any(|(at, _)| document.pointer(&self.0[..at]) == Some(&Value::Null))
    }
}

impl fmt::Display for PortalPath {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.0)
    }
}

/// A path from the opportunity, perhaps over relationships: `Opportunity.Account.BillingCity`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CrmPath {
    parents: Vec<ApiName>,
    field: ApiName,
}

impl CrmPath {
    /// Takes `Opportunity.Field` or `Opportunity.Relationship.Field`, with at most five relationships.
    pub fn parse(text: &str) -> Result<Self, PathError> {
        if text.split('.').take(2).any(|name| NOTES.contains(&name)) {
            return Err(PathError(format!(
                "`{text}`: notes that are records of their own are not supported; notes go to a long text of the \
                 opportunity, by default `{ROOT_OBJECT}.Description`"
            )));
        }
        let mut segments = text.split('.');
        if segments.next() != Some(ROOT_OBJECT) {
            return Err(PathError(format!("`{text}` must begin with `{ROOT_OBJECT}.`")));
        }
        let mut names = segments.map(ApiName::parse).collect::<Result<Vec<_>, _>>()?;
        let Some(field) = names.pop() else {
            return Err(PathError(format!("`{text}` names no field: write `{ROOT_OBJECT}.Field`")));
        };
        if names.len() > MAX_PARENTS {
            return Err(PathError(format!("`{text}` follows more than {MAX_PARENTS} relationships")));
        }
        Ok(Self { parents: names, field })
    }

    /// What to `SELECT` from the opportunity: `Amount`, `Account.BillingCity`.
    pub fn soql(&self) -> String {
        let mut text = String::new();
        for parent in &self.parents {
            text.push_str(parent.as_str());
            text.push('.');
        }
        text.push_str(self.field.as_str());
        text
    }

    /// The field, if it is one of the opportunity itself.
    pub fn own_field(&self) -> Option<&str> {
        self.parents.is_empty().then(|| self.field.as_str())
    }

    /// The relationships followed, from the opportunity outwards: `["Account"]`.
    pub fn parents(&self) -> impl Iterator<Item = &str> {
        self.parents.iter().map(ApiName::as_str)
    }

    /// The last name of the path: the field on the record the relationships lead to.
    pub fn field(&self) -> &str {
        self.field.as_str()
    }

    /// The member in an opportunity as the platform sent it. A null parent makes its fields null; none if it, or a
    /// parent, is not in the record at all (not selected, or hidden from us).
    pub fn read<'d>(&self, record: &'d Value) -> Option<&'d Value> {
        let mut value = record;
        for name in self.parents.iter().chain([&self.field]) {
            match value {
                Value::Null => return Some(value),
                Value::Object(members) => value = members.get(name.as_str())?,
                _ => return None,
            }
        }
        Some(value)
    }
}

impl fmt::Display for CrmPath {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{ROOT_OBJECT}.{}", self.soql())
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_crm_path_tells_own_fields_from_those_of_a_parent() {
        let own = CrmPath::parse("Opportunity.Amount").unwrap();
        let parent = CrmPath::parse("Opportunity.Account.BillingCity").unwrap();
        assert_eq!((own.soql().as_str(), own.own_field()), ("Amount", Some("Amount")));
        assert_eq!((parent.soql().as_str(), parent.own_field()), ("Account.BillingCity", None));
    }

    #[test]
    fn a_null_parent_makes_its_fields_null_and_a_missing_one_makes_them_missing() {
        let city = CrmPath::parse("Opportunity.Account.BillingCity").unwrap();
        assert_eq!(city.read(&json!({"Account": null})), Some(&Value::Null));
        assert_eq!(city.read(&json!({"Account": {"BillingCity": "Hamburg"}})), Some(&json!("Hamburg")));
        assert_eq!(city.read(&json!({})), None);
        assert_eq!(city.read(&json!({"Account": {}})), None);
    }

    #[test]
    fn names_with_namespaces_pass_and_injections_do_not() {
        for good in ["Amount", "Loss_Reason__c", "ns__Loss_Reason__c", "Microsoft_Solutions__r"] {
            assert!(ApiName::parse(good).is_ok(), "{good}");
        }
        for bad in ["", "1st", "A B", "A,B", "Amount FROM User", "A___b", "A_", "Ä"] {
            assert!(ApiName::parse(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn pointers_that_name_no_one_member_are_refused() {
        for bad in ["", "/", "details/notes", "/details//notes", "/team/-", "/a~2b", "/a b"] {
            assert!(PortalPath::parse(bad).is_err(), "{bad}");
        }
        assert!(PortalPath::parse("/details/a~1b~0c").is_ok());
    }
}
