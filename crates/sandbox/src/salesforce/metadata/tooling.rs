//! The Tooling API as far as set-up needs it: one field or member at a time, and what is selected (reference, 4.12, 6.3).

use std::sync::Arc;

use http::{Method, StatusCode};
use jiff::Timestamp;
use serde_json::{Map, Value, json};

use super::{
    members,
    package::{Members, Package},
    xml::NAMESPACE,
};
use crate::salesforce::{
    call::{Answer, Call},
    errors::Fault,
    id::Id,
    knobs::Permission,
    org::{Caller, Org, Role, value_of},
    schema::system,
    soql::parser,
    tables::Row,
    values::Cell,
};

/// Types that can be written one by one.
const FIELD: &str = "CustomField";
const MEMBER: &str = "PlatformEventChannelMember";

impl Org {
    /// `POST /tooling/sobjects/X` with `{FullName, Metadata}`.
    ///
    /// # Errors
    /// The platform's refusal; nothing is changed then.
    pub(crate) fn tooling_create(
        &mut self,
        caller: &Caller,
        call: &Call,
        kind: &str,
    ) -> Result<Answer, Fault> {
        if call.method != Method::POST {
            return Err(Fault::method(call.method.as_str(), "POST"));
        }
        let body = call.object()?;
        let name = body.get("FullName").and_then(Value::as_str);
        let name = name.ok_or_else(|| missing("FullName"))?.to_owned();
        let metadata = body.get("Metadata").and_then(Value::as_object).ok_or_else(|| missing("Metadata"))?;
        self.may_write(caller, kind)?;
        if self.tooling_id(kind, &name).is_some() {
            let text = format!("There is already a {kind} named {name}");
            return Err(Fault::bad("DUPLICATE_DEVELOPER_NAME", text).on("FullName"));
        }
        self.tooling_deploy(caller, kind, &name, metadata)?;
        let id = self.tooling_id(kind, &name).ok_or_else(Fault::not_found)?;
        Ok(Answer::with(
            StatusCode::CREATED,
            json!({"id": id.to_string(), "success": true, "errors": [], "warnings": [], "infos": []}),
        ))
    }

    /// `GET`, `PATCH` and `DELETE /tooling/sobjects/X/{id}`.
    ///
    /// # Errors
    /// The platform's refusal; nothing is changed then.
    pub(crate) fn tooling_row(
        &mut self,
        caller: &Caller,
        call: &Call,
        kind: &str,
        id: &str,
    ) -> Result<Answer, Fault> {
        self.require(caller, Permission::ViewSetup)?;
        self.show_setup(caller.user, caller.now);
        let id = Id::parse(id).ok_or_else(Fault::not_found)?;
        let name = self.tooling_name(kind, id).ok_or_else(Fault::not_found)?;
        match call.method {
            Method::GET => {
                let object = self.object(kind)?;
                let row = self.live(object, id)?;
                let mut shown = self.record_json(caller, object, &row, None);
                shown["FullName"] = json!(name);
                Ok(Answer::ok(shown))
            }
            Method::PATCH => {
                let metadata = call.object()?.get("Metadata").and_then(Value::as_object);
                self.tooling_deploy(caller, kind, &name, metadata.ok_or_else(|| missing("Metadata"))?)?;
                Ok(Answer::bare(StatusCode::NO_CONTENT))
            }
            Method::DELETE => {
                self.may_write(caller, kind)?;
                let removed = Members::from([(kind.to_owned(), [name].into())]);
                self.tooling_run(caller, &Package { removed, ..Package::default() })?;
                Ok(Answer::bare(StatusCode::NO_CONTENT))
            }
            _ => Err(Fault::method(call.method.as_str(), "GET,PATCH,DELETE")),
        }
    }

