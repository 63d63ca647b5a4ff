//! From a configuration to Partner Center's sign-in: addresses, the application's proof, scopes.

use std::sync::Arc;

use anyhow::{Context as _, anyhow, bail};
use partner_center::{AssertionAlgorithm, Claims, ClientCertificate, ClientProof, SignIn, TokenConfig};
use ports::{Clock, HttpService, Rng};
use secrecy::ExposeSecret as _;

use crate::config::{Assertion, Loaded, SecretRef};

/// How tokens are had.
pub(crate) fn token_config(loaded: &Loaded) -> anyhow::Result<TokenConfig> {
    let config = &loaded.config.partner_center;
    let seed = config.refresh_token.as_ref().map(|place| place.read(&loaded.folder)).transpose()?;
    let url = config.token_url.clone().unwrap_or_else(|| {
        format!("https://login.microsoftonline.com/{}/oauth2/v2.0/token", config.tenant_id)
    });
    let mut token =
        TokenConfig { client: client_proof(loaded)?, seed, ..TokenConfig::new(url, &*config.client_id) };
    if let Some(scope) = &config.referrals_scope {
        token.referrals_scope.clone_from(scope);
    }
    if let Some(scope) = &config.webhooks_scope {
        token.webhooks_scope.clone_from(scope);
    }
    Ok(token)
}

fn client_proof(loaded: &Loaded) -> anyhow::Result<ClientProof> {
    let config = &loaded.config.partner_center;
    let read = |place: &SecretRef| place.read(&loaded.folder);
    match (&config.client_secret, &config.client_certificate, &config.client_key) {
        (None, None, None) => Ok(ClientProof::None),
        (Some(secret), None, None) => Ok(ClientProof::Secret(read(secret)?)),
        (None, Some(certificate), Some(key)) => {
            let algorithm = match config.client_assertion {
                Assertion::Ps256 => AssertionAlgorithm::Ps256,
                Assertion::Rs256 => AssertionAlgorithm::Rs256,
            };
            let (pem, key_pem) = (read(certificate)?, read(key)?);
            let certificate = ClientCertificate::from_pem(pem.expose_secret(), &key_pem, algorithm)
                .with_context(|| {
                    format!("[partner_center] client_certificate {certificate:?} and client_key {key:?}")
                })?;
            Ok(ClientProof::Certificate(Arc::new(certificate)))
        }
        (Some(_), ..) => bail!(
            "[partner_center] has a client_secret and a certificate\n  fix: keep client_secret, or \
             client_certificate and client_key, not both"
        ),
        (None, Some(_), None) => bail!(
            "[partner_center] has a client_certificate without its key\n  fix: client_key = \"file:client.key\""
        ),
        (None, None, Some(_)) => bail!(
            "[partner_center] has a client_key without its certificate\n  fix: client_certificate = \
             \"file:client.pem\""
        ),
    }
}

/// A sign-in of a person. `challenge` is what the last token was refused for.
pub(crate) fn sign_in(
    loaded: &Loaded,
    http: HttpService,
    clock: Arc<dyn Clock>,
    rng: Arc<dyn Rng>,
    challenge: Option<&str>,
) -> anyhow::Result<SignIn> {
    let config = &loaded.config.partner_center;
    let token = token_config(loaded)?;
    let claims = challenge.and_then(Claims::parse);
    let (authorize, device) = (config.authorize_url.clone(), config.device_code_url.clone());
    SignIn::new(http, clock, rng, token, authorize, device, claims).ok_or_else(|| {
        anyhow!(
            "[partner_center] token_url does not end in /token, so where to sign in is not known\n  fix: set \
             authorize_url and device_code_url"
        )
    })
}
