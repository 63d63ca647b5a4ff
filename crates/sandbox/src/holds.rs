//! Hold-points on the server's side of the wire: a matching request stops there until a test says how it goes on.

use std::{collections::BTreeMap, sync::Mutex, time::Duration};

use serde::{Deserialize, Serialize};
use tokio::sync::watch;

use crate::{
    exchange::Kind,
    faults::{Platform, Point},
};

/// Most holds that can be armed or holding at once.
pub const MAX_HOLDS: usize = 64;
/// Longest time a request is held; then it goes on as if dropped.
pub const MAX_HELD: Duration = Duration::from_mins(10);

/// Which request is held, and where.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Arm {
    /// The kind of request.
    pub kind: Kind,
    /// Before or after the platform acts.
    pub point: Point,
    /// Only this platform. The control surface fills in its own listener's platform when absent.
    #[serde(default)]
    pub platform: Option<Platform>,
}

/// How a held request goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Release {
    /// As if nothing had been: before the effect, the platform acts even if the client is gone by now.
    Proceed,
    /// The connection is closed; before the effect, the platform does not act.
    Drop,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stand {
    Armed,
    Held,
    Released(Release),
}

#[derive(Debug)]
struct Hold {
    arm: Arm,
    stand: watch::Sender<Stand>,
}

/// All holds, of both platforms. Each holds one request and is then used up.
#[derive(Debug, Default)]
pub struct Holds {
    holds: Mutex<(u64, BTreeMap<u64, Hold>)>,
}

impl Holds {
    /// Arms a hold for the next matching request and returns its number.
    ///
    /// # Errors
    /// A sentence, when [`MAX_HOLDS`] exist already.
    pub fn arm(&self, arm: Arm) -> Result<u64, String> {
        let mut holds = self.holds.lock().expect("no code panics while holding this lock");
        if holds.1.len() >= MAX_HOLDS {
            return Err(format!("{MAX_HOLDS} holds exist already"));
        }
        holds.0 += 1;
        let id = holds.0;
        holds.1.insert(id, Hold { arm, stand: watch::channel(Stand::Armed).0 });
        Ok(id)
    }

    /// Stops here if a hold is armed for this place, until it is released.
    pub async fn reach(&self, platform: Platform, kind: Kind, point: Point) -> Release {
        let Some((id, mut stand)) = self.catch(platform, kind, point) else { return Release::Proceed };
        let released = tokio::time::timeout(MAX_HELD, async {
            let stand = stand.wait_for(|stand| matches!(stand, Stand::Released(_))).await;
            match stand.as_deref() {
                Ok(Stand::Released(release)) => *release,
                _ => Release::Drop,
            }
        })
        .await
        .unwrap_or(Release::Drop);
        self.holds.lock().expect("no code panics while holding this lock").1.remove(&id);
        released
    }

    /// Whether hold `id` holds a request, waiting for that at most `wait`. `None` if there is no such hold.
    pub async fn held(&self, id: u64, wait: Duration) -> Option<bool> {
        let mut stand = {
            let holds = self.holds.lock().expect("no code panics while holding this lock");
            holds.1.get(&id)?.stand.subscribe()
        };
        let held = tokio::time::timeout(wait, stand.wait_for(|stand| *stand != Stand::Armed)).await;
        Some(matches!(held, Ok(Ok(_))))
    }

    /// Lets hold `id` go, or disarms it if it holds nothing. Returns whether it held a request; `None` if there is
    /// no such hold.
    pub fn release(&self, id: u64, release: Release) -> Option<bool> {
        let mut holds = self.holds.lock().expect("no code panics while holding this lock");
        let hold = holds.1.get(&id)?;
        if *hold.stand.borrow() == Stand::Armed {
            holds.1.remove(&id);
            return Some(false);
        }
        hold.stand.send_replace(Stand::Released(release));
        Some(true)
    }

    fn catch(&self, platform: Platform, kind: Kind, point: Point) -> Option<(u64, watch::Receiver<Stand>)> {
        let holds = self.holds.lock().expect("no code panics while holding this lock");
        let (id, hold) = holds.1.iter().find(|(_, hold)| {
            *hold.stand.borrow() == Stand::Armed
                && hold.arm.kind == kind
                && hold.arm.point == point
                && hold.arm.platform.is_none_or(|wanted| wanted == platform)
        })?;
        hold.stand.send_replace(Stand::Held);
        Some((*id, hold.stand.subscribe()))
    }
}
