//! From records to observations. Wire types end here; the way back is in `columns`.

use std::collections::{BTreeMap, BTreeSet};

use deal_model::{
    Actor, Barred, CrmFacts, ElementKey, Facts, FieldId, Irreversible, Life, NotComputed, Observation,
    Observed, Reading, RecordId as DealRecord, Response, Side, Value, Version,
};
use jiff::{SignedDuration, Timestamp};
use mapping::{Binding, Codec, CrmPath, Given, LeftOut, Mapping, Seen, SetBinding, SetSource, Stages, When};
use planted::{Bug, planted};
use salesforce::{FieldDescribe, Record, RecordId, UserId};
use serde_json::Value as Json;
use sync_engine::SideError;

use super::{
    ConsentRule, catalogue, org_fit, refusal,
    schema::{
        AMOUNT, CONTACT_ROLES, CURRENCY, Currencies, HAS_LINE_ITEMS, OPPORTUNITY, PROBABILITY, RECORD_TYPE,
        Schema, place_of,
    },
};

/// A record read sooner after its stamp may change again within the same second (sync rules, section 1).
const SETTLED_AFTER: SignedDuration = SignedDuration::from_secs(2);
/// Most characters that are kept of a text which stands for no value.
const MISFIT_CHARS: usize = 80;

/// A child row as it was read: what a later write of it needs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Row {
    pub(super) id: RecordId,
    pub(super) key: ElementKey,
    pub(super) stamp: Timestamp,
    /// Whether we created it.
    pub(super) ours: bool,
    /// Its contact and that one's stamp, for a contact role.
    pub(super) contact: Option<(RecordId, Timestamp)>,
    /// The contact's columns that hold something: they are never overwritten.
    pub(super) filled: Vec<String>,
}

/// A child row as it was read, and the unique key that it holds, whatever it says of itself now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Hold {
    pub(super) id: RecordId,
    pub(super) stamp: Timestamp,
    pub(super) unique_key: Option<String>,
    /// What the row means now; none for a row that was emptied.
    pub(super) key: Option<ElementKey>,
}

/// What of a read opportunity a later write needs and an observation does not carry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Known {
    pub(super) stamp: Timestamp,
    pub(super) stage: String,
    /// Whether Salesforce holds that stage as closed.
    pub(super) closed: bool,
    /// The developer name of its record type.
    pub(super) record_type: Option<String>,
    pub(super) account: Option<RecordId>,
    /// Whether that account is a person.
    pub(super) person: bool,
    /// What begins the unique key of each of its rows: its own unique key if it was born of a referral, else its id.
    pub(super) key: String,
    /// The records it points to, by relationship, each with its own stamp.
    pub(super) parents: BTreeMap<String, (RecordId, Timestamp)>,
    /// Whether it carries a referral's identifier.
    pub(super) linked: bool,
    pub(super) has_origin: bool,
    pub(super) rows: BTreeMap<FieldId, Vec<Row>>,
    /// All child rows of a set, with their unique keys. A person who picks another solution leaves a row with the key of the old one.
    pub(super) holds: BTreeMap<FieldId, Vec<Hold>>,
    /// The contacts that have a role already, with an e-mail address or without.
    pub(super) with_roles: BTreeSet<RecordId>,
    /// How many rows of a set stand for nobody of the referral: people without an e-mail address.
    pub(super) keyless: BTreeMap<FieldId, usize>,
}

impl Known {
    /// When a child row was changed last, as it was read.
    pub(super) fn stamp_of(&self, row: RecordId) -> Option<Timestamp> {
        self.holds.values().flatten().find(|hold| hold.id == row).map(|hold| hold.stamp)
    }
}

/// An opportunity with all its children, page by page collected.
pub(super) struct Whole {
    pub(super) record: Record,
    /// By relationship.
    pub(super) children: BTreeMap<String, Vec<Record>>,
}

