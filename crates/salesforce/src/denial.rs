//! What the login host's refusal means, and what a person does about it (salesforce reference, sections 1.2 to 1.5).

use serde::Deserialize;

use crate::{Error, LoginFlow};

/// The platform's bound on logins.
pub(crate) const TOO_MANY_LOGINS: &str = "rate_limit_exceeded";
/// Longest code kept, in bytes.
const MAX_CODE: usize = 60;

/// Refusals that end by themselves.
pub(crate) fn passes(code: &str) -> bool {
    matches!(code, TOO_MANY_LOGINS | "temporarily_unavailable" | "server_error")
}

#[derive(Default, Deserialize)]
struct Denial {
    error: String,
    #[serde(default)]
    error_description: String,
}

/// Reads the body of a refused login. Any body gives an error, if only one that names the status.
pub(crate) fn read(flow: LoginFlow, status: u16, body: &[u8]) -> Error {
    let denial: Denial = serde_json::from_slice(body).unwrap_or_default();
    of(flow, status, &denial.error, &denial.error_description)
}

/// What a code and its prose mean. Nothing of the prose is kept: it may name people.
pub(crate) fn of(flow: LoginFlow, status: u16, code: &str, description: &str) -> Error {
    // OAuth's own words are in small letters, the platform's redirects have some in capitals.
    let is_word = |byte: u8| byte.is_ascii_alphabetic() || byte == b'_';
    let known = !code.is_empty() && code.len() <= MAX_CODE && code.bytes().all(is_word);
    let advice = advice(flow, code, &description.to_ascii_lowercase());
    let code = if known { code.to_owned() } else { format!("ERROR_HTTP_{status}") };
    Error::Login { status, code, advice }
}

fn advice(flow: LoginFlow, code: &str, description: &str) -> &'static str {
    match code {
        "invalid_grant" => of_grant(flow, description),
        "invalid_client" | "invalid_client_id" => "check the consumer key and secret",
        "invalid_app_access" | "OAUTH_APP_ACCESS_DENIED" => {
            "the user is not allowed to use the app: assign it by permission set, or let the app's policy allow all \
             users"
        }
        "OAUTH_APP_BLOCKED" | "OAUTH_AUTHORIZATION_BLOCKED" => {
            "an administrator blocks the app: unblock it in Setup, Connected Apps OAuth Usage"
        }
        "inactive_user" => "the integration user is not active",
        "inactive_org" => "the org is not active",
        "unsupported_grant_type" => "enable the flow in the app's settings",
        "redirect_uri_mismatch" => {
            "let [salesforce] login_redirect be a callback URL of the app, letter by letter, its port included"
        }
        "invalid_scope" => "give the app the scopes api and refresh_token (offline_access)",
        "unsupported_response_type" | "invalid_request" => {
            "let the app allow the authorization code flow, with PKCE"
        }
        TOO_MANY_LOGINS => "too many logins; it is tried again later",
        _ if passes(code) => "it is tried again later",
        _ => "see the login history of the integration user in Setup",
    }
}

fn of_grant(flow: LoginFlow, description: &str) -> &'static str {
    let says = |text: &str| description.contains(text);
    match flow {
        _ if says("not supported on this domain") => "client credentials work on the My Domain address only",
        _ if says("no client credentials user") => "choose a Run As user in the app's policies",
        _ if says("authorization code") => "the code was too old or used already: sign in once more",
        _ if says("code verifier") => "sign in once more; if it happens again, let the app require PKCE",
        _ if says("ip restricted") => {
            "log in from an address that the user's profile allows, or relax IP restrictions in the app's policies"
        }
        LoginFlow::SignedIn => {
            "the sign-in was revoked, has expired or was used up elsewhere: run cosell login salesforce"
        }
        _ if says("approved this consumer") => {
            "pre-authorize the integration user for the app (Admin approved users, permission set)"
        }
        _ if says("audience") => {
            "the audience is https://login.salesforce.com for production, https://test.salesforce.com for a sandbox"
        }
        _ if says("assertion") => {
            "the app's certificate must belong to the private key, and this machine's clock must be right"
        }
        _ => "check the user's name, that it is active, and the app's policies",
    }
}
