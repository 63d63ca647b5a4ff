//! A set of elements: an array of the referral on one side, rows of their own on the other.
//!
//! An element holds only attributes that both sides keep. The portal's other members are carried along untouched.

use std::collections::BTreeMap;

use deal_model::{Element, ElementKey, Elements, FieldId, Held, Measure, Observed, Value};
use serde_json::{Map, Value as Json};

use crate::{ApiName, Codec, PortalPath};

/// Field values of one row, by API name.
pub type Columns = Map<String, Json>;

/// One attribute that both sides keep.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attribute {
    /// Its name in the element.
    pub name: String,
    /// Its member in the portal's array element.
    pub portal_member: String,
    /// Its column in the row: of the child row, of the contact, or of the user.
    pub crm_column: ApiName,
    /// Most characters the column holds. Longer text is cut when read, and never cuts the portal's own.
    pub max_chars: Option<usize>,
    /// How they are counted.
    pub measure: Measure,
    /// How it is written.
    pub codec: Codec,
}

/// What makes two elements the same one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeyForm {
    /// The trimmed text as it is: a solution's identifier.
    Exact,
    /// Trimmed, in lower case: an e-mail address.
    LowerCase,
}

impl KeyForm {
    /// The key in `json`; none if there is none.
    fn key(self, json: Option<&Json>) -> Option<ElementKey> {
        let text = json?.as_str()?.trim();
        let key = match self {
            Self::Exact => text.to_owned(),
            Self::LowerCase => text.to_lowercase(),
        };
        (!key.is_empty()).then_some(ElementKey(key))
    }
}

/// Where the rows come from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SetSource {
    /// Child rows of the opportunity.
    Children {
        /// The relationship from the opportunity: `Microsoft_Solutions__r`.
        relationship: ApiName,
        /// The child object: `Microsoft_Solution__c`.
        object: ApiName,
        /// The child's reference to the opportunity: `Opportunity__c`.
        parent_field: ApiName,
        /// The column that holds the element's key: `Solution_Id__c`.
        key_column: ApiName,
        /// The unique column that stops a second row for one element: `Co_sell_Key__c`.
        unique_key_column: ApiName,
        /// The checkbox that marks the one primary element, which the referral targets.
        primary_column: Option<ApiName>,
    },
    /// Contacts, by the opportunity's contact roles. Columns are the contact's; the key is its `Email`, and the primary
    /// one is the role's `IsPrimary`.
    ContactRoles,
    /// Users: the opportunity's owner and its team. Columns are the user's; the key is its `Email`. Rows are only added.
    Team {
        /// The `TeamMemberRole` of rows that are added; none for the org's own default.
        role: Option<String>,
    },
}

/// When a set leaves for the portal at all.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum When {
    /// Whenever its route allows.
    #[default]
    Always,
    /// Only when Microsoft's help is asked (sync rules, section 5: contacts).
    Help,
}

/// A set-valued field.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SetBinding {
    /// The field.
    pub field: FieldId,
    /// The array in the referral.
    pub portal_array: PortalPath,
    /// The member of an array element that holds its key.
    pub key_member: String,
    /// How keys are compared.
    pub key_form: KeyForm,
    /// The attributes, in the file's order.
    pub attributes: Vec<Attribute>,
    /// Members that every new array element gets.
    pub constants: BTreeMap<String, String>,
    /// Where the rows are.
    pub crm: SetSource,
    /// When it leaves for the portal.
    pub when: When,
}

const CONTACT: &str = "Contact";
const PERSON_KEY: &str = "Email";
const ROLE_PRIMARY: &str = "IsPrimary";
const USER: &str = "User";
const USER_ACTIVE: &str = "IsActive";

impl SetBinding {
    /// The attribute that only an active user's element has; it has no place at the portal.
    pub const ACTIVE: &'static str = "active";

    /// The elements of the array in a referral; an absent array is the empty set.
    pub fn observe_portal(&self, referral: &Json) -> Observed {
        self.read_portal(self.portal_array.read(referral).unwrap_or(&Json::Null))
    }

