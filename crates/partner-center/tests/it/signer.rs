//! Certificates and signatures, genuine and forged.

use std::sync::LazyLock;

use aws_lc_rs::{
    rand::SystemRandom,
    signature::{
        RSA_PKCS1_SHA256, RSA_PKCS1_SHA384, RSA_PKCS1_SHA512, RSA_PSS_SHA256, RsaEncoding, RsaKeyPair,
    },
};
use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, CustomExtension, DnType, ExtendedKeyUsagePurpose,
    IsCa, KeyPair, PKCS_ECDSA_P256_SHA256, PKCS_RSA_SHA256, RsaKeySize, date_time_ymd,
};
use rustls_pki_types::CertificateDer;

pub(crate) const MICROSOFT: &str = "Microsoft Corporation";
pub(crate) const DISPATCHER: &str = "pcnotifications-dispatch.microsoft.com";

/// RSA keys are slow to make: the tests share three.
static KEYS: LazyLock<[Vec<u8>; 3]> = LazyLock::new(|| {
    std::array::from_fn(|_| {
        KeyPair::generate_rsa_for(&PKCS_RSA_SHA256, RsaKeySize::_2048).unwrap().serialize_der()
    })
});

fn rsa_key(at: usize) -> KeyPair {
    KeyPair::try_from(KEYS[at].as_slice()).unwrap()
}

/// A root with one intermediate below it.
pub(crate) struct Authority {
    root: CertificateDer<'static>,
    intermediate: CertifiedIssuer<'static, KeyPair>,
}

impl Authority {
    /// `organization` is the intermediate's, and so the issuer's of every leaf.
    pub(crate) fn new(organization: &str) -> Self {
        let ca = |name: &str, organization: &str, path| {
            let mut params = CertificateParams::default();
            params.distinguished_name.push(DnType::OrganizationName, organization);
            params.distinguished_name.push(DnType::CommonName, name);
            params.is_ca = IsCa::Ca(BasicConstraints::Constrained(path));
            params.not_before = date_time_ymd(2020, 1, 1);
            params.not_after = date_time_ymd(2040, 1, 1);
            params.use_authority_key_identifier_extension = true;
            params
        };
        let key = || KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).unwrap();
        let root = CertifiedIssuer::self_signed(ca("Root", "Roots", 1), key()).unwrap();
        let intermediate = CertifiedIssuer::signed_by(ca("Issuing", organization, 0), key(), &root).unwrap();
        Self { root: root.der().clone(), intermediate }
    }

    pub(crate) fn root(&self) -> CertificateDer<'static> {
        self.root.clone()
    }

    pub(crate) fn intermediate(&self) -> CertificateDer<'static> {
        self.intermediate.der().clone()
    }

    /// A leaf over the shared RSA key number `key`.
    pub(crate) fn leaf(&self, common_name: &str, key: usize) -> Leaf {
        self.leaf_with(common_name, rsa_key(key), |_| {})
    }

    pub(crate) fn ecdsa_leaf(&self, common_name: &str) -> Leaf {
        self.leaf_with(common_name, KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).unwrap(), |_| {})
    }

    pub(crate) fn leaf_with(
        &self,
        common_name: &str,
        key: KeyPair,
        change: impl FnOnce(&mut CertificateParams),
    ) -> Leaf {
        let mut params = leaf_params(common_name);
        change(&mut params);
        let certificate = params.signed_by(&key, &self.intermediate).unwrap();
        Leaf { certificate: certificate.der().clone(), intermediate: Some(self.intermediate()) }
    }

    /// A leaf over the shared RSA key number 0 that says where its issuer's certificate is.
    pub(crate) fn leaf_naming_issuer_at(&self, url: &str) -> Leaf {
        self.shared_leaf_with(|params| params.custom_extensions.push(issuer_at(url)))
    }

    pub(crate) fn shared_leaf_with(&self, change: impl FnOnce(&mut CertificateParams)) -> Leaf {
        self.leaf_with(DISPATCHER, rsa_key(0), change)
    }
}

