//! Why an event is not believed, one reason each, and how it is answered.

use http::StatusCode;

/// Why an event is not believed. Holds nothing of the event.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, thiserror::Error)]
#[non_exhaustive]
pub enum Forged {
    /// The body is longer than the configured bound.
    #[error("the body is too long")]
    BodyTooLong,
    /// The body is said to be no JSON, or to be encoded: only bytes as they were signed can be proven.
    #[error("the body is not sent as plain JSON")]
    ContentForeign,
    /// No header carries a signature.
    #[error("there is no signature")]
    SignatureMissing,
    /// The signature's header is repeated, of another scheme, too long, or no base64.
    #[error("the signature cannot be read")]
    SignatureMalformed,
    /// The certificate's address is missing or given twice.
    #[error("the certificate's address is missing")]
    CertificateUrlMissing,
    /// The certificate's address is not below a configured place.
    #[error("the certificate's address is not one that is trusted")]
    CertificateUrlForeign,
    /// The algorithm is missing or given twice.
    #[error("the signature's algorithm is missing")]
    AlgorithmMissing,
    /// The algorithm is unknown or no longer safe.
    #[error("the signature's algorithm is not accepted")]
    AlgorithmRefused,
    /// The body is no notification of a change.
    #[error("the body is no notification")]
    BodyMalformed,
    /// The body names no referral: its address does not end in a GUID.
    #[error("the body names no referral")]
    ResourceMalformed,
    /// The certificate could not be fetched, or may not be fetched again yet. Nobody's forgery, maybe: the sender
    /// is asked to try again.
    #[error("the certificate cannot be fetched now")]
    CertificateUnavailable,
    /// What was fetched is no certificate.
    #[error("the certificate cannot be read")]
    CertificateMalformed,
    /// The certificate has expired.
    #[error("the certificate has expired")]
    CertificateExpired,
    /// The certificate is not valid yet.
    #[error("the certificate is not valid yet")]
    CertificateNotYetValid,
    /// No chain leads from the certificate to a trusted anchor, or it is for another use.
    #[error("the certificate is not trusted")]
    ChainUntrusted,
    /// The certificate's issuer belongs to another organisation.
    #[error("the certificate's issuer is another organisation")]
    IssuerForeign,
    /// The certificate belongs to somebody else.
    #[error("the certificate's subject is somebody else")]
    SubjectForeign,
    /// The signature does not fit body and certificate.
    #[error("the signature does not fit")]
    SignatureWrong,
    /// A genuine event that was already taken.
    #[error("the event was taken before")]
    Replay,
}

impl Forged {
    /// Every reason there is.
    pub const ALL: [Self; 19] = [
        Self::BodyTooLong,
        Self::ContentForeign,
        Self::SignatureMissing,
        Self::SignatureMalformed,
        Self::CertificateUrlMissing,
        Self::CertificateUrlForeign,
        Self::AlgorithmMissing,
        Self::AlgorithmRefused,
        Self::BodyMalformed,
        Self::ResourceMalformed,
        Self::CertificateUnavailable,
        Self::CertificateMalformed,
        Self::CertificateExpired,
        Self::CertificateNotYetValid,
        Self::ChainUntrusted,
        Self::IssuerForeign,
        Self::SubjectForeign,
        Self::SignatureWrong,
        Self::Replay,
    ];

    /// The reason as a short word for answers, logs and counts. It does not change between releases.
    pub fn code(self) -> &'static str {
        match self {
            Self::BodyTooLong => "body-too-long",
            Self::ContentForeign => "content-foreign",
            Self::SignatureMissing => "signature-missing",
            Self::SignatureMalformed => "signature-malformed",
            Self::CertificateUrlMissing => "certificate-url-missing",
            Self::CertificateUrlForeign => "certificate-url-foreign",
            Self::AlgorithmMissing => "algorithm-missing",
            Self::AlgorithmRefused => "algorithm-refused",
            Self::BodyMalformed => "body-malformed",
            Self::ResourceMalformed => "resource-malformed",
            Self::CertificateUnavailable => "certificate-unavailable",
            Self::CertificateMalformed => "certificate-malformed",
            Self::CertificateExpired => "certificate-expired",
            Self::CertificateNotYetValid => "certificate-not-yet-valid",
            Self::ChainUntrusted => "chain-untrusted",
            Self::IssuerForeign => "issuer-foreign",
            Self::SubjectForeign => "subject-foreign",
            Self::SignatureWrong => "signature-wrong",
            Self::Replay => "replay",
        }
    }

    /// Whether a certificate was looked at, or looked for, before this was known: refusing cost more than reading.
    pub fn needed_certificate(self) -> bool {
        match self {
            Self::CertificateMalformed
            | Self::CertificateExpired
            | Self::CertificateNotYetValid
            | Self::ChainUntrusted
            | Self::IssuerForeign
            | Self::SubjectForeign
            | Self::SignatureWrong
            | Self::CertificateUnavailable
            | Self::Replay => true,
            Self::BodyTooLong
            | Self::ContentForeign
            | Self::SignatureMissing
            | Self::SignatureMalformed
            | Self::CertificateUrlMissing
            | Self::CertificateUrlForeign
            | Self::AlgorithmMissing
            | Self::AlgorithmRefused
            | Self::BodyMalformed
            | Self::ResourceMalformed => false,
        }
    }

    /// How the sender is answered. A replay is answered like the original, so that it is not sent again.
    pub fn status(self) -> StatusCode {
        match self {
            Self::BodyTooLong => StatusCode::PAYLOAD_TOO_LARGE,
            Self::ContentForeign => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            // Missing certificate or algorithm: 400, missing signature: 401 (reference, section 6.3).
            Self::SignatureMalformed
            | Self::CertificateUrlMissing
            | Self::CertificateUrlForeign
            | Self::AlgorithmMissing
            | Self::AlgorithmRefused
            | Self::BodyMalformed
            | Self::ResourceMalformed => StatusCode::BAD_REQUEST,
            Self::SignatureMissing
            | Self::CertificateMalformed
            | Self::CertificateExpired
            | Self::CertificateNotYetValid
            | Self::ChainUntrusted
            | Self::IssuerForeign
            | Self::SubjectForeign
            | Self::SignatureWrong => StatusCode::UNAUTHORIZED,
            Self::CertificateUnavailable => StatusCode::SERVICE_UNAVAILABLE,
            Self::Replay => StatusCode::OK,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn each_reason_has_a_code_of_its_own_and_none_blames_the_receiver() {
        let codes: BTreeSet<_> = Forged::ALL.iter().map(|reason| reason.code()).collect();
        assert_eq!(codes.len(), Forged::ALL.len());
        for reason in Forged::ALL {
            let retry = reason == Forged::CertificateUnavailable;
            assert_eq!(reason.status().is_server_error(), retry, "{reason:?}");
        }
    }
}
