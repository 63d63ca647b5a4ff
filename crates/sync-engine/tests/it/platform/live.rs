//! A live source: pages that a test puts there, told when they come.

use std::time::Duration;

use deal_model::RecordId;
use ports::Clock as _;
use sync_engine::{Changes, Hearing, Seen, SideError, Target};

use super::{Call, Fault, Platform, error};

/// The source's name.
pub(crate) const LIVE: &str = "crm.events";

/// How long it waits for news in one turn.
const PATIENCE: u32 = 100;
const STEP: Duration = Duration::from_millis(100);

/// What it tells.
#[derive(Default)]
pub(crate) struct Live {
    /// Its pages; a position is how many were told.
    pub(crate) pages: Vec<Changes>,
    pub(crate) hearing: Hearing,
    /// Sources of which it tells nothing.
    pub(crate) untold: Vec<&'static str>,
    /// How often it was asked.
    pub(crate) asked: usize,
}

impl Platform {
    /// The platform gets a live source, which hears.
    pub(crate) fn goes_live(&self) {
        self.state().live = Some(Live { hearing: Hearing::Hears, ..Live::default() });
    }

    /// It is from now on so.
    pub(crate) fn hearing(&self, hearing: Hearing) {
        self.state().live.as_mut().expect("it is live").hearing = hearing;
    }

    /// It tells of a change.
    pub(crate) fn tells(&self, seen: Seen) {
        self.tells_page(Changes { seen: vec![seen], ..Changes::default() });
    }

    /// It tells a page.
    pub(crate) fn tells_page(&self, page: Changes) {
        self.state().live.as_mut().expect("it is live").pages.push(page);
    }

    pub(super) async fn listen(&self, position: Option<&str>) -> Result<Changes, SideError> {
        let first = {
            let mut state = self.state();
            let live = state.live.as_mut().expect("it is live");
            live.asked += 1;
            live.asked == 1
        };
        if let Some(Fault::Before(class)) = self.trouble(Call::Listen).await {
            return Err(error(class, true));
        }
        let from: usize = position.map_or(0, |text| text.parse().unwrap());
        for _ in 0..PATIENCE {
            {
                let state = self.state();
                let live = state.live.as_ref().expect("it is live");
                if let Some(page) = live.pages.get(from) {
                    let position = (from + 1).to_string();
                    let (hearing, untold) = (live.hearing.clone(), live.untold.clone());
                    return Ok(Changes { position, hearing, untold, ..page.clone() });
                }
                if first || matches!(live.hearing, Hearing::Deaf(_)) {
                    break;
                }
            }
            self.clock.sleep(STEP).await;
        }
        let state = self.state();
        let live = state.live.as_ref().expect("it is live");
        let (hearing, untold) = (live.hearing.clone(), live.untold.clone());
        Ok(Changes { position: from.to_string(), hearing, untold, ..Changes::default() })
    }

    pub(super) fn admitted(&self, records: &[RecordId]) -> Vec<Target> {
        let state = self.state();
        let opted_in = |id: &&RecordId| state.records.get(id).is_some_and(|record| record.crm.opted_in);
        let target = |id: &RecordId| Target::Opportunity { id: id.clone(), birth: true, claims: None };
        records.iter().filter(opted_in).map(target).collect()
    }
}
