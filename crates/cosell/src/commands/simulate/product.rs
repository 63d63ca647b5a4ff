//! The shipped program as the simulation starts it: the same wiring, the same watches, the same endpoint; only time, chance,
//! the network and events come from the world.

use std::{
    collections::{BTreeMap, HashMap},
    fs,
    path::{Path, PathBuf},
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
};

use anyhow::Context as _;
use async_trait::async_trait;
use deal_model::{Deal, DealId, Irreversible, Phase, Problem, RecordId, Verdict};
use futures::FutureExt as _;
use jiff::Timestamp;
use sandbox::serve::Ready;
use service::Receiver;
use simulation::{DealSeen, Eyes, Installed, Life, Lost, Outside, Product, Profile};
use sync_engine::{Cursor, DealSummary, Decided, Engine, NewDecision, PauseScope, PauseWish, Side, Store};
use tokio::{sync::Notify, task::JoinSet};

use super::super::{
    PAGE, all_deals,
    run::{synchronise, watch_over},
    sandbox::printed,
};
use super::overheard;
use crate::{
    config::Config,
    surroundings::Surroundings,
    wiring::{Unbound, Wired, wire_in},
};

/// Most archived values of a deal that are looked at.
const ARCHIVED: usize = 10_000;

/// Why the lock is never poisoned.
const LOCK: &str = "no code panics while holding this lock";

/// What a customer may add to the mapping between two lives.
const MAPPINGS: [&str; 4] = [
    "",
    "\n[fields.notes]\nconflict = \"salesforce\"\n",
    "\n[fields.notes]\nconflict = \"partner_center\"\nclear = \"propagate\"\n",
    "\n[fields.closing_date]\nconflict = \"partner_center\"\n\n[fields.deal_value]\nconflict = \"ask\"\n",
];

/// This very program.
pub(super) struct ThisProgram;

impl Product for ThisProgram {
    fn install(&self, ready: &Ready, profile: Profile) -> Result<Box<dyn Installed>, String> {
        install(ready, profile).map(|own| Box::new(own) as _).map_err(|error| format!("{error:#}"))
    }
}

fn install(ready: &Ready, profile: Profile) -> anyhow::Result<Installation> {
    // A disk in memory, where there is one: what is flushed there costs nothing.
    let memory = Path::new("/dev/shm");
    let folder = if memory.is_dir() { tempfile::tempdir_in(memory) } else { tempfile::tempdir() };
    let folder = folder.context("cannot make a temporary folder")?;
    let mut files = printed(ready)?;
    let config = files.files.get_mut("cosell.toml").context("the sandbox printed no configuration")?;
    *config = configured(config, profile)?;
    files.write_files(folder.path())?;
    let mapping = files.files.remove("mapping.toml").context("the sandbox printed no mapping")?;
    Ok(Installation { folder, mapping, lost: AtomicBool::new(false) })
}

/// The sandbox's configuration, as the customer of this profile has it.
fn configured(text: &str, profile: Profile) -> anyhow::Result<String> {
    let mut config: toml::Table = toml::from_str(text)?;
    let mut set = |section: &str, values: Vec<(&str, toml::Value)>| {
        let table = config.entry(section).or_insert_with(|| toml::Value::Table(toml::Table::new()));
        if let toml::Value::Table(table) = table {
            table.extend(values.into_iter().map(|(key, value)| (key.to_owned(), value)));
        }
    };
    let poll = toml::Value::from(format!("{}s", profile.poll_seconds));
    let overlap = toml::Value::from(format!("{}min", profile.overlap_minutes));
    set("partner_center", vec![("poll_every", poll.clone()), ("overlap", overlap.clone())]);
    set("salesforce", vec![("poll_every", poll), ("overlap", overlap)]);
    let mut events = toml::Table::new();
    events.insert("enabled".to_owned(), profile.events.into());
    events.insert("poll_every".to_owned(), format!("{}min", profile.reconcile_minutes).into());
    set("salesforce", vec![("events", toml::Value::Table(events))]);
    set("webhook", vec![("public_url", simulation::world::PRODUCT.into())]);
    let (close, accept) = if profile.short_graces { ("2s", "1s") } else { ("10min", "1min") };
    let brake = i64::from(profile.brake_limit).into();
    set(
        "guard",
        vec![
            ("close_grace", close.into()),
            ("decline_grace", close.into()),
            ("accept_grace", accept.into()),
            ("brake_limit", brake),
        ],
    );
    let workers = i64::try_from(profile.workers).unwrap_or(1).into();
    let waits = [("deadline", "10s"), ("lease", "30s"), ("settling", "1min")];
    let mut engine: Vec<(&str, toml::Value)> = waits.map(|(key, value)| (key, value.into())).to_vec();
    engine.push(("workers", workers));
    set("engine", engine);
    Ok(toml::to_string(&config)?)
}

