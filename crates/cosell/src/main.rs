//! Cosell: keeps Partner Center referrals and Salesforce opportunities the same, in both directions.

mod commands;
mod config;
mod holds;
mod listening;
mod mapping_files;
mod org_facts;
mod output;
mod panics;
mod rehearsing;
mod salesforce_login;
mod sign_in;
mod store_place;
mod surroundings;
mod wanted_registration;
mod watches;
mod wiring;

use std::{path::PathBuf, process::ExitCode};

use clap::{Parser, Subcommand};
use commands::{decide::waiting::Wish, pause::Wish as Stop};
use output::Format;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// What a person needs to know of every command.
const EVERY_COMMAND: &str = "\
To begin:
  cosell demo                       the whole of it, on a local sandbox
  cosell init                       a configuration, with every key explained
  cosell check                      what is missing, and how to mend it
  cosell help COMMAND               what a command does, with examples

Exit status: 0 if it was done, and nothing needs you; 1 if not, or not all of
it, or a person is needed: the last lines say which, and what to do; 2 if the
command line itself is wrong. Answers go to standard output; errors and logs to
standard error, as text, whatever the format.";

/// Keeps Microsoft Partner Center co-sell referrals and Salesforce opportunities
/// the same, in both directions.
#[derive(Debug, Parser)]
#[command(name = "cosell", version, max_term_width = 80, after_help = EVERY_COMMAND)]
struct Arguments {
    /// The configuration file.
    #[arg(long, global = true, default_value = "cosell.toml", value_name = "FILE", display_order = LAST)]
    config: PathBuf,
    /// How to answer.
    #[arg(long, global = true, value_enum, default_value_t, display_order = LAST)]
    format: Format,
    #[command(subcommand)]
    command: Command,
}

/// Below what a command has of its own.
const LAST: usize = 900;

#[derive(Debug, Subcommand)]
enum Command {
    /// Plays the main job on a local sandbox, and shows what was kept in step.
    Demo(commands::demo::Demo),
    /// Writes a commented cosell.toml and mapping.toml.
    Init(commands::init::Init),
    /// Signs in to Partner Center or Salesforce, in a browser or by a code.
    Login(commands::login::Login),
    Connections(commands::connections::Connections),
    /// Checks everything that is needed, and says how to mend what is missing.
    ///
    /// Each line says pass, FAIL, or -- for what cannot be checked from here:
    /// then it says what to look at by hand. Only what was seen over an API, or
    /// in the files of this machine, passes. Writes nothing but what it found out
    /// about the org, for the service, into the store. Exit status 0 only if
    /// nothing fails.
    Check(commands::check::Check),
    /// Shows, explains and checks the mapping, and tries it on a record.
    Mapping(commands::mapping::MappingCommand),
    /// Serves: keeps every opted-in deal in step until it is stopped.
    ///
    /// On PostgreSQL several may run at once, each with a role.
    Run(commands::run::Run),
    /// Brings the store up to date, checks it, backs it up, or restores it.
    Store(commands::store::Store),
    /// Works until nothing is due, and ends.
    Sync(commands::sync::Sync),
    Plan(commands::plan::PlanCommand),
    /// Lists deals, shows one, or its history.
    Deals(commands::deals::Deals),
    /// Reads both sides of every deal and proves that they are equal.
    ///
    /// Exit status 1 if a pair differs without a reason or could not be read;
    /// what waits for a write, or for a person, is counted and named.
    Verify(commands::verify::Verify),
    /// Pauses a deal, a flow or everything, until it is resumed.
    ///
    /// Nothing is written meanwhile, and the time of what waits stands still.
    /// Changes go on being collected. Works beside the service, within seconds.
    /// Without an argument, lists what is paused.
    Pause(commands::pause::Pausing),
    /// Resumes what was paused, from fresh reads of both sides.
    ///
    /// Works beside the service. Without an argument, lists what is paused.
    Resume(commands::pause::Pausing),
    Retry(commands::retry::Retry),
    Replay(commands::replay::Replay),
    Relink(commands::relink::Relink),
    Resolve(commands::decide::resolve::Resolve),
    Restore(commands::decide::restore::Restore),
    /// Lets an effect that waits for its time leave at once.
    ///
    /// Without a kind, what waits is listed, with the command that sends it.
    /// Works beside the service.
    SendNow(commands::decide::waiting::Effect),
    /// Takes an effect back that waits for its time.
    ///
    /// It does not leave while the opportunity goes on wanting the same, unless a
    /// person sends it. The opportunity's stage stays as its seller set it: moved
    /// back, or to another end, it is a new wish with a grace of its own.
    /// Works beside the service.
    Withdraw(commands::decide::waiting::Effect),
    Push(commands::push::Push),
    /// Registers a won deal for incentives, from a file.
    ///
    /// Reads the deal's referral and Microsoft's as they are now, and prints
    /// what is registered already, what is lacking, and the change that would
    /// be sent. Sends nothing without --apply, and nothing while something is
    /// lacking or the same solution is registered. Exit status 0 only if the
    /// deal can be registered or, with --apply, was.
    ///
    /// Works beside the service and leaves the store alone: what was registered
    /// stands in the referral, and not in the deal's history.
    Register(commands::register::Register),
    Release(commands::release::Release),
    Forget(commands::forget::Forget),
    History(commands::history::History),
    Solutions(commands::solutions::Solutions),
    /// Shows, makes or tries the registration that brings events here.
    Webhook(commands::webhook::Webhook),
    Sandbox(commands::sandbox::SandboxCommand),
    Simulate(commands::simulate::Simulate),
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    panics::tell_only_places();
    start_logging(match arguments.command {
        // The database's driver tells of each connection that it makes anew; what matters of it the store tells.
        Command::Run(_) => "info,sqlx=error,sqlx_core=error",
        // What goes wrong there is meant to; the simulation's own log tells it.
        Command::Simulate(_) => "off",
        _ => "warn",
    });
    if rustls::crypto::aws_lc_rs::default_provider().install_default().is_err() {
        tracing::debug!("a crypto provider was installed before");
    }
    let runtime = match tokio::runtime::Runtime::new() {
        Ok(runtime) => runtime,
        Err(error) => return failed(&error.into()),
    };
    match runtime.block_on(run(arguments)) {
        Ok(code) => code,
        Err(error) => failed(&error),
    }
}

