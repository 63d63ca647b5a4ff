//! `cosell forget`: destroys what the store holds of a deal's values, or of a person's address.

use std::{path::Path, process::ExitCode};

use anyhow::Context as _;
use clap::Args;
use deal_model::Phase;
use jiff::Timestamp;
use serde::Serialize;
use serde_json::json;
use store::Remark;
use sync_engine::{Forgotten, Store, StoreResult, Subject};

use super::{PAGE, find_deal};
use crate::{
    config::{Config, Loaded},
    mapping_files::load_mapping,
    output::{self, Format},
    store_place::Place,
    wiring::{Access, open_store},
};

/// What is true when only the last step failed.
const UNSCRUBBED: &str = "all of it is erased and can be read by nobody, but pieces of it may linger in free pages of the \
                          store until the store is written anew: give the command again";

/// Destroys what is kept of a deal's values, or of every deal that names an
/// e-mail address.
///
/// History and kept values become unreadable for ever; that there were any, and
/// when, stays provable. What a deal that is paused or closed remembers of both
/// sides is erased too. A deal that is kept in step goes on knowing what both
/// sides hold now, because both hold it: take it away there first. The reasons
/// that were given for a deal's pauses go with it, and an address also from the
/// words and names of operators. What Salesforce and Partner Center hold is
/// theirs, and is not touched. The whole store is written anew. Works beside the
/// service, which waits meanwhile.
#[derive(Debug, Args)]
pub(crate) struct Forget {
    /// A deal, an opportunity, a referral, or an e-mail address.
    what: String,
    /// Erase. Without it, what would be erased is shown.
    #[arg(long)]
    yes: bool,
}

/// What is to be forgotten, or was.
#[derive(Serialize)]
struct Row {
    subject: Subject,
    opportunity: Option<deal_model::RecordId>,
    referral: Option<deal_model::RecordId>,
    /// What names the address may name another one that it is a part of.
    doubtful: bool,
    /// Why what both sides hold stays known.
    in_step: bool,
    forgotten: Option<Forgotten>,
}

impl Forget {
    pub(crate) async fn run(self, config: &Path, format: Format) -> anyhow::Result<ExitCode> {
        let loaded = Config::load(config)?;
        let mapping = load_mapping(&loaded)?;
        let store = open_store(&loaded, Access::Look)?;
        let address = self.what.contains('@').then_some(self.what.as_str());
        let subjects = match address {
            Some(address) => naming(store.as_ref(), address).await?,
            None => vec![(Subject::Deal(find_deal(store.as_ref(), &self.what).await?), false)],
        };
        let mut rows = Vec::new();
        for (subject, doubtful) in subjects {
            let mut row = described(store.as_ref(), subject).await?;
            row.doubtful = doubtful;
            if self.yes {
                let erased = store.forget(&row.subject, mapping.version(), Timestamp::now()).await?;
                row.in_step = erased.in_step;
                row.forgotten = Some(erased);
            }
            rows.push(row);
        }
        // Operators' own words and names stand outside of deals.
        let remarks = match address {
            Some(address) => store.remarks(address, self.yes).await?,
            None => Vec::new(),
        };
        let found = !rows.is_empty() || !remarks.is_empty();
        let bytes = store.bytes_to_scrub().await?;
        if self.yes && found {
            if format == Format::Text {
                tell_wait(bytes);
            }
            store.scrub().await.context(UNSCRUBBED)?;
        }
        // Whoever wrote meanwhile may have brought the address back.
        let left = match address {
            Some(address) if self.yes => {
                naming(store.as_ref(), address).await?.into_iter().map(|(subject, _)| subject).collect()
            }
            _ => Vec::new(),
        };
        let kept =
            Kept { copies: set_aside(&loaded)?, bytes, on_a_server: loaded.config.store.url.is_some() };
        self.tell(&rows, &remarks, &left, &kept, format)?;
        let done = self.yes || !found;
        Ok(if done { ExitCode::SUCCESS } else { ExitCode::FAILURE })
    }

    fn tell(
        &self,
        rows: &[Row],
        remarks: &[Remark],
        left: &[Subject],
        kept: &Kept,
        format: Format,
    ) -> anyhow::Result<()> {
        if format == Format::Json {
            return output::json(&json!({
                "erased": self.yes, "subjects": rows, "remarks": remarks, "still_named_by": left,
                "copies": kept.copies, "bytes_written_anew": kept.bytes,
                "not_ours": ["Salesforce", "Partner Center"],
            }));
        }
        if rows.is_empty() && remarks.is_empty() {
            output::line("Nothing that is kept names it.");
            tell_copies(&kept.copies);
            return Ok(());
        }
        for row in rows {
            tell_row(row);
        }
        for Remark { place, texts } in remarks {
            let how_many = if *texts == 1 { "1 text".to_owned() } else { format!("{texts} texts") };
            output::labelled("operators' words", &format!("{how_many} in {place}"));
        }
        if !self.yes {
            output::line("Nothing was erased. To erase it for ever:");
            output::command(2, &format!("cosell forget {} --yes", self.what));
            tell_wait(kept.bytes);
            return Ok(());
        }
        for subject in left {
            output::labelled(
                "still named",
                &format!("{} holds the address, because both sides do", name(subject)),
            );
        }
        tell_copies(&kept.copies);
        output::indented(
            0,
            "Salesforce, Partner Center and Microsoft keep their own records: what is to be forgotten there is \
             deleted there. Backups of the store keep what they hold until you delete them.",
        );
        if kept.on_a_server {
            output::indented(
                0,
                "PostgreSQL's own log (WAL), its archive and its standbys keep old rows until they are written over. \
                 With wal_recycle = off the server deletes such files instead, at its next checkpoints.",
            );
        }
        Ok(())
    }
}

