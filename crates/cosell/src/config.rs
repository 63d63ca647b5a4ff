//! The configuration file: typed, unknown keys refused, secrets only by reference.

mod events;
mod limits;
mod real_portal;
mod retention;
mod salesforce_login;
mod secret;
mod span;
mod store;
mod verify;

use std::{
    net::SocketAddr,
    num::NonZeroU32,
    path::{Path, PathBuf},
    time::Duration,
};

use serde::{Deserialize, Deserializer, de::Error as _};

pub(crate) use real_portal::is_this_machine;
use retention::RetentionConfig;
pub(crate) use secret::SecretRef;
pub(crate) use span::Span;
use store::StoreConfig;
pub(crate) use store::StoreUrl;
use verify::VerifyConfig;

/// Everything that a person configures. `cosell init` writes one with every key explained in place.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Config {
    /// Where state lasts.
    #[serde(default)]
    pub(crate) store: StoreConfig,
    /// How long things are kept.
    #[serde(default)]
    pub(crate) retention: RetentionConfig,
    /// The referrals' side.
    pub(crate) partner_center: PartnerCenterConfig,
    /// How the connections are kept alive.
    #[serde(default)]
    pub(crate) connections: ConnectionsConfig,
    /// The opportunities' side.
    pub(crate) salesforce: SalesforceConfig,
    /// The mapping file.
    #[serde(default)]
    pub(crate) mapping: MappingConfig,
    /// Where events arrive; without it, polling alone finds changes.
    pub(crate) webhook: Option<WebhookConfig>,
    /// Health, for probes.
    pub(crate) admin: Option<AdminConfig>,
    /// What stands before irreversible effects.
    #[serde(default)]
    pub(crate) guard: GuardConfig,
    /// Which flows are on.
    #[serde(default)]
    pub(crate) switches: SwitchesConfig,
    /// When all deals are proven to be equal.
    #[serde(default)]
    pub(crate) verify: VerifyConfig,
    /// The engine's numbers.
    #[serde(default)]
    pub(crate) engine: EngineConfig,
}

/// `[partner_center]`
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct PartnerCenterConfig {
    /// The Entra tenant.
    pub(crate) tenant_id: String,
    /// Our organisation, whose referrals are ours.
    pub(crate) organization_id: String,
    /// The Entra application.
    pub(crate) client_id: String,
    /// Its secret, if it proves itself by one.
    pub(crate) client_secret: Option<SecretRef>,
    /// Its certificate, PEM, if it proves itself by one.
    pub(crate) client_certificate: Option<SecretRef>,
    /// The certificate's RSA key, PEM.
    pub(crate) client_key: Option<SecretRef>,
    /// How the key signs.
    #[serde(default)]
    pub(crate) client_assertion: Assertion,
    /// The first refresh token; the store keeps its successors.
    pub(crate) refresh_token: Option<SecretRef>,
    /// The token endpoint, if it is not Microsoft's for the tenant.
    pub(crate) token_url: Option<String>,
    /// Where a person signs in by browser, if it is not beside the token endpoint.
    pub(crate) authorize_url: Option<String>,
    /// Where a device code is had, if it is not beside the token endpoint.
    pub(crate) device_code_url: Option<String>,
    /// Where a browser comes back to: a loopback address; without a port, any free one.
    #[serde(default = "loopback")]
    pub(crate) login_redirect: String,
    /// The scope of the Referrals API, if it is not the documented one.
    pub(crate) referrals_scope: Option<String>,
    /// The scope of the webhook registration, if it is not the documented one.
    pub(crate) webhooks_scope: Option<String>,
    /// The Referrals API, if it is not Microsoft's.
    pub(crate) api_url: Option<String>,
    /// The webhook registration API, if it is not Microsoft's.
    pub(crate) webhooks_url: Option<String>,
    /// What this program is called in the headers of its calls, if it is to be called anything.
    #[serde(default, deserialize_with = "header_text")]
    pub(crate) caller_id: Option<String>,
    /// The wait between two polls.
    #[serde(default = "minute")]
    pub(crate) poll_every: Span,
    /// How far each poll goes back.
    #[serde(default = "ten_minutes")]
    pub(crate) overlap: Span,
    /// A sandbox org may write to the real portal. A refreshed sandbox carries production's identifiers.
    #[serde(default)]
    pub(crate) dangerous_writes_from_sandbox_org: bool,
    /// The organisation id that Microsoft's referrals carry.
    #[serde(default = "msft")]
    pub(crate) microsoft_organization_id: String,
    /// Whether the account can see Microsoft's referrals at all. Off, their fields stay empty and nothing is asked.
    #[serde(default = "yes")]
    pub(crate) companion_visible: bool,
    /// How often Microsoft's open referrals are looked at, one by one, while no list shows them.
    #[serde(default = "fifteen_minutes")]
    pub(crate) companion_sweep_every: Span,
    /// Most of them in one such round.
    #[serde(default = "fifty")]
    pub(crate) companion_sweep_most: usize,
    /// Whether a change may close a referral as an error. No document says so.
    #[serde(default = "yes")]
    pub(crate) closes_as_error: bool,
    /// Whether a loss needs a reason, as a decline does.
    #[serde(default)]
    pub(crate) lost_needs_reason: bool,
    /// Who stands in the referral's team when the mapping gives nobody.
    pub(crate) default_team_member: Option<TeamMemberConfig>,
}

