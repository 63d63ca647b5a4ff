//! `cosell history`: proves that the histories are as they were written.

use std::{collections::BTreeMap, fmt::Write as _, path::Path, process::ExitCode};

use anyhow::Context as _;
use clap::{Args, Subcommand};
use jiff::Timestamp;
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

const EXAMPLES: &str = "\
Examples:
  cosell history verify
  cosell history verify --heads > heads.jsonl      to be kept elsewhere
  cosell history verify --against heads.jsonl
What was done with one deal is told by: cosell deals history DEAL";

/// Proves that the histories are as they were written.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
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
    /// elsewhere (--heads), and prove against them later (--against). Lines go
    /// when `[retention] history` lets them go; a kept head whose lines are gone
    /// sooner is broken too. Exit status 1 if anything is broken. Works beside the
    /// service.
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
        let kept = against.as_deref().map(read_heads).transpose()?;
        let store = open_store(&loaded, Access::Read)?;
        if heads {
            return print_heads(store.as_ref()).await;
        }
        // What was written after this must still be there.
        let since = Timestamp::now().checked_sub(loaded.config.retention.keep().history)?;
        let tally = prove(store.as_ref(), kept, since, format).await?;
        tally.tell(format)
    }
}

/// A head as it is kept elsewhere.
#[derive(Debug, Serialize, Deserialize)]
struct KeptHead {
    subject: String,
    length: u64,
    link: String,
    /// Lines that their time had taken.
    pruned: u64,
    /// When it was read.
    at: Timestamp,
}

fn hex(link: &[u8; 32]) -> String {
    link.iter().fold(String::with_capacity(2 * link.len()), |mut text, byte| {
        let _infallible = write!(text, "{byte:02x}");
        text
    })
}

async fn print_heads(store: &dyn Store) -> anyhow::Result<ExitCode> {
    let at = Timestamp::now();
    let mut last: Option<String> = None;
    loop {
        let page = store.chains(last.as_deref(), PAGE).await?;
        for ChainHead { subject, length, link, pruned, .. } in &page {
            let (subject, link) = (subject.clone(), hex(link));
            output::json(&KeptHead { subject, length: *length, link, pruned: *pruned, at })?;
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
    /// Heads that were kept, if there are any to compare with.
    kept: Option<usize>,
    /// Kept heads that were compared.
    compared: usize,
    /// Kept heads whose lines their time has taken since.
    let_go: usize,
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
                "first": self.named, "stray_lines": self.stray,
                "compared": self.compared, "let_go": self.let_go,
            }))?;
        } else {
            output::line(format!(
                "{whole} of {} histories are as they were written, {} lines",
                self.histories, self.lines
            ));
            if let Some(kept) = self.kept {
                output::line(format!(
                    "{} of {kept} kept heads were compared; of {} all lines were let go since, in their time",
                    self.compared, self.let_go
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
    kept: Option<BTreeMap<String, KeptHead>>,
    since: Timestamp,
    format: Format,
) -> anyhow::Result<Tally> {
    let mut tally = Tally { kept: kept.as_ref().map(BTreeMap::len), ..Tally::default() };
    let mut kept = kept.unwrap_or_default();
    let mut last: Option<String> = None;
    loop {
        let page = store.chains(last.as_deref(), PAGE).await?;
        if page.is_empty() {
            break;
        }
        for head in page {
            tally.histories += 1;
            tally.lines += head.length.saturating_sub(head.pruned);
            let earlier = kept.remove(&head.subject);
            let before = last.replace(head.subject.clone());
            if head.pruned > head.length {
                let what = "is said to have been let go, and never was".to_owned();
                tally.broke(&head.subject, ChainBreak { line: head.pruned, what });
                continue;
            }
            match prove_one(store, head.clone(), before.as_deref()).await? {
                Proof::Broken(at) => tally.broke(&head.subject, at),
                Proof::Whole | Proof::Gone => {
                    if let Some(earlier) = earlier {
                        compare(store, &head, &earlier, before.as_deref(), since, &mut tally).await?;
                    }
                }
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

/// Proves that the chain contains the head that was kept. Whatever was written after `since` must be there.
async fn compare(
    store: &dyn Store,
    head: &ChainHead,
    earlier: &KeptHead,
    before: Option<&str>,
    since: Timestamp,
    tally: &mut Tally,
) -> StoreResult<()> {
    let KeptHead { subject, length, link, pruned, at } = earlier;
    if head.pruned < *pruned {
        let what = "is there again, though its time had taken it".to_owned();
        tally.broke(subject, ChainBreak { line: head.pruned + 1, what });
        return Ok(());
    }
    let mut kept = [0; 32];
    for (at, byte) in kept.iter_mut().enumerate() {
        let two = link.get(2 * at..2 * at + 2);
        *byte = two.and_then(|two| u8::from_str_radix(two, 16).ok()).unwrap_or_default();
    }
    let earlier = ChainHead { length: *length, link: kept, ..head.clone() };
    match prove_one(store, earlier, before).await? {
        Proof::Whole => tally.compared += 1,
        // Lines that came after the head are gone as well, and none of them is older than the head.
        Proof::Gone if *at < since => tally.let_go += 1,
        Proof::Gone => {
            let what =
                "is gone, which was written after the kept head and is not as old as [retention] history";
            tally.broke(subject, ChainBreak { line: length + 1, what: what.to_owned() });
        }
        Proof::Broken(at) => {
            tally.compared += 1;
            tally.broke(subject, at);
        }
    }
    Ok(())
}

/// What the walk along one chain came to.
enum Proof {
    /// Its lines lead to the head.
    Whole,
    /// All of them, and later ones, were let go.
    Gone,
    /// It is not as it was written.
    Broken(ChainBreak),
}

/// Walks along one chain to its head. `before` is the subject before it, to find it again.
async fn prove_one(store: &dyn Store, mut head: ChainHead, before: Option<&str>) -> StoreResult<Proof> {
    for _ in 0..TRIES {
        if head.pruned > head.length {
            return Ok(Proof::Gone);
        }
        let mut place = head.beginning();
        loop {
            match store.prove_chain(&head, &place, LINES).await? {
                ChainStep::Further(next) => place = next,
                ChainStep::Proved => return Ok(Proof::Whole),
                ChainStep::Broken(at) => return Ok(Proof::Broken(at)),
                ChainStep::Moved => break,
            }
        }
        let Some(moved) = store.chains(before, 1).await?.into_iter().next() else { break };
        (head.pruned, head.anchor) = (moved.pruned, moved.anchor);
    }
    Ok(Proof::Broken(ChainBreak {
        line: head.pruned + 1,
        what: "was let go again and again while it was proved".to_owned(),
    }))
}
