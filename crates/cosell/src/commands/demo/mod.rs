//! `cosell demo`: the main job on a local sandbox, played by people, shown as it happens.

mod people;
mod scenario;

use std::{
    collections::BTreeMap,
    io::{BufRead as _, BufReader},
    path::Path,
    process::{Child, Command, ExitCode, Stdio},
    sync::Arc,
    time::{Duration, Instant},
};

use anyhow::{Context as _, bail};
use clap::Args;
use partner_center::{REFERRAL_EVENTS, RegistrationRequest};
use serde::Serialize;
use service::{Receiver, serve};
use sync_engine::Standing;
use tokio::{net::TcpListener, sync::Notify, task::JoinHandle};

use super::{sandbox::Printed, verify::Verification};
use crate::{
    config::Config,
    output::{self, Format},
    wiring::{Access, Wired, wire},
};
use people::People;

/// How long the last changes may take before the proof is taken as it is.
const SETTLED_WITHIN: Duration = Duration::from_secs(30);

/// How often it is looked whether they have arrived.
const LOOK_EVERY: Duration = Duration::from_millis(200);

/// Most propagation times that the summary looks at.
const SAMPLES: usize = 10_000;

/// Plays the main job on a local sandbox, and shows what was kept in step.
#[derive(Debug, Args)]
pub(crate) struct Demo {
    /// End when everything is verified; status 0 only if every pair is equal.
    #[arg(long)]
    once: bool,
    /// How many more pairs to create and edit, for the figures.
    #[arg(long, default_value_t = 20, value_name = "N")]
    pairs: usize,
}

/// The summary, the last line of `--format json`.
#[derive(Debug, Serialize)]
struct Summary {
    pairs: usize,
    equal: usize,
    waiting: usize,
    problems: usize,
    /// From hearing of a change to the answer of the write it caused.
    propagation_ms: Propagation,
    /// By platform and kind.
    calls: BTreeMap<String, BTreeMap<String, u64>>,
    duration_ms: u64,
}

#[derive(Debug, Serialize)]
struct Propagation {
    samples: usize,
    p50: i64,
    p99: i64,
}

impl Demo {
    pub(crate) async fn run(self, format: Format) -> anyhow::Result<ExitCode> {
        let began = Instant::now();
        let tell = |text: &str| {
            if format == Format::Text {
                output::line(text);
            }
        };
        let folder = tempfile::tempdir().context("cannot make a temporary folder")?;
        let (mut process, printed) = start_sandbox()?;
        let outcome = self.play(folder.path(), &printed, format, began, &tell).await;
        let _ = process.kill();
        let _ = process.wait();
        outcome
    }

    async fn play(
        &self,
        folder: &Path,
        printed: &Printed,
        format: Format,
        began: Instant,
        tell: &(impl Fn(&str) + Sync),
    ) -> anyhow::Result<ExitCode> {
        printed.write_files(folder)?;
        let wired = wire(Config::load(&folder.join("cosell.toml"))?, Access::Own)?;
        wired.bind().await?;
        tell("A Partner Center and a Salesforce run in a process of their own:");
        tell(&format!("  Partner Center  {}", shown(&printed.partner_center, "api_url")));
        tell(&format!("  Salesforce      {}", shown(&printed.salesforce, "instance_url")));
        tell("Graces are shortened: a win waits 2 seconds here, 10 minutes by default.");

        let stop = Arc::new(Notify::new());
        let events = listen(&wired).await?;
        let (engine, told) = (Arc::clone(&wired.engine), Arc::clone(&stop));
        let service = tokio::spawn(async move { engine.run(&told).await });
        let people = People::new(wired.http.clone(), printed)?;
        scenario::play(&people, self.pairs, tell).await?;

        let proof = settled(&wired).await?;
        let summary = summarise(&wired, &proof, began).await?;
        match format {
            Format::Text => print(&summary, &proof),
            Format::Json if self.once => output::json(&summary)?,
            Format::Json => {}
        }
        if !self.once {
            tell("");
            tell("Still running, and kept in step. Edit on either side, in a browser:");
            tell(&format!("  as Microsoft   {}", shown(&printed.partner_center, "page_url")));
            tell(&format!("  as the seller  {}", shown(&printed.salesforce, "page_url")));
            tell("Addresses and tokens for programs stand in");
            tell(&format!("  {}", folder.join("sandbox.json").display()));
            tell("Ctrl-C ends it.");
            std::fs::write(folder.join("sandbox.json"), serde_json::to_string_pretty(printed)?)?;
            let _ = tokio::signal::ctrl_c().await;
            if format == Format::Json {
                output::json(&summarise(&wired, &Verification::of(&wired).await?, began).await?)?;
            }
        }
        stop.notify_one();
        service.await.context("the service ended badly")??;
        events.abort();
        let all_equal = summary.pairs > 0 && summary.equal == summary.pairs;
        Ok(if all_equal { ExitCode::SUCCESS } else { ExitCode::FAILURE })
    }
}