    /// The elements of the array itself. Null, and `{}` as some samples have it, is the empty set; an element without a
    /// key is foreign and not read; an attribute that cannot be parsed makes the whole set `Unknown`.
    pub fn read_portal(&self, array: &Json) -> Observed {
        let items: &[Json] = match array {
            Json::Null => &[],
            Json::Object(members) if members.is_empty() => &[],
            Json::Array(items) => items,
            _ => return Observed::Unknown,
        };
        read(items, |item| {
            let key = self.key_form.key(item.get(&self.key_member));
            key.map(|key| (key, self.portal_attributes(item)))
        })
    }

    /// The elements of the rows. A row without a key is not read; a column that is missing from a row, or cannot be
    /// parsed, makes the whole set `Unknown`.
    pub fn read_crm(&self, rows: &[Json]) -> Observed {
        read(rows, |row| match &self.crm {
            SetSource::Children { key_column, .. } => match row.get(key_column.as_str()) {
                None => Some((ElementKey(String::new()), None)),
                key => self.key_form.key(key).map(|key| (key, self.crm_attributes(row))),
            },
            SetSource::ContactRoles | SetSource::Team { .. } => match row.get(self.person()) {
                None => Some((ElementKey(String::new()), None)),
                Some(person) => {
                    self.key_form.key(person.get(PERSON_KEY)).map(|key| (key, self.crm_attributes(person)))
                }
            },
        })
    }

    /// The keys of the elements that the seller marked as primary, each once. One of them is right; several are a question.
    pub fn primary(&self, rows: &[Json]) -> Vec<ElementKey> {
        let flag = match &self.crm {
            SetSource::Children { primary_column: Some(column), .. } => column.as_str(),
            SetSource::ContactRoles => ROLE_PRIMARY,
            SetSource::Children { primary_column: None, .. } | SetSource::Team { .. } => return Vec::new(),
        };
        let marked = rows.iter().filter(|row| row.get(flag) == Some(&Json::Bool(true)));
        let mut keys: Vec<ElementKey> = marked.filter_map(|row| self.row_key(row)).collect();
        keys.sort_unstable();
        keys.dedup();
        keys
    }

    /// The key of one row: what ties it to an element.
    pub fn row_key(&self, row: &Json) -> Option<ElementKey> {
        let key = match &self.crm {
            SetSource::Children { key_column, .. } => row.get(key_column.as_str()),
            SetSource::ContactRoles | SetSource::Team { .. } => row.get(self.person())?.get(PERSON_KEY),
        };
        self.key_form.key(key)
    }

    /// The key of one element of the portal's array.
    pub fn member_key(&self, item: &Json) -> Option<ElementKey> {
        self.key_form.key(item.get(&self.key_member))
    }

    /// The array element for `element`: the portal's `current` one with its key and the changed attributes applied and all
    /// foreign members kept, or a new one with its key and the constants.
    pub fn portal_element(&self, key: &ElementKey, current: Option<&Json>, element: &Element) -> Json {
        let mut members = match current {
            Some(Json::Object(members)) => members.clone(),
            _ => self.new_members(key),
        };
        // A key that is compared without case is left as it is written there.
        if self.key_form.key(members.get(&self.key_member)).as_ref() != Some(key) {
            members.insert(self.key_member.clone(), Json::String(key.0.clone()));
        }
        for attribute in &self.attributes {
            let held = held(element, &attribute.name);
            let present = members.get(&attribute.portal_member).unwrap_or(&Json::Null);
            // What reads the same is left as it is: the portal may hold more of it than fits the column.
            if attribute.read_portal(present).held() != Some(held.clone()) {
                members.insert(attribute.portal_member.clone(), attribute.codec.write_portal(&held));
            }
        }
        Json::Object(members)
    }

    /// The columns of `element`'s row; an attribute that the element does not have is null.
    pub fn crm_columns(&self, key: &ElementKey, element: &Element) -> Columns {
        let mut columns = Columns::new();
        let key_column = match &self.crm {
            SetSource::Children { key_column, .. } => key_column.as_str(),
            SetSource::ContactRoles | SetSource::Team { .. } => PERSON_KEY,
        };
        columns.insert(key_column.to_owned(), Json::String(key.0.clone()));
        for attribute in &self.attributes {
            let held = held(element, &attribute.name);
            columns.insert(attribute.crm_column.as_str().to_owned(), attribute.codec.write_crm(&held));
        }
        columns
    }

