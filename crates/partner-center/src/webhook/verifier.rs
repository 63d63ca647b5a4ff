//! Decides whether an event is believed.

use std::{
    fmt,
    sync::{Arc, Mutex},
    time::Duration,
};

use http::HeaderMap;
use ports::{CallLimits, Clock, HttpService};
use rustls_pki_types::CertificateDer;

use crate::webhook::{
    Algorithm, Forged, Notification,
    certificate::{SignerCertificate, Trust},
    certificates::{Certificates, Rules},
    claim::{Claim, Place, trusted_url},
    seen::Seen,
};

/// Whom to believe, and within which bounds.
#[derive(Debug, Clone)]
pub struct VerifierConfig {
    /// Roots that a signer's certificate must lead to. At least one.
    pub trust_anchors: Vec<CertificateDer<'static>>,
    /// Certificates that may stand between signer and root, besides those in the signer's own file.
    pub intermediates: Vec<CertificateDer<'static>>,
    /// Addresses below which certificates may be fetched; each ends in a slash. Only one that itself says `http`
    /// allows plain http.
    pub certificate_url_prefixes: Vec<String>,
    /// Addresses below which the certificates of issuers may be fetched that neither the signer's file nor
    /// `intermediates` holds; each ends in a slash. Plain http is no danger here: what is fetched must lead to a root.
    /// Empty: none is fetched.
    pub issuer_url_prefixes: Vec<String>,
    /// The organisation of the certificate's issuer.
    pub issuer_organization: String,
    /// The common name of the certificate's subject.
    pub subject_common_name: String,
    /// Accepted ways of signing.
    pub algorithms: Vec<Algorithm>,
    /// Longest event body, in bytes.
    pub max_body_bytes: usize,
    /// Longest file of a certificate, in bytes.
    pub max_certificate_bytes: usize,
    /// From the start of a certificate's fetch to its last byte.
    pub fetch_deadline: Duration,
    /// An address is fetched at most once in this time.
    pub fetch_interval: Duration,
    /// Events remembered so that a replay costs nothing.
    pub remembered_events: usize,
}

impl VerifierConfig {
    /// The documented sender (reference, sections 6.2 and 6.3), trusted through `trust_anchors`.
    pub fn new(trust_anchors: Vec<CertificateDer<'static>>) -> Self {
        Self {
            trust_anchors,
            intermediates: Vec::new(),
            certificate_url_prefixes: vec!["https://3psostorageacct.blob.core.windows.net/cert/".to_owned()],
            // What a signer's file holds besides its certificate is not documented; these are the places that
            // certificates of Microsoft's own services name for their issuers.
            issuer_url_prefixes: [
                "http://www.microsoft.com/pkiops/certs/",
                "https://www.microsoft.com/pkiops/certs/",
                "http://caissuers.microsoft.com/pkiops/certs/",
                "http://cacerts.digicert.com/",
            ]
            .map(str::to_owned)
            .to_vec(),
            issuer_organization: "Microsoft Corporation".to_owned(),
            subject_common_name: "pcnotifications-dispatch.microsoft.com".to_owned(),
            algorithms: Algorithm::ALL.to_vec(),
            max_body_bytes: 64 * 1024,
            max_certificate_bytes: 64 * 1024,
            fetch_deadline: Duration::from_secs(5),
            fetch_interval: Duration::from_mins(1),
            remembered_events: 4096,
        }
    }
}

/// A configuration that could believe nobody.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum InvalidConfig {
    /// There is no root.
    #[error(
        "no trust anchor is configured: give the root certificate that the sender's certificate leads to"
    )]
    NoAnchor,
    /// A root is no certificate.
    #[error("a trust anchor is no certificate: give it as X.509, DER or PEM")]
    BadAnchor,
    /// An address is not usable as a prefix.
    #[error("a certificate address prefix is not usable: give an https address that ends in a slash")]
    BadPrefix,
}

/// Proves who sent an event.
pub struct Verifier {
    config: VerifierConfig,
    places: Vec<Place>,
    trust: Arc<Trust>,
    clock: Arc<dyn Clock>,
    certificates: Certificates,
    seen: Mutex<Seen>,
}

