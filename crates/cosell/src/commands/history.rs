//! `cosell history`: proves that the histories are as they were written.

use std::{collections::BTreeMap, fmt::Write as _, path::Path, process::ExitCode};

use anyhow::Context as _;
use clap::{Args, Subcommand};
use serde::{Deserialize, Serialize};
use serde_json::json;
use sync_engine::{ChainBreak, ChainHead, ChainStep, Store, StoreResult};

use super::PAGE;
use crate::{
    config::Config,
    output::{self, Format},
    wiring::{Access, open_store},
};

/// Lines that one look at the store recomputes.
const LINES: usize = 1_000;
/// How often a history is begun anew whose oldest lines are let go meanwhile.
const TRIES: usize = 5;
/// Most broken histories that are named; all are counted.
const NAMED: usize = 20;
/// After how many histories a person is told how far it is.
const TOLD_EVERY: usize = 10_000;

/// Proves that the histories are as they were written.
#[derive(Debug, Args)]
pub(crate) struct History {
    #[command(subcommand)]
    command: HistoryCommand,
}

#[derive(Debug, Subcommand)]
enum HistoryCommand {
    /// Recomputes the chain of every deal's history, line by line.
    ///
    /// Each line is bound to the one before it, over sealed text: what was
    /// erased by `cosell forget` is proved all the same. A line that was
    /// changed, added or taken out is told with its place. Whoever can write
    /// the store can make a whole chain anew: against that, keep the heads
    /// elsewhere (--heads), and prove against them later (--against). Exit
    /// status 1 if anything is broken. Works beside the service.
    Verify {
        /// Prints the head of each chain as a line of JSON, to be kept elsewhere,
        /// and proves nothing.
        #[arg(long, conflicts_with = "against")]
        heads: bool,
        /// Proves that the chains still contain the heads that this file keeps.
        #[arg(long, value_name = "FILE")]
        against: Option<std::path::PathBuf>,
    },
}

impl History {
    pub(crate) async fn run(self, config: &Path, format: Format) -> anyhow::Result<ExitCode> {
        let HistoryCommand::Verify { heads, against } = self.command;
        let loaded = Config::load(config)?;
        let kept = against.as_deref().map(read_heads).transpose()?.unwrap_or_default();
        let store = open_store(&loaded, Access::Read)?;
        if heads {
            return print_heads(store.as_ref()).await;
        }
        let tally = prove(store.as_ref(), kept, format).await?;
        tally.tell(format)
    }
}

/// A head as it is kept elsewhere.
#[derive(Debug, Serialize, Deserialize)]
struct KeptHead {
    subject: String,
    length: u64,
    link: String,
}

fn hex(link: &[u8; 32]) -> String {
    link.iter().fold(String::with_capacity(2 * link.len()), |mut text, byte| {
        let _infallible = write!(text, "{byte:02x}");
        text
    })
}

async fn print_heads(store: &dyn Store) -> anyhow::Result<ExitCode> {
    let mut last: Option<String> = None;
    loop {
        let page = store.chains(last.as_deref(), PAGE).await?;
        for ChainHead { subject, length, link, .. } in &page {
            output::json(&KeptHead { subject: subject.clone(), length: *length, link: hex(link) })?;
        }
        let Some(end) = page.into_iter().next_back() else { return Ok(ExitCode::SUCCESS) };
        last = Some(end.subject);
    }
}

/// The heads of a file, by their subjects.
fn read_heads(path: &Path) -> anyhow::Result<BTreeMap<String, KeptHead>> {
    let text = std::fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
    let lines = text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty());
    lines
        .map(|(number, line)| {
            let head: KeptHead = serde_json::from_str(line).map_err(|_| {
                anyhow::anyhow!(
                    "{}, line {}: not the head of a chain\n  fix: use what `cosell history verify --heads` printed",
                    path.display(),
                    number + 1
                )
            })?;
            Ok((head.subject.clone(), head))
        })
        .collect()
}

/// A history that is not as it was written.
#[derive(Debug, Serialize)]
struct Broken {
    subject: String,
    #[serde(flatten)]
    at: ChainBreak,
}

/// What a proof came to.
#[derive(Debug, Default)]
struct Tally {
    histories: usize,
    lines: u64,
    /// How many are broken; the first of them by name.
    broken: usize,
    named: Vec<Broken>,
    /// Lines that stand in no chain, or less than none.
    stray: i128,
    /// Kept heads that were compared.
    compared: usize,
}