    /// The columns to `SELECT` for each row, relative to the child object or to the contact role.
    pub fn crm_select(&self) -> Vec<String> {
        let attributes = self.attributes.iter().map(|attribute| attribute.crm_column.as_str());
        match &self.crm {
            SetSource::Children { key_column, primary_column, .. } => [key_column.as_str()]
                .into_iter()
                .chain(attributes)
                .chain(primary_column.as_ref().map(ApiName::as_str))
                .map(str::to_owned)
                .collect(),
            SetSource::ContactRoles => [ROLE_PRIMARY.to_owned()]
                .into_iter()
                .chain([PERSON_KEY].into_iter().chain(attributes).map(|column| format!("{CONTACT}.{column}")))
                .collect(),
            SetSource::Team { .. } => {
                self.user_columns().into_iter().map(|column| format!("{USER}.{column}")).collect()
            }
        }
    }

    /// The columns of a user that are read, for a team: relative to the team's row they stand behind `User.`, and to the
    /// opportunity behind `Owner.`.
    pub fn user_columns(&self) -> Vec<&str> {
        let attributes = self.attributes.iter().map(|attribute| attribute.crm_column.as_str());
        [PERSON_KEY, USER_ACTIVE].into_iter().chain(attributes).collect()
    }

    /// The relationship from a row to the person it stands for.
    fn person(&self) -> &'static str {
        match self.crm {
            SetSource::Team { .. } => USER,
            SetSource::Children { .. } | SetSource::ContactRoles => CONTACT,
        }
    }

    fn new_members(&self, key: &ElementKey) -> Map<String, Json> {
        let mut members = Map::new();
        members.insert(self.key_member.clone(), Json::String(key.0.clone()));
        for (name, value) in &self.constants {
            members.insert(name.clone(), Json::String(value.clone()));
        }
        members
    }

    fn portal_attributes(&self, item: &Json) -> Option<Element> {
        self.element(|attribute| {
            Some(attribute.read_portal(item.get(&attribute.portal_member).unwrap_or(&Json::Null)))
        })
    }

    fn crm_attributes(&self, row: &Json) -> Option<Element> {
        let mut element = self.element(|attribute| {
            row.get(attribute.crm_column.as_str()).map(|column| attribute.read_crm(column))
        })?;
        if matches!(self.crm, SetSource::Team { .. }) && row.get(USER_ACTIVE)?.as_bool()? {
            element.0.insert(Self::ACTIVE.to_owned(), Value::Flag(true));
        }
        Some(element)
    }

    /// None if an attribute is not known.
    fn element(&self, read: impl Fn(&Attribute) -> Option<Observed>) -> Option<Element> {
        let mut element = Element::default();
        for attribute in &self.attributes {
            match read(attribute)? {
                Observed::Value(value) => {
                    element.0.insert(attribute.name.clone(), value);
                }
                Observed::Empty => {}
                Observed::Unknown => return None,
            }
        }
        Some(element)
    }
}

impl Attribute {
    fn read_portal(&self, member: &Json) -> Observed {
        self.cut(self.codec.read_portal(member))
    }

    fn read_crm(&self, column: &Json) -> Observed {
        self.cut(self.codec.read_crm(column))
    }

    fn cut(&self, observed: Observed) -> Observed {
        match (self.max_chars, observed) {
            (Some(max), Observed::Value(Value::Text(text))) => {
                Observed::text(self.measure.cut(&text, max).trim_end())
            }
            (_, observed) => observed,
        }
    }
}

/// The set of what `one` makes of each item: nothing for an item that is no element, a key without an element for one
/// that cannot be known.
fn read(items: &[Json], one: impl Fn(&Json) -> Option<(ElementKey, Option<Element>)>) -> Observed {
    let mut elements = Elements::new();
    for (key, element) in items.iter().filter_map(one) {
        let Some(element) = element else { return Observed::Unknown };
        // A key that comes twice is one element; the first is the one that is written back.
        elements.entry(key).or_insert(element);
    }
    Observed::Value(Value::Set(elements))
}

fn held(element: &Element, name: &str) -> Held {
    element.0.get(name).map_or(Held::Empty, |value| Held::Value(value.clone()))
}
