//! What tests see of the event bus and do to it: channels, the log, counters, events made to order.

use serde_json::{Value, json};

use super::{
    super::org::{Caller, Org},
    channels::{Member, STANDARD, object_of},
    event::{ChangeType, Event},
};

impl Org {
    /// `GET /_sandbox/events`: counters, channels, and every event that is kept, oldest first.
    pub(crate) fn show_events(&self) -> Value {
        let members: Vec<Value> = self
            .events
            .channels
            .members()
            .iter()
            .map(|member| {
                json!({"channel": member.channel, "entity": member.entity, "enriched": member.enriched,
                                 "filter": member.filter})
            })
            .collect();
        let bytes = self.knobs.events.replay_id_bytes;
        let log: Vec<Value> = self
            .events
            .log
            .entries()
            .filter_map(|entry| Some((entry.position, entry.event.as_ref()?)))
            .map(|(position, event)| {
                let id = self.events.log.ids.write(position, bytes);
                let object = event.schema.object(event.object);
                let changed: Vec<&str> =
                    event.moved().into_iter().filter_map(|at| Some(object.fields.get(at)?.name)).collect();
                json!({
                    "replay_id": id.iter().fold(String::new(), |text, byte| format!("{text}{byte:02x}")),
                    "at": event.at.to_string(),
                    "entity": event.entity(),
                    "change_type": event.kind.name(),
                    "record_ids": event.record_ids,
                    "origin": event.origin,
                    "transaction_key": event.transaction_key,
                    "sequence_number": event.sequence_number,
                    "user": event.user,
                    "changed": changed,
                })
            })
            .collect();
        let open = std::sync::Arc::strong_count(&self.events.open) - 1;
        json!({"counters": self.events.counters, "streams_open": open, "members": members, "log": log})
    }

    /// Selects an object: `{entity, channel?, enriched?, filter?}`; with `"selected": false` takes it away.
    ///
    /// # Errors
    /// A sentence with what an allowance or the schema forbids.
    pub(crate) fn select_events(&mut self, body: &Value) -> Result<Value, String> {
        let text = |name: &str| body.get(name).and_then(Value::as_str).map(str::to_owned);
        let entity = text("entity").ok_or("entity is required: OpportunityChangeEvent")?;
        let channel = text("channel").unwrap_or_else(|| STANDARD.to_owned());
        if body.get("selected") == Some(&Value::Bool(false)) {
            if !self.events.channels.deselect(&channel, &entity) {
                return Err(format!("{entity} is not selected on {channel}"));
            }
        } else {
            let names = body.get("enriched").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
            let enriched = names.iter().filter_map(Value::as_str).map(str::to_owned).collect();
            let schema = std::sync::Arc::clone(&self.schema);
            self.events
                .channels
                .select(&schema, Member { channel, entity, enriched, filter: text("filter") })?;
        }
        self.events.stir();
        Ok(self.show_events().get("members").cloned().unwrap_or_default())
    }

    /// Makes an event that no row's change made: `{entity, change_type, record_ids}`; ids may be a wildcard (`006*`).
    ///
    /// # Errors
    /// A sentence saying what is missing or unknown.
    pub(crate) fn emit_event(&mut self, caller: &Caller, body: &Value) -> Result<Value, String> {
        let entity = body.get("entity").and_then(Value::as_str).ok_or("entity is required")?;
        let object = object_of(&self.schema, entity).ok_or_else(|| format!("no entity {entity}"))?;
        let kind = body.get("change_type").and_then(Value::as_str).unwrap_or("GAP_UPDATE");
        let kind = ChangeType::parse(kind).ok_or_else(|| format!("no change type {kind}"))?;
        let ids = body.get("record_ids").and_then(Value::as_array).ok_or("record_ids is required: a list")?;
        let number = self.events.log.head();
        let event = Event {
            at: caller.now,
            object,
            schema: std::sync::Arc::clone(&self.schema),
            kind,
            record_ids: ids.iter().filter_map(Value::as_str).map(str::to_owned).collect(),
            origin: String::new(),
            transaction_key: self.events.guid("made", number),
            sequence_number: 1,
            commit_number: i64::try_from(number).unwrap_or(i64::MAX),
            user: caller.user.to_string(),
            before: None,
            after: None,
        };
        self.events.log.push(caller.now, Some(event));
        self.events.counters.events_logged += 1;
        self.events.stir();
        Ok(json!({"entity": entity, "change_type": kind.name()}))
    }
}
