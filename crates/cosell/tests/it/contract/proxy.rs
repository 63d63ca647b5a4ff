//! A validating proxy from the public registry: every request and every answer that passes is checked against a
//! description, and what breaks it is written to a log.

use std::{
    fs,
    net::{Ipv4Addr, TcpListener, TcpStream},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::LazyLock,
    time::{Duration, Instant},
};

use crate::harness::PATIENCE;

/// The proxy, exactly.
const PROXY: &str = "@stoplight/prism-cli@5.14.2";

/// Installed once, in a folder that is kept, so that only the first run needs the registry.
static PROGRAM: LazyLock<PathBuf> = LazyLock::new(|| {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("validating-proxy");
    let program = folder.join("node_modules/.bin/prism");
    let stamp = folder.join("installed");
    if fs::read_to_string(&stamp).is_ok_and(|installed| installed == PROXY) && program.exists() {
        return program;
    }
    fs::create_dir_all(&folder).unwrap();
    fs::write(folder.join("package.json"), r#"{ "private": true }"#).unwrap();
    let output = Command::new("npm")
        .args(["install", PROXY, "--no-audit", "--no-fund", "--ignore-scripts", "--prefer-offline"])
        .current_dir(&folder)
        .output()
        .expect("npm is a prerequisite of this test: install Node.js 20 or later with npm");
    assert!(output.status.success(), "npm install {PROXY}: {}", String::from_utf8_lossy(&output.stderr));
    fs::write(stamp, PROXY).unwrap();
    program
});

/// A running proxy.
pub(super) struct Proxy {
    process: Child,
    log: PathBuf,
    /// Its address: stands for the API's base.
    pub(super) url: String,
}

impl Drop for Proxy {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

impl Proxy {
    /// Stands between a client and `upstream`; its log goes into `folder`. Passes on what breaks the description,
    /// so that the log names every violation in full, not the first of each exchange.
    pub(super) async fn before(upstream: &str, description: &Path, folder: &Path) -> Self {
        // Free now; nobody else on this machine asks for a port by number in the moment until it is taken.
        let free = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap().local_addr().unwrap();
        let log = folder.join("proxy.log");
        let process = Command::new(&*PROGRAM)
            .args(["proxy", "--host", "127.0.0.1", "--port", &free.port().to_string()])
            .arg(description)
            .arg(upstream)
            .stdin(Stdio::null())
            .stdout(fs::File::create(&log).unwrap())
            .stderr(fs::OpenOptions::new().append(true).open(&log).unwrap())
            .spawn()
            .expect("node is a prerequisite of this test: install Node.js 20 or later with npm");
        let mut proxy = Self { process, log, url: format!("http://{free}") };
        let began = Instant::now();
        while TcpStream::connect(free).is_err() {
            let up = proxy.process.try_wait().unwrap().is_none();
            assert!(up && began.elapsed() < PATIENCE, "the proxy does not start: {}", proxy.said());
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        proxy
    }

    /// What it wrote.
    pub(super) fn said(&self) -> String {
        fs::read_to_string(&self.log).unwrap()
    }

    /// How many exchanges passed.
    pub(super) fn exchanges(&self) -> usize {
        self.said().matches("Received forward response").count()
    }

    /// Everything that it did not like, each kind once: `request.query.$top must be integer`.
    pub(super) fn violations(&self) -> Vec<String> {
        let said = self.said();
        let mut all: Vec<String> = said
            .lines()
            .filter(|line| line.contains('✖') || line.contains('⚠'))
            .map(|line| line.split_once("Violation: ").map_or(line, |(_, rest)| rest).to_owned())
            .collect();
        all.sort_unstable();
        all.dedup();
        all
    }
}