impl Tally {
    fn broke(&mut self, subject: &str, at: ChainBreak) {
        self.broken += 1;
        if self.named.len() < NAMED {
            self.named.push(Broken { subject: subject.to_owned(), at });
        }
    }

    fn holds(&self) -> bool {
        self.broken == 0 && self.stray == 0
    }

    fn tell(&self, format: Format) -> anyhow::Result<ExitCode> {
        let whole = self.histories - self.broken.min(self.histories);
        if format == Format::Json {
            output::json(&json!({
                "histories": self.histories, "proved": whole, "lines": self.lines, "broken": self.broken,
                "first": self.named, "stray_lines": self.stray, "compared": self.compared,
            }))?;
        } else {
            output::line(format!(
                "{whole} of {} histories are as they were written, {} lines",
                self.histories, self.lines
            ));
            if self.compared > 0 {
                output::line(format!(
                    "{} of them were compared with the heads that were kept",
                    self.compared
                ));
            }
            for Broken { subject, at } in &self.named {
                output::labelled("broken", &format!("{subject}: line {} {}", at.line, at.what));
            }
            if self.stray != 0 {
                let what = "lines were added to or taken from no chain that knows of them";
                output::labelled("broken", &format!("{} {what}", self.stray.abs()));
            }
            if !self.holds() {
                output::labelled(
                    "next",
                    "somebody or something wrote to the store beside Cosell: keep a copy of it, and compare with a \
                     backup",
                );
            }
        }
        Ok(if self.holds() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
    }
}

async fn prove(
    store: &dyn Store,
    mut kept: BTreeMap<String, KeptHead>,
    format: Format,
) -> anyhow::Result<Tally> {
    let mut tally = Tally::default();
    let mut last: Option<String> = None;
    loop {
        let page = store.chains(last.as_deref(), PAGE).await?;
        if page.is_empty() {
            break;
        }
        for head in page {
            tally.histories += 1;
            tally.lines += head.length - head.pruned;
            let earlier = kept.remove(&head.subject);
            let before = last.replace(head.subject.clone());
            if let Some(at) = prove_one(store, head.clone(), before.as_deref()).await? {
                tally.broke(&head.subject, at);
            } else if let Some(at) = compare(store, &head, earlier, before.as_deref(), &mut tally).await? {
                tally.broke(&head.subject, at);
            }
            if format == Format::Text && tally.histories.is_multiple_of(TOLD_EVERY) {
                output::line(format!("{} histories so far", tally.histories));
            }
        }
    }
    for subject in kept.into_keys() {
        tally.broke(&subject, ChainBreak { line: 1, what: "is missing, with all of its history".to_owned() });
    }
    let totals = store.history_totals().await?;
    tally.stray = i128::from(totals.lines) - i128::from(totals.chained);
    Ok(tally)
}

/// Proves that the chain contains the head that was kept, if it was not let go since.
async fn compare(
    store: &dyn Store,
    head: &ChainHead,
    earlier: Option<KeptHead>,
    before: Option<&str>,
    tally: &mut Tally,
) -> StoreResult<Option<ChainBreak>> {
    let Some(earlier) = earlier.filter(|earlier| earlier.length > head.pruned) else { return Ok(None) };
    tally.compared += 1;
    let mut link = [0; 32];
    for (at, byte) in link.iter_mut().enumerate() {
        let two = earlier.link.get(2 * at..2 * at + 2);
        *byte = two.and_then(|two| u8::from_str_radix(two, 16).ok()).unwrap_or_default();
    }
    prove_one(store, ChainHead { length: earlier.length, link, ..head.clone() }, before).await
}

/// Walks along one chain to its head. `before` is the subject before it, to find it again.
async fn prove_one(
    store: &dyn Store,
    mut head: ChainHead,
    before: Option<&str>,
) -> StoreResult<Option<ChainBreak>> {
    for _ in 0..TRIES {
        let mut place = head.beginning();
        loop {
            match store.prove_chain(&head, &place, LINES).await? {
                ChainStep::Further(next) => place = next,
                ChainStep::Proved => return Ok(None),
                ChainStep::Broken(at) => return Ok(Some(at)),
                ChainStep::Moved => break,
            }
        }
        let Some(moved) = store.chains(before, 1).await?.into_iter().next() else { break };
        if moved.pruned >= head.length {
            // All that was to be proved is gone, and the anchor stands for it.
            return Ok(None);
        }
        (head.pruned, head.anchor) = (moved.pruned, moved.anchor);
    }
    Ok(Some(ChainBreak {
        line: head.pruned + 1,
        what: "was let go again and again while it was proved".to_owned(),
    }))
}
