//! From a configuration to running parts. The only place where every room is known.

use std::{path::Path, sync::Arc, time::Duration};

use anyhow::{Context as _, anyhow, bail};
use base64::Engine as _;
use connectors::{
    partner_center::{PartnerCenter, PortalSettings, TeamMember},
    salesforce::{ConditionalWrites, ConsentRule, CrmSettings, Salesforce},
};
use deal_model::{ElementKey, Endings, GroupSpec, GuardSettings, Specs, Switches};
use jiff::SignedDuration;
use mapping::Mapping;
use partner_center::webhook::{Verifier, VerifierConfig};
use ports::{BudgetBook, Clock, HttpService, Platform, Rng as _, SystemClock, SystemRng};
use rustls_pki_types::{CertificateDer, pem::PemObject as _};
use secrecy::{ExposeSecret as _, zeroize::Zeroizing};
use service::{
    BudgetSettings, CallTally, ConcurrencySettings, Probe, ReferralsProbe, SALESFORCE_CONNECTION,
    SalesforceProbe, Seen, SharedBudget, WebhooksProbe, counted, seen_of_salesforce,
};
use store::{Database, SealKey};
use sync_engine::{ConnectionProblem, Engine, EngineSettings, Parts, Store};

pub(crate) use crate::store_place::store_is_new;
use crate::{
    config::{Config, Loaded, SecretRef},
    holds::holds_from_environment,
    listening::listening,
    mapping_files::{TEAM, lacks, load_mapping},
    org_facts,
    rehearsing::Recorder,
    salesforce_login::salesforce_config,
    sign_in::token_config,
    store_place::{self, at_once},
    surroundings::Surroundings,
};

/// Everything a command works with.
pub(crate) struct Wired {
    pub(crate) engine: Arc<Engine>,
    pub(crate) store: Arc<dyn Database>,
    pub(crate) salesforce: salesforce::Client,
    pub(crate) partner_center: partner_center::Client,
    pub(crate) portal: Arc<PartnerCenter>,
    pub(crate) crm: Arc<Salesforce>,
    pub(crate) mapping: Arc<Mapping>,
    pub(crate) tokens: Arc<partner_center::TokenSource>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) http: HttpService,
    pub(crate) tally: CallTally,
    pub(crate) budget: SharedBudget,
    /// The name of this process among those that share the store.
    pub(crate) owner: String,
    pub(crate) loaded: Loaded,
}

/// Why the store is bound to no org and tenant.
pub(crate) enum Unbound {
    /// Salesforce does not let Cosell in: not now, or not before a person has acted.
    NotLetIn(salesforce::Error),
    /// Configuration, store and org do not belong together.
    Wrong(anyhow::Error),
}

/// How the store is opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Access {
    /// This process owns it.
    Own,
    /// Another process may own it; both sides are looked at too, which may spend the refresh token. Of the store's writes
    /// only those that need no owner succeed ([`store::SqliteStore::open_beside`]): tokens, what was seen of the connections
    /// and the org, and what a person decides.
    Look,
    /// Another process may own it; nobody is called.
    Read,
}

pub(crate) fn open_store(loaded: &Loaded, access: Access) -> anyhow::Result<Arc<dyn Database>> {
    let (clock, rng) = (Arc::new(SystemClock), Arc::new(SystemRng));
    store_place::open(loaded, access, clock, rng, holds_from_environment())
}

fn open_store_in(
    loaded: &Loaded,
    access: Access,
    around: &Surroundings,
) -> anyhow::Result<Arc<dyn Database>> {
    let (clock, rng, holds) = (Arc::clone(&around.clock), Arc::clone(&around.rng), Arc::clone(&around.holds));
    store_place::open(loaded, access, clock, rng, holds)
}

pub(crate) fn seal_key(place: &SecretRef, folder: &Path) -> anyhow::Result<SealKey> {
    let text = place.read(folder)?;
    let bytes = base64::engine::general_purpose::STANDARD
        .decode(text.expose_secret().trim())
        .map(Zeroizing::new)
        .map_err(|_| anyhow!("the seal key {place:?} is not base64\n  fix: openssl rand -base64 32"))?;
    let bytes: &[u8; SealKey::BYTES] = bytes.as_slice().try_into().map_err(|_| {
        anyhow!("the seal key {place:?} does not have 32 bytes\n  fix: openssl rand -base64 32")
    })?;
    Ok(SealKey::new(*bytes))
}