struct Installation {
    folder: tempfile::TempDir,
    mapping: String,
    /// Positions are to be forgotten at the next start.
    lost: AtomicBool,
}

impl Installation {
    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// The store's files, by name.
    fn files(&self) -> anyhow::Result<BTreeMap<String, PathBuf>> {
        let mut found = BTreeMap::new();
        for entry in fs::read_dir(self.folder.path())? {
            let entry = entry?;
            let name = entry.file_name().to_string_lossy().into_owned();
            if name.starts_with("cosell.sqlite3") && entry.path().extension() != Some("lock".as_ref()) {
                found.insert(name, entry.path());
            }
        }
        Ok(found)
    }

    fn start(&self, outside: Outside) -> anyhow::Result<Life> {
        let Outside { clock, rng, holds, http, events } = outside;
        let ids = Arc::clone(&rng);
        let surroundings = Surroundings { clock, common: None, rng, holds, http, events: Some(events) };
        let wired = wire_in(Config::load(&self.path("cosell.toml"))?, surroundings)?;
        let receiver = wired.verifier()?.map(|verifier| {
            Receiver::new(verifier, Arc::clone(&wired.engine), Arc::clone(&wired.clock)).routes()
        });
        let eyes = Arc::new(OwnEyes {
            engine: Arc::clone(&wired.engine),
            store: Arc::clone(&wired.store) as Arc<dyn Store>,
            clock: Arc::clone(&wired.clock),
            rng: ids,
            mapping: wired.mapping.version().to_owned(),
            known: Mutex::default(),
        });
        let lost = self.lost.swap(false, Ordering::Relaxed);
        let service = async move { serve(wired, lost).await.map_err(|error| format!("{error:#}")) };
        Ok(Life { door: receiver, service: service.boxed(), eyes })
    }
}

/// As `cosell run` serves, without sockets.
async fn serve(wired: Wired, lost: bool) -> anyhow::Result<()> {
    if lost {
        let sides: [&dyn Side; 2] = [wired.portal.as_ref(), wired.crm.as_ref()];
        let sources = sides.into_iter().flat_map(Side::sources);
        let gone = |name: &str| Cursor { source: name.to_owned(), position: String::new() };
        let gone: Vec<Cursor> = sources.map(|source| gone(source.name)).collect();
        wired.store.mark(&[], &[], &gone, None).await?;
    }
    let trouble = match wired.try_bind().await {
        Ok(()) => None,
        Err(Unbound::NotLetIn(error)) => Some(error),
        Err(Unbound::Wrong(error)) => return Err(error),
    };
    let mut servers = JoinSet::new();
    watch_over(&wired, &mut servers)?;
    synchronise(&wired, trouble, &Notify::new()).await
}

impl Installed for Installation {
    fn start(&self, outside: Outside) -> Result<Life, String> {
        Self::start(self, outside).map_err(|error| format!("{error:#}"))
    }

    fn remap(&self, variant: u64) -> Result<(), String> {
        let at = usize::try_from(variant).unwrap_or_default() % MAPPINGS.len();
        let text = format!("{}{}", self.mapping, MAPPINGS[at]);
        fs::write(self.path("mapping.toml"), text).map_err(|error| error.to_string())
    }

    fn keep_copy(&self) -> Result<(), String> {
        let copy = || -> anyhow::Result<()> {
            let kept = self.path("copy");
            if kept.exists() {
                fs::remove_dir_all(&kept)?;
            }
            fs::create_dir(&kept)?;
            for (name, path) in self.files()? {
                fs::copy(path, kept.join(name))?;
            }
            Ok(())
        };
        copy().map_err(|error| error.to_string())
    }

    fn bring_copy_back(&self) -> Result<bool, String> {
        let kept = self.path("copy");
        if !kept.exists() {
            return Ok(false);
        }
        let bring = || -> anyhow::Result<()> {
            for (_, path) in self.files()? {
                fs::remove_file(path)?;
            }
            for entry in fs::read_dir(&kept)? {
                let entry = entry?;
                fs::copy(entry.path(), self.folder.path().join(entry.file_name()))?;
            }
            Ok(())
        };
        bring().map(|()| true).map_err(|error| error.to_string())
    }

