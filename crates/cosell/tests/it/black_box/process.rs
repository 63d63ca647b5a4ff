//! One process of the shipped program: with a role, a configuration, a machine's troubles and a way to the database of
//! its own.

use std::{
    fs,
    path::PathBuf,
    process::{Child, Command, Stdio},
    sync::Mutex,
};

use super::{door::Door, troubles::Troubles};
use crate::harness::{COSELL, until};

/// A worker, or whoever takes events in.
#[derive(Debug)]
pub(super) struct Process {
    pub(super) name: String,
    role: &'static str,
    config: PathBuf,
    log: PathBuf,
    /// Between it and the database.
    pub(super) database: Door,
    /// Its machine's.
    pub(super) troubles: Troubles,
    child: Option<Child>,
    /// How long the log was when it was started last, in bytes.
    log_before: usize,
}

impl Process {
    /// Not started yet.
    pub(super) fn new(name: &str, role: &'static str, config: PathBuf, database: Door) -> Self {
        let log = config.with_extension("log");
        let (name, troubles) = (name.to_owned(), Troubles::none());
        Self { name, role, config, log, database, troubles, child: None, log_before: 0 }
    }

    /// Starts it.
    pub(super) fn start(&mut self) {
        self.start_with(&[]);
    }

    /// Starts it with further environment variables.
    pub(super) fn start_with(&mut self, environment: &[(&str, &str)]) {
        assert!(self.child.is_none(), "{} runs already", self.name);
        let log = fs::OpenOptions::new().create(true).append(true).open(&self.log).unwrap();
        self.log_before = usize::try_from(log.metadata().unwrap().len()).unwrap();
        let child = Command::new(COSELL)
            .args(["run", "--role", self.role, "--config"])
            .arg(&self.config)
            .envs(self.troubles.environment())
            .envs(environment.iter().copied())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
            .unwrap();
        self.child = Some(child);
    }

    /// Kills it at once.
    pub(super) fn kill(&mut self) {
        if let Some(mut child) = self.child.take() {
            child.kill().unwrap();
            child.wait().unwrap();
        }
    }

    /// Asks it to stop, and demands that it ends in order.
    pub(super) fn stop(&mut self) {
        self.signal("TERM");
        let ended = self.child.take().expect("it runs").wait().unwrap();
        assert!(ended.success(), "{} ends with status 0 when asked to stop:\n{}", self.name, self.log_tail());
    }

    /// Waits until it ended by itself. Whether it ended well.
    pub(super) async fn ends(&mut self) -> bool {
        let child = Mutex::new(self.child.take().expect("it runs"));
        let ended = || async { child.lock().unwrap().try_wait().unwrap() };
        until(&format!("the end of {}", self.name), ended).await.success()
    }

    /// Sends it a signal.
    pub(super) fn signal(&self, signal: &str) {
        let pid = self.id().to_string();
        assert!(Command::new("kill").args([&format!("-{signal}"), &pid]).status().unwrap().success());
    }

    /// Starts it again if it ended by itself, as a supervisor does. Whether it had.
    pub(super) fn supervise(&mut self) -> bool {
        let ended = self.child.as_mut().is_some_and(|child| child.try_wait().unwrap().is_some());
        if ended {
            #[expect(clippy::print_stdout, reason = "whoever reads a failed run wants to know why")]
            {
                println!("{} ended by itself: {}", self.name, self.log_tail());
            }
            self.child = None;
            self.start();
        }
        ended
    }

    /// Its number among the system's processes, while it runs.
    pub(super) fn id(&self) -> u32 {
        self.child.as_ref().expect("it runs").id()
    }

    /// Demands that it runs still.
    pub(super) fn must_run(&mut self) {
        let ended = self.child.as_mut().expect("it was started").try_wait().unwrap();
        assert!(ended.is_none(), "{} ended by itself: {ended:?}\n{}", self.name, self.log_tail());
    }

    /// Everything that it has logged since it was started last.
    pub(super) fn log(&self) -> String {
        let log = fs::read_to_string(&self.log).unwrap_or_default();
        log.get(self.log_before..).unwrap_or_default().to_owned()
    }

    /// The newest lines of it.
    pub(super) fn log_tail(&self) -> String {
        let log = self.log();
        let lines: Vec<&str> = log.lines().collect();
        lines[lines.len().saturating_sub(15)..].join("\n")
    }

    /// Waits until it has logged these words; the address that stands behind them.
    pub(super) async fn says(&self, words: &str) -> String {
        until(&format!("{}: {words:?}", self.name), || async {
            let log = self.log();
            let line = log.lines().rev().find(|line| line.contains(words))?;
            Some(line.split("address=").nth(1).unwrap_or_default().trim().to_owned())
        })
        .await
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        if let Some(child) = &mut self.child {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}