/// Opens the store beside a service that may run; makes it first if there is none.
pub(crate) fn open_store_beside(loaded: &Loaded) -> anyhow::Result<Arc<dyn Database>> {
    if store_is_new(loaded) {
        // Whoever is faster makes it; both then find one.
        drop(open_store(loaded, Access::Own));
    }
    open_store(loaded, Access::Look)
}

/// Wires everything up; calls nobody yet.
pub(crate) fn wire(loaded: Loaded, access: Access) -> anyhow::Result<Wired> {
    let mapping = whole_mapping(&loaded)?;
    wire_with(loaded, access, mapping)
}

/// The same with another mapping than the files', which need not be complete: for looks that write to neither side.
pub(crate) fn wire_with(loaded: Loaded, access: Access, mapping: Arc<Mapping>) -> anyhow::Result<Wired> {
    wire_over(loaded, access, mapping, Surroundings::real()?)
}

/// The service with another outside than this machine's.
pub(crate) fn wire_in(loaded: Loaded, surroundings: Surroundings) -> anyhow::Result<Wired> {
    let mapping = whole_mapping(&loaded)?;
    wire_over(loaded, Access::Own, mapping, surroundings)
}

/// The same for looking only: whatever would change something is written down by `recorder`, and never sent.
pub(crate) fn wire_rehearsal(loaded: Loaded, recorder: &Recorder) -> anyhow::Result<Wired> {
    let mapping = whole_mapping(&loaded)?;
    let real = Surroundings::real()?;
    let http = recorder.over(real.http);
    wire_over(loaded, Access::Look, mapping, Surroundings { http, ..real })
}

/// The files' mapping, complete enough for a service.
fn whole_mapping(loaded: &Loaded) -> anyhow::Result<Arc<Mapping>> {
    let mapping = Arc::new(load_mapping(loaded)?);
    mapping.stages().require_on_hold().map_err(|error| anyhow!("{error}"))?;
    Ok(mapping)
}

fn wire_over(
    loaded: Loaded,
    access: Access,
    mapping: Arc<Mapping>,
    surroundings: Surroundings,
) -> anyhow::Result<Wired> {
    let config = &loaded.config;
    let store = open_store_in(&loaded, access, &surroundings)?;
    if let Some(common) = &surroundings.common {
        at_once(store.tell_time(common))?;
    }
    let Surroundings { clock, rng, holds, http, events, .. } = surroundings;
    let owner = owner(config);
    let tally = CallTally::default();
    let mut budget = budget(config, access, &clock, &store);
    // One process has the whole allowance; several are lent parts of it.
    if access == Access::Own && config.store.url.is_some() {
        budget = budget.lent_by(Arc::clone(&store) as Arc<dyn BudgetBook>, owner.clone());
    }

    let portal_http = counted(http.clone(), Platform::PartnerCenter, tally.clone());
    let tokens = Arc::new(partner_center::TokenSource::new(
        portal_http.clone(),
        Arc::clone(&store) as Arc<dyn ports::TokenStore>,
        Arc::clone(&clock),
        Arc::clone(&rng),
        token_config(&loaded)?,
    ));
    let portal_client = partner_center::Client::new(
        portal_http,
        Arc::clone(&tokens),
        Arc::clone(&clock),
        Arc::clone(&rng),
        Arc::new(budget.clone()),
        portal_client_config(config),
    );
    let portal = PartnerCenter::new(portal_client.clone(), Arc::clone(&mapping), portal_settings(config)?);
    let portal = Arc::new(portal);

    let salesforce_client = salesforce::Client::new(
        counted(http.clone(), Platform::Salesforce, tally.clone()),
        Arc::clone(&clock),
        Arc::clone(&rng),
        Arc::new(budget.clone()),
        salesforce_config(&loaded, &store)?,
    )?;
    let crm = Salesforce::new(salesforce_client.clone(), Arc::clone(&mapping), crm_settings(config, &*store));
    let crm = Arc::new(listening(crm, &loaded, &salesforce_client, &clock, events)?);

    let engine = Engine::new(Parts {
        store: Arc::clone(&store) as Arc<dyn Store>,
        crm: Arc::clone(&crm) as Arc<dyn sync_engine::Side>,
        portal: Arc::clone(&portal) as Arc<dyn sync_engine::Side>,
        specs: Arc::new(specs(&mapping, config)),
        mapping: mapping.version().to_owned(),
        clock: Arc::clone(&clock),
        rng,
        holds,
        settings: engine_settings(config, &owner)?,
    });
    Ok(Wired {
        engine,
        owner,
        store,
        salesforce: salesforce_client,
        partner_center: portal_client,
        portal,
        crm,
        mapping,
        tokens,
        clock,
        http,
        tally,
        budget,
        loaded,
    })
}