/// How a client assertion is signed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
pub(crate) enum Assertion {
    /// RSASSA-PSS, which Microsoft recommends.
    #[default]
    #[serde(rename = "PS256")]
    Ps256,
    /// RSASSA-PKCS1-v1_5.
    #[serde(rename = "RS256")]
    Rs256,
}

/// `[partner_center.default_team_member]`
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct TeamMemberConfig {
    /// First name.
    pub(crate) first_name: String,
    /// Last name.
    pub(crate) last_name: String,
    /// E-mail address.
    pub(crate) email: String,
    /// Phone number.
    pub(crate) phone: String,
}

/// `[connections]`
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct ConnectionsConfig {
    /// The wait between two tries of each connection.
    pub(crate) check_every: Span,
    /// How long a sign-in lives when it is not renewed.
    pub(crate) refresh_token_lifetime: Span,
    /// The age at which it is renewed although nobody needs it.
    pub(crate) renew_after: Span,
    /// From this long before its end on, a renewal that fails is a problem.
    pub(crate) warn_before: Span,
}

impl Default for ConnectionsConfig {
    fn default() -> Self {
        let times = service::SignInTimes::default();
        Self {
            check_every: Span(times.check_every),
            refresh_token_lifetime: Span(times.lifetime),
            renew_after: Span(times.renew_after),
            warn_before: Span(times.warn_before),
        }
    }
}

impl ConnectionsConfig {
    /// The sign-in's times.
    pub(crate) fn times(&self) -> service::SignInTimes {
        service::SignInTimes {
            lifetime: self.refresh_token_lifetime.0,
            renew_after: self.renew_after.0,
            warn_before: self.warn_before.0,
            check_every: self.check_every.0,
        }
    }
}

/// `[salesforce]`
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct SalesforceConfig {
    /// The host that grants sessions.
    pub(crate) login_url: String,
    /// How sessions are obtained; decided by what is given, if it is absent.
    pub(crate) flow: Option<SalesforceFlow>,
    /// The app's consumer key.
    pub(crate) consumer_key: String,
    /// The integration user.
    pub(crate) username: Option<String>,
    /// The audience claim; the login URL if it is absent.
    pub(crate) audience: Option<String>,
    /// The RSA key whose certificate the app knows, PEM.
    pub(crate) private_key: Option<SecretRef>,
    /// That certificate, PEM: so that its end is known before it comes.
    pub(crate) certificate: Option<SecretRef>,
    /// The app's consumer secret.
    pub(crate) client_secret: Option<SecretRef>,
    /// The secret is sent as HTTP Basic instead of in the form.
    #[serde(default)]
    pub(crate) secret_in_header: bool,
    /// Where a browser comes back to: a loopback address, and a callback URL of the app, port included.
    #[serde(default = "salesforce_loopback")]
    pub(crate) login_redirect: String,
    /// Up to which parts of the daily allowance is called.
    #[serde(default)]
    pub(crate) allowance: AllowanceConfig,
    /// The REST API's version.
    pub(crate) api_version: Option<String>,
    /// The wait between two polls.
    #[serde(default = "ten_seconds")]
    pub(crate) poll_every: Span,
    /// How far each poll goes back.
    #[serde(default = "five_minutes")]
    pub(crate) overlap: Span,
    /// The company's contracts contain every customer's consent: no seller records it.
    #[serde(default)]
    pub(crate) dangerous_consent_by_contract: bool,
    /// The currency of an org that has only one.
    pub(crate) single_currency: Option<String>,
    /// Whether a save goes on although a duplicate rule of the org warns.
    #[serde(default)]
    pub(crate) allow_duplicate_alerts: bool,
    /// Change events.
    #[serde(default)]
    pub(crate) events: events::EventsConfig,
}

/// How sessions of Salesforce are obtained.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
pub(crate) enum SalesforceFlow {
    /// An assertion that `private_key` signs.
    #[serde(rename = "jwt")]
    Jwt,
    /// The app's own key and secret.
    #[serde(rename = "client_credentials")]
    ClientCredentials,
    /// A person signs in: `cosell login salesforce`.
    #[serde(rename = "login")]
    Login,
}

