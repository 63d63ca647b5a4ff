//! What an event's headers claim: a signature, its algorithm, and where the certificate is.

use base64::{Engine as _, prelude::BASE64_STANDARD};
use http::{
    HeaderMap,
    header::{AUTHORIZATION, CONTENT_ENCODING, CONTENT_TYPE},
};
use rustls_pki_types::SignatureVerificationAlgorithm;
use url::Url;

use crate::webhook::Forged;

/// Longest signature header: an RSA key of 8192 bits signs 1024 bytes, 1368 in base64.
const MAX_SIGNATURE_CHARS: usize = 1400;
/// Longest certificate address.
const MAX_URL_CHARS: usize = 1024;

/// How an event may be signed: RSA PKCS#1 v1.5 with one of these hashes. SHA-1 cannot be expressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Algorithm {
    /// `rsa-sha256`.
    RsaSha256,
    /// `rsa-sha384`.
    RsaSha384,
    /// `rsa-sha512`.
    RsaSha512,
}

impl Algorithm {
    /// Every algorithm there is.
    pub const ALL: [Self; 3] = [Self::RsaSha256, Self::RsaSha384, Self::RsaSha512];

    fn name(self) -> &'static str {
        match self {
            Self::RsaSha256 => "rsa-sha256",
            Self::RsaSha384 => "rsa-sha384",
            Self::RsaSha512 => "rsa-sha512",
        }
    }

    /// The check itself, for keys of 2048 to 8192 bits.
    pub(super) fn verification(self) -> &'static dyn SignatureVerificationAlgorithm {
        match self {
            Self::RsaSha256 => webpki::aws_lc_rs::RSA_PKCS1_2048_8192_SHA256,
            Self::RsaSha384 => webpki::aws_lc_rs::RSA_PKCS1_2048_8192_SHA384,
            Self::RsaSha512 => webpki::aws_lc_rs::RSA_PKCS1_2048_8192_SHA512,
        }
    }
}

/// A configured place that certificates may be fetched from: scheme, host, port and the beginning of the path.
#[derive(Debug, Clone)]
pub(super) struct Place(Url);

impl Place {
    /// Reads a prefix. Nothing, unless it is an http or https address with a path that ends in a slash, and
    /// nothing else.
    pub(super) fn parse(prefix: &str) -> Option<Self> {
        let url = Url::parse(prefix).ok()?;
        let plain = url.username().is_empty() && url.password().is_none() && url.query().is_none();
        let sound = matches!(url.scheme(), "https" | "http") && plain && url.fragment().is_none();
        (sound && url.has_host() && url.path().ends_with('/')).then_some(Self(url))
    }

    fn holds(&self, url: &Url) -> bool {
        let same = url.scheme() == self.0.scheme()
            && url.host() == self.0.host()
            && url.port_or_known_default() == self.0.port_or_known_default();
        same && url.path().strip_prefix(self.0.path()).is_some_and(|rest| !rest.is_empty())
    }
}

/// What the headers claim.
#[derive(Debug)]
pub(super) struct Claim {
    pub(super) signature: Vec<u8>,
    pub(super) algorithm: Algorithm,
    pub(super) certificate_url: String,
}

impl Claim {
    /// Reads the headers in either of their documented forms (reference, section 6.2).
    pub(super) fn read(
        headers: &HeaderMap,
        accepted: &[Algorithm],
        places: &[Place],
    ) -> Result<Self, Forged> {
        check_content(headers)?;
        let signature = read_signature(headers)?;
        let name = single(headers, "x-ms-signature-algorithm").ok_or(Forged::AlgorithmMissing)?;
        let algorithm = accepted.iter().copied().find(|known| known.name().eq_ignore_ascii_case(name));
        let algorithm = algorithm.ok_or(Forged::AlgorithmRefused)?;
        let url = single(headers, "x-ms-certificate-url").ok_or(Forged::CertificateUrlMissing)?;
        let certificate_url = trusted_url(url, places).ok_or(Forged::CertificateUrlForeign)?;
        Ok(Self { signature, algorithm, certificate_url })
    }
}

/// Events come as plain JSON (reference, section 6.2). One without a type is heard all the same: what it says of
/// itself is unsigned, and worth less than an event.
fn check_content(headers: &HeaderMap) -> Result<(), Forged> {
    let encoded = headers.get(CONTENT_ENCODING).is_some_and(|encoding| encoding != "identity");
    let other_type = headers.contains_key(CONTENT_TYPE)
        && !single(headers, CONTENT_TYPE.as_str()).is_some_and(|content_type| {
            let essence = content_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
            essence == "application/json"
                || (essence.starts_with("application/") && essence.ends_with("+json"))
        });
    if encoded || other_type { Err(Forged::ContentForeign) } else { Ok(()) }
}

/// A header that is there exactly once and holds text. One that is repeated is nobody's honest mistake.
fn single<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    let mut values = headers.get_all(name).iter();
    let value = values.next()?.to_str().ok()?.trim();
    (values.next().is_none() && !value.is_empty()).then_some(value)
}