impl Verifier {
    /// A verifier that fetches certificates through `http`.
    ///
    /// # Errors
    /// [`InvalidConfig`], when it could believe nobody.
    pub fn new(
        config: VerifierConfig,
        http: HttpService,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, InvalidConfig> {
        let places = |prefixes: &[String]| -> Option<Vec<_>> {
            prefixes.iter().map(|prefix| Place::parse(prefix)).collect()
        };
        let issuers = places(&config.issuer_url_prefixes).ok_or(InvalidConfig::BadPrefix)?;
        let places = places(&config.certificate_url_prefixes);
        let places = places.filter(|places| !places.is_empty()).ok_or(InvalidConfig::BadPrefix)?;
        if config.trust_anchors.is_empty() {
            return Err(InvalidConfig::NoAnchor);
        }
        let anchor = |der| webpki::anchor_from_trusted_cert(der).map(|anchor| anchor.to_owned());
        let anchors: Result<Vec<_>, _> = config.trust_anchors.iter().map(anchor).collect();
        let trust = Arc::new(Trust {
            anchors: anchors.map_err(|_| InvalidConfig::BadAnchor)?,
            intermediates: config.intermediates.clone(),
            issuer_organization: config.issuer_organization.clone(),
            subject_common_name: config.subject_common_name.clone(),
        });
        let limits =
            CallLimits { deadline: config.fetch_deadline, max_response_bytes: config.max_certificate_bytes };
        // The documented file is named after its owner (reference, section 6.2).
        let expected = config.certificate_url_prefixes.iter().filter_map(|prefix| {
            trusted_url(&format!("{prefix}{}.cer", config.subject_common_name), &places)
        });
        let rules = Rules {
            limits,
            interval: config.fetch_interval,
            trust: Arc::clone(&trust),
            expected: expected.collect(),
            issuers,
        };
        let certificates = Certificates::new(http, Arc::clone(&clock), rules);
        let seen = Mutex::new(Seen::new(config.remembered_events));
        Ok(Self { config, places, trust, clock, certificates, seen })
    }

    /// Longest event body, in bytes: the receiver reads no more than one byte past it.
    pub fn max_body_bytes(&self) -> usize {
        self.config.max_body_bytes
    }

    /// Proves that the event is the platform's own, from its headers and its body exactly as received.
    ///
    /// Costs at most one fetch of a certificate with its issuers', and none if the event can be refused by what it says, or if the
    /// certificate at hand verifies it. An event is remembered only by [`remember`](Self::remember).
    ///
    /// # Errors
    /// [`Forged`], which says how to answer.
    pub async fn verify(&self, headers: &HeaderMap, body: &[u8]) -> Result<Notification, Forged> {
        if body.len() > self.config.max_body_bytes {
            return Err(Forged::BodyTooLong);
        }
        let claim = Claim::read(headers, &self.config.algorithms, &self.places)?;
        let notification = Notification::read(body)?;
        self.verify_claim(&claim, body).await?;
        self.certificates.proven(&claim.certificate_url);
        // Asked last, so that only the platform itself can learn what was taken before.
        if self.seen.lock().expect("no code panics while holding this lock").contains(&notification) {
            return Err(Forged::Replay);
        }
        Ok(notification)
    }

    /// Remembers an event, to be called once its mark is durable. Remembering it earlier would answer the sender's
    /// next attempt with "taken" although the first one failed.
    pub fn remember(&self, notification: &Notification) {
        self.seen.lock().expect("no code panics while holding this lock").insert(notification);
    }

    async fn verify_claim(&self, claim: &Claim, body: &[u8]) -> Result<(), Forged> {
        let url = &claim.certificate_url;
        let check = |certificate: &SignerCertificate| {
            certificate.verify(&self.trust, self.clock.now(), claim.algorithm, body, &claim.signature)
        };
        let first = match self.certificates.at_hand(url) {
            Some(Ok(certificate)) => match check(&certificate) {
                Ok(()) => return Ok(()),
                Err(reason) => Some(reason),
            },
            Some(Err(reason)) => Some(reason),
            None => None,
        };
        // The sender may have a new certificate at the same address.
        match self.certificates.fetch(url).await {
            Ok(certificate) => check(&certificate),
            // Its address gives nothing: what is at hand has the word.
            Err(reason @ Forged::CertificateUnavailable) => Err(first.unwrap_or(reason)),
            Err(reason) => Err(reason),
        }
    }
}

impl fmt::Debug for Verifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Verifier").field("config", &self.config).finish_non_exhaustive()
    }
}