/// Authority Information Access with one `caIssuers` (RFC 5280, section 4.2.2.1), as DER.
fn issuer_at(url: &str) -> CustomExtension {
    let tagged = |tag: u8, content: &[u8]| {
        let length = u8::try_from(content.len()).ok().filter(|length| *length < 128);
        [&[tag, length.expect("a short form fits the tests")], content].concat()
    };
    let ca_issuers = [0x06, 0x08, 0x2b, 0x06, 0x01, 0x05, 0x05, 0x07, 0x30, 0x02];
    let one = tagged(0x30, &[&ca_issuers[..], &tagged(0x86, url.as_bytes())].concat());
    CustomExtension::from_oid_content(&[1, 3, 6, 1, 5, 5, 7, 1, 1], tagged(0x30, &one))
}

fn leaf_params(common_name: &str) -> CertificateParams {
    let mut params = CertificateParams::new(vec![DISPATCHER.to_owned()]).unwrap();
    params.distinguished_name.push(DnType::CommonName, common_name);
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    params.not_before = date_time_ymd(2026, 1, 1);
    params.not_after = date_time_ymd(2027, 1, 1);
    params.use_authority_key_identifier_extension = true;
    params
}

/// A leaf that nobody issued, whose every name is right.
pub(crate) fn self_signed() -> Leaf {
    let mut params = leaf_params(DISPATCHER);
    params.distinguished_name.push(DnType::OrganizationName, MICROSOFT);
    let certificate = params.self_signed(&rsa_key(0)).unwrap();
    Leaf { certificate: certificate.der().clone(), intermediate: None }
}

/// A signer's certificate, with what it is issued by.
pub(crate) struct Leaf {
    pub(crate) certificate: CertificateDer<'static>,
    pub(crate) intermediate: Option<CertificateDer<'static>>,
}

impl Leaf {
    /// One DER certificate after the other.
    pub(crate) fn der_file(&self) -> Vec<u8> {
        let mut file = self.certificate.to_vec();
        file.extend(self.intermediate.iter().flat_map(|certificate| certificate.to_vec()));
        file
    }

    /// The leaf alone.
    pub(crate) fn lone_file(&self) -> Vec<u8> {
        self.certificate.to_vec()
    }

    pub(crate) fn pem_file(&self) -> Vec<u8> {
        use base64::{Engine as _, prelude::BASE64_STANDARD};
        let block = |certificate: &CertificateDer<'_>| {
            let text = BASE64_STANDARD.encode(certificate);
            let lines: Vec<_> =
                text.as_bytes().chunks(64).map(|line| std::str::from_utf8(line).unwrap()).collect();
            format!("-----BEGIN CERTIFICATE-----\n{}\n-----END CERTIFICATE-----\n", lines.join("\n"))
        };
        let blocks: String =
            std::iter::once(&self.certificate).chain(&self.intermediate).map(block).collect();
        blocks.into_bytes()
    }
}

/// RSA PKCS#1 v1.5 with SHA-256 by the shared key number `key`.
pub(crate) fn sign(key: usize, body: &[u8]) -> Vec<u8> {
    sign_with(key, body, &RSA_PKCS1_SHA256)
}

/// The same with SHA-384 and with SHA-512.
pub(crate) fn sign_longer(body: &[u8]) -> [Vec<u8>; 2] {
    [sign_with(0, body, &RSA_PKCS1_SHA384), sign_with(0, body, &RSA_PKCS1_SHA512)]
}

pub(crate) fn sign_pss(body: &[u8]) -> Vec<u8> {
    sign_with(0, body, &RSA_PSS_SHA256)
}

fn sign_with(key: usize, body: &[u8], encoding: &'static dyn RsaEncoding) -> Vec<u8> {
    let pair = RsaKeyPair::from_pkcs8(&KEYS[key]).unwrap();
    let mut signature = vec![0; pair.public_modulus_len()];
    pair.sign(encoding, &SystemRandom::new(), body, &mut signature).unwrap();
    signature
}
