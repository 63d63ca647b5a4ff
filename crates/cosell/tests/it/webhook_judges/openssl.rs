//! openssl as a judge, and as a forge that makes certificates and signatures of its own.

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Output},
};

use base64::{Engine as _, engine::general_purpose::STANDARD};

use super::{Case, GENUINE, Trusted, write};
use crate::postbox::Letter;

const DISPATCHER: &str = "pcnotifications-dispatch.microsoft.com";
const MICROSOFT: &str = "Microsoft Corporation";

/// Certificates of a root of the test's own, made by openssl.
pub(super) struct Forge(PathBuf);

impl Forge {
    /// A root, an intermediate of Microsoft's name, and leaves: `dispatcher`, `somebody`, and `self-signed`.
    pub(super) fn new(folder: &Path) -> Self {
        fs::create_dir_all(folder).unwrap();
        let forge = Self(folder.to_owned());
        let extensions = format!(
            "[ca]\nbasicConstraints=critical,CA:TRUE\nkeyUsage=critical,keyCertSign,cRLSign\n\
             subjectKeyIdentifier=hash\nauthorityKeyIdentifier=keyid:always\n\
             [leaf]\nbasicConstraints=critical,CA:FALSE\nkeyUsage=critical,digitalSignature\n\
             extendedKeyUsage=serverAuth,clientAuth\nsubjectAltName=DNS:{DISPATCHER}\n\
             subjectKeyIdentifier=hash\nauthorityKeyIdentifier=keyid:always\n\
             [req]\ndistinguished_name=dn\n[dn]\n"
        );
        write(&forge.path("openssl.cnf"), extensions);
        forge.issue("root", "Forge", "Forge root", None, "ca");
        forge.issue("intermediate", MICROSOFT, "Forge issuing", Some("root"), "ca");
        forge.issue("dispatcher", MICROSOFT, DISPATCHER, Some("intermediate"), "leaf");
        forge.issue("somebody", MICROSOFT, "somebody.example", Some("intermediate"), "leaf");
        forge.issue("self-signed", MICROSOFT, DISPATCHER, None, "leaf");
        forge
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    fn issue(&self, name: &str, organization: &str, common_name: &str, issuer: Option<&str>, kind: &str) {
        let subject = format!("/C=US/O={organization}/CN={common_name}");
        let (key, certificate) = (format!("{name}.key"), format!("{name}.pem"));
        let mut arguments = vec!["req", "-x509", "-config", "openssl.cnf", "-newkey", "rsa:2048", "-nodes"];
        arguments.extend(["-sha256", "-days", "30", "-extensions", kind, "-subj", &subject]);
        arguments.extend(["-keyout", &key, "-out", &certificate]);
        let names = issuer.map(|issuer| (format!("{issuer}.pem"), format!("{issuer}.key")));
        if let Some((certificate, key)) = &names {
            arguments.extend(["-CA", certificate, "-CAkey", key]);
        }
        succeeds(&self.0, &arguments);
    }

    pub(super) fn root_pem(&self) -> String {
        self.leaf_pem("root")
    }

    pub(super) fn leaf_pem(&self, name: &str) -> String {
        fs::read_to_string(self.path(&format!("{name}.pem"))).unwrap()
    }

    pub(super) fn chain_pem(&self, name: &str) -> String {
        self.leaf_pem(name) + &self.leaf_pem("intermediate")
    }

    /// The same event, signed by this one's key.
    pub(super) fn signed(&self, letter: &Letter, name: &str, hash: &str, pss: bool) -> Letter {
        write(&self.path("body"), &letter.body);
        let (hash_flag, key) = (format!("-{hash}"), format!("{name}.key"));
        let mut arguments = vec!["dgst", &hash_flag, "-sign", &key, "-out", "signature"];
        if pss {
            arguments.extend(["-sigopt", "rsa_padding_mode:pss"]);
        }
        arguments.push("body");
        succeeds(&self.0, &arguments);
        let signature = STANDARD.encode(fs::read(self.path("signature")).unwrap());
        letter
            .with("authorization", &format!("Signature {signature}"))
            .with("x-ms-signature-algorithm", &format!("rsa-{hash}"))
    }
}

/// What openssl says. It knows nothing of whose names are expected: those are read from what it prints.
pub(super) fn judge(case: &Case, trusted: &Trusted, folder: &Path) -> String {
    fs::create_dir_all(folder).unwrap();
    let certificates: Vec<&str> = case.file.split_inclusive("-----END CERTIFICATE-----\n").collect();
    write(&folder.join("leaf.pem"), certificates[0]);
    write(&folder.join("untrusted.pem"), certificates[1..].concat() + &trusted.intermediates);
    write(&folder.join("roots.pem"), &trusted.roots);
    write(&folder.join("body"), &case.letter.body);
    write(&folder.join("signature"), case.signature());

    let chain =
        openssl(folder, &["verify", "-CAfile", "roots.pem", "-untrusted", "untrusted.pem", "leaf.pem"]);
    if !chain.status.success() {
        let said = String::from_utf8_lossy(&chain.stderr);
        let expired = said.contains("certificate has expired");
        return if expired { "certificate-expired" } else { "chain-untrusted" }.to_owned();
    }
    let printed = |which: &str, name: &str, wanted: &str| {
        let arguments = ["x509", "-in", "leaf.pem", "-noout", which, "-nameopt", "sep_multiline,utf8,sname"];
        let text = String::from_utf8(succeeds(folder, &arguments).stdout).unwrap();
        text.lines().any(|line| line.trim() == format!("{name}={wanted}"))
    };
    if !printed("-issuer", "O", MICROSOFT) {
        return "issuer-foreign".to_owned();
    }
    if !printed("-subject", "CN", DISPATCHER) {
        return "subject-foreign".to_owned();
    }
    let key = succeeds(folder, &["x509", "-in", "leaf.pem", "-noout", "-pubkey"]).stdout;
    write(&folder.join("key.pem"), key);
    let hash = format!("-{}", case.hash());
    let fits = openssl(folder, &["dgst", &hash, "-verify", "key.pem", "-signature", "signature", "body"]);
    if fits.status.success() { GENUINE } else { "signature-wrong" }.to_owned()
}

fn openssl(folder: &Path, arguments: &[&str]) -> Output {
    Command::new("openssl").args(arguments).current_dir(folder).output().unwrap_or_else(|error| {
        panic!("openssl is a prerequisite of this test ({error})\n  fix: apt-get install openssl")
    })
}

fn succeeds(folder: &Path, arguments: &[&str]) -> Output {
    let output = openssl(folder, arguments);
    assert!(output.status.success(), "openssl {arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    output
}
