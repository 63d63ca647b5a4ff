//! The watches of a service: over the registration, the connections, the org's daily calls, and the age of what is kept.
//!
//! Where several processes share the store, one of them watches for all, each thing for itself, and another takes over
//! when it is gone.

use std::{convert::Infallible, future::pending, sync::Arc};

use service::{AllowanceWatch, ConnectionWatch, RegistrationWatch, RetentionWatch, Seat};
use tokio::task::JoinSet;

use crate::{salesforce_login::certificate_ends, wanted_registration::wanted, wiring::Wired};

/// Starts them.
pub(crate) fn watch_over(wired: &Wired, servers: &mut JoinSet<Infallible>) -> anyhow::Result<()> {
    let config = &wired.loaded.config;
    if let Some(webhook) = &config.webhook {
        if let Some(wanted) = wanted(config)? {
            let watch = RegistrationWatch {
                client: wired.partner_center.clone(),
                store: Arc::clone(&wired.store) as _,
                clock: Arc::clone(&wired.clock),
                wanted,
                check_every: webhook.check_every.0,
            };
            start(wired, servers, "watch.registration", move || watch.clone().run(), pending);
        } else {
            tracing::info!("set [webhook] public_url to have the registration watched");
        }
    }
    let watch = ConnectionWatch {
        tokens: Arc::clone(&wired.tokens),
        store: Arc::clone(&wired.store) as _,
        clock: Arc::clone(&wired.clock),
        probes: wired.probes(),
        times: config.connections.times(),
        salesforce_certificate_ends: certificate_ends(&wired.loaded)?,
    };
    let follower = watch.clone();
    start(
        wired,
        servers,
        "watch.connections",
        move || watch.clone().run(),
        move || follower.clone().follow(),
    );
    let watch = AllowanceWatch {
        budget: wired.budget.clone(),
        store: Arc::clone(&wired.store) as _,
        clock: Arc::clone(&wired.clock),
    };
    start(wired, servers, "watch.allowance", move || watch.clone().run(), pending);
    let watch = RetentionWatch {
        store: Arc::clone(&wired.store) as _,
        clock: Arc::clone(&wired.clock),
        keep: config.retention.keep(),
    };
    start(wired, servers, "watch.retention", move || watch.clone().run(), pending);
    Ok(())
}

/// Starts one: here, if nobody else can; else in whichever process holds the seat.
fn start<Duty, Meanwhile>(
    wired: &Wired,
    servers: &mut JoinSet<Infallible>,
    name: &'static str,
    duty: impl Fn() -> Duty + Send + Sync + 'static,
    meanwhile: impl Fn() -> Meanwhile + Send + Sync + 'static,
) where
    Duty: Future<Output = Infallible> + Send + 'static,
    Meanwhile: Future<Output = Infallible> + Send + 'static,
{
    if wired.loaded.config.store.url.is_none() {
        servers.spawn(duty());
        return;
    }
    let seat = Seat {
        store: Arc::clone(&wired.store) as _,
        clock: Arc::clone(&wired.clock),
        owner: wired.owner.clone(),
        name,
    };
    servers.spawn(seat.serve(duty, meanwhile));
}
