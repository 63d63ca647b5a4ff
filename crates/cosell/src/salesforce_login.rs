//! From a configuration to Salesforce's login: the flow, its secrets, the org that it must lead to.

use std::sync::Arc;

use anyhow::{Context as _, anyhow};
use jiff::Timestamp;
use ports::TokenStore;
use salesforce::{ClientConfig, LoginConfig, OrgId, SecretPlace};
use secrecy::ExposeSecret as _;
use store::Database;

use crate::config::{Loaded, SalesforceFlow};
use crate::store_place::at_once;

/// What a client is told. Every login must lead to the org that the store belongs to, if it belongs to one yet.
pub(crate) fn salesforce_config(loaded: &Loaded, store: &Arc<dyn Database>) -> anyhow::Result<ClientConfig> {
    let config = &loaded.config.salesforce;
    let mut client = ClientConfig::new(login(loaded, store)?);
    if config.secret_in_header {
        client.secret_place = SecretPlace::Header;
    }
    client.org_id = at_once(store.bound_org())?
        .map(|org| OrgId::parse(&org).map_err(|_| anyhow!("the store belongs to no Salesforce org's id")))
        .transpose()?;
    client.allow_duplicate_alerts = config.allow_duplicate_alerts;
    // A spent day is asked again no later than a halted lane would be.
    client.limits.limit_pause = client.limits.limit_pause.min(config.allowance.look_again.0);
    if let Some(version) = &config.api_version {
        client.api_version.clone_from(version);
    }
    Ok(client)
}

fn login(loaded: &Loaded, store: &Arc<dyn Database>) -> anyhow::Result<LoginConfig> {
    let config = &loaded.config.salesforce;
    let login_url: url::Url = config
        .login_url
        .parse()
        .with_context(|| format!("[salesforce] login_url \"{}\" is not a URL", config.login_url))?;
    let secret = || config.client_secret.as_ref().map(|place| place.read(&loaded.folder)).transpose();
    let absent = |key: &str| anyhow!("[salesforce] has no {key}");
    Ok(match config.flow() {
        SalesforceFlow::Jwt => LoginConfig::JwtBearer {
            login_url,
            consumer_key: config.consumer_key.clone(),
            username: config.username.clone().ok_or_else(|| absent("username"))?,
            audience: config
                .audience
                .clone()
                .unwrap_or_else(|| config.login_url.trim_end_matches('/').to_owned()),
            private_key: config
                .private_key
                .as_ref()
                .ok_or_else(|| absent("private_key"))?
                .read(&loaded.folder)?,
        },
        SalesforceFlow::ClientCredentials => LoginConfig::ClientCredentials {
            my_domain: login_url,
            client_id: config.consumer_key.clone(),
            client_secret: secret()?.ok_or_else(|| absent("client_secret"))?,
        },
        SalesforceFlow::Login => LoginConfig::SignedIn {
            login_url,
            client_id: config.consumer_key.clone(),
            client_secret: secret()?,
            tokens: Arc::clone(store) as Arc<dyn TokenStore>,
        },
    })
}

/// When the app's certificate ends, if the configuration names it.
pub(crate) fn certificate_ends(loaded: &Loaded) -> anyhow::Result<Option<Timestamp>> {
    let config = &loaded.config.salesforce;
    let (Some(certificate), Some(key)) = (&config.certificate, &config.private_key) else { return Ok(None) };
    let (pem, key_pem) = (certificate.read(&loaded.folder)?, key.read(&loaded.folder)?);
    let registered = oauth::RegisteredCertificate::from_pem(pem.expose_secret(), &key_pem)
        .with_context(|| format!("[salesforce] certificate {certificate:?} and private_key {key:?}"))?;
    Ok(Some(registered.ends))
}
