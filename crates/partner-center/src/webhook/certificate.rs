//! A signer's certificate with its companions: how it is read, and what it must prove.

use jiff::Timestamp;
use rustls_pki_types::{CertificateDer, TrustAnchor, UnixTime, pem::PemObject as _};
use sha2::{Digest as _, Sha256};
use webpki::{EndEntityCert, KeyUsage};
use x509_parser::{
    oid_registry::{OID_PKIX_ACCESS_DESCRIPTOR_CA_ISSUERS, OID_PKIX_AUTHORITY_INFO_ACCESS},
    prelude::{FromDer as _, GeneralName, ParsedExtension, X509Certificate, X509Extension, X509Name},
};

use crate::webhook::{Algorithm, Forged};

/// Most certificates read from one file.
const MAX_CERTIFICATES: usize = 8;

/// What a signer's certificate has to prove.
pub(super) struct Trust {
    pub(super) anchors: Vec<TrustAnchor<'static>>,
    pub(super) intermediates: Vec<CertificateDer<'static>>,
    pub(super) issuer_organization: String,
    pub(super) subject_common_name: String,
}

/// A signer's certificate and the intermediates that came in the same file.
#[derive(Debug)]
pub(super) struct SignerCertificate {
    leaf: CertificateDer<'static>,
    intermediates: Vec<CertificateDer<'static>>,
    /// SHA-256 of the leaf: says whether a certificate fetched again is another one.
    pub(super) fingerprint: [u8; 32],
}

impl SignerCertificate {
    /// Reads a file of PEM blocks, or of one or more DER certificates after each other; the signer's is the first.
    pub(super) fn read(file: &[u8]) -> Result<Self, Forged> {
        let is_pem = file.windows(11).any(|window| window == b"-----BEGIN ");
        let certificates = if is_pem { read_pem(file) } else { read_der(file) };
        let mut certificates = certificates.ok_or(Forged::CertificateMalformed)?.into_iter();
        let leaf = certificates.next().ok_or(Forged::CertificateMalformed)?;
        let fingerprint = Sha256::digest(&leaf).into();
        Ok(Self { leaf, intermediates: certificates.collect(), fingerprint })
    }

    /// Whether a chain leads from the certificate to a trusted anchor now.
    pub(super) fn check_chain(&self, trust: &Trust, now: Timestamp) -> Result<(), Forged> {
        let signer = EndEntityCert::try_from(&self.leaf).map_err(|_| Forged::CertificateMalformed)?;
        self.verify_chain(&signer, trust, now)
    }

    /// Where the last certificate of the known chain says that its issuer's is.
    pub(super) fn issuer_addresses(&self) -> Vec<String> {
        let last = self.intermediates.last().unwrap_or(&self.leaf);
        let Ok((_, certificate)) = X509Certificate::from_der(last) else { return Vec::new() };
        let access = certificate.get_extension_unique(&OID_PKIX_AUTHORITY_INFO_ACCESS).ok().flatten();
        let Some(ParsedExtension::AuthorityInfoAccess(access)) = access.map(X509Extension::parsed_extension)
        else {
            return Vec::new();
        };
        let issuers = access
            .accessdescs
            .iter()
            .filter(|one| one.access_method == OID_PKIX_ACCESS_DESCRIPTOR_CA_ISSUERS);
        let address = |location: &GeneralName<'_>| match location {
            GeneralName::URI(address) => Some((*address).to_owned()),
            _ => None,
        };
        issuers.filter_map(|one| address(&one.access_location)).take(MAX_CERTIFICATES).collect()
    }

    /// The same certificate, with one more intermediate at hand. Nothing, if `file` is no certificate, or there are
    /// enough.
    pub(super) fn with_issuer(&self, file: &[u8]) -> Option<Self> {
        let issuer = Self::read(file).ok().filter(|_| self.intermediates.len() < MAX_CERTIFICATES)?;
        let intermediates = self.intermediates.iter().cloned().chain([issuer.leaf]).collect();
        Some(Self { leaf: self.leaf.clone(), intermediates, fingerprint: self.fingerprint })
    }

    /// Proves that the certificate is trusted and its owner the one that is expected, then that `signature` is its
    /// owner's over `body`.
    pub(super) fn verify(
        &self,
        trust: &Trust,
        now: Timestamp,
        algorithm: Algorithm,
        body: &[u8],
        signature: &[u8],
    ) -> Result<(), Forged> {
        let signer = EndEntityCert::try_from(&self.leaf).map_err(|_| Forged::CertificateMalformed)?;
        self.verify_chain(&signer, trust, now)?;
        let (_, names) = X509Certificate::from_der(&self.leaf).map_err(|_| Forged::CertificateMalformed)?;
        if !organization(names.issuer()).any(|organization| organization == trust.issuer_organization) {
            return Err(Forged::IssuerForeign);
        }
        let mut subjects = names.subject().iter_common_name().filter_map(|name| name.as_str().ok());
        // Exactly one: a second name would let a certificate speak for two.
        let subject = subjects.next().filter(|_| subjects.next().is_none());
        if !subject.is_some_and(|subject| subject.eq_ignore_ascii_case(&trust.subject_common_name)) {
            return Err(Forged::SubjectForeign);
        }
        signer.verify_signature(algorithm.verification(), body, signature).map_err(|_| Forged::SignatureWrong)
    }

    fn verify_chain(&self, signer: &EndEntityCert<'_>, trust: &Trust, now: Timestamp) -> Result<(), Forged> {
        let seconds = u64::try_from(now.as_second()).map_err(|_| Forged::CertificateNotYetValid)?;
        let time = UnixTime::since_unix_epoch(std::time::Duration::from_secs(seconds));
        let mut intermediates = self.intermediates.clone();
        intermediates.extend(trust.intermediates.iter().cloned());
        let path = |usage| {
            signer.verify_for_usage(
                webpki::ALL_VERIFICATION_ALGS,
                &trust.anchors,
                &intermediates,
                time,
                usage,
                None,
                None,
            )
        };
        // What use the real certificate names is not documented; either end of TLS is what such a name is issued
        // for, and one without any named use passes both.
        let outcome = path(KeyUsage::server_auth())
            .map(|_| ())
            .or_else(|first| path(KeyUsage::client_auth()).map(|_| ()).map_err(|_| first));
        outcome.map_err(|error| match error {
            webpki::Error::CertExpired { .. } => Forged::CertificateExpired,
            webpki::Error::CertNotValidYet { .. } => Forged::CertificateNotYetValid,
            webpki::Error::BadDer | webpki::Error::BadDerTime => Forged::CertificateMalformed,
            _ => Forged::ChainUntrusted,
        })
    }
}

fn organization<'a>(name: &'a X509Name<'_>) -> impl Iterator<Item = &'a str> {
    name.iter_organization().filter_map(|organization| organization.as_str().ok())
}

fn read_pem(file: &[u8]) -> Option<Vec<CertificateDer<'static>>> {
    CertificateDer::pem_slice_iter(file).take(MAX_CERTIFICATES).collect::<Result<_, _>>().ok()
}

fn read_der(file: &[u8]) -> Option<Vec<CertificateDer<'static>>> {
    let mut certificates = Vec::new();
    let mut rest = file;
    while !rest.is_empty() && certificates.len() < MAX_CERTIFICATES {
        let (after, _) = X509Certificate::from_der(rest).ok()?;
        let (this, _) = rest.split_at(rest.len() - after.len());
        certificates.push(CertificateDer::from(this.to_vec()));
        rest = after;
    }
    Some(certificates)
}
