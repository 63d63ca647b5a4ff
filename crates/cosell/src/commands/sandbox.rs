//! `cosell sandbox`: the two platforms alone, with a configuration that fits.

use std::{
    collections::BTreeMap,
    fs,
    net::SocketAddr,
    path::{Path, PathBuf},
    process::ExitCode,
};

use anyhow::Context as _;
use base64::Engine as _;
use clap::Args;
use sandbox::serve::{Ready, Sandbox, SandboxConfig};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::init::mapping_text;
use crate::output::{self, Format};

/// The stage in which the sandbox's org lets received referrals wait.
const ON_HOLD: &str = "Co-sell: to answer";

/// Runs a local Partner Center and a local Salesforce, and says where.
///
/// With --format json: every address and credential and a fitting
/// configuration, as one line.
#[derive(Debug, Args)]
pub(crate) struct SandboxCommand {
    /// Where Partner Center listens; port 0 for any free one.
    #[arg(long, default_value = "127.0.0.1:0", value_name = "ADDR")]
    partner_center: SocketAddr,
    /// Where Salesforce listens; port 0 for any free one.
    #[arg(long, default_value = "127.0.0.1:0", value_name = "ADDR")]
    salesforce: SocketAddr,
    /// The address under which clients reach Salesforce, where a proxy stands
    /// before it.
    #[arg(long, value_name = "URL")]
    salesforce_url: Option<String>,
    /// Where Salesforce's Pub/Sub API listens, always with TLS; port 0 for
    /// any free one.
    #[arg(long, default_value = "127.0.0.1:0", value_name = "ADDR")]
    pubsub: SocketAddr,
    /// Identifiers and random choices follow from this number.
    #[arg(long, default_value_t = 0)]
    seed: u64,
    /// Writes the fitting configuration and its secrets into this folder.
    #[arg(long, value_name = "DIR")]
    write: Option<PathBuf>,
    /// Writes every request with its answer into this folder, one file each,
    /// without tokens and secrets; what deals hold is in them.
    #[arg(long, value_name = "DIR")]
    dump: Option<PathBuf>,
    /// Both platforms speak TLS, under a certificate for localhost and
    /// 127.0.0.1 that is made at start; the file to trust is named.
    #[arg(long)]
    tls: bool,
    /// Writes the file to trust into this folder, where it stays.
    #[arg(long, value_name = "DIR")]
    tls_dir: Option<PathBuf>,
}

/// What is printed when both platforms answer.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Printed {
    /// Addresses and credentials of Partner Center.
    pub(crate) partner_center: Value,
    /// Addresses and credentials of Salesforce.
    pub(crate) salesforce: Value,
    /// What clients have to trust where the sandbox speaks TLS.
    pub(crate) tls: Value,
    /// The seed.
    pub(crate) seed: u64,
    /// A configuration that fits: file names and their texts.
    pub(crate) files: BTreeMap<String, String>,
}

impl Printed {
    /// Writes the configuration and its secrets; the folder is for this user alone.
    pub(crate) fn write_files(&self, folder: &Path) -> anyhow::Result<()> {
        fs::create_dir_all(folder)?;
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt as _;
            fs::set_permissions(folder, fs::Permissions::from_mode(0o700))?;
        }
        for (name, text) in &self.files {
            let path = folder.join(name);
            fs::write(&path, text).with_context(|| format!("cannot write {}", path.display()))?;
        }
        Ok(())
    }
}

impl SandboxCommand {
    pub(crate) async fn run(self, format: Format) -> anyhow::Result<ExitCode> {
        let config = SandboxConfig {
            partner_center: self.partner_center,
            salesforce: self.salesforce,
            pubsub: self.pubsub,
            salesforce_url: self.salesforce_url.clone(),
            seed: self.seed,
            dump: self.dump.clone(),
            tls: self.tls,
            tls_folder: self.tls_dir.clone(),
            ..SandboxConfig::default()
        };
        let sandbox = Sandbox::start(config).await.context("the sandbox could not start")?;
        let printed = printed(sandbox.ready())?;
        if let Some(folder) = &self.write {
            printed.write_files(folder)?;
        }
        match format {
            Format::Json => output::json(&printed)?,
            Format::Text => self.say(&printed)?,
        }
        let _ = tokio::signal::ctrl_c().await;
        sandbox.shutdown().await;
        Ok(ExitCode::SUCCESS)
    }

