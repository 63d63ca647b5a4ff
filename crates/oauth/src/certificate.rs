//! A certificate that an application is registered with: whether its key is the one, and when it ends.

use aws_lc_rs::{encoding::AsDer as _, rsa::KeyPair, signature::KeyPair as _};
use jiff::Timestamp;
use rustls_pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject as _};
use secrecy::{ExposeSecret as _, SecretString};
use x509_parser::prelude::{FromDer as _, X509Certificate};

/// A certificate whose key is at hand.
pub struct RegisteredCertificate {
    /// As it was issued.
    pub der: CertificateDer<'static>,
    /// Its last moment.
    pub ends: Timestamp,
}

/// Why certificate and key cannot be used. Holds nothing of either.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum UnfitCertificate {
    /// No PEM block of a certificate, or not one that can be read.
    #[error("the certificate is no X.509 certificate in PEM")]
    Certificate,
    /// No PEM block of an RSA key.
    #[error("the key is no RSA key in PEM")]
    Key,
    /// The certificate is another key's.
    #[error("the key does not belong to the certificate")]
    Strangers,
}

impl RegisteredCertificate {
    /// Takes the first certificate of a PEM text, whose RSA key (PKCS #1 or #8, PEM) is `key`.
    ///
    /// # Errors
    /// [`UnfitCertificate`], also if the two do not belong together.
    pub fn from_pem(certificate: &str, key: &SecretString) -> Result<Self, UnfitCertificate> {
        let der = CertificateDer::from_pem_slice(certificate.as_bytes())
            .map_err(|_| UnfitCertificate::Certificate)?;
        let (_, parsed) = X509Certificate::from_der(&der).map_err(|_| UnfitCertificate::Certificate)?;
        let ends = Timestamp::from_second(parsed.validity().not_after.timestamp())
            .map_err(|_| UnfitCertificate::Certificate)?;
        let pem = key.expose_secret().as_bytes();
        let pair = match PrivateKeyDer::from_pem_slice(pem).map_err(|_| UnfitCertificate::Key)? {
            PrivateKeyDer::Pkcs8(der) => KeyPair::from_pkcs8(der.secret_pkcs8_der()),
            PrivateKeyDer::Pkcs1(der) => KeyPair::from_der(der.secret_pkcs1_der()),
            _ => return Err(UnfitCertificate::Key),
        }
        .map_err(|_| UnfitCertificate::Key)?;
        let public = pair.public_key().as_der().map_err(|_| UnfitCertificate::Key)?;
        if public.as_ref() != parsed.public_key().raw {
            return Err(UnfitCertificate::Strangers);
        }
        Ok(Self { der, ends })
    }
}