fn read_signature(headers: &HeaderMap) -> Result<Vec<u8>, Forged> {
    let name = if headers.contains_key("x-ms-signature") { "x-ms-signature" } else { AUTHORIZATION.as_str() };
    if !headers.contains_key(name) {
        return Err(Forged::SignatureMissing);
    }
    let value = single(headers, name).ok_or(Forged::SignatureMalformed)?;
    let scheme_and_rest =
        value.split_once(' ').filter(|(scheme, _)| scheme.eq_ignore_ascii_case("signature"));
    let Some((_, signature)) = scheme_and_rest else {
        // Another scheme in `Authorization` is no signature at all; in the other header it is a broken one.
        let other_scheme = name == AUTHORIZATION.as_str();
        return Err(if other_scheme { Forged::SignatureMissing } else { Forged::SignatureMalformed });
    };
    let signature = signature.trim();
    if signature.is_empty() || signature.len() > MAX_SIGNATURE_CHARS {
        return Err(Forged::SignatureMalformed);
    }
    BASE64_STANDARD.decode(signature).map_err(|_| Forged::SignatureMalformed)
}

/// The address in its one canonical form, if it lies in one of the places.
pub(super) fn trusted_url(text: &str, places: &[Place]) -> Option<String> {
    if text.len() > MAX_URL_CHARS {
        return None;
    }
    let url = Url::parse(text).ok()?;
    let plain = url.username().is_empty() && url.password().is_none() && url.query().is_none();
    // Nothing escaped in the path but blanks, which issuers' file names have: what is compared here is what the
    // server will see.
    let sound = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'/' | b'.' | b'-' | b'_');
    let path = url.path().replace("%20", "");
    let sound = plain && url.fragment().is_none() && path.bytes().all(sound);
    (sound && places.iter().any(|place| place.holds(&url))).then(|| url.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_addresses_below_a_configured_place_are_trusted() {
        let places = [Place::parse("https://store.example/cert/").unwrap()];
        assert!(trusted_url("https://store.example:443/cert/a.cer", &places).is_some());
        assert!(trusted_url("https://store.example/cert/Issuing%20CA 04.crt", &places).is_some());
        for url in [
            "http://store.example/cert/a.cer",
            "https://store.example/cert/",
            "https://store.example/certificates/a.cer",
            "https://store.example/cert/../other/a.cer",
            "https://store.example/cert/%2e%2e/other/a.cer",
            "https://store.example/cert/..%2fother/a.cer",
            "https://store.example.evil.example/cert/a.cer",
            "https://store.example@evil.example/cert/a.cer",
            "https://me:pw@store.example/cert/a.cer",
            "https://store.example:8443/cert/a.cer",
            "https://store.example/cert/a.cer?x=1",
            "https://store.example:80/cert/a.cer",
            "https://store.example./cert/a.cer",
            "https://store.example\\@evil.example/cert/a.cer",
            "https://store.example#@evil.example/cert/a.cer",
            "https://store.example/CERT/a.cer",
            "https://store.example//cert/a.cer",
            "https://store.example/cert/a%00.cer",
            "https://store.example/cert/%2520/a.cer",
            "https://store.example/cert/a.cer#x",
            "https://store.example/cert/%2E%2E/cert/%2e%2e/a.cer",
            "https://\u{ff53}tore.example.evil.example/cert/a.cer",
            "https://127.0.0.1/cert/a.cer",
            "https://[::1]/cert/a.cer",
            "//store.example/cert/a.cer",
            "file:///cert/a.cer",
            "cert/a.cer",
        ] {
            assert_eq!(trusted_url(url, &places), None, "{url}");
        }
    }

    #[test]
    fn an_address_is_the_same_however_its_host_is_spelt() {
        let places = [Place::parse("https://store.example/cert/").unwrap()];
        let canonical = "https://store.example/cert/a.cer";
        for url in [
            canonical,
            "HTTPS://STORE.EXAMPLE/cert/a.cer",
            "https://store.example:443/cert/a.cer",
            "https://store.example/cert/./a.cer",
            "https://store.exampl%65/cert/a.cer",
            "https:\\\\store.example\\cert\\a.cer",
        ] {
            // One spelling, so that no cache holds it twice and what is judged is what is asked for.
            assert_eq!(trusted_url(url, &places).as_deref(), Some(canonical), "{url}");
        }
    }

    #[test]
    fn only_plain_json_is_heard() {
        let table = [
            (CONTENT_TYPE, "application/json", true),
            (CONTENT_TYPE, "Application/JSON; charset=utf-8", true),
            (CONTENT_TYPE, "application/cloudevents+json", true),
            (CONTENT_TYPE, "text/plain", false),
            (CONTENT_TYPE, "application/x-www-form-urlencoded", false),
            (CONTENT_TYPE, "", false),
            (CONTENT_ENCODING, "identity", true),
            (CONTENT_ENCODING, "gzip", false),
        ];
        assert_eq!(check_content(&HeaderMap::new()), Ok(()));
        for (name, value, heard) in table {
            let headers = HeaderMap::from_iter([(name, value.parse().unwrap())]);
            assert_eq!(check_content(&headers).is_ok(), heard, "{value}");
        }
        let mut twice = HeaderMap::from_iter([(CONTENT_TYPE, "application/json".parse().unwrap())]);
        twice.append(CONTENT_TYPE, "text/plain".parse().unwrap());
        assert_eq!(check_content(&twice), Err(Forged::ContentForeign));
    }

    #[test]
    fn a_place_is_an_address_that_ends_in_a_slash() {
        for prefix in
            ["https://store.example/cert", "https://store.example/cert/?x", "ftp://store.example/", "cert/"]
        {
            assert!(Place::parse(prefix).is_none(), "{prefix}");
        }
    }
}
