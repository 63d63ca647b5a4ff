//! The authorization code with PKCE: a browser goes to the platform and comes back to this machine (RFC 7636, 8252).

use std::fmt;

use oauth::{BrowserAnswer, Journey};
use secrecy::{ExposeSecret as _, SecretString};
use url::Url;

use super::{SignIn, SignInError, SignedIn, signed_in};
use crate::auth::{AuthError, grant, refusal};

/// Times the code is exchanged while no connection can be made: a code is good once.
const MAX_CONNECTS: u32 = 3;

/// A browser's way to the platform and back.
pub struct Authorization {
    /// Where the browser goes.
    pub address: Url,
    redirect: String,
    journey: Journey,
    nonce: SecretString,
}

impl fmt::Debug for Authorization {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Authorization").field("redirect", &self.redirect).finish_non_exhaustive()
    }
}

impl SignIn {
    /// The way to the platform and back to `redirect`.
    ///
    /// # Errors
    /// [`SignInError::NoRandomness`]; [`SignInError::Auth`] if the authorization address is none.
    pub fn authorization(&self, redirect: &str) -> Result<Authorization, SignInError> {
        let (journey, nonce) = (Journey::begin()?, oauth::random()?);
        let mut address = Url::parse(&self.authorize_url)
            .map_err(|_| AuthError::Unreadable { reason: "authorize_url is no address" })?;
        {
            let mut query = address.query_pairs_mut();
            query
                .append_pair("client_id", &self.config.client_id)
                .append_pair("response_type", "code")
                .append_pair("response_mode", "query")
                .append_pair("redirect_uri", redirect)
                .append_pair("scope", &self.scope())
                .append_pair("state", journey.state().expose_secret())
                .append_pair("nonce", nonce.expose_secret())
                .append_pair("code_challenge", &journey.challenge())
                .append_pair("code_challenge_method", "S256")
                // The synchronisation's user is rarely the one whose browser it is.
                .append_pair("prompt", "select_account");
            if let Some(claims) = &self.claims {
                query.append_pair("claims", claims.as_str());
            }
        }
        Ok(Authorization { address, redirect: redirect.to_owned(), journey, nonce })
    }

    /// Exchanges what the browser came back with: the query of the redirect.
    ///
    /// # Errors
    /// [`SignInError`]; nothing is sent if the state is another one or the platform said no.
    pub async fn redeem(&self, authorization: Authorization, query: &str) -> Result<SignedIn, SignInError> {
        let code = authorization.code(query)?;
        let mut attempt = 1;
        loop {
            let fields = vec![
                ("grant_type", SecretString::from("authorization_code")),
                ("code", code.clone()),
                ("redirect_uri", SecretString::from(authorization.redirect.as_str())),
                ("code_verifier", authorization.journey.verifier().clone()),
                ("scope", SecretString::from(self.scope())),
            ];
            let now = self.clock.now();
            match grant::ask(&self.http, &self.config, &*self.rng, now, fields, None).await {
                Ok(granted) => return signed_in(granted, Some(authorization.nonce.expose_secret())),
                Err(refused) => {
                    let unsent =
                        matches!(&refused.error, AuthError::Unreachable(cause) if cause.certainly_not_sent());
                    if !unsent || attempt == MAX_CONNECTS {
                        return Err(refused.error.into());
                    }
                    attempt += 1;
                }
            }
        }
    }
}

impl Authorization {
    /// What the answer carries back: a request without it is somebody else's.
    pub fn state(&self) -> &SecretString {
        self.journey.state()
    }

    /// The code, if the answer belongs to this sign-in and is a yes.
    fn code(&self, query: &str) -> Result<SecretString, SignInError> {
        match self.journey.read(query)? {
            BrowserAnswer::Refused { error, description } => {
                let error = refusal::of_redirect(Some(&error), &description);
                // With a number that is known, the reason says more than that somebody said no.
                let declined =
                    matches!(&error, AuthError::Refused { code: Some(code), .. } if code == "access_denied");
                Err(if declined { SignInError::Declined } else { error.into() })
            }
            BrowserAnswer::Code(code) => Ok(code),
        }
    }
}
