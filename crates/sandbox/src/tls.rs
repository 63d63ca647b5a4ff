//! The certificate under which the sandbox speaks TLS: made at start, for this machine's loopback names alone.

use std::{
    fs, io,
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use rcgen::{
    BasicConstraints, Certificate, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose, date_time_ymd,
};
use tokio_rustls::rustls::{
    ServerConfig,
    crypto::aws_lc_rs,
    pki_types::{CertificateDer, PrivateKeyDer},
};

/// The names that the certificate is for.
pub const NAMES: [&str; 2] = ["localhost", "127.0.0.1"];
/// The file that a client has to trust.
pub const FILE: &str = "sandbox-tls.pem";

/// A certificate for [`NAMES`], its key, and the authority that a client has to trust for it.
///
/// The authority is not the certificate itself, because some clients refuse an authority as a server's own
/// certificate; its key is thrown away at once.
pub struct Identity {
    authority_pem: String,
    chain: Vec<CertificateDer<'static>>,
    key: KeyPair,
    file: Option<Kept>,
}

/// Where the authority was written.
struct Kept {
    path: PathBuf,
    /// The folder was made for this file alone, and goes with it.
    own_folder: bool,
}

impl Identity {
    /// Makes a certificate with a new key.
    ///
    /// # Errors
    /// The crypto library made no key.
    pub fn make() -> io::Result<Self> {
        let (authority, certificate, key) = issue().map_err(io::Error::other)?;
        Ok(Self {
            authority_pem: authority.pem(),
            chain: vec![certificate.der().clone(), authority.der().clone()],
            key,
            file: None,
        })
    }

    /// Writes what a client has to trust as [`FILE`] into `folder`, which is made if it is not there; without one,
    /// into a new folder for temporary files, which is removed when this is dropped.
    ///
    /// # Errors
    /// The folder or the file could not be written.
    pub fn write(&mut self, folder: Option<&Path>) -> io::Result<&Path> {
        static MADE: AtomicU64 = AtomicU64::new(0);
        let own_folder = folder.is_none();
        let folder = folder.map_or_else(
            || {
                let number = MADE.fetch_add(1, Ordering::Relaxed);
                std::env::temp_dir().join(format!("cosell-sandbox-{}-{number}", std::process::id()))
            },
            Path::to_owned,
        );
        fs::create_dir_all(&folder)?;
        let path = fs::canonicalize(&folder)?.join(FILE);
        fs::write(&path, &self.authority_pem)?;
        Ok(&self.file.insert(Kept { path, own_folder }).path)
    }

    /// Where [`write`](Self::write) put what a client has to trust.
    pub fn path(&self) -> Option<&Path> {
        self.file.as_ref().map(|kept| kept.path.as_path())
    }

    /// What a client has to trust.
    pub fn authority_pem(&self) -> &str {
        &self.authority_pem
    }

    /// A server that shows this certificate and offers `protocols` (`h2`, `http/1.1`), best first.
    ///
    /// # Errors
    /// The certificate and its key do not fit each other.
    pub fn server(&self, protocols: &[&str]) -> io::Result<Arc<ServerConfig>> {
        let key = PrivateKeyDer::try_from(self.key.serialize_der()).map_err(io::Error::other)?;
        let mut config = ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
            .with_safe_default_protocol_versions()
            .map_err(io::Error::other)?
            .with_no_client_auth()
            .with_single_cert(self.chain.clone(), key)
            .map_err(io::Error::other)?;
        config.alpn_protocols = protocols.iter().map(|name| name.as_bytes().to_vec()).collect();
        Ok(Arc::new(config))
    }
}

impl Drop for Identity {
    fn drop(&mut self) {
        if let Some(kept) = self.file.as_ref().filter(|kept| kept.own_folder) {
            let _ = fs::remove_file(&kept.path);
            if let Some(folder) = kept.path.parent() {
                let _ = fs::remove_dir(folder);
            }
        }
    }
}

impl std::fmt::Debug for Identity {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Identity").field("path", &self.path()).finish_non_exhaustive()
    }
}

fn issue() -> Result<(Certificate, Certificate, KeyPair), rcgen::Error> {
    let params = |name: &str, subjects: Vec<String>| -> Result<CertificateParams, rcgen::Error> {
        let mut params = CertificateParams::new(subjects)?;
        params.distinguished_name.push(DnType::OrganizationName, "Cosell sandbox");
        params.distinguished_name.push(DnType::CommonName, name);
        params.use_authority_key_identifier_extension = true;
        params.not_before = date_time_ymd(2025, 1, 1);
        params.not_after = date_time_ymd(2055, 1, 1);
        Ok(params)
    };
    let authority_key = KeyPair::generate()?;
    let mut authority = params("Cosell sandbox authority", Vec::new())?;
    authority.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    authority.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    let signed = authority.self_signed(&authority_key)?;
    let key = KeyPair::generate()?;
    let mut own = params("localhost", NAMES.map(str::to_owned).to_vec())?;
    own.is_ca = IsCa::ExplicitNoCa;
    own.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    own.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    let certificate = own.signed_by(&key, &Issuer::from_params(&authority, &authority_key))?;
    Ok((signed, certificate, key))
}
