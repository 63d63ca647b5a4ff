//! The CRM side with its change events, as `[salesforce.events]` wants them.

use std::sync::Arc;

use anyhow::Context as _;
use connectors::salesforce::{EventSettings, Salesforce};
use ports::Clock;
use salesforce::events::{EventWire, Events, EventsConfig, EventsLimits};
use secrecy::ExposeSecret as _;

use crate::config::Loaded;

/// Lets the CRM side listen, if that is wanted; calls nobody yet.
pub(crate) fn listening(
    crm: Salesforce,
    loaded: &Loaded,
    client: &salesforce::Client,
    clock: &Arc<dyn Clock>,
    wire: Option<Arc<dyn EventWire>>,
) -> anyhow::Result<Salesforce> {
    let config = &loaded.config.salesforce.events;
    if !config.enabled.listens() {
        return Ok(crm);
    }
    let endpoint = config.endpoint.parse().context("[salesforce.events] endpoint is not an address")?;
    let extra_roots = config.extra_roots.as_ref().map(|place| place.read(&loaded.folder)).transpose()?;
    let defaults = EventsLimits::default();
    // A question must be answered well within the lease of its reader.
    let limits =
        EventsLimits { deadline: loaded.config.engine.deadline.0.min(defaults.deadline), ..defaults };
    let extra_roots = extra_roots.map(|pem| pem.expose_secret().to_owned());
    let events = match wire {
        Some(wire) => Events::over(client, wire, limits),
        None => Events::new(client, &EventsConfig { endpoint, extra_roots, limits }),
    };
    let events = events.context("[salesforce.events] cannot be used")?;
    let settings = EventSettings {
        channel: config.channel.clone(),
        poll_beside: config.poll_every.0,
        quiet_without: !config.enabled.is_demanded(),
    };
    Ok(crm.listening(events, Arc::clone(clock), settings))
}