/// What was read of an opportunity's fields.
pub(super) struct Readings {
    pub(super) fields: BTreeMap<FieldId, Reading>,
    /// Why what could not be computed could not.
    pub(super) uncomputed: BTreeMap<FieldId, NotComputed>,
    pub(super) rows: BTreeMap<FieldId, Vec<Row>>,
    /// Whether the group that asks for the other organisation's help is filled.
    pub(super) asks_help: bool,
}

/// What a reading needs beside the record.
pub(super) struct Reader<'a> {
    pub(super) mapping: &'a Mapping,
    pub(super) schema: &'a Schema,
    pub(super) consent: ConsentRule,
    pub(super) server_date: Timestamp,
}

impl Reader<'_> {
    /// The observation. Of a record that is not opted in it holds the flag and the version, and nothing else.
    pub(super) fn read(
        &self,
        id: &DealRecord,
        whole: &Whole,
    ) -> Result<(Observation, Option<Known>), SideError> {
        let record = &whole.record;
        let Some(stamp) = record.system_modstamp() else {
            return Err(refusal::bug("an opportunity came without its SystemModstamp"));
        };
        let version = Version { stamp, tag: None };
        let asked = self.asked_for(record)?;
        let left_out = if asked { self.left_out(record)? } else { None };
        if !asked || left_out.is_some() {
            let observation = Observation {
                record: id.clone(),
                version,
                read_at: self.server_date,
                actor: Actor::Unknown,
                life: Life::Unknown { code: String::new() },
                fields: BTreeMap::new(),
                facts: Facts::Crm(CrmFacts { left_out, ..CrmFacts::default() }),
            };
            return Ok((observation, None));
        }
        let stage = record.text("StageName").unwrap_or_default();
        let flag = |name: &str| record.at(name) == Some(&Json::Bool(true));
        let record_type = record.text(RECORD_TYPE);
        let stages = self.mapping.stages_of(record_type);
        let reason = reason(record, stages, stage);
        let (closed, won) = (flag("IsClosed"), flag("IsWon"));
        let life = stages.life_at(stage, closed, won, reason.as_deref(), percent(record));
        let Readings { fields, uncomputed, rows, asks_help } = self.readings(whole);
        let names = self.mapping.names();
        for control in [&names.identifier, &names.origin, &names.response] {
            // Empty and hidden must not look alike here: a hidden identifier would bear a second referral, a hidden
            // answer would be a new one when it is seen again.
            if record.at(control.as_str()).is_none() {
                let what = format!("{OPPORTUNITY}.{control} cannot be read; nothing is sent");
                return Err(refusal::person(what, Vec::new()));
            }
        }
        let text = |name: &mapping::ApiName| {
            record.text(name.as_str()).map(str::trim).filter(|text| !text.is_empty())
        };
        let facts = CrmFacts {
            opted_in: true,
            left_out: None,
            record_type: record_type.map(str::to_owned),
            consent: self.consent == ConsentRule::Contract || flag(names.consent.as_str()),
            response: text(&names.response).and_then(response),
            claims: text(&names.identifier).map(DealRecord::new),
            origin: text(&names.origin).map(long_id),
            reason: reason.map(|reason| stages.reason_to_portal(&reason)),
            asks_help,
            unsettled: self.server_date.duration_since(stamp) < SETTLED_AFTER,
            misfits: self.misfits(record),
            uncomputed,
            computed: self.computed(record),
            closed: self.closed(),
            keyless: self.keyless(whole),
            people: self.identities(whole),
            primary: self.primary(whole),
            barred: self.barred(whole),
        };
        let known = Known {
            stamp,
            stage: stage.to_owned(),
            closed,
            record_type: record_type.map(str::to_owned),
            account: record.text("AccountId").and_then(|id| id.parse().ok()),
            person: flag("Account.IsPersonAccount"),
            key: text(&names.unique_key).map_or_else(|| long_id(id.as_str()).to_string(), str::to_owned),
            parents: self.parents(record),
            linked: facts.claims.is_some(),
            has_origin: facts.origin.is_some(),
            rows,
            holds: self.holds(whole),
            with_roles: with_roles(whole),
            keyless: facts.keyless.clone(),
        };
        let observation = Observation {
            record: id.clone(),
            version,
            read_at: self.server_date,
            actor: self.actor(record),
            life,
            fields,
            facts: Facts::Crm(facts),
        };
        Ok((observation, Some(known)))
    }

    /// Whether its seller asked for the record to be shared, and it is not private where private ones stay.
    fn asked_for(&self, record: &Record) -> Result<bool, SideError> {
        let sync = self.mapping.names().sync.as_str();
        let asked = flag_of(record, sync).ok_or_else(|| unreadable(sync))?;
        Ok(asked && !self.is_private(record)?)
    }

    /// Whether it is private where private ones stay. An unreadable flag is never taken for a no, nor for a yes.
    fn is_private(&self, record: &Record) -> Result<bool, SideError> {
        match flag_of(record, "IsPrivate") {
            Some(private) => Ok(private && !self.mapping.opt_in().private),
            None if self.mapping.opt_in().private => Ok(false),
            None => Err(unreadable("IsPrivate")),
        }
    }

    /// The rule by which a record stays here although its seller asked for it to be shared, as a sentence.
    fn left_out(&self, record: &Record) -> Result<Option<String>, SideError> {
        let rules = self.mapping.opt_in();
        if self.mapping.reads_record_type() && !self.schema.selects(RECORD_TYPE) {
            return Err(unreadable(RECORD_TYPE));
        }
        let hidden = rules.conditions.iter().map(|condition| condition.subject.soql());
        if let Some(path) = hidden.into_iter().find(|path| !self.schema.selects(path)) {
            return Err(unreadable(&path));
        }
        Ok(left_out(self.mapping, record, "").map(|rule| match rule {
            LeftOut::Private => "Private opportunities are not shared.".to_owned(),
            LeftOut::RecordType => {
                "Opportunities of this record type are not shared: [opt_in] record_types does not name it."
                    .to_owned()
            }
            LeftOut::Field(path) => {
                format!("This opportunity is not shared: its {OPPORTUNITY}.{} is not what [opt_in] where asks for.", path.soql())
            }
        }))
    }

    /// Every field's reading, and the rows of the sets.
    pub(super) fn readings(&self, whole: &Whole) -> Readings {
        let (mut fields, uncomputed) = self.fields(&whole.record);
        let asks_help = self.asks_help(&fields);
        let mut rows = BTreeMap::new();
        for set in self.mapping.sets() {
            let (reading, read) = self.set(set, whole, asks_help);
            fields.insert(set.field.clone(), reading);
            rows.insert(set.field.clone(), read);
        }
        Readings { fields, uncomputed, rows, asks_help }
    }

    fn actor(&self, record: &Record) -> Actor {
        match record.text("LastModifiedById").and_then(|id| UserId::parse(id).ok()) {
            Some(user) if user == self.schema.user => Actor::Integration,
            Some(_) => Actor::Person,
            None => Actor::Unknown,
        }
    }

    /// What the record says of each field, and why what could not be computed of it could not.
    fn fields(&self, record: &Record) -> (BTreeMap<FieldId, Reading>, BTreeMap<FieldId, NotComputed>) {
        let seen = |path: &CrmPath| self.seen(record, path);
        let given = Given::Crm(&seen);
        let (mut fields, mut uncomputed) = (BTreeMap::new(), BTreeMap::new());
        let told = |binding: &&Binding| binding.crm.is_some() || binding.computed.portal.is_some();
        for binding in self.mapping.bindings().iter().filter(told) {
            let held = match &self.schema.currencies {
                Currencies::One(code) if is_currency(binding) => code
                    .as_ref()
                    .map_or(Observed::Unknown, |code| Observed::Value(Value::Choice(code.clone()))),
                _ => self.held(record, binding),
            };
            let (reading, failure) = binding.reading(Side::Crm, held, &given);
            fields.insert(binding.field.clone(), reading);
            uncomputed.extend(failure.map(|failure| (binding.field.clone(), failure)));
        }
        (fields, uncomputed)
    }

    /// What an expression finds at a path. An org with one currency has no field for it.
    fn seen(&self, record: &Record, path: &CrmPath) -> Seen {
        let soql = path.soql();
        match &self.schema.currencies {
            Currencies::One(Some(code)) if soql.eq_ignore_ascii_case(CURRENCY) => {
                Seen::Value(Json::String(code.clone()))
            }
            _ if !self.schema.selects(&soql) => Seen::Hidden,
            _ => record.at(&soql).map_or(Seen::Hidden, |field| Seen::Value(field.clone())),
        }
    }

    /// Columns that hold a text which stands for no value: a country's name that no list has, a help that is not mapped.
    fn misfits(&self, record: &Record) -> BTreeMap<FieldId, String> {
        let bindings = self.mapping.bindings().iter();
        let text = |binding: &Binding| {
            if binding.computed.portal.is_some() {
                // What is sent comes from elsewhere.
                return None;
            }
            let path = binding.crm.as_ref().map(CrmPath::soql).filter(|path| self.schema.selects(path))?;
            let Some(Json::String(text)) = record.at(&path) else { return None };
            let means_nothing = self.held(record, binding) == Observed::Unknown;
            means_nothing.then(|| text.trim().chars().take(MISFIT_CHARS).collect())
        };
        bindings.filter_map(|binding| Some((binding.field.clone(), text(binding)?))).collect()
    }

    /// The fields that the platform takes from elsewhere: with products, the amount is their sum, and the currency is
    /// theirs (salesforce reference, section 5.1).
    pub(super) fn computed(&self, record: &Record) -> BTreeMap<FieldId, String> {
        if record.at(HAS_LINE_ITEMS) != Some(&Json::Bool(true)) {
            return BTreeMap::new();
        }
        let of_products = |binding: &&Binding| {
            let own = binding.crm.as_ref().and_then(CrmPath::own_field);
            own.is_some_and(|name| name.eq_ignore_ascii_case(AMOUNT) || name.eq_ignore_ascii_case(CURRENCY))
        };
        let why = "Salesforce takes it from the opportunity's products";
        let fields = self.mapping.bindings().iter().filter(of_products);
        fields.map(|binding| (binding.field.clone(), why.to_owned())).collect()
    }

    /// Which rows the seller marked as the primary one, of each set that has such a mark.
    fn primary(&self, whole: &Whole) -> BTreeMap<FieldId, Vec<ElementKey>> {
        let marked = |set: &SetBinding| {
            let rows = whole.children.get(&place_of(set).1)?;
            let rows: Vec<Json> = rows.iter().map(|row| Json::Object(row.as_map().clone())).collect();
            let may_be_marked = !matches!(set.crm, SetSource::Team { .. });
            may_be_marked.then(|| set.primary(&rows))
        };
        self.mapping.sets().iter().filter_map(|set| Some((set.field.clone(), marked(set)?))).collect()
    }

    /// The solutions that the catalogue does not let go.
    fn barred(&self, whole: &Whole) -> BTreeMap<FieldId, BTreeMap<ElementKey, Barred>> {
        let barred = |set: &SetBinding| {
            let rows = whole.children.get(&place_of(set).1)?;
            Some(catalogue::barred(self.mapping, self.schema, set, rows)).filter(|barred| !barred.is_empty())
        };
        self.mapping.sets().iter().filter_map(|set| Some((set.field.clone(), barred(set)?))).collect()
    }

    /// The unique keys of the rows of sets that have such a column.
    fn holds(&self, whole: &Whole) -> BTreeMap<FieldId, Vec<Hold>> {
        let of_set = |set: &SetBinding| {
            let SetSource::Children { unique_key_column, .. } = &set.crm else { return None };
            let rows = whole.children.get(&place_of(set).1)?;
            let hold = |row: &Record| {
                Some(Hold {
                    id: row.id()?,
                    stamp: row.system_modstamp()?,
                    unique_key: row.text(unique_key_column.as_str()).map(str::to_owned),
                    key: set.row_key(&Json::Object(row.as_map().clone())),
                })
            };
            Some((set.field.clone(), rows.iter().filter_map(hold).collect()))
        };
        self.mapping.sets().iter().filter_map(of_set).collect()
    }

    /// How many contacts have no e-mail address, which is what ties a contact to a person of the referral.
    fn keyless(&self, whole: &Whole) -> BTreeMap<FieldId, usize> {
        let count = |set: &SetBinding| {
            let rows = whole.children.get(&place_of(set).1)?;
            let rows = rows.iter().map(|row| Json::Object(row.as_map().clone()));
            let keyless = rows.filter(|row| row["Contact"].is_object() && set.row_key(row).is_none());
            Some(keyless.count()).filter(|count| *count > 0)
        };
        let of_contacts = self.mapping.sets().iter().filter(|set| set.crm == SetSource::ContactRoles);
        of_contacts.filter_map(|set| Some((set.field.clone(), count(set)?))).collect()
    }

    /// What a column holds. Names are compared without case, as the platform does.
    fn held(&self, record: &Record, binding: &Binding) -> Observed {
        let Some(path) = binding.crm.as_ref().map(CrmPath::soql) else { return Observed::Unknown };
        // A null account would make a column that was not asked for look empty.
        if !self.schema.selects(&path) {
            return if planted(Bug::AbsentReadAsEmpty) { Observed::Empty } else { Observed::Unknown };
        }
        // With country picklists the code stands beside the label, which is the admin's own text.
        let code = (binding.codec == Codec::Country).then(|| record.at(&format!("{path}Code"))).flatten();
        let code =
            code.map(|code| binding.codec.read_crm(code)).filter(|code| matches!(code, Observed::Value(_)));
        if let Some(code) = code {
            return code;
        }
        let Some(stored) = record.at(&path) else { return Observed::Unknown };
        let held = binding.codec.read_crm(stored);
        match (&held, stored, binding.crm.as_ref().and_then(|path| self.described(path))) {
            // A mapping may name a picklist's labels, which the platform does not send.
            (Observed::Unknown, Json::String(value), Some(field)) => {
                let label = org_fit::label(field, value).map(|label| Json::String(label.to_owned()));
                label.map_or(held, |label| binding.codec.read_crm(&label))
            }
            _ => held,
        }
    }

    /// How the org describes the column at `path`.
    fn described(&self, path: &CrmPath) -> Option<&FieldDescribe> {
        let object = path
            .parents()
            .try_fold(OPPORTUNITY.to_owned(), |object, parent| self.schema.parent_of(&object, parent))?;
        self.schema.field(&object, path.field())
    }

    fn parents(&self, record: &Record) -> BTreeMap<String, (RecordId, Timestamp)> {
        let paths = self.mapping.bindings().iter().filter_map(|binding| binding.crm.as_ref());
        let names = paths.filter_map(|path| path.parents().next());
        let read = names.filter_map(|name| {
            let id = record.text(&format!("{name}.Id"))?.parse().ok()?;
            Some((name.to_owned(), (id, record.datetime(&format!("{name}.SystemModstamp"))?)))
        });
        read.collect()
    }

    /// Whether the group that asks for the other organisation's help is filled.
    fn asks_help(&self, fields: &BTreeMap<FieldId, Reading>) -> bool {
        let mut groups = self.mapping.specs().groups.iter();
        let Some(group) = groups.find(|group| group.latch == Some(Irreversible::AskHelp)) else {
            return false;
        };
        match fields.get(&group.lead().id).map(|reading| &reading.held) {
            Some(Observed::Value(Value::Flag(flag))) => *flag,
            Some(Observed::Value(_)) => true,
            _ => false,
        }
    }

    fn set(&self, set: &SetBinding, whole: &Whole, asks_help: bool) -> (Reading, Vec<Row>) {
        let (_, relationship) = place_of(set);
        if matches!(set.crm, SetSource::Team { .. }) {
            let (held, rows) = self.team(set, whole);
            return (Reading::plain(held), rows);
        }
        let unknown = Reading { held: Observed::Unknown, sends: Observed::Unknown };
        if !self.schema.reads_set(set) {
            return (unknown, Vec::new());
        }
        let Some(records) = whole.children.get(&relationship) else { return (unknown, Vec::new()) };
        let json: Vec<Json> = records.iter().map(|record| Json::Object(record.as_map().clone())).collect();
        let rows =
            records.iter().zip(&json).filter_map(|(record, json)| self.row(set, record, json)).collect();
        let held = set.read_crm(&json);
        // Contacts are nobody's business across before help is asked for (sync rules, section 5).
        let withheld = set.when == When::Help && !asks_help && held != Observed::Unknown;
        let sends = if withheld { Observed::Empty } else { held.clone() };
        (Reading { held, sends }, rows)
    }

    pub(super) fn row(&self, set: &SetBinding, record: &Record, json: &Json) -> Option<Row> {
        let creator = record.text("CreatedById").and_then(|id| UserId::parse(id).ok());
        let contact = record.text("ContactId").and_then(|id| id.parse().ok());
        let contact = contact.zip(record.datetime("Contact.SystemModstamp"));
        let filled = set.attributes.iter().map(|attribute| attribute.crm_column.as_str());
        let is_filled = |column: &&str| {
            record.at(&format!("Contact.{column}")).is_some_and(|held| !matches!(held, Json::Null))
        };
        Some(Row {
            id: record.id()?,
            key: set.row_key(json)?,
            stamp: record.system_modstamp()?,
            ours: creator == Some(self.schema.user),
            contact,
            filled: filled.filter(is_filled).map(str::to_owned).collect(),
        })
    }
}