    /// Refuses a query whose object the API that is asked does not have.
    ///
    /// # Errors
    /// `INVALID_TYPE`.
    pub(crate) fn check_api(&self, soql: &str, tooling: bool) -> Result<(), Fault> {
        let Ok(query) = parser::parse(soql) else { return Ok(()) };
        let object = self.schema.find(&query.from).map(|at| self.schema.object(at));
        // People and the organisation are in both.
        let both = ["User", "Organization"];
        match object {
            Some(object) if object.tooling != tooling && !both.contains(&object.name) => {
                Err(Fault::bad("INVALID_TYPE", format!("sObject type '{}' is not supported.", query.from)))
            }
            _ => Ok(()),
        }
    }

    fn may_write(&self, caller: &Caller, kind: &str) -> Result<(), Fault> {
        match kind {
            FIELD => self.require(caller, Permission::ModifyMetadata),
            MEMBER => self.require(caller, Permission::CustomizeApplication),
            _ => Err(Fault::not_found()),
        }
    }

    fn tooling_deploy(
        &mut self,
        caller: &Caller,
        kind: &str,
        name: &str,
        metadata: &Map<String, Value>,
    ) -> Result<(), Fault> {
        self.may_write(caller, kind)?;
        let mut inner = String::new();
        write_xml(&mut inner, metadata);
        let (file, text) = match (kind, name.split_once('.')) {
            (FIELD, Some((object, field))) => (
                format!("objects/{object}.object"),
                format!(
                    "<CustomObject xmlns=\"{NAMESPACE}\"><fields><fullName>{}</fullName>{inner}</fields></CustomObject>",
                    escaped(field)
                ),
            ),
            (FIELD, None) => {
                return Err(
                    Fault::bad("FIELD_INTEGRITY_EXCEPTION", "FullName is Object.Field__c").on("FullName")
                );
            }
            _ => (
                format!("platformEventChannelMembers/{name}.platformEventChannelMember"),
                format!("<{kind} xmlns=\"{NAMESPACE}\">{inner}</{kind}>"),
            ),
        };
        let members = Members::from([(kind.to_owned(), [name.to_owned()].into())]);
        self.tooling_run(caller, &Package { files: [(file, text)].into(), members, removed: Members::new() })
    }

    fn tooling_run(&mut self, caller: &Caller, package: &Package) -> Result<(), Fault> {
        let plan = self.plan(package);
        if let Some(problem) = plan.problems.first() {
            return Err(Fault::bad("FIELD_INTEGRITY_EXCEPTION", problem.text.clone()).on("Metadata"));
        }
        self.adopt(plan, caller.user, caller.now);
        Ok(())
    }

    fn tooling_id(&self, kind: &str, name: &str) -> Option<Id> {
        let object = self.schema.find(kind)?;
        self.tables
            .all(object)
            .filter(|row| !row.deleted())
            .map(|row| row.id)
            .find(|id| self.tooling_name(kind, *id).is_some_and(|own| own.eq_ignore_ascii_case(name)))
    }

    /// The full name of a row that set-up shows.
    fn tooling_name(&self, kind: &str, id: Id) -> Option<String> {
        let object = self.schema.find(kind)?;
        let row = self.tables.get(object, id).filter(|row| !row.deleted())?;
        let text =
            |field: &str| value_of(self.schema.object(object), row, field).as_text().unwrap_or_default();
        match kind {
            FIELD => Some(format!("{}.{}__c", text("TableEnumOrId"), text("DeveloperName"))),
            MEMBER => Some(text("DeveloperName").to_owned()),
            _ => None,
        }
    }

