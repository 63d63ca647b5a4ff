//! What the mapping wants of each field of the org, all wishes for one field put together.

use std::collections::BTreeMap;

use deal_model::Route;
use mapping::{AccountRule, Codec, CrmPath, Expression, Mapping, SetSource};
use salesforce::FieldType;

use crate::salesforce::{
    catalogue,
    schema::{
        ACCOUNT, CONTACT, CONTACT_ROLE, CURRENCY, Currencies, LEAD, OPPORTUNITY, Schema, USER, place_of,
    },
};

const TEXTS: &[FieldType] = &[
    FieldType::String,
    FieldType::Textarea,
    FieldType::Picklist,
    FieldType::Combobox,
    FieldType::Email,
    FieldType::Phone,
    FieldType::Url,
];
const LONG: &[FieldType] = &[FieldType::Textarea, FieldType::String];
const CHOICES: &[FieldType] = &[FieldType::Picklist, FieldType::Combobox, FieldType::String];
const NUMBERS: &[FieldType] = &[FieldType::Currency, FieldType::Double, FieldType::Int, FieldType::Percent];
const FLAG: &[FieldType] = &[FieldType::Boolean];
const ONE_LINE: &[FieldType] = &[FieldType::String];
const LINK: &[FieldType] = &[FieldType::Url, FieldType::String];
const IDS: &[FieldType] = &[FieldType::Id, FieldType::Reference, FieldType::String];
const REFERENCE: &[FieldType] = &[FieldType::Reference];

/// Characters of a referral's identifier.
const REFERRAL_ID: u32 = 36;
/// Characters of a record's identifier.
const RECORD_ID: u32 = 18;
/// Characters of a unique key made of a record's identifier and a solution's or customer's.
const KEY: u32 = 60;
/// Fewest characters in which an audit trail is worth keeping.
const TRAIL: u32 = 1_000;

/// What is wanted of one field.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Wish {
    /// The types that can hold it; any, if empty. The first is the usual one.
    pub(super) kinds: &'static [FieldType],
    /// Fewest characters.
    pub(super) length: u32,
    /// No two records may share a value, and records can be found by it.
    pub(super) unique: bool,
    /// Written on new records.
    pub(super) create: bool,
    /// Written later.
    pub(super) update: bool,
    /// Values that are written.
    pub(super) values: Vec<String>,
    /// One of the fields that come with the product.
    pub(super) ours: bool,
}

impl Wish {
    fn of(kinds: &'static [FieldType]) -> Self {
        Self { kinds, ..Self::default() }
    }

    fn ours(kinds: &'static [FieldType], length: u32) -> Self {
        Self { kinds, length, create: true, update: true, ours: true, ..Self::default() }
    }

    fn join(&mut self, more: Self) {
        if self.kinds.is_empty() || more.ours {
            self.kinds = more.kinds;
        }
        self.length = self.length.max(more.length);
        self.unique |= more.unique;
        self.create |= more.create;
        self.update |= more.update;
        self.ours |= more.ours;
        for value in more.values {
            if !self.values.contains(&value) {
                self.values.push(value);
            }
        }
    }
}

/// The wishes, by object and field.
#[derive(Debug, Default)]
pub(super) struct Wishes(pub(super) BTreeMap<(String, String), Wish>);

impl Wishes {
    fn add(&mut self, object: &str, field: &str, wish: Wish) {
        self.0.entry((object.to_owned(), field.to_owned())).or_default().join(wish);
    }

    /// Those of one object.
    pub(super) fn of_object<'w>(&'w self, object: &'w str) -> impl Iterator<Item = (&'w str, &'w Wish)> {
        let of = move |(of, _): &(String, String)| of.eq_ignore_ascii_case(object);
        self.0.iter().filter(move |(key, _)| of(key)).map(|((_, field), wish)| (field.as_str(), wish))
    }
}

/// Everything that the mapping wants of the org's fields.
pub(super) fn of(mapping: &Mapping, schema: &Schema) -> Wishes {
    let mut wishes = Wishes::default();
    bindings(mapping, schema, &mut wishes);
    names(mapping, &mut wishes);
    sets(mapping, &mut wishes);
    leads(mapping, &mut wishes);
    catalogue(mapping, &mut wishes);
    wishes
}