/// The contacts of an opportunity's roles.
fn with_roles(whole: &Whole) -> BTreeSet<RecordId> {
    let roles = whole.children.get(CONTACT_ROLES).into_iter().flatten();
    roles.filter_map(|role| role.text("ContactId")?.parse().ok()).collect()
}

/// What the seller gave as the reason: of the present stage if it has a field for it, else of any.
fn reason(record: &Record, stages: &Stages, stage: &str) -> Option<String> {
    let fields = stages.reason_field(stage).map_or_else(|| stages.reason_fields(), |field| vec![field]);
    let mut texts = fields.into_iter().filter_map(|field| record.text(field.as_str()));
    texts.find(|text| !text.trim().is_empty()).map(|text| text.trim().to_owned())
}

/// The rule of the file that leaves an opportunity out, by what was read of it; that it is private is told elsewhere.
/// `prefix` leads from the record to the opportunity.
pub(super) fn left_out(mapping: &Mapping, record: &Record, prefix: &str) -> Option<LeftOut> {
    let values =
        |path: &CrmPath| record.at(&format!("{prefix}{}", path.soql())).cloned().into_iter().collect();
    mapping.opt_in().leaves_out(record.text(&format!("{prefix}{RECORD_TYPE}")), false, values)
}

fn flag_of(record: &Record, name: &str) -> Option<bool> {
    match record.at(name) {
        Some(Json::Bool(flag)) => Some(*flag),
        _ => None,
    }
}

fn unreadable(name: &str) -> SideError {
    refusal::person(format!("{OPPORTUNITY}.{name} cannot be read; nothing is sent"), Vec::new())
}

/// The probability in whole percent, cut; none if it is not asked for, or empty.
fn percent(record: &Record) -> Option<u8> {
    let percent = record.at(PROBABILITY)?.as_f64()?.clamp(0.0, 100.0);
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "clamped to 0..=100")]
    Some(percent as u8)
}

fn response(text: &str) -> Option<Response> {
    match text {
        _ if text.eq_ignore_ascii_case("accept") => Some(Response::Accept),
        _ if text.eq_ignore_ascii_case("decline") => Some(Response::Decline),
        _ => None,
    }
}

/// An opportunity's identifier in the one form that is compared.
pub(super) fn long_id(text: &str) -> DealRecord {
    DealRecord::new(text.parse::<RecordId>().map_or_else(|_| text.to_owned(), |id| id.to_string()))
}

pub(super) fn is_currency(binding: &Binding) -> bool {
    let own = binding.crm.as_ref().and_then(CrmPath::own_field);
    binding.codec == Codec::Currency && own.is_some_and(|name| name.eq_ignore_ascii_case(CURRENCY))
}