async fn run(arguments: Arguments) -> anyhow::Result<ExitCode> {
    let (config, format) = (arguments.config.as_path(), arguments.format);
    match arguments.command {
        Command::Demo(demo) => demo.run(format).await,
        Command::Init(init) => init.run(config, format),
        Command::Login(login) => login.run(config, format).await,
        Command::Connections(connections) => connections.run(config, format).await,
        Command::Check(check) => check.run(config, format).await,
        Command::Mapping(mapping) => mapping.run(config, format).await,
        Command::Run(command) => command.run(config).await,
        Command::Store(store) => store.run(config, format).await,
        Command::Sync(sync) => sync.run(config, format).await,
        Command::Plan(plan) => plan.run(config, format).await,
        Command::Deals(deals) => deals.run(config, format).await,
        Command::Verify(verify) => verify.run(config, format).await,
        Command::Pause(pausing) => pausing.run(Stop::Pause, config, format).await,
        Command::Resume(pausing) => pausing.run(Stop::Resume, config, format).await,
        Command::Retry(retry) => retry.run(config, format).await,
        Command::Replay(replay) => replay.run(config, format).await,
        Command::Relink(relink) => relink.run(config, format).await,
        Command::Resolve(resolve) => resolve.run(config, format).await,
        Command::Restore(restore) => restore.run(config, format).await,
        Command::SendNow(effect) => effect.run(Wish::SendNow, config, format).await,
        Command::Withdraw(effect) => effect.run(Wish::Withdraw, config, format).await,
        Command::Push(push) => push.run(config, format).await,
        Command::Register(register) => register.run(config, format).await,
        Command::Release(release) => release.run(config, format).await,
        Command::Forget(forget) => forget.run(config, format).await,
        Command::History(history) => history.run(config, format).await,
        Command::Solutions(solutions) => solutions.run(config, format).await,
        Command::Webhook(webhook) => webhook.run(config, format).await,
        Command::Sandbox(sandbox) => sandbox.run(format).await,
        Command::Simulate(simulate) => simulate.run(format),
    }
}

#[allow(clippy::print_stderr)]
fn failed(error: &anyhow::Error) -> ExitCode {
    eprintln!("error: {error:#}");
    ExitCode::FAILURE
}

/// Logs go to standard error; `RUST_LOG` widens or narrows them.
fn start_logging(default: &str) {
    let filter = tracing_subscriber::EnvFilter::try_from_default_env().unwrap_or_else(|_| default.into());
    tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).with_ansi(false).init();
}