impl Wired {
    /// What tries each connection that is used, in the order in which they are shown.
    pub(crate) fn probes(&self) -> Vec<Arc<dyn Probe>> {
        let mut probes = portal_probes(&self.loaded.config, &self.partner_center);
        probes.push(Arc::new(SalesforceProbe(self.salesforce.clone())));
        probes
    }

    /// Binds the store to the org and tenant that the connections lead to.
    pub(crate) async fn bind(&self) -> anyhow::Result<()> {
        match self.try_bind().await {
            Ok(()) => Ok(()),
            Err(Unbound::NotLetIn(error)) => Err(self.not_signed_in(&error).await),
            Err(Unbound::Wrong(error)) => Err(error),
        }
    }

    /// The same; tells apart what may end while somebody waits.
    pub(crate) async fn try_bind(&self) -> Result<(), Unbound> {
        let org = match self.salesforce.org_id().await {
            Ok(org) => org,
            // Another org's login: what mends it stands in the configuration.
            Err(error @ salesforce::Error::OrgChanged { .. }) => {
                return Err(Unbound::Wrong(self.not_signed_in(&error).await));
            }
            Err(error) => return Err(Unbound::NotLetIn(error)),
        };
        let tenant = &self.loaded.config.partner_center.tenant_id;
        self.store.bind(org.as_str(), tenant).await.map_err(|error| Unbound::Wrong(error.into()))?;
        self.refuse_rehearsal_on_the_real_portal().await
    }

    /// Why nothing can begin: told here, and kept for whoever asks later, if a person has to act.
    async fn not_signed_in(&self, error: &salesforce::Error) -> anyhow::Error {
        let Seen::NeedsPerson(sentence, next_step) = seen_of_salesforce(error) else {
            return anyhow!("cannot sign in to Salesforce: {error}");
        };
        let problem = ConnectionProblem {
            key: SALESFORCE_CONNECTION.to_owned(),
            sentence,
            next_step: next_step.clone(),
            since: self.clock.now(),
        };
        if let Err(error) = self.store.connection_problem(SALESFORCE_CONNECTION, Some(&problem)).await {
            tracing::warn!(%error, "what is wrong with the connection could not be kept");
        }
        anyhow!("cannot sign in to Salesforce: {error}\n  fix: {next_step}")
    }

    /// A sandbox org is read-only towards the real portal unless told otherwise.
    async fn refuse_rehearsal_on_the_real_portal(&self) -> Result<(), Unbound> {
        let config = &self.loaded.config;
        if config.partner_center.dangerous_writes_from_sandbox_org || !config.writes_to_real_portal() {
            return Ok(());
        }
        if self.may_be_sandbox_org().await.map_err(Unbound::NotLetIn)? {
            return Err(Unbound::Wrong(anyhow!(
                "this is a sandbox org, and the flows would write to the real Partner Center\n  fix: switch \
                 create_referrals, update_referrals and solutions off, or point [partner_center] api_url at \
                 `cosell sandbox`"
            )));
        }
        Ok(())
    }

    /// Whether the org is, or may be, a sandbox: a refreshed one carries production's identifiers.
    pub(crate) async fn is_sandbox_org(&self) -> anyhow::Result<bool> {
        self.may_be_sandbox_org().await.context("cannot ask what kind of org it is")
    }

    async fn may_be_sandbox_org(&self) -> salesforce::Result<bool> {
        let context = salesforce::CallContext::new(ports::Lane::Now);
        Ok(self.salesforce.organization(context).await?.is_sandbox != Some(false))
    }