/// Starts this very program as the sandbox, in a process of its own.
fn start_sandbox() -> anyhow::Result<(Child, Printed)> {
    let program = std::env::current_exe().context("cannot find this program")?;
    let mut process = Command::new(program)
        .args(["sandbox", "--format", "json"])
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()
        .context("cannot start the sandbox")?;
    let Some(out) = process.stdout.take() else { bail!("the sandbox has no output") };
    let mut line = String::new();
    BufReader::new(out).read_line(&mut line).context("the sandbox said nothing")?;
    let printed = serde_json::from_str(&line).context("the sandbox did not start")?;
    Ok((process, printed))
}

/// Listens for Partner Center's events, and registers for them.
async fn listen(wired: &Wired) -> anyhow::Result<JoinHandle<()>> {
    let verifier = wired.verifier()?.context("the sandbox's configuration has no [webhook]")?;
    let listener = TcpListener::bind("127.0.0.1:0").await.context("cannot listen for events")?;
    let url = format!("http://{}{}", listener.local_addr()?, service::RECEIVER_PATH);
    let receiver = Receiver::new(verifier, Arc::clone(&wired.engine), Arc::clone(&wired.clock));
    let events = tokio::spawn(async move {
        serve(listener, receiver.routes()).await;
    });
    let request = RegistrationRequest {
        url: url.parse()?,
        events: REFERRAL_EVENTS.map(str::to_owned).to_vec(),
        signature_in_ms_header: false,
    };
    let context = partner_center::CallContext::new(ports::Lane::Now);
    wired.partner_center.register(context, &request).await.context("cannot register for events")?;
    Ok(events)
}

/// Waits until nothing is due any more and both sides of all deals are as they will stay, then proves it.
async fn settled(wired: &Wired) -> anyhow::Result<Verification> {
    let until = Instant::now() + SETTLED_WITHIN;
    loop {
        let idle = wired.store.counts(wired.clock.now()).await?.due == 0;
        let late = Instant::now() > until;
        if idle || late {
            let proof = Verification::of(wired).await?;
            let moving = proof.count(Standing::Waiting) + proof.count(Standing::Different) > 0;
            if late || !moving {
                return Ok(proof);
            }
        }
        wired.clock.sleep(LOOK_EVERY).await;
    }
}

async fn summarise(wired: &Wired, proof: &Verification, began: Instant) -> anyhow::Result<Summary> {
    let mut times = wired.store.propagation(SAMPLES).await?;
    times.sort_unstable();
    let percentile = |percent: usize| {
        let at = (times.len() * percent).div_ceil(100).saturating_sub(1);
        times.get(at).copied().unwrap_or(0)
    };
    Ok(Summary {
        pairs: proof.deals,
        equal: proof.count(Standing::Equal),
        waiting: proof.count(Standing::Waiting),
        problems: proof.count(Standing::Problem),
        propagation_ms: Propagation { samples: times.len(), p50: percentile(50), p99: percentile(99) },
        calls: wired.tally.snapshot(),
        duration_ms: u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX),
    })
}

fn print(summary: &Summary, proof: &Verification) {
    output::line("");
    output::line(format!("{} of {} pairs are equal on both sides.", summary.equal, summary.pairs));
    for finding in &proof.findings {
        let differs: Vec<String> =
            finding.differences.iter().map(|difference| difference.field.to_string()).collect();
        output::line(format!("  deal {}: {:?} {}", finding.deal, finding.standing, differs.join(", ")));
    }
    let times = &summary.propagation_ms;
    output::indented(
        0,
        &format!(
            "A change was on the other side {} ms after it was heard of (median of {}); 99 % within {} ms.",
            times.p50, times.samples, times.p99
        ),
    );
    let rows = summary.calls.iter().flat_map(|(platform, kinds)| {
        kinds.iter().map(move |(kind, count)| vec![platform.clone(), kind.clone(), count.to_string()])
    });
    output::line(output::table(&["platform", "remote call", "count"], rows));
    output::line(format!("{:.1} seconds in all.", Duration::from_millis(summary.duration_ms).as_secs_f64()));
}

fn shown(of: &serde_json::Value, name: &str) -> String {
    of.get(name).and_then(serde_json::Value::as_str).unwrap_or("-").to_owned()
}