    /// Makes the rows that queries of set-up find agree with what is deployed and selected.
    pub(crate) fn show_setup(&mut self, by: Id, now: Timestamp) {
        let caller = Caller { user: by, role: Role::Admin, version: 66, allow_duplicates: true, now };
        let sets: Vec<_> = self
            .customization
            .permission_sets
            .values()
            .map(|set| {
                (
                    set.id,
                    vec![
                        ("Name", Cell::text(&set.name)),
                        ("Label", Cell::text(&set.label)),
                        ("IsCustom", Cell::Bool(true)),
                    ],
                )
            })
            .collect();
        self.show_all(&caller, "PermissionSet", sets);
        let fields: Vec<_> = self
            .customization
            .fields
            .iter()
            .filter(|new| !new.gone)
            .map(|new| {
                let name = new.field.name.trim_end_matches("__c");
                (new.id, vec![("DeveloperName", Cell::text(name)), ("TableEnumOrId", Cell::text(new.object))])
            })
            .collect();
        self.show_all(&caller, FIELD, fields);
        let mut rows = Vec::new();
        let mut enriched = Vec::new();
        for member in self.events.channels.members().to_vec() {
            let name = Cell::Text(members::full_name(&member));
            let id = self.row_with(MEMBER, &[("DeveloperName", &name)]).unwrap_or_else(|| self.new_id("0v8"));
            for field in &member.enriched {
                let field = Cell::text(field);
                let known =
                    self.row_with("EnrichedField", &[("ChannelMemberId", &Cell::Id(id)), ("Field", &field)]);
                let known = known.unwrap_or_else(|| self.new_id("0Yf"));
                enriched.push((known, vec![("ChannelMemberId", Cell::Id(id)), ("Field", field)]));
            }
            rows.push((
                id,
                vec![
                    ("DeveloperName", name),
                    ("EventChannel", Cell::text(&member.channel)),
                    ("SelectedEntity", Cell::text(&member.entity)),
                ],
            ));
        }
        self.show_all(&caller, MEMBER, rows);
        self.show_all(&caller, "EnrichedField", enriched);
    }

    fn row_with(&self, object: &str, cells: &[(&str, &Cell)]) -> Option<Id> {
        let at = self.schema.find(object)?;
        let shape = self.schema.object(at);
        let same = |row: &&Arc<Row>| {
            !row.deleted() && cells.iter().all(|(field, cell)| value_of(shape, row, field) == *cell)
        };
        self.tables.all(at).find(same).map(|row| row.id)
    }

    /// Stores these rows where they are new, and takes away all others of the object.
    fn show_all(
        &mut self,
        caller: &Caller,
        object: &'static str,
        rows: Vec<(Id, Vec<(&'static str, Cell)>)>,
    ) {
        let Some(at) = self.schema.find(object) else { return };
        let gone: Vec<Row> = self
            .tables
            .all(at)
            .filter(|row| !row.deleted() && !rows.iter().any(|(id, _)| *id == row.id))
            .map(|row| Row::clone(row))
            .collect();
        for mut row in gone {
            row.set(system::IS_DELETED, Cell::Bool(true));
            self.tables.put(at, row, caller.now, None);
        }
        for (id, cells) in rows {
            let shape = self.schema.object(at);
            let same = self.tables.get(at, id).is_some_and(|row| {
                !row.deleted() && cells.iter().all(|(field, cell)| value_of(shape, row, field) == cell)
            });
            if !same {
                self.record(caller, object, Some(id), cells);
            }
        }
    }
}

fn missing(member: &'static str) -> Fault {
    Fault::bad("REQUIRED_FIELD_MISSING", format!("Required fields are missing: [{member}]")).on(member)
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

/// Metadata as JSON, written as the elements that a deploy's file would have.
fn write_xml(out: &mut String, members: &Map<String, Value>) {
    for (name, value) in members {
        let values = match value {
            Value::Array(values) => values.as_slice(),
            Value::Null => &[],
            one => std::slice::from_ref(one),
        };
        // A picklist's value has another name here than in files.
        let element = if name == "valueName" && members.contains_key("default") { "fullName" } else { name };
        for value in values {
            let element = escaped(element);
            out.extend(["<", &element, ">"]);
            match value {
                Value::Object(inner) => write_xml(out, inner),
                Value::String(text) => out.push_str(&escaped(text)),
                other => out.push_str(&other.to_string()),
            }
            out.extend(["</", &element, ">"]);
        }
    }
}