    /// The verifier of the webhook endpoint.
    pub(crate) fn verifier(&self) -> anyhow::Result<Option<Arc<Verifier>>> {
        let Some(webhook) = &self.loaded.config.webhook else { return Ok(None) };
        let pem = |place: &SecretRef| -> anyhow::Result<Vec<CertificateDer<'static>>> {
            let text = place.read(&self.loaded.folder)?;
            CertificateDer::pem_slice_iter(text.expose_secret().as_bytes())
                .collect::<Result<_, _>>()
                .map_err(|error| anyhow!("{place:?} does not hold PEM certificates: {error}"))
        };
        let anchors = match &webhook.trust_anchors {
            Some(place) => pem(place)?,
            None => webpki_root_certs::TLS_SERVER_ROOT_CERTS.to_vec(),
        };
        let mut config = VerifierConfig::new(anchors);
        if let Some(place) = &webhook.intermediates {
            config.intermediates = pem(place)?;
        }
        if let Some(prefixes) = &webhook.certificate_url_prefixes {
            config.certificate_url_prefixes.clone_from(prefixes);
        }
        if let Some(prefixes) = &webhook.issuer_url_prefixes {
            config.issuer_url_prefixes.clone_from(prefixes);
        }
        if let Some(organization) = &webhook.issuer_organization {
            config.issuer_organization.clone_from(organization);
        }
        if let Some(name) = &webhook.signer_common_name {
            config.subject_common_name.clone_from(name);
        }
        let verifier = Verifier::new(config, self.http.clone(), Arc::clone(&self.clock))
            .map_err(|error| anyhow!("the webhook's settings cannot be used: {error}"))?;
        Ok(Some(Arc::new(verifier)))
    }
}

/// What tries Partner Center's services: without `[webhook]`, nobody registers, and that service is not used.
pub(crate) fn portal_probes(config: &Config, client: &partner_center::Client) -> Vec<Arc<dyn Probe>> {
    let mut probes: Vec<Arc<dyn Probe>> = vec![Arc::new(ReferralsProbe(client.clone()))];
    if config.webhook.is_some() {
        probes.push(Arc::new(WebhooksProbe(client.clone())));
    }
    probes
}

/// The budget of this process, in the pauses that the service was told of. The service alone keeps them: what a command
/// beside it is told to wait for stays its own.
pub(crate) fn budget(
    config: &Config,
    access: Access,
    clock: &Arc<dyn Clock>,
    store: &Arc<dyn Database>,
) -> SharedBudget {
    let most = config.engine.calls_at_once.get();
    let concurrency = ConcurrencySettings { most, ..ConcurrencySettings::default() };
    let shares = config.salesforce.allowance.shares();
    let sound_every = config.salesforce.allowance.look_again.0;
    let settings = BudgetSettings { shares, sound_every, concurrency, ..BudgetSettings::default() };
    let budget = at_once(SharedBudget::new(Arc::clone(clock), settings).informed_by(store.as_ref()));
    if access == Access::Own { budget.kept_in(Arc::clone(store) as Arc<dyn BudgetBook>) } else { budget }
}

pub(crate) fn portal_client_config(config: &Config) -> partner_center::ClientConfig {
    let mut client = partner_center::ClientConfig::default();
    if let Some(url) = &config.partner_center.api_url {
        client.api_url.clone_from(url);
    }
    if let Some(url) = &config.partner_center.webhooks_url {
        client.webhooks_url.clone_from(url);
    }
    client.caller_id.clone_from(&config.partner_center.caller_id);
    client
}

fn portal_settings(config: &Config) -> anyhow::Result<PortalSettings> {
    let portal = &config.partner_center;
    let organization = portal
        .organization_id
        .parse()
        .map_err(|error| anyhow!("[partner_center] organization_id: {error}"))?;
    let microsoft = portal
        .microsoft_organization_id
        .parse()
        .map_err(|error| anyhow!("[partner_center] microsoft_organization_id: {error}"))?;
    Ok(PortalSettings {
        companion_organization: microsoft,
        poll_every: portal.poll_every.0,
        overlap: SignedDuration::try_from(portal.overlap.0).unwrap_or(SignedDuration::MAX),
        companion_visible: portal.companion_visible,
        default_team_member: portal.default_team_member.as_ref().map(|member| TeamMember {
            first_name: member.first_name.clone(),
            last_name: member.last_name.clone(),
            email: member.email.clone(),
            phone: member.phone.clone(),
        }),
        ..PortalSettings::new(organization)
    })
}

