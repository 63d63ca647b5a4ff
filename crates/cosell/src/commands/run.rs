//! `cosell run`: the service.

use std::{convert::Infallible, net::SocketAddr, path::Path, process::ExitCode, sync::Arc, time::Duration};

use anyhow::{anyhow, bail};
use clap::ValueEnum;
use connectors::salesforce::Salesforce;
use ports::{Clock, Lane};
use service::{Admin, Receiver, SalesforceHealth, SharedBudget, serve};
use store::Database;
use sync_engine::{CallScope, Store};
use tokio::{net::TcpListener, sync::Notify, task::JoinSet};

use super::store::seal_what_lies_in_the_clear;
pub(super) use crate::watches::watch_over;
use crate::{
    config::{Config, Loaded},
    org_facts,
    store_place::wait_for_database,
    wiring::{Access, Unbound, Wired, wire},
};

/// How often is looked whether Salesforce lets Cosell in; it costs no call while it does not.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// How soon an org that grants a session, and then does not answer, is asked again.
const ASK_AGAIN_AFTER: Duration = Duration::from_secs(10);

/// After so many looks in vain a process that may not be the one that watches tries by itself.
const TRIES_WITHOUT_WATCH: u32 = 30;

/// How often a worker tells the others what the platforms told it, and takes in what they told them.
const EXCHANGE_EVERY: Duration = Duration::from_secs(2);

/// What a process does for the service.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub(crate) enum Role {
    /// Everything.
    #[default]
    All,
    /// Takes events in and tells health; works on no deal and reads no source.
    Web,
    /// Works on deals, and reads the sources that no other worker reads.
    Worker,
}

const EXAMPLES: &str = "\
Examples:
  cosell run                 everything, in one process
  cosell run --role web      on PostgreSQL: one that takes events in ...
  cosell run --role worker   ... and as many of these as you like
Ctrl-C or SIGTERM ends it in order; after any other end it goes on where it was.";

/// Serves: keeps every opted-in deal in step until it is stopped.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Run {
    /// What this process does; another than all needs PostgreSQL.
    #[arg(long, value_enum, default_value_t)]
    role: Role,
}

impl Run {
    pub(crate) async fn run(self, config: &Path) -> anyhow::Result<ExitCode> {
        let loaded = Config::load(config)?;
        if self.role != Role::All && loaded.config.store.url.is_none() {
            bail!(
                "the store is a file, and one process owns it: it does everything\n  fix: leave --role away, or let \
                 [store] url name a PostgreSQL database"
            );
        }
        if self.role == Role::Web && loaded.config.webhook.is_none() && loaded.config.admin.is_none() {
            bail!(
                "there is nothing to take in or to tell: the configuration has neither [webhook] nor [admin]\n  fix: \
                 write one of them, or leave this process away: polls find every change"
            );
        }
        serve_as(self.role, loaded).await
    }
}

async fn serve_as(role: Role, loaded: Loaded) -> anyhow::Result<ExitCode> {
    let stop = Arc::new(Notify::new());
    let told = Arc::clone(&stop);
    tokio::spawn(async move {
        asked_to_stop().await;
        tracing::info!("stopping: passes under way are finished first");
        told.notify_one();
    });
    tokio::select! {
        biased;
        () = stop.notified() => return Ok(ExitCode::SUCCESS),
        reached = wait_for_database(&loaded) => reached?,
    }
    let wired = wire(loaded, Access::Own)?;
    // Under another key nothing that was begun comes to an end, and what is new would be sealed apart from the rest.
    wired.store.require_key().await?;
    if let Err(error) = seal_what_lies_in_the_clear(wired.store.as_ref(), &wired.loaded).await {
        tracing::warn!(%error, "what was kept before there was a seal key is not sealed yet: cosell store reseal");
    }
    let mut servers = JoinSet::new();
    // Who takes events in needs no sign-in: the store is bound by whoever works.
    let trouble = match role {
        Role::Web => None,
        Role::All | Role::Worker => match wired.try_bind().await {
            Ok(()) => None,
            Err(Unbound::NotLetIn(error)) => Some(error),
            Err(Unbound::Wrong(error)) => return Err(error),
        },
    };
    let listens = role != Role::Worker;
    let mut events = None;
    if listens && let (Some(webhook), Some(verifier)) = (&wired.loaded.config.webhook, wired.verifier()?) {
        let listener = TcpListener::bind(webhook.listen)
            .await
            .map_err(|error| deaf("events", "[webhook]", webhook.listen, &error))?;
        tracing::info!(address = %listener.local_addr()?, "events arrive here");
        let receiver = Receiver::new(verifier, Arc::clone(&wired.engine), Arc::clone(&wired.clock));
        events = Some(receiver.tally().clone());
        servers.spawn(serve(listener, receiver.routes()));
    }
    if role != Role::Web {
        watch_over(&wired, &mut servers)?;
    }
    if wired.loaded.config.store.url.is_some() {
        servers.spawn(exchange_budgets(
            wired.budget.clone(),
            Arc::clone(&wired.store),
            Arc::clone(&wired.clock),
        ));
    }
    if listens && let Some(admin) = &wired.loaded.config.admin {
        let listener = TcpListener::bind(admin.listen)
            .await
            .map_err(|error| deaf("probes", "[admin]", admin.listen, &error))?;
        tracing::info!(address = %listener.local_addr()?, "health is told here");
        let store: Arc<dyn Store> = Arc::clone(&wired.store) as _;
        let salesforce =
            Some(SalesforceHealth { client: wired.salesforce.clone(), budget: wired.budget.clone() });
        let (clock, engine) = (Arc::clone(&wired.clock), Arc::clone(&wired.engine));
        let admin = Admin { store, clock, events, salesforce, engine };
        servers.spawn(serve(listener, admin.routes()));
    }
    match role {
        Role::Web => stop.notified().await,
        Role::All | Role::Worker => synchronise(&wired, trouble, &stop).await?,
    }
    servers.shutdown().await;
    Ok(ExitCode::SUCCESS)
}