    fn lose_positions(&self) -> Result<(), String> {
        self.lost.store(true, Ordering::Relaxed);
        Ok(())
    }

    fn stored(&self) -> Vec<Vec<u8>> {
        let files = self.files().unwrap_or_default();
        files.values().filter_map(|path| fs::read(path).ok()).collect()
    }
}

struct OwnEyes {
    engine: Arc<Engine>,
    store: Arc<dyn Store>,
    clock: Arc<dyn ports::Clock>,
    rng: Arc<dyn ports::Rng>,
    mapping: String,
    /// When each deal had been committed that was looked at.
    known: Mutex<HashMap<DealId, Timestamp>>,
}

#[async_trait]
impl Eyes for OwnEyes {
    fn passes(&self) -> u64 {
        self.engine.passes()
    }

    fn rows(&self) -> BTreeMap<String, u64> {
        self.engine.rows_met()
    }

    async fn deals(&self) -> Vec<DealSeen> {
        self.look_at(all_deals(self.store.as_ref()).await.unwrap_or_default()).await
    }

    async fn changed(&self) -> Vec<DealSeen> {
        let mut changed = BTreeMap::new();
        let mut after: Option<DealId> = None;
        loop {
            let page = self.store.list(after.as_ref(), PAGE).await.unwrap_or_default();
            after = page.last().map(|deal| deal.id.clone());
            let full = page.len() == PAGE;
            let known = self.known.lock().expect(LOCK);
            let new = |deal: &DealSummary| known.get(&deal.id) != Some(&deal.updated);
            changed.extend(page.into_iter().filter(new).map(|deal| (deal.id, deal.updated)));
            if !full {
                break;
            }
        }
        let seen = self.look_at(changed.keys().cloned().collect()).await;
        // What could not be read now is looked at the next time.
        let looked_at = |id: &DealId| seen.iter().any(|deal| deal.id == id.as_str());
        self.known.lock().expect(LOCK).extend(changed.into_iter().filter(|(id, _)| looked_at(id)));
        seen
    }

    async fn hidden(&self) -> Vec<String> {
        let problems = self.store.connection_problems().await.unwrap_or_default();
        problems.iter().filter_map(|problem| problem.key.strip_prefix("field.").map(str::to_owned)).collect()
    }

    async fn archive(&self) -> Vec<Lost> {
        let mut lost = Vec::new();
        let ids = all_deals(self.store.as_ref()).await.unwrap_or_default();
        let deals = self.store.deals(&ids).await.unwrap_or_default();
        for deal in deals {
            let rows = self.store.archive(&deal.id, ARCHIVED).await.unwrap_or_default();
            lost.extend(rows.into_iter().map(|row| Lost {
                opportunity: deal.links.crm.as_ref().map(ToString::to_string),
                value: serde_json::to_string(&row.archived.value).unwrap_or_default(),
                reason: row.archived.reason,
            }));
        }
        lost
    }

    async fn brakes(&self, release: bool) -> Vec<String> {
        let held = self.store.brakes().await.unwrap_or_default();
        let now: Timestamp = self.clock.now();
        for brake in held.iter().filter(|_| release) {
            let _ = self.store.release_brake(&brake.kind, "somebody", now).await;
        }
        held.into_iter().map(|brake| brake.kind).collect()
    }

    fn said(&self) -> Vec<u8> {
        overheard::take()
    }

    async fn withdraw(&self, pick: u64) -> Option<(String, String)> {
        self.decide_on_waiting(pick, |kind, target| Verdict::Withdraw { kind, target }).await
    }

    async fn send_now(&self, pick: u64) -> Option<(String, String)> {
        self.decide_on_waiting(pick, |kind, target| Verdict::SendNow { kind, target }).await
    }

    async fn pause(&self, pick: u64) -> String {
        let paused = self.store.pauses().await.unwrap_or_default();
        if !paused.is_empty() {
            self.resume().await;
            return format!("resumes {}", paused.len());
        }
        let ids = all_deals(self.store.as_ref()).await.unwrap_or_default();
        let at =
            usize::try_from(pick.checked_rem(ids.len() as u64 + 1).unwrap_or_default()).unwrap_or_default();
        let scope = ids.get(at).map_or(PauseScope::All, |id| PauseScope::Deal(id.clone()));
        let done = self.store.pause(&self.wish(scope.clone())).await;
        format!("{scope:?}{}", if done.is_ok() { "" } else { ", in vain" })
    }