/// `[salesforce] allowance`: hundredths of the org's daily calls, and how their return is noticed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct AllowanceConfig {
    /// Background work stops here.
    pub(crate) background: u8,
    /// Status lines stop here.
    pub(crate) reports: u8,
    /// Everything stops here but what guards irreversible steps.
    pub(crate) others: u8,
    /// While something is stopped, one call goes this often, to find out how much is free again.
    pub(crate) look_again: Span,
}

impl Default for AllowanceConfig {
    fn default() -> Self {
        let service::BudgetSettings { shares, sound_every, .. } = service::BudgetSettings::default();
        let service::Shares { background, report, now } = shares;
        Self { background, reports: report, others: now, look_again: Span(sound_every) }
    }
}

impl AllowanceConfig {
    /// As the budget takes them.
    pub(crate) fn shares(self) -> service::Shares {
        service::Shares { background: self.background, report: self.reports, now: self.others }
    }
}

/// `[mapping]`
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct MappingConfig {
    /// The company's file, merged over the shipped default.
    pub(crate) file: Option<PathBuf>,
    /// A folder of code lists, each in the place of the shipped list of its name.
    pub(crate) code_lists: Option<PathBuf>,
    /// Codes that a list does not mark as verified are sent too.
    pub(crate) unverified_codes: bool,
}

/// `[webhook]`
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct WebhookConfig {
    /// Where events arrive.
    pub(crate) listen: SocketAddr,
    /// Roots that a signer's certificate must lead to, PEM; public roots if absent.
    pub(crate) trust_anchors: Option<SecretRef>,
    /// Certificates between signer and root, PEM.
    pub(crate) intermediates: Option<SecretRef>,
    /// Where certificates may be fetched, if it is not Microsoft's address.
    pub(crate) certificate_url_prefixes: Option<Vec<String>>,
    /// Where the certificates of issuers may be fetched, if it is not where public ones are.
    pub(crate) issuer_url_prefixes: Option<Vec<String>>,
    /// The organisation that a signer's certificate names as its issuer's, if it is not Microsoft's.
    pub(crate) issuer_organization: Option<String>,
    /// The common name of a signer's certificate, if it is not the documented one.
    pub(crate) signer_common_name: Option<String>,
    /// The address under which the internet reaches `listen`.
    pub(crate) public_url: Option<String>,
    /// What to be told of; the events about referrals, and tests, if it is absent.
    pub(crate) events: Option<Vec<String>>,
    /// Have the signature sent in `X-MS-Signature`: some proxies keep `Authorization` to themselves.
    #[serde(default)]
    pub(crate) signature_in_ms_header: bool,
    /// The wait between two looks at the registration.
    #[serde(default = "fifteen_minutes")]
    pub(crate) check_every: Span,
    /// A sandbox org may take the real portal's one registration, which production needs.
    #[serde(default)]
    pub(crate) dangerous_register_from_sandbox_org: bool,
}

/// `[admin]`
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct AdminConfig {
    /// Where health is told.
    pub(crate) listen: SocketAddr,
    /// Other machines may reach it, where whoever asks is answered, unencrypted.
    #[serde(default)]
    pub(crate) beyond_this_machine: bool,
}

/// `[guard]`
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct GuardConfig {
    /// How long a win or loss waits.
    pub(crate) close_grace: Span,
    /// How long a decline waits.
    pub(crate) decline_grace: Span,
    /// How long an accept by stage waits.
    pub(crate) accept_grace: Span,
    /// Irreversible effects of one kind ...
    pub(crate) brake_limit: u32,
    /// ... within this time, before the brake holds.
    pub(crate) brake_window: Span,
    /// How long before an unanswered referral expires a person is told.
    pub(crate) expiry_warnings: Vec<Span>,
}

impl Default for GuardConfig {
    fn default() -> Self {
        Self {
            close_grace: ten_minutes(),
            decline_grace: ten_minutes(),
            accept_grace: minute(),
            brake_limit: 20,
            brake_window: ten_minutes(),
            expiry_warnings: vec![Span::days(4), Span::days(1)],
        }
    }
}

/// `[switches]`: Microsoft's flows, each on its own.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct SwitchesConfig {
    /// Opportunities become referrals.
    pub(crate) create_referrals: bool,
    /// Referrals become opportunities.
    pub(crate) create_opportunities: bool,
    /// Changes of opportunities go to referrals.
    pub(crate) update_referrals: bool,
    /// Changes of referrals go to opportunities.
    pub(crate) update_opportunities: bool,
    /// Solutions go to referrals.
    pub(crate) solutions: bool,
    /// What Microsoft's sellers did is shown.
    pub(crate) microsoft_updates: bool,
}