fn crm_settings(config: &Config, store: &dyn Database) -> CrmSettings {
    let salesforce = &config.salesforce;
    CrmSettings {
        poll: salesforce.poll_every.0,
        overlap: salesforce.overlap.0,
        consent: if salesforce.dangerous_consent_by_contract {
            ConsentRule::Contract
        } else {
            ConsentRule::Recorded
        },
        single_currency: salesforce.single_currency.clone(),
        conditional: conditional_writes(store),
    }
}

/// As `cosell check` last saw the org take them. Nobody has looked yet: as the reference has it.
fn conditional_writes(store: &dyn Database) -> ConditionalWrites {
    match org_facts::conditional(store) {
        Ok(Some(kept)) if !kept.honoured => {
            tracing::warn!(tried_at = %kept.at, "composite calls ignore preconditions here: writes go one a call");
            ConditionalWrites::OnePerCall
        }
        Ok(_) => ConditionalWrites::default(),
        Err(error) => {
            tracing::warn!(%error, "what is known of the org cannot be read: its writes go one a call");
            ConditionalWrites::OnePerCall
        }
    }
}

fn specs(mapping: &Mapping, config: &Config) -> Specs {
    let (guard, switches) = (&config.guard, &config.switches);
    Specs {
        guard: GuardSettings {
            close_grace_secs: guard.close_grace.seconds(),
            decline_grace_secs: guard.decline_grace.seconds(),
            accept_grace_secs: guard.accept_grace.seconds(),
            brake_limit: guard.brake_limit,
            brake_window_secs: guard.brake_window.seconds(),
            expiry_warnings_secs: guard.expiry_warnings.iter().map(|before| before.seconds()).collect(),
        },
        switches: Switches {
            create_referrals: switches.create_referrals,
            create_opportunities: switches.create_opportunities,
            update_referrals: switches.update_referrals,
            update_opportunities: switches.update_opportunities,
            solutions: switches.solutions,
            companion: switches.microsoft_updates,
        },
        endings: Endings {
            error: config.partner_center.closes_as_error,
            lost_needs_reason: config.partner_center.lost_needs_reason,
            ..mapping.specs().endings.clone()
        },
        lacks: lacks(mapping, config),
        groups: with_stand_in(mapping, config),
        ..mapping.specs().clone()
    }
}

/// The groups; where the referral's team is mapped, the default team member stands in for nobody.
fn with_stand_in(mapping: &Mapping, config: &Config) -> Vec<GroupSpec> {
    let mut groups = mapping.specs().groups.clone();
    let default = config.partner_center.default_team_member.as_ref();
    let key = default.map(|member| ElementKey(member.email.trim().to_lowercase()));
    let members = groups.iter_mut().flat_map(|group| &mut group.members);
    for member in members {
        if mapping.set(&member.id).is_some_and(|set| set.portal_array.as_str() == TEAM) {
            member.demands.stand_in.clone_from(&key);
        }
    }
    groups
}

/// The name under which this process holds leases. Workers on several machines may have one process id.
fn owner(config: &Config) -> String {
    let process = format!("cosell-{}", std::process::id());
    if config.store.url.is_some() { format!("{process}-{}", SystemRng.guid()) } else { process }
}

fn engine_settings(config: &Config, owner: &str) -> anyhow::Result<EngineSettings> {
    let (engine, portal) = (&config.engine, &config.partner_center);
    let least = engine.deadline.0 + sync_engine::BIRTH_MARGIN + Duration::from_secs(1);
    if engine.lease.0 < least {
        bail!(
            "[engine] lease is shorter than deadline + 6s\n  fix: lease = \"{}s\" or more, or a shorter deadline",
            least.as_secs() + 1
        );
    }
    Ok(EngineSettings {
        owner: owner.to_owned(),
        workers: engine.workers,
        batch: engine.batch,
        first_load_batch: engine.first_load_batch,
        lease: engine.lease.0,
        deadline: engine.deadline.0,
        settling: engine.settling.0,
        report_every: engine.report_every.0,
        proof: config.verify.times(),
        // A refreshed sandbox org carries what production's store linked: those referrals are not its own.
        adopts: !portal.dangerous_writes_from_sandbox_org,
        companion_sweep_every: portal.companion_sweep_every.0,
        companion_sweep_most: if portal.companion_visible { portal.companion_sweep_most } else { 0 },
        fresh: config.partner_center.poll_every.0.saturating_mul(3).max(Duration::from_secs(2)),
        ..EngineSettings::default()
    })
}