/// Why nothing can arrive at an address.
fn deaf(what: &str, section: &str, listen: SocketAddr, error: &std::io::Error) -> anyhow::Error {
    anyhow!(
        "cannot listen for {what} on {listen}: {error}\n  fix: end what listens there, or let {section} listen name \
         another address of this machine"
    )
}

/// Tells and takes in, for as long as it serves, what the platforms told the workers.
async fn exchange_budgets(
    budget: SharedBudget,
    store: Arc<dyn Database>,
    clock: Arc<dyn Clock>,
) -> Infallible {
    loop {
        clock.sleep(EXCHANGE_EVERY).await;
        if let Err(error) = budget.exchange_with(store.as_ref()).await {
            tracing::warn!(%error, "what the platforms told the other workers is not known");
        }
    }
}

/// Keeps every deal in step until told to stop; if there was `trouble` with Salesforce, from when it lets Cosell in.
pub(super) async fn synchronise(
    wired: &Wired,
    trouble: Option<salesforce::Error>,
    stop: &Notify,
) -> anyhow::Result<()> {
    // What people decide meanwhile, they decide by the same mapping.
    org_facts::keep_mapping(&*wired.store, wired.mapping.version(), wired.clock.now())?;
    if let Some(trouble) = trouble
        && !is_let_in(wired, trouble, stop).await?
    {
        return Ok(());
    }
    let looks = look_at_the_org(Arc::clone(&wired.crm), Arc::clone(&wired.store), Arc::clone(&wired.clock));
    drop(tokio::spawn(looks));
    wired.engine.run(stop).await?;
    Ok(())
}

/// Waits until Salesforce lets Cosell in and the store is bound. False if it was told to stop before.
///
/// The watch over the connections tries, and tells a person what to do; a session that it was granted is seen here.
/// Meanwhile health is told, and events of the portal are taken in and kept.
async fn is_let_in(wired: &Wired, mut trouble: salesforce::Error, stop: &Notify) -> anyhow::Result<bool> {
    tracing::warn!(error = %trouble, "Salesforce does not let Cosell in; nothing is synchronised until it does");
    loop {
        let patience = async {
            if wired.salesforce.standing().is_some() {
                // It has a session, and the org did not answer all the same: it is not asked again at once.
                wired.clock.sleep(ASK_AGAIN_AFTER).await;
            }
            // Where another process watches, nobody here tries in between.
            let alone = wired.loaded.config.store.url.is_none();
            let mut looks = TRIES_WITHOUT_WATCH;
            while wired.salesforce.standing().is_none() && (alone || looks > 0) {
                wired.clock.sleep(LOOK_EVERY).await;
                looks -= u32::from(!alone);
            }
        };
        tokio::select! {
            biased;
            () = stop.notified() => return Ok(false),
            () = patience => {}
        }
        match wired.try_bind().await {
            Ok(()) => return Ok(true),
            Err(Unbound::Wrong(error)) => return Err(error),
            Err(Unbound::NotLetIn(error)) if error == trouble => {}
            Err(Unbound::NotLetIn(error)) => {
                tracing::warn!(%error, "Salesforce still does not let Cosell in");
                trouble = error;
            }
        }
    }
}

/// Tells which of the org's options changed since somebody last looked. Nothing waits for it.
async fn look_at_the_org(crm: Arc<Salesforce>, store: Arc<dyn Database>, clock: Arc<dyn Clock>) {
    let features = match crm.features(CallScope { lane: Lane::Background, send_before: None }).await {
        Ok(features) => features,
        Err(error) => return tracing::debug!(%error, "the org's options could not be looked at"),
    };
    match org_facts::note_features(&*store, &features, clock.now()) {
        Ok(changed) => {
            for org_facts::Changed { option, before, now } in changed {
                tracing::info!(option, before, now, "an option of the org changed");
            }
        }
        Err(error) => tracing::warn!(%error, "what was seen of the org could not be kept"),
    }
}

/// Waits for Ctrl-C or a termination signal.
async fn asked_to_stop() {
    #[cfg(unix)]
    {
        use tokio::signal::unix::{SignalKind, signal};
        if let Ok(mut terminate) = signal(SignalKind::terminate()) {
            tokio::select! {
                _ = terminate.recv() => {}
                _ = tokio::signal::ctrl_c() => {}
            }
            return;
        }
    }
    let _ = tokio::signal::ctrl_c().await;
}