impl Default for SwitchesConfig {
    fn default() -> Self {
        Self {
            create_referrals: true,
            create_opportunities: true,
            update_referrals: true,
            update_opportunities: true,
            solutions: true,
            microsoft_updates: true,
        }
    }
}

/// `[engine]`
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct EngineConfig {
    /// Batches worked on at once.
    pub(crate) workers: usize,
    /// Most deals in a batch.
    pub(crate) batch: usize,
    /// Most deals in a batch while there is backlog.
    pub(crate) first_load_batch: usize,
    /// How long a claim lasts.
    pub(crate) lease: Span,
    /// The deadline of a remote write.
    pub(crate) deadline: Span,
    /// How long a doubtful creation is left to show up.
    pub(crate) settling: Span,
    /// Reports that travel alone are this far apart, per deal.
    pub(crate) report_every: Span,
    /// Most calls to one platform at once.
    pub(crate) calls_at_once: NonZeroU32,
}

impl Default for EngineConfig {
    fn default() -> Self {
        let engine = sync_engine::EngineSettings::default();
        Self {
            workers: engine.workers,
            batch: engine.batch,
            first_load_batch: engine.first_load_batch,
            lease: Span(engine.lease),
            deadline: Span(engine.deadline),
            settling: Span(engine.settling),
            report_every: Span(engine.report_every),
            calls_at_once: NonZeroU32::new(service::ConcurrencySettings::default().most)
                .unwrap_or(NonZeroU32::MIN),
        }
    }
}

/// A text that a header can carry.
fn header_text<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<String>, D::Error> {
    let text = String::deserialize(deserializer)?;
    let fits = !text.is_empty() && http::HeaderValue::from_str(&text).is_ok();
    if fits {
        Ok(Some(text))
    } else {
        Err(D::Error::custom("it is sent as a header: write letters and digits"))
    }
}

fn fifteen_minutes() -> Span {
    Span(Duration::from_mins(15))
}

fn loopback() -> String {
    "http://127.0.0.1".to_owned()
}

fn salesforce_loopback() -> String {
    "http://localhost:8087/salesforce".to_owned()
}

fn yes() -> bool {
    true
}

fn msft() -> String {
    "msft".to_owned()
}

fn fifty() -> usize {
    50
}

fn ten_seconds() -> Span {
    Span(Duration::from_secs(10))
}

fn minute() -> Span {
    Span(Duration::from_mins(1))
}

fn five_minutes() -> Span {
    Span(Duration::from_mins(5))
}

fn ten_minutes() -> Span {
    Span(Duration::from_mins(10))
}

/// Why the configuration cannot be used.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ConfigError {
    /// The file could not be read.
    #[error("cannot read {path}: {reason}\n  fix: write one with `cosell init`, or name yours with --config")]
    Read {
        /// The file.
        path: String,
        /// What the system said.
        reason: String,
    },
    /// The file does not say what it must.
    #[error("{path}: {reason}")]
    Wrong {
        /// The file.
        path: String,
        /// What is wrong, with line and column.
        reason: String,
    },
    /// A secret could not be read.
    #[error("cannot read the secret {place}: {reason}")]
    Secret {
        /// Where it should be.
        place: String,
        /// Why it is not.
        reason: String,
    },
}

/// A configuration and the folder it stands in.
#[derive(Debug, Clone)]
pub(crate) struct Loaded {
    /// The configuration.
    pub(crate) config: Config,
    /// Relative paths start here.
    pub(crate) folder: PathBuf,
}

impl Config {
    /// Reads a configuration file.
    pub(crate) fn load(path: &Path) -> Result<Loaded, ConfigError> {
        let shown = path.display().to_string();
        let text = std::fs::read_to_string(path)
            .map_err(|error| ConfigError::Read { path: shown.clone(), reason: error.to_string() })?;
        let wrong = |reason| ConfigError::Wrong { path: shown.clone(), reason };
        let config: Self = toml::from_str(&text).map_err(|error| wrong(told(&text, &error)))?;
        config.check().map_err(wrong)?;
        let folder = path.parent().unwrap_or(Path::new(".")).to_owned();
        Ok(Loaded { config, folder })
    }
}

/// What is wrong and where, without the line itself or a text of it: a secret may stand there by mistake.
fn told(text: &str, error: &toml::de::Error) -> String {
    let message = error.message();
    let message = match (message.find("string \""), message.rfind("\", expected")) {
        (Some(from), Some(to)) if from < to => format!("{}a text{}", &message[..from], &message[to + 1..]),
        _ => message.to_owned(),
    };
    let Some(before) = error.span().and_then(|span| text.get(..span.start)) else { return message };
    let line = before.matches('\n').count() + 1;
    let column = before.rsplit('\n').next().map_or(0, |begun| begun.chars().count()) + 1;
    format!("line {line}, column {column}: {message}")
}

#[cfg(test)]
mod tests;
