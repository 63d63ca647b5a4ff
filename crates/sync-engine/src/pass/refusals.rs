//! An update that survives the refusal of some of its fields (sync rules, section 3): what a server names is left out
//! and the rest is sent once more; where it names nothing, the halves are tried, within a bound.

use deal_model::{Effect, EffectEnd, GroupId, Life, Side, Version, Write};
use ports::RetryClass;

use super::{NOT_DONE, Round};
use crate::{Applied, SideError, settings::BISECT_CALLS};

/// What goes in one call.
#[derive(Debug, Clone, Default)]
pub(super) struct Part {
    pub(super) writes: Vec<Write>,
    pub(super) life: Option<Life>,
}

impl Part {
    fn is_empty(&self) -> bool {
        self.writes.is_empty() && self.life.is_none()
    }

    fn add(&mut self, part: Part) {
        self.writes.extend(part.writes);
        self.life = self.life.take().or(part.life);
    }
}

/// An update on its way, call by call.
#[derive(Debug, Default)]
pub(super) struct Attempt {
    /// Parts that are still to be sent, the next one last.
    parts: Vec<Part>,
    calls: usize,
    pub(super) sent: Part,
    unsent: Part,
    refused: Vec<(GroupId, String)>,
    refused_writes: Vec<Write>,
    /// Places that the side lets nobody change, with the groups that live there.
    pub(super) fixed: Vec<(GroupId, String)>,
    pub(super) applied: Option<Applied>,
    pub(super) failure: Option<SideError>,
}

impl Attempt {
    pub(super) fn new(writes: Vec<Write>, life: Option<Life>) -> Self {
        Self { parts: vec![Part { writes, life }], ..Self::default() }
    }

    /// The next call's part, if there is one.
    pub(super) fn next(&mut self) -> Option<Part> {
        if self.calls >= BISECT_CALLS {
            for part in std::mem::take(&mut self.parts) {
                self.unsent.life = self.unsent.life.take().or(part.life);
                self.refuse(part.writes, "refused together with other fields");
            }
        }
        let part = self.parts.pop()?;
        self.calls += 1;
        Some(part)
    }

    /// Whether nothing is left to be sent after the part that is on its way.
    pub(super) fn is_last(&self) -> bool {
        self.parts.is_empty()
    }

    /// Takes the answer to `part`.
    pub(super) fn heard(&mut self, part: Part, answer: Result<Applied, SideError>) {
        match answer {
            Ok(applied) => {
                self.sent.add(part);
                self.applied = Some(applied);
            }
            // What keeps the whole record from being written is no value's fault: the halves would fare the same.
            Err(error) if error.class == RetryClass::Person && error.waits_for.is_none() => {
                self.split(part, error);
            }
            Err(error) => {
                self.unsent.add(part);
                self.leave();
                self.failure = Some(error);
            }
        }
    }

    /// Leaves what is not sent yet to another pass.
    pub(super) fn leave(&mut self) {
        for part in std::mem::take(&mut self.parts) {
            self.unsent.add(part);
        }
    }

    /// What of a refused part is tried again: all but the named groups, or both halves.
    fn split(&mut self, part: Part, error: SideError) {
        self.fixed.extend(error.fixed.iter().cloned());
        let told = if error.told.is_empty() { error.what.clone() } else { error.told.clone() };
        let Part { writes, life } = part;
        let (named, others): (Vec<Write>, Vec<Write>) =
            writes.into_iter().partition(|write| error.groups.contains(&write.group));
        if !named.is_empty() {
            self.refuse(named, &told);
            self.again(Part { writes: others, life });
        } else if others.is_empty() {
            self.unsent.life = life;
            self.failure = Some(error);
        } else if life.is_some() {
            self.again(Part { writes: Vec::new(), life });
            self.again(Part { writes: others, life: None });
        } else if others.len() == 1 {
            self.refuse(others, &told);
        } else {
            let (first, second) = others.split_at(others.len() / 2);
            self.again(Part { writes: second.to_vec(), life: None });
            self.again(Part { writes: first.to_vec(), life: None });
        }
    }

    fn again(&mut self, part: Part) {
        if !part.is_empty() {
            self.parts.push(part);
        }
    }

    fn refuse(&mut self, writes: Vec<Write>, told: &str) {
        self.refused.extend(writes.iter().map(|write| (write.group.clone(), told.to_owned())));
        self.refused_writes.extend(writes);
    }

    /// Notes in the round what became of its effect `at`. What was never sent is set apart, as an effect that did not
    /// happen: no base advances on it.
    pub(super) fn end(self, round: &mut Round, at: usize, side: Side, expect: &Version) {
        let Self { sent, unsent, refused, refused_writes, applied, failure, .. } = self;
        if let Some(error) = failure {
            fail(round, error);
        }
        round.ends[at] =
            if applied.is_some() { EffectEnd::Done { refused } } else { EffectEnd::NotDone { refused } };
        if unsent.is_empty() || applied.is_none() && refused_writes.is_empty() {
            return;
        }
        let mut heard = sent.writes;
        heard.extend(refused_writes);
        let update = |writes, life| Effect::Update { side, writes, life, expect: expect.clone() };
        round.plan.effects[at] = update(heard, sent.life);
        round.plan.effects.push(update(unsent.writes, unsent.life));
        round.ends.push(NOT_DONE);
    }
}

/// Notes a failure; one that only says that a record moved yields to any other.
fn fail(round: &mut Round, error: SideError) {
    if round.failure.as_ref().is_none_or(super::is_changed) {
        round.failure = Some(error);
    }
}

/// Notes the failure of an effect that is one whole: a creation, a move.
pub(super) fn failed(round: &mut Round, error: SideError) -> EffectEnd {
    let refused = match error.class {
        RetryClass::Person => error.groups.iter().map(|group| (group.clone(), error.told.clone())).collect(),
        _ => Vec::new(),
    };
    fail(round, error);
    EffectEnd::NotDone { refused }
}
