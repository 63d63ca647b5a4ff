//! Who signs a delivery: a certificate chain like Microsoft's, under a root of the sandbox's own (reference, 6.3).

use std::sync::OnceLock;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use rcgen::{
    BasicConstraints, Certificate, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose, PKCS_RSA_SHA256, RsaKeySize, SigningKey as _, date_time_ymd,
};

use super::knobs::Signer;

/// The name of Microsoft's dispatcher of notifications.
pub(super) const DISPATCHER: &str = "pcnotifications-dispatch.microsoft.com";
/// The file name of its certificate.
pub(super) const CERTIFICATE_FILE: &str = "pcnotifications-dispatch.microsoft.com.cer";
/// The algorithm, as the header names it.
pub(super) const ALGORITHM: &str = "rsa-sha256";

/// A leaf and what stands above it.
struct Chain {
    key: KeyPair,
    leaf: Certificate,
    expired: Certificate,
    other_organization: Certificate,
    intermediate: Certificate,
    other_intermediate: Certificate,
    root: Certificate,
}

// RSA keys are slow to make, and no test tells one from another: they are made once a process.
static GENUINE: OnceLock<Chain> = OnceLock::new();
static FOREIGN: OnceLock<Chain> = OnceLock::new();

/// The trust anchor, as PEM: what a client must be told to trust.
pub(super) fn root_pem() -> String {
    genuine().root.pem()
}

/// The intermediate, as PEM: what a verifier needs between leaf and root.
pub(super) fn intermediate_pem() -> String {
    genuine().intermediate.pem()
}

/// The leaf of `signer`, as DER.
pub(super) fn leaf_der(signer: Signer) -> Vec<u8> {
    certificates(signer).0.der().to_vec()
}

/// The leaf and the intermediate of `signer`, as PEM.
pub(super) fn chain_pem(signer: Signer) -> String {
    let (leaf, intermediate) = certificates(signer);
    leaf.pem() + &intermediate.pem()
}

/// RSA, PKCS#1 v1.5, SHA-256 over `body`, in base64.
pub(super) fn sign(signer: Signer, body: &[u8]) -> String {
    let chain = if signer == Signer::Foreign { foreign() } else { genuine() };
    let signature = chain.key.sign(body).expect("an RSA key signs any message");
    STANDARD.encode(signature)
}

fn certificates(signer: Signer) -> (&'static Certificate, &'static Certificate) {
    match signer {
        Signer::Genuine | Signer::Tampered | Signer::Unsigned => (&genuine().leaf, &genuine().intermediate),
        Signer::Expired => (&genuine().expired, &genuine().intermediate),
        Signer::OtherOrganization => (&genuine().other_organization, &genuine().other_intermediate),
        Signer::Foreign => (&foreign().leaf, &foreign().intermediate),
    }
}

fn genuine() -> &'static Chain {
    GENUINE.get_or_init(|| chain().expect("fixed parameters make valid certificates"))
}

fn foreign() -> &'static Chain {
    FOREIGN.get_or_init(|| chain().expect("fixed parameters make valid certificates"))
}

fn chain() -> Result<Chain, rcgen::Error> {
    let key = || KeyPair::generate_rsa_for(&PKCS_RSA_SHA256, RsaKeySize::_2048);
    let (root_key, intermediate_key, leaf_key) = (key()?, key()?, key()?);
    let root_params =
        authority("Sandbox Root Certificate Authority", "Sandbox", BasicConstraints::Unconstrained);
    let root = root_params.self_signed(&root_key)?;
    let root_issuer = Issuer::from_params(&root_params, &root_key);
    let issue = |organization: &str| -> Result<_, rcgen::Error> {
        let params = authority("Sandbox TLS Issuing CA", organization, BasicConstraints::Constrained(0));
        let certificate = params.signed_by(&intermediate_key, &root_issuer)?;
        let issuer = Issuer::from_params(&params, &intermediate_key);
        let leaf = dispatcher(2025, 2125)?.signed_by(&leaf_key, &issuer)?;
        let expired = dispatcher(2019, 2020)?.signed_by(&leaf_key, &issuer)?;
        Ok((certificate, leaf, expired))
    };
    let (intermediate, leaf, expired) = issue("Microsoft Corporation")?;
    let (other_intermediate, other_organization, _) = issue("Somebody Else Limited")?;
    Ok(Chain { leaf, expired, other_organization, intermediate, other_intermediate, root, key: leaf_key })
}

fn authority(name: &str, organization: &str, constraints: BasicConstraints) -> CertificateParams {
    let mut params = CertificateParams::default();
    params.distinguished_name.push(DnType::CountryName, "US");
    params.distinguished_name.push(DnType::OrganizationName, organization);
    params.distinguished_name.push(DnType::CommonName, name);
    params.is_ca = IsCa::Ca(constraints);
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    params.use_authority_key_identifier_extension = true;
    params.not_before = date_time_ymd(2015, 1, 1);
    params.not_after = date_time_ymd(2125, 1, 1);
    params
}

fn dispatcher(from: i32, until: i32) -> Result<CertificateParams, rcgen::Error> {
    let mut params = CertificateParams::new(vec![DISPATCHER.to_owned()])?;
    params.distinguished_name.push(DnType::CountryName, "US");
    params.distinguished_name.push(DnType::OrganizationName, "Microsoft Corporation");
    params.distinguished_name.push(DnType::CommonName, DISPATCHER);
    params.is_ca = IsCa::ExplicitNoCa;
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature, KeyUsagePurpose::KeyEncipherment];
    params.extended_key_usages =
        vec![ExtendedKeyUsagePurpose::ServerAuth, ExtendedKeyUsagePurpose::ClientAuth];
    params.use_authority_key_identifier_extension = true;
    params.not_before = date_time_ymd(from, 1, 1);
    params.not_after = date_time_ymd(until, 1, 1);
    Ok(params)
}
