//! Real PostgreSQL servers, started by tests: the one that is installed here, and another major version.
//!
//! A keeper process stops a server and removes its files as soon as the tests' end of a pipe is closed, however they
//! end.

mod programs;

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

pub use programs::Programs;

/// How long a server may take until it listens.
const PATIENCE: Duration = Duration::from_mins(1);

/// A user of this name needs its password; all others are let in without one.
pub const GUARDED: &str = "guarded";

/// How a server is run.
#[derive(Debug, Clone, Default)]
pub struct Setup {
    /// Whether commits are on the disk before they are answered. Tests that kill processes, and not the machine, need it
    /// not.
    pub durable: bool,
    /// Environment variables of the server's own processes. No name and no value may hold a blank.
    pub environment: Vec<(&'static str, PathBuf)>,
}

/// A running server. Dropping it stops it.
#[derive(Debug)]
pub struct Server {
    port: u16,
    major: u32,
    folder: PathBuf,
    orders: Mutex<ChildStdin>,
    keeper: Mutex<Child>,
}

/// The server of the installed version, which serves the whole run.
pub fn installed() -> &'static Server {
    static SERVER: OnceLock<Server> = OnceLock::new();
    SERVER.get_or_init(|| Server::start(&Programs::installed()))
}

/// The server of another major version, which serves the whole run; its programs are kept in the folder `target`.
pub fn other(target: &Path) -> &'static Server {
    static SERVER: OnceLock<Server> = OnceLock::new();
    SERVER.get_or_init(|| Server::start(&Programs::other(target)))
}

/// The keeper: makes the data folder, runs the server, follows orders, and cleans up when there are no more.
///
/// Children of a killed server would outlive it for a moment and keep its memory, so that it could not be run again at
/// once: they are killed with it.
const KEEPER: &str = r#"
cd "$FOLDER" || exit 1
"$BIN/initdb" -D data -U postgres --auth=trust --no-sync --no-instructions -E UTF8 --locale=C > initdb.log 2>&1 || exit 1
cat > data/pg_hba.conf <<END
host all guarded 127.0.0.1/32 scram-sha-256
host all all 127.0.0.1/32 trust
local all all trust
END
run() {
    env $ENVIRONMENT "$BIN/postgres" -D data -k "$FOLDER" -p "$PORT" -c listen_addresses=127.0.0.1 \
        -c max_connections=300 -c shared_buffers=32MB -c autovacuum=off $SETTINGS >> server.log 2>&1 &
    server=$!
}
killed() {
    processes=$server
    for stat in /proc/[0-9]*/stat; do
        read -r process _ _ parent _ < "$stat" && [ "$parent" = "$server" ] && processes="$processes $process"
    done
    kill -KILL $processes
    wait "$server"
}
run
while read -r order; do
    case $order in
        crash) kill -QUIT "$server"; wait "$server" ;;
        kill) killed ;;
        run) run ;;
        end) break ;;
    esac
done
kill -QUIT "$server" 2>/dev/null
wait "$server"
"#;

/// Nothing is waited for: what was written is there after a crash of the server, though not of the machine.
const FAST: &str = "-c fsync=off";

impl Server {
    /// A new server with empty data.
    pub fn start(programs: &Programs) -> Self {
        Self::start_with(programs, &Setup::default())
    }

    /// The same, set up in this way.
    pub fn start_with(programs: &Programs, setup: &Setup) -> Self {
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
        let environment: Vec<String> =
            setup.environment.iter().map(|(name, value)| format!("{name}={}", value.display())).collect();
        let mut command = Command::new("sh");
        command
            .args(["-c", &format!("{keep}; rm -rf \"$FOLDER\"")])
            .env("KEEPER", KEEPER)
            .env("FOLDER", &folder)
            .env("BIN", &programs.bin)
            .env("PORT", port.to_string())
            .env("SETTINGS", if setup.durable { "" } else { FAST })
            .env("ENVIRONMENT", environment.join(" "))
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
        };
        server.listens(0);
        server
    }

    /// Where it listens, at 127.0.0.1.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Ends the server at once, in the middle of whatever it does; what it had confirmed is there when it runs again.
    pub fn crash(&self) {
        self.order("crash");
        self.is_gone();
    }

    /// Kills all of its processes, none of which hears of it.
    pub fn kill(&self) {
        self.order("kill");
        self.is_gone();
    }

    /// Whether it takes connections.
    pub fn is_up(&self) -> bool {
        TcpStream::connect(("127.0.0.1", self.port)).is_ok()
    }

    /// Runs it again.
    pub fn run_again(&self) {
        let before = self.times_ready();
        self.order("run");
        self.listens(before);
    }

    /// What it has logged so far.
    pub fn log(&self) -> String {
        fs::read_to_string(self.folder.join("server.log")).unwrap_or_default()
    }

    fn order(&self, order: &str) {
        let mut orders = self.orders.lock().expect(HELD);
        writeln!(orders, "{order}").expect("the keeper listens");
    }

    fn is_gone(&self) {
        let end = Instant::now() + PATIENCE;
        while self.is_up() {
            assert!(Instant::now() < end, "the server does not stop");
            thread::sleep(Duration::from_millis(10));
        }
    }

    fn times_ready(&self) -> usize {
        self.log().matches("ready to accept connections").count()
    }

    /// Waits until it says once more than `before` that it is ready.
    fn listens(&self, before: usize) {
        let end = Instant::now() + PATIENCE;
        while self.times_ready() <= before {
            assert!(
                Instant::now() < end && self.folder.exists(),
                "PostgreSQL {} does not start: {}{}",
                self.major,
                fs::read_to_string(self.folder.join("initdb.log")).unwrap_or_default(),
                self.log()
            );
            thread::sleep(Duration::from_millis(20));
        }
    }

    /// The address of a database.
    pub fn url(&self, database: &str) -> SecretString {
        SecretString::from(format!("postgres://postgres@127.0.0.1:{}/{database}?sslmode=disable", self.port))
    }
}

const HELD: &str = "no code panics while holding this lock";

impl Drop for Server {
    fn drop(&mut self) {
        // Servers of a whole run are never dropped: the end of the process closes the pipe.
        self.order("end");
        drop(self.keeper.get_mut().expect(HELD).wait());
    }
}
