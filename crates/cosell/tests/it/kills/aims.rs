//! Where a kill is aimed, how it is made sure that the program stands exactly there, and the tally.

use std::{collections::BTreeMap, fmt::Write as _, path::PathBuf};

use reqwest::Method;
use serde_json::json;

use crate::harness::{Platform, World};

/// Where, around an effect, the program dies.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Point {
    /// The request is on the wire; the platform has not acted.
    BeforeEffect,
    /// The platform has acted and has not answered.
    AfterEffect,
    /// The program has the answer and has committed nothing of it.
    AfterAnswer,
    /// The transaction is written and not committed.
    InCommit,
}

impl Point {
    pub(super) const ALL: [Self; 4] =
        [Self::BeforeEffect, Self::AfterEffect, Self::AfterAnswer, Self::InCommit];

    fn name(self) -> &'static str {
        match self {
            Self::BeforeEffect => "before-effect",
            Self::AfterEffect => "after-effect",
            Self::AfterAnswer => "after-answer",
            Self::InCommit => "in-commit",
        }
    }
}

/// Which effect is under way.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Kind {
    Create,
    CreateCompanion,
    Patch,
    CrmWrite,
}

impl Kind {
    pub(super) const ALL: [Self; 4] = [Self::Create, Self::CreateCompanion, Self::Patch, Self::CrmWrite];

    fn name(self) -> &'static str {
        match self {
            Self::Create => "create",
            Self::CreateCompanion => "create-companion",
            Self::Patch => "patch",
            Self::CrmWrite => "crm-write",
        }
    }

    fn platform(self) -> Platform {
        if self == Self::CrmWrite { Platform::Salesforce } else { Platform::PartnerCenter }
    }
}

/// What becomes of a request whose client was killed before the platform acted on it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fate {
    /// The platform acts on it while nobody serves.
    Happens,
    /// The platform acts on it when the next process serves already.
    HappensLate,
    /// It never arrived.
    Lost,
}

/// One kill.
#[derive(Debug, Clone, Copy)]
pub(super) struct Aim {
    pub(super) point: Point,
    pub(super) kind: Kind,
    pub(super) fate: Fate,
}

impl Aim {
    /// Every point with every kind, `times` over, neighbours of different kinds, the fates taking turns.
    pub(super) fn every(times: usize) -> Vec<Self> {
        let fates = [Fate::HappensLate, Fate::Lost, Fate::Happens];
        let mut aims = Vec::new();
        for turn in 0..times {
            for shift in 0..Point::ALL.len() {
                for (at, kind) in Kind::ALL.into_iter().enumerate() {
                    let point = Point::ALL[(at + shift) % Point::ALL.len()];
                    aims.push(Self { point, kind, fate: fates[(turn + at) % fates.len()] });
                }
            }
        }
        aims
    }

    /// The environment of a program that holds itself at this aim, and the file it writes then.
    pub(super) fn environment(self, world: &World, number: usize) -> Option<(String, PathBuf)> {
        if !matches!(self.point, Point::AfterAnswer | Point::InCommit) {
            return None;
        }
        let file = world.folder().join(format!("held-{number}"));
        Some((format!("{}:{}:{}", self.point.name(), self.kind.name(), file.display()), file))
    }

    /// Whether a seller's own save in Salesforce would be taken for the program's.
    pub(super) fn catches_sellers(self) -> bool {
        self.kind == Kind::CrmWrite && self.environment_free()
    }

    /// Whether the platform holds the request, and not the program itself.
    pub(super) fn environment_free(self) -> bool {
        matches!(self.point, Point::BeforeEffect | Point::AfterEffect)
    }
}

/// An armed hold-point, in the sandbox or in the program.
#[derive(Debug)]
pub(super) enum Hold {
    InSandbox { platform: Platform, id: u64 },
    InProgram { file: PathBuf },
}

impl Hold {
    /// Arms the sandbox's hold for this aim.
    pub(super) async fn arm(world: &World, aim: Aim) -> Self {
        let platform = aim.kind.platform();
        let body = json!({ "kind": aim.kind.name(), "point": aim.point.name() });
        let armed = world.control(platform, Method::POST, "holds", Some(&body)).await;
        Self::InSandbox { platform, id: armed["id"].as_u64().unwrap() }
    }

    /// Whether the program stands at the hold, looking for at most a second.
    pub(super) async fn holds(&self, world: &World) -> bool {
        match self {
            Self::InSandbox { platform, id } => {
                let path = format!("holds/{id}?wait_ms=1000");
                world.control(*platform, Method::GET, &path, None).await["held"] == true
            }
            Self::InProgram { file } => {
                for _ in 0..50 {
                    if file.exists() {
                        return true;
                    }
                    tokio::time::sleep(std::time::Duration::from_millis(20)).await;
                }
                false
            }
        }
    }

    /// Lets the dead client's request meet its fate.
    pub(super) async fn release(&self, world: &World, fate: Fate) {
        let Self::InSandbox { platform, id } = self else { return };
        let action = if fate == Fate::Lost { "drop" } else { "proceed" };
        let path = format!("holds/{id}?action={action}");
        let released = world.control(*platform, Method::DELETE, &path, None).await;
        assert_eq!(released["held"], true, "the killed program's request was held until now");
    }
}

/// How often the program really died at each place.
#[derive(Debug, Default)]
pub(super) struct Tally(BTreeMap<(Kind, Point), usize>);

impl Tally {
    pub(super) fn count(&mut self, aim: Aim) {
        *self.0.entry((aim.kind, aim.point)).or_default() += 1;
    }

    fn of(&self, kind: Kind, point: Point) -> usize {
        self.0.get(&(kind, point)).copied().unwrap_or(0)
    }

    pub(super) fn total(&self) -> usize {
        self.0.values().sum()
    }

    /// Whether every place was met this often.
    pub(super) fn reaches(&self, times: usize) -> bool {
        Kind::ALL.into_iter().all(|kind| Point::ALL.into_iter().all(|point| self.of(kind, point) >= times))
    }

    /// The table.
    pub(super) fn table(&self) -> String {
        let mut text = format!("{:<17}", "killed at");
        for point in Point::ALL {
            let _ = write!(text, "{:>15}", point.name());
        }
        for kind in Kind::ALL {
            let _ = write!(text, "\n{:<17}", kind.name());
            for point in Point::ALL {
                let _ = write!(text, "{:>15}", self.of(kind, point));
            }
        }
        text
    }
}