    /// Where both platforms are, and what to do next.
    fn say(&self, printed: &Printed) -> anyhow::Result<()> {
        let configuration = match &self.write {
            Some(folder) => folder.join("cosell.toml").display().to_string(),
            None => "none was written; --write DIR writes one that fits".to_owned(),
        };
        output::line("A local Partner Center and a local Salesforce are running.");
        output::line("");
        output::labelled("As Microsoft", &text(&printed.partner_center, "page_url")?);
        output::labelled("As seller", &text(&printed.salesforce, "page_url")?);
        output::labelled("Referrals", &text(&printed.partner_center, "api_url")?);
        output::labelled("Salesforce", &text(&printed.salesforce, "instance_url")?);
        output::labelled("Events", &text(&printed.salesforce, "pubsub_endpoint")?);
        if let Some(file) = printed.tls.get("authority_file").and_then(Value::as_str) {
            output::labelled("Trust", file);
        }
        output::labelled("Settings", &configuration);
        output::line("");
        if self.write.is_some() {
            output::line("Next, in another window:");
            output::command(2, &format!("cosell run --config {configuration}"));
        }
        output::line("Ctrl-C stops them, and what they hold is gone.");
        Ok(())
    }
}

pub(super) fn printed(ready: &Ready) -> anyhow::Result<Printed> {
    let portal = |name: &str| text(&ready.partner_center, name);
    let crm = |name: &str| text(&ready.salesforce, name);
    let seal_key = base64::engine::general_purpose::STANDARD.encode([7_u8; 32]);
    let config = format!(
        r#"# Fits the local sandbox. Graces are short, so that a rehearsal is.
[store]
path = "cosell.sqlite3"
seal_key = "file:seal.key"

[partner_center]
tenant_id = "{tenant}"
organization_id = "{organization}"
client_id = "{client}"
client_secret = "file:partner-center.secret"
refresh_token = "file:partner-center.token"
token_url = "{token_url}"
api_url = "{api_url}"
webhooks_url = "{webhooks_url}"
poll_every = "1s"
overlap = "1min"

[partner_center.default_team_member]
first_name = "Ada"
last_name = "Berg"
email = "ada.berg@fabrikam.example"
phone = "+49401234567"

[salesforce]
login_url = "{instance}"
audience = "{audience}"
consumer_key = "{consumer}"
username = "{username}"
private_key = "file:salesforce.key"
poll_every = "500ms"
overlap = "1min"

# Change events come within a second; polls only reconcile.
[salesforce.events]
endpoint = "https://{events}"
extra_roots = "file:sandbox-authority.pem"
poll_every = "10s"

[mapping]
file = "mapping.toml"

# To have events sent here too, listen on a fixed port, add
# public_url = "http://127.0.0.1:PORT", and run: cosell webhook register
[webhook]
listen = "127.0.0.1:0"
trust_anchors = "file:sandbox-ca.pem"
intermediates = "file:sandbox-intermediate.pem"
certificate_url_prefixes = ["{certificates}"]

[guard]
close_grace = "2s"
decline_grace = "2s"
accept_grace = "1s"
# A rehearsal creates many referrals at once on purpose.
brake_limit = 10000

[engine]
deadline = "5s"
lease = "20s"
settling = "3s"
"#,
        tenant = portal("tenant_id")?,
        organization = portal("organization_id")?,
        client = portal("client_id")?,
        token_url = portal("token_url")?,
        api_url = portal("api_url")?,
        webhooks_url = portal("webhooks_url")?,
        instance = crm("instance_url")?,
        audience = crm("audience")?,
        consumer = crm("consumer_key")?,
        username = crm("username")?,
        events = crm("pubsub_endpoint")?,
        certificates = folder_of(&portal("certificate_url")?),
    );
    let owner = ready.salesforce.pointer("/seller/username").and_then(Value::as_str).unwrap_or_default();
    let mapping = format!(
        "{}\n[inbound]\ncreate = true\naccount = \"create\"\ndefault_owner = {}\n",
        mapping_text(Some(ON_HOLD)),
        toml::Value::String(owner.to_owned())
    );
    let files = [
        ("cosell.toml", config),
        ("mapping.toml", mapping),
        ("seal.key", seal_key),
        ("partner-center.secret", portal("client_secret")?),
        ("partner-center.token", portal("refresh_token")?),
        ("salesforce.key", crm("private_key_pem")?),
        ("sandbox-ca.pem", portal("webhook_trust_anchor_pem")?),
        ("sandbox-intermediate.pem", portal("webhook_intermediate_pem")?),
        ("sandbox-authority.pem", ready.tls.authority_pem.clone()),
    ];
    Ok(Printed {
        partner_center: ready.partner_center.clone(),
        salesforce: ready.salesforce.clone(),
        tls: serde_json::to_value(&ready.tls)?,
        seed: ready.seed,
        files: files.into_iter().map(|(name, text)| (name.to_owned(), text)).collect(),
    })
}

fn text(of: &Value, name: &str) -> anyhow::Result<String> {
    of.get(name)
        .and_then(Value::as_str)
        .map(str::to_owned)
        .with_context(|| format!("the sandbox did not say its {name}"))
}

/// The address up to its last slash.
fn folder_of(url: &str) -> &str {
    url.rfind('/').map_or(url, |at| &url[..=at])
}