fn catalogue(mapping: &Mapping, wishes: &mut Wishes) {
    let Some((catalogue, set)) = catalogue::of(mapping) else { return };
    let object = catalogue.object.as_str();
    let id = Wish { create: true, unique: true, ..Wish::of(ONE_LINE) };
    wishes.add(object, catalogue.id.as_str(), id);
    let said = [&catalogue.name, &catalogue.publisher, &catalogue.solution_type, &catalogue.partner_id];
    for (names, kinds) in [(&said[..], TEXTS), (&[&catalogue.ready, &catalogue.active][..], FLAG)] {
        for name in names {
            wishes.add(object, name.as_str(), Wish { create: true, update: true, ..Wish::of(kinds) });
        }
    }
    let lookup = Wish { create: true, ..Wish::of(REFERENCE) };
    wishes.add(&place_of(set).0, catalogue.lookup.as_str(), lookup);
}

fn leads(mapping: &Mapping, wishes: &mut Wishes) {
    let leads = mapping.leads();
    if !leads.create {
        return;
    }
    let key = Wish { unique: true, update: false, ..Wish::ours(ONE_LINE, REFERRAL_ID) };
    wishes.add(LEAD, leads.identifier.as_str(), key);
    wishes.add(LEAD, leads.note.as_str(), Wish::ours(LONG, 0));
    for field in &leads.fields {
        let wish = Wish { create: true, update: true, ..Wish::of(kinds(&field.codec)) };
        wishes.add(LEAD, field.column.as_str(), wish);
    }
}

/// The object that a path from the opportunity ends in. A parent that cannot be seen is told by the reference that leads
/// to it.
pub(super) fn object_of(path: &CrmPath, schema: &Schema) -> Option<String> {
    let from_parent = |object: String, parent| schema.parent_of(&object, parent);
    path.parents().try_fold(OPPORTUNITY.to_owned(), from_parent)
}

fn bindings(mapping: &Mapping, schema: &Schema, wishes: &mut Wishes) {
    for binding in mapping.bindings() {
        // What an expression names is read, of whatever type it is.
        for path in binding.expressions().flat_map(Expression::crm_paths) {
            let constant =
                path.soql().eq_ignore_ascii_case(CURRENCY) && matches!(schema.currencies, Currencies::One(_));
            if let Some(object) = object_of(path, schema).filter(|_| !constant) {
                wishes.add(&object, path.field(), Wish::default());
            }
        }
        let Some(path) = &binding.crm else { continue };
        let Some(object) = object_of(path, schema) else { continue };
        let is_currency = path.field().eq_ignore_ascii_case(CURRENCY);
        if is_currency && matches!(schema.currencies, Currencies::One(_)) {
            continue;
        }
        let groups = &mapping.specs().groups;
        let group = groups.iter().find(|group| group.members.iter().any(|it| it.id == binding.field));
        let route = group.map_or_else(Route::default, |group| group.to.crm);
        let mut wish = Wish::of(kinds(&binding.codec));
        if path.field() != "Id" {
            (wish.create, wish.update) = (route.flows(), route.update);
        }
        wish.ours = BROUGHT.contains(&binding.field.as_str());
        let spec = group.and_then(|group| group.members.iter().find(|it| it.id == binding.field));
        if route.flows() {
            let most = spec.and_then(|spec| spec.fit.max_chars).unwrap_or_default();
            wish.length = u32::try_from(most).unwrap_or(u32::MAX);
        }
        if let (Codec::Choice(table) | Codec::Attribute { choices: table, .. }, true) =
            (&binding.codec, route.flows())
        {
            wish.values = table.pairs().iter().map(|(name, _)| name.clone()).collect();
        }
        wishes.add(&object, path.field(), wish);
    }
}

