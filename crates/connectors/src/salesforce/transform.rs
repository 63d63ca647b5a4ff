//! From records to observations. Wire types end here; the way back is in `columns`.

use std::collections::BTreeMap;

use deal_model::{
    Actor, CrmFacts, ElementKey, Facts, FieldId, Irreversible, Life, Observation, Observed, Reading,
    RecordId as DealRecord, Response, Value, Version,
};
use jiff::{SignedDuration, Timestamp};
use mapping::{Binding, Codec, CrmPath, Given, LeftOut, Mapping, Seen, SetBinding, SetSource, Stages, When};
use salesforce::{FieldDescribe, Record, RecordId, UserId};
use serde_json::Value as Json;
use sync_engine::SideError;

use super::{
    ConsentRule, org_fit, refusal,
    schema::{
        AMOUNT, CURRENCY, Currencies, HAS_LINE_ITEMS, OPPORTUNITY, PROBABILITY, RECORD_TYPE, Schema, place_of,
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

/// What of a read opportunity a later write needs and an observation does not carry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Known {
    pub(super) stamp: Timestamp,
    pub(super) stage: String,
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
}

/// An opportunity with all its children, page by page collected.
pub(super) struct Whole {
    pub(super) record: Record,
    /// By relationship.
    pub(super) children: BTreeMap<String, Vec<Record>>,
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
        if !self.opted_in(record)? {
            let observation = Observation {
                record: id.clone(),
                version,
                read_at: self.server_date,
                actor: Actor::Unknown,
                life: Life::Unknown { code: String::new() },
                fields: BTreeMap::new(),
                facts: Facts::Crm(CrmFacts::default()),
            };
            return Ok((observation, None));
        }
        let stage = record.text("StageName").unwrap_or_default();
        let flag = |name: &str| record.at(name) == Some(&Json::Bool(true));
        let reason = self.reason(record, stage);
        let life =
            self.mapping.stages().life_of_stage(stage, flag("IsClosed"), flag("IsWon"), reason.as_deref());
        let mut fields = self.fields(record);
        let asks_help = self.asks_help(&fields);
        let mut rows = BTreeMap::new();
        for set in self.mapping.sets() {
            let (reading, read) = self.set(set, whole, asks_help);
            fields.insert(set.field.clone(), reading);
            rows.insert(set.field.clone(), read);
        }
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
            consent: self.consent == ConsentRule::Contract || flag(names.consent.as_str()),
            response: text(&names.response).and_then(response),
            claims: text(&names.identifier).map(DealRecord::new),
            origin: text(&names.origin).map(long_id),
            reason: reason.map(|reason| self.mapping.stages().reason_to_portal(&reason)),
            asks_help,
            unsettled: self.server_date.duration_since(stamp) < SETTLED_AFTER,
            misfits: self.misfits(record),
            computed: self.computed(record),
            closed: self.closed(),
            keyless: self.keyless(whole),
            primary: self.primary(whole),
        };
        let known = Known {
            stamp,
            stage: stage.to_owned(),
            account: record.text("AccountId").and_then(|id| id.parse().ok()),
            person: flag("Account.IsPersonAccount"),
            key: text(&names.unique_key).map_or_else(|| long_id(id.as_str()).to_string(), str::to_owned),
            parents: self.parents(record),
            linked: facts.claims.is_some(),
            has_origin: facts.origin.is_some(),
            rows,
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

    /// Whether the record is opted in. An unreadable flag is never taken for a no, nor for a yes.
    fn opted_in(&self, record: &Record) -> Result<bool, SideError> {
        let rules = self.mapping.opt_in();
        let flag = |name: &str| match record.at(name) {
            Some(Json::Bool(flag)) => Some(*flag),
            _ => None,
        };
        let sync = self.mapping.names().sync.as_str();
        let unreadable = |name: &str| {
            refusal::person(format!("{OPPORTUNITY}.{name} cannot be read; nothing is sent"), Vec::new())
        };
        let asked = flag(sync).ok_or_else(|| unreadable(sync))?;
        let private = match flag("IsPrivate") {
            Some(private) => private,
            None if rules.private => false,
            None => return Err(unreadable("IsPrivate")),
        };
        Ok(asked && rules.admits(record.text("RecordType.DeveloperName"), private))
    }

    fn actor(&self, record: &Record) -> Actor {
        match record.text("LastModifiedById").and_then(|id| UserId::parse(id).ok()) {
            Some(user) if user == self.schema.user => Actor::Integration,
            Some(_) => Actor::Person,
            None => Actor::Unknown,
        }
    }

    /// What the seller gave as the reason: of the present stage if it has a field for it, else of any.
    fn reason(&self, record: &Record, stage: &str) -> Option<String> {
        let stages = self.mapping.stages();
        let fields = stages.reason_field(stage).map_or_else(|| stages.reason_fields(), |field| vec![field]);
        let mut texts = fields.into_iter().filter_map(|field| record.text(field.as_str()));
        texts.find(|text| !text.trim().is_empty()).map(|text| text.trim().to_owned())
    }

    fn fields(&self, record: &Record) -> BTreeMap<FieldId, Reading> {
        let bindings = self.mapping.bindings().iter().filter(|binding| binding.crm.is_some());
        bindings
            .map(|binding| {
                let held = match &self.schema.currencies {
                    Currencies::One(code) if is_currency(binding) => code
                        .as_ref()
                        .map_or(Observed::Unknown, |code| Observed::Value(Value::Choice(code.clone()))),
                    _ => self.held(record, binding),
                };
                let sends = match (&held, &binding.default.portal) {
                    (Observed::Empty, Some(default)) => Observed::Value(default.clone()),
                    _ => held.clone(),
                };
                (binding.field.clone(), Reading { held, sends })
            })
            .collect()
    }

    /// Columns that hold a text which stands for no value: a country's name that no list has, a help that is not mapped.
    fn misfits(&self, record: &Record) -> BTreeMap<FieldId, String> {
        let bindings = self.mapping.bindings().iter();
        let text = |binding: &Binding| {
            let path = binding.crm.as_ref().map(CrmPath::soql).filter(|path| self.schema.selects(path))?;
            let Some(Json::String(text)) = record.at(&path) else { return None };
            let means_nothing = self.held(record, binding) == Observed::Unknown;
            means_nothing.then(|| text.trim().chars().take(MISFIT_CHARS).collect())
        };
        bindings.filter_map(|binding| Some((binding.field.clone(), text(binding)?))).collect()
    }

    /// The fields that the platform takes from elsewhere: with products, the amount is their sum, and the currency is
    /// theirs (salesforce reference, section 5.1).
    fn computed(&self, record: &Record) -> BTreeMap<FieldId, String> {
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
            return Observed::Unknown;
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
