//! Which of the org's hosts a request was sent to: all of them are this machine, told apart by their names.

use bytes::Bytes;
use http::{Request, header, uri::Authority};

use super::super::org::Org;

/// A host of the platform, as far as sign-in is concerned (salesforce reference, section 1.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Host {
    /// Everybody's login host: `localhost`, where the org itself is at `127.0.0.1`.
    Login,
    /// The org's own host, My Domain.
    Own,
    /// The host that the org had before it moved.
    Former,
}

/// The login host's address, beside the org's own.
pub(crate) fn login_url(base_url: &str) -> String {
    let Ok(mut url) = url::Url::parse(base_url) else { return base_url.to_owned() };
    if url.set_host(Some("localhost")).is_err() {
        return base_url.to_owned();
    }
    url.as_str().trim_end_matches('/').to_owned()
}

fn authority_of(url: &str) -> Option<&str> {
    let bare = url.split_once("://").map_or(url, |(_, rest)| rest);
    bare.split('/').next()
}

/// The host that `request` names, by its `Host` header or, in HTTP/2, its address.
pub(crate) fn host(org: &Org, request: &Request<Bytes>) -> Host {
    let header = request.headers().get(header::HOST).and_then(|host| host.to_str().ok());
    let named = header.or_else(|| request.uri().authority().map(Authority::as_str));
    let moved = org.knobs.sign_in.instance_url.as_deref();
    let is = |url: &str| {
        named.is_some_and(|named| authority_of(url).is_some_and(|own| own.eq_ignore_ascii_case(named)))
    };
    if moved.is_some_and(is) {
        return Host::Own;
    }
    let own = if moved.is_some() { Host::Former } else { Host::Own };
    if is(&org.base_url) {
        return own;
    }
    match named.map(|named| named.split(':').next().unwrap_or_default().to_ascii_lowercase()) {
        Some(name) if name == "localhost" || name.starts_with("login.") || name.starts_with("test.") => {
            Host::Login
        }
        _ => own,
    }
}