/// What stands around the rows that are forgotten.
struct Kept {
    /// Whole stores that were set aside.
    copies: Vec<String>,
    /// What is written anew.
    bytes: u64,
    /// The store is a database of a server.
    on_a_server: bool,
}

/// Less than this is written in a moment.
const A_MOMENT: u64 = 64 << 20;

/// What a busy machine with two cores wrote anew in a second; most others are faster.
const BYTES_A_SECOND: u64 = 20 << 20;

/// Whoever works waits while the store is written anew: that is said before.
pub(super) fn tell_wait(bytes: u64) {
    if bytes < A_MOMENT {
        return;
    }
    let (megabytes, seconds) = (bytes >> 20, bytes.div_ceil(BYTES_A_SECOND));
    output::labelled(
        "wait",
        &format!(
            "{megabytes} MB are written anew, table by table, and whoever works waits meanwhile: {seconds} s on a \
             slow machine, less on most. Nothing is lost"
        ),
    );
}

/// Whole stores that restoring a backup set aside beside the present one: nothing is forgotten there.
fn set_aside(loaded: &Loaded) -> anyhow::Result<Vec<String>> {
    let Place::File(path) = Place::of(loaded)? else { return Ok(Vec::new()) };
    let (Some(folder), Some(file)) = (path.parent(), path.file_name()) else { return Ok(Vec::new()) };
    let folder = if folder.as_os_str().is_empty() { Path::new(".") } else { folder };
    let beginning = format!("{}.before-restore-", file.to_string_lossy());
    let mut copies: Vec<String> = std::fs::read_dir(folder)
        .with_context(|| format!("cannot look for copies of the store in {}", folder.display()))?
        .filter_map(|entry| Some(entry.ok()?.file_name().to_string_lossy().into_owned()))
        .filter(|name| name.starts_with(&beginning))
        .collect();
    copies.sort();
    Ok(copies)
}

fn tell_copies(copies: &[String]) {
    for copy in copies {
        let what =
            format!("{copy} was set aside by a restore, and all that was ever kept stands there: delete it");
        output::labelled("copy", &what);
    }
}

fn name(subject: &Subject) -> String {
    match subject {
        Subject::Deal(id) => format!("deal {id}"),
        Subject::Referral(id) => format!("referral {id}"),
    }
}

fn tell_row(row: &Row) {
    output::line(name(&row.subject));
    let id = |record: Option<&deal_model::RecordId>| record.map_or("-", |record| record.as_str()).to_owned();
    output::labelled("opportunity", &id(row.opportunity.as_ref()));
    output::labelled("referral", &id(row.referral.as_ref()));
    if row.doubtful {
        output::labelled(
            "maybe",
            "what stands there may be another, longer address; `forget` takes it for this one",
        );
    }
    if let Some(erased) = &row.forgotten {
        let what = format!(
            "{} lines of history, {} kept values, {} decisions",
            erased.lines, erased.archived, erased.decisions
        );
        output::labelled("erased", &what);
    }
    if row.in_step {
        output::labelled(
            "stays known",
            "what both sides hold now, because the deal is kept in step: take it away there, or set sync to no and \
             give the command again",
        );
    }
}

async fn described(store: &dyn Store, subject: Subject) -> StoreResult<Row> {
    let deal = match &subject {
        Subject::Deal(id) => store.deals(std::slice::from_ref(id)).await?.pop(),
        Subject::Referral(_) => None,
    };
    let stranger = match &subject {
        Subject::Referral(id) => Some(id.clone()),
        Subject::Deal(_) => None,
    };
    let in_step = deal.as_ref().is_some_and(|deal| deal.phase == Phase::Live);
    let links = deal.map(|deal| deal.links).unwrap_or_default();
    let (opportunity, referral) = (links.crm, links.portal.or(stranger));
    Ok(Row { subject, opportunity, referral, doubtful: false, in_step, forgotten: None })
}

/// All of whom the store holds the address, page by page, and whether it may be another one.
async fn naming(store: &dyn Store, address: &str) -> StoreResult<Vec<(Subject, bool)>> {
    let mut found = Vec::new();
    let mut after: Option<Subject> = None;
    loop {
        let page = store.mentions(address, after.as_ref(), PAGE).await?;
        found.extend(page.found.into_iter().map(|subject| {
            let doubtful = page.doubtful.contains(&subject);
            (subject, doubtful)
        }));
        let Some(last) = page.last else { return Ok(found) };
        after = Some(last);
    }
}