    async fn resume(&self) {
        for pause in self.store.pauses().await.unwrap_or_default() {
            let _ =
                sync_engine::resume(self.store.as_ref(), &self.wish(pause.scope), self.rng.as_ref()).await;
        }
    }

    async fn retry(&self) {
        let ids = all_deals(self.store.as_ref()).await.unwrap_or_default();
        let deals = self.store.deals(&ids).await.unwrap_or_default();
        for deal in deals.into_iter().filter(|deal| !deal.problems.is_empty()) {
            let decision = NewDecision {
                deal: deal.id,
                verdict: Verdict::Retry,
                by: "somebody".to_owned(),
                sentence: "Try again.".to_owned(),
                mapping: self.mapping.clone(),
                instead_of: None,
                now: self.clock.now(),
            };
            let _ = self.store.decide(&decision).await;
        }
    }

    async fn keeps(&self, referral: &str, changed: Option<Timestamp>) -> bool {
        let record = RecordId::new(referral);
        let known = self.store.seen(deal_model::Side::Portal, std::slice::from_ref(&record)).await;
        let known = known.unwrap_or_default().into_iter().find_map(|(_, stamp)| stamp);
        if changed.is_some_and(|changed| known.is_some_and(|known| known >= changed)) {
            return true;
        }
        let Ok(Some(deal)) = self.store.deal_of(deal_model::Side::Portal, &record).await else { return true };
        let deals = self.store.list(None, PAGE).await.unwrap_or_default();
        let now = self.clock.now();
        deals
            .iter()
            .find(|summary| summary.id == deal)
            .is_none_or(|summary| summary.due.is_some_and(|due| due <= now))
    }

    async fn due(&self) -> u64 {
        self.store.counts(self.clock.now()).await.map_or(0, |counts| counts.due)
    }
}

impl OwnEyes {
    async fn look_at(&self, ids: Vec<DealId>) -> Vec<DealSeen> {
        let mut seen = Vec::with_capacity(ids.len());
        for page in ids.chunks(PAGE) {
            let deals = self.store.deals(page).await.unwrap_or_default();
            seen.extend(deals.iter().map(deal_seen));
        }
        seen
    }

    fn wish(&self, scope: PauseScope) -> PauseWish {
        let (by, mapping) = ("somebody".to_owned(), self.mapping.clone());
        PauseWish { scope, by, why: None, mapping, now: self.clock.now() }
    }

    /// A person decides on the `pick`-th of all effects that wait.
    async fn decide_on_waiting(
        &self,
        pick: u64,
        verdict: impl Fn(Irreversible, String) -> Verdict,
    ) -> Option<(String, String)> {
        let ids = all_deals(self.store.as_ref()).await.ok()?;
        let deals = self.store.deals(&ids).await.ok()?;
        let waiting: Vec<_> = deals
            .iter()
            .flat_map(|deal| deal.waiting.iter().map(move |effect| (deal, effect)))
            .filter(|(_, effect)| !effect.withdrawn)
            .collect();
        let at = pick.checked_rem(waiting.len() as u64)?;
        let (deal, effect) = waiting.get(usize::try_from(at).ok()?)?;
        let decision = NewDecision {
            deal: deal.id.clone(),
            verdict: verdict(effect.kind, effect.target.clone()),
            by: "somebody".to_owned(),
            sentence: format!("About {}.", effect.target),
            mapping: self.mapping.clone(),
            instead_of: None,
            now: self.clock.now(),
        };
        match self.store.decide(&decision).await {
            Ok(Decided::Taken(_)) => Some((deal.links.crm.as_ref()?.to_string(), effect.target.clone())),
            _ => None,
        }
    }
}

fn deal_seen(deal: &Deal) -> DealSeen {
    let phase = match deal.phase {
        Phase::Live => "live",
        Phase::Paused => "paused",
        Phase::Finished => "finished",
    };
    let told =
        |problem: &Problem| (problem.field.as_ref().map(ToString::to_string), problem.sentence.clone());
    let versions = &deal.memory.versions;
    DealSeen {
        id: deal.id.to_string(),
        opportunity: deal.links.crm.as_ref().map(ToString::to_string),
        referral: deal.links.portal.as_ref().map(ToString::to_string),
        phase: phase.to_owned(),
        waiting: deal.waiting.len(),
        problems: deal.problems.iter().map(told).collect(),
        remapped: deal.memory.mapped.differs.keys().map(ToString::to_string).collect(),
        base: serde_json::to_string(&deal.memory.base).unwrap_or_default(),
        read: deal_model::Side::BOTH.map(|side| versions.at(side).as_ref().map(|version| version.stamp)),
    }
}
