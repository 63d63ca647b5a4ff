//! What happens besides the steps: what is seldom, on request, and what a run was made for, often. Both draw from
//! sequences of their own.

use std::time::Duration;

use super::{Course, PAUSING, SENDING, WITHDRAWAL};
use crate::{
    faults::{network::MISHAPS, troubles},
    judge,
    people::{self, Deed},
    product::Eyes,
    scene::Scene,
};

/// The power is off for long, and people go on; when it is back, it is off once more within seconds.
const POWER_FAILS: &str = "power_fails";
/// A seller types into an opportunity in the moment in which the product has read it.
pub(crate) const TYPES_WHILE_READ: &str = "types_while_read";
/// What happens only where it is named to happen often.
pub(crate) const ON_REQUEST: [&str; 2] = [POWER_FAILS, TYPES_WHILE_READ];
/// How many reads of the product a seller lets pass at the most before one is typed over.
const READS: u64 = 6;

impl Course<'_> {
    /// Something happens besides that is seldom.
    pub(super) async fn something_seldom(&mut self, eyes: &dyn Eyes) {
        let deeds = people::SELDOM.iter().map(|deed| deed.name());
        let troubles = troubles::SELDOM.iter().map(|trouble| trouble.name);
        let all: Vec<&str> = deeds.chain(troubles).chain([SENDING, PAUSING]).collect();
        let Some(name) = self.seldom.pick(&all).copied() else { return };
        let pick = self.seldom.draw();
        if self.script.leaves_in(name) {
            self.happen(name, pick, eyes).await;
        }
    }

    /// Something happens besides that is to happen often. True: the product dies now.
    pub(super) async fn something_often(&mut self, eyes: &dyn Eyes) -> bool {
        let script = self.script;
        let Some(name) = self.often.pick(&script.often) else { return false };
        let pick = self.often.draw();
        script.leaves_in(name) && self.happen(name, pick, eyes).await
    }

    /// What has this name happens; `pick` says to what, or for how long. True: the product dies now.
    async fn happen(&mut self, name: &str, pick: u64, eyes: &dyn Eyes) -> bool {
        if let Some(deed) = Deed::named(name) {
            self.people.act(deed);
        } else if let Some(trouble) = troubles::named(name) {
            self.begin(trouble, 5 + pick % trouble.longest);
        } else if let Some(mishap) = MISHAPS.iter().find(|mishap| mishap.name() == name) {
            let rate = 1_000 + pick % 5_000;
            self.world.say(&format!("weather: {rate} of ten thousand calls meet {name}"));
            self.world.weather.turn(rate, vec![*mishap]);
        }
        match name {
            WITHDRAWAL => self.withdraw(eyes, pick).await,
            SENDING => self.send_now(eyes, pick).await,
            PAUSING => {
                let did = eyes.pause(pick).await;
                self.world.counters.note(format!("deed.{PAUSING}"));
                self.world.say(&format!("{PAUSING}: {did}"));
            }
            TYPES_WHILE_READ => self.world.lure.lay(pick % READS),
            POWER_FAILS => {
                self.world.counters.note(format!("crash.{POWER_FAILS}"));
                self.power_fails = true;
                return true;
            }
            _ => {}
        }
        false
    }

    /// A person takes a waiting effect back.
    pub(super) async fn withdraw(&mut self, eyes: &dyn Eyes, pick: u64) {
        if let Some((opportunity, target)) = eyes.withdraw(pick).await {
            self.world.counters.note(format!("deed.{WITHDRAWAL}"));
            self.world.say(&format!("{WITHDRAWAL}: {opportunity} is not to be {target}"));
            self.people.record.withdrawn.insert(opportunity, (target, self.world.now()));
        }
    }

    /// A person sends a waiting effect before its time.
    async fn send_now(&mut self, eyes: &dyn Eyes, pick: u64) {
        if let Some((opportunity, target)) = eyes.send_now(pick).await {
            self.world.counters.note(format!("deed.{SENDING}"));
            self.world.say(&format!("{SENDING}: {opportunity} is to be {target} at once"));
            self.people.record.sent_now.insert(opportunity);
        }
    }

    /// How long the power is off.
    pub(super) fn blackout(&self) -> Duration {
        Duration::from_secs(self.often.between(1_200, 3_600))
    }

    /// How long the power is on before it is off once more.
    pub(super) fn flicker(&self) -> Duration {
        Duration::from_millis(self.often.between(1_000, 8_000))
    }

    /// Lets time pass until the next step; somebody may be waiting for a read of the product.
    pub(super) async fn pass_time(&mut self) {
        let gap = tokio::time::sleep(self.gap());
        tokio::pin!(gap);
        let world = std::sync::Arc::clone(&self.world);
        loop {
            tokio::select! {
                biased;
                () = &mut gap => return,
                answer = world.lure.caught() => self.people.type_over(&answer),
            }
        }
    }

    /// Nothing has gone wrong for a while, and nobody did anything: then every edit has arrived that can.
    pub(super) async fn judge_fair_spell(&mut self, eyes: &dyn Eyes) {
        if self.world.now() < self.hidden_until {
            return;
        }
        self.note_archive(eyes).await;
        self.people.record.hidden = eyes.hidden().await;
        let (scene, deals) = (Scene::of(&self.world), eyes.deals().await);
        let found = judge::in_fair_weather(&scene, &self.people.record, &deals, &self.archive);
        self.violations.extend(found);
    }
}

/// Ends when the power does; never, if it stays.
pub(super) async fn power(flickers: Option<Duration>) {
    match flickers {
        Some(after) => tokio::time::sleep(after).await,
        None => std::future::pending().await,
    }
}