/// The fields that the product brings, whether the mapping names them as fields or not (requirements, M3).
fn names(mapping: &Mapping, wishes: &mut Wishes) {
    let names = mapping.names();
    let trail: &'static [FieldType] = &[FieldType::Textarea];
    let times: &'static [FieldType] = &[FieldType::Datetime];
    let mut own = |name: &str, wish: Wish| wishes.add(OPPORTUNITY, name, wish);
    own(names.sync.as_str(), Wish::ours(FLAG, 0));
    own(names.identifier.as_str(), Wish::ours(ONE_LINE, REFERRAL_ID));
    own(names.unique_key.as_str(), Wish { unique: true, ..Wish::ours(ONE_LINE, REFERRAL_ID) });
    own(names.origin.as_str(), Wish::ours(ONE_LINE, RECORD_ID));
    own(names.audit.as_str(), Wish::ours(trail, TRAIL));
    own(names.status.as_str(), Wish::ours(LONG, 0));
    own(names.problem.as_str(), Wish::ours(LONG, 0));
    own(names.synced_at.as_str(), Wish::ours(times, 0));
    own(names.consent.as_str(), Wish { create: false, update: false, ..Wish::ours(FLAG, 0) });
    own(names.response.as_str(), Wish::ours(CHOICES, 0));
    own(names.products.as_str(), Wish { create: false, update: false, ..Wish::ours(ONE_LINE, 0) });
    let processes = mapping.record_types().map(|each| &each.stages);
    for stages in std::iter::once(mapping.stages()).chain(processes) {
        for field in stages.reason_fields() {
            let values = stages.reason_names().map(str::to_owned).collect();
            let wish = Wish { create: true, update: true, values, ..Wish::of(CHOICES) };
            wishes.add(OPPORTUNITY, field.as_str(), wish);
        }
    }
    if mapping.inbound().create && mapping.inbound().account == AccountRule::Create {
        let key = Wish { unique: true, update: false, ..Wish::ours(ONE_LINE, KEY) };
        wishes.add(ACCOUNT, names.account_key.as_str(), key);
    }
}

/// Mapped fields of the shipped mapping that come with the product, beside those of `[names]` (requirements, M3).
const BROUGHT: [&str; 2] = ["referral_link", "help"];

fn sets(mapping: &Mapping, wishes: &mut Wishes) {
    for set in mapping.sets() {
        let groups = &mapping.specs().groups;
        let group = groups.iter().find(|group| group.members.iter().any(|it| it.id == set.field));
        let route = group.map_or_else(Route::default, |group| group.to.crm);
        let (create, update) = (route.flows(), route.update);
        let written = |kinds| Wish { create, update, ..Wish::of(kinds) };
        let object = match &set.crm {
            SetSource::Children {
                object,
                parent_field,
                key_column,
                unique_key_column,
                primary_column,
                ..
            } => {
                let object = object.as_str();
                wishes.add(object, parent_field.as_str(), Wish { update: false, ..written(REFERENCE) });
                wishes.add(object, key_column.as_str(), Wish { update: false, ..written(TEXTS) });
                let key = Wish { unique: true, update: false, length: KEY, ..written(ONE_LINE) };
                wishes.add(object, unique_key_column.as_str(), key);
                if let Some(primary) = primary_column {
                    wishes.add(object, primary.as_str(), written(FLAG));
                }
                object
            }
            SetSource::ContactRoles => {
                wishes.add(CONTACT_ROLE, "ContactId", Wish { update: false, ..written(REFERENCE) });
                wishes.add(CONTACT_ROLE, "IsPrimary", written(FLAG));
                wishes.add(CONTACT, "Email", written(&[FieldType::Email, FieldType::String]));
                CONTACT
            }
            SetSource::Team { .. } => {
                // Users are read, never written.
                wishes.add(USER, "Email", Wish::of(&[FieldType::Email, FieldType::String]));
                for attribute in &set.attributes {
                    wishes.add(USER, attribute.crm_column.as_str(), Wish::of(kinds(&attribute.codec)));
                }
                continue;
            }
        };
        for attribute in &set.attributes {
            // An automatic number can be read and not written: the row does without.
            let wish = Wish { create: false, update: false, ..written(kinds(&attribute.codec)) };
            wishes.add(object, attribute.crm_column.as_str(), wish);
        }
    }
}

fn kinds(codec: &Codec) -> &'static [FieldType] {
    match codec {
        Codec::Text | Codec::Phone | Codec::ProfileId { .. } | Codec::Country => TEXTS,
        Codec::LongText | Codec::Lines { .. } | Codec::Html(_) | Codec::Names => LONG,
        Codec::Number | Codec::Money | Codec::Range(_) => NUMBERS,
        Codec::Currency | Codec::Choice(_) | Codec::Attribute { .. } => CHOICES,
        Codec::Date { .. } => &[FieldType::Date, FieldType::Datetime],
        // A picklist of yes and no, or the word, is as good as a checkbox.
        Codec::Flag => &[FieldType::Boolean, FieldType::Picklist, FieldType::String],
        Codec::Link(_) => LINK,
        Codec::RecordId => IDS,
    }
}
