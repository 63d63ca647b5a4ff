//! Who waits for a place, and whose turn it is: guards first, the other lanes in a fixed round so that none starves.

use std::collections::VecDeque;

use ports::Lane;

/// Most callers waiting for one platform; any more are told to come again.
pub(super) const MAX_WAITING: usize = 1024;

/// The round in which places go to those who are no guards. A lane that has nobody waiting passes its turn on.
const ROUND: [Lane; 10] = [
    Lane::Now,
    Lane::Now,
    Lane::Now,
    Lane::Background,
    Lane::Now,
    Lane::Now,
    Lane::Now,
    Lane::Background,
    Lane::Now,
    Lane::Report,
];

/// To whom an unused turn goes.
const PASSED_ON: [Lane; 3] = [Lane::Now, Lane::Background, Lane::Report];

/// A place in the queue.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Ticket {
    pub(super) lane: Lane,
    number: u64,
}

/// Everybody who waits, first come first served within a lane.
#[derive(Debug, Default)]
pub(super) struct Queue {
    guards: VecDeque<u64>,
    now: VecDeque<u64>,
    background: VecDeque<u64>,
    reports: VecDeque<u64>,
    /// Tickets given out so far.
    numbers: u64,
    /// Places given to the round so far.
    turn: usize,
}

impl Queue {
    /// Takes a place at the end of a lane; none if too many wait already. A guard is never turned away.
    pub(super) fn enter(&mut self, lane: Lane) -> Option<Ticket> {
        if lane != Lane::Guard && self.len() >= MAX_WAITING {
            return None;
        }
        self.numbers += 1;
        let ticket = Ticket { lane, number: self.numbers };
        self.lane(lane).push_back(ticket.number);
        Some(ticket)
    }

    /// Leaves, served or not.
    pub(super) fn leave(&mut self, ticket: Ticket) {
        let lane = self.lane(ticket.lane);
        if let Some(at) = lane.iter().position(|number| *number == ticket.number) {
            lane.remove(at);
        }
    }

    /// Whether the next place is this ticket's.
    pub(super) fn is_next(&mut self, ticket: Ticket) -> bool {
        let lane = if self.guards.is_empty() { self.lane_in_turn() } else { Lane::Guard };
        lane == ticket.lane && self.lane(lane).front() == Some(&ticket.number)
    }

    /// The ticket got its place.
    pub(super) fn served(&mut self, ticket: Ticket) {
        self.leave(ticket);
        if ticket.lane != Lane::Guard {
            self.turn = (self.turn + 1) % ROUND.len();
        }
    }

    pub(super) fn len(&self) -> usize {
        self.guards.len() + self.now.len() + self.background.len() + self.reports.len()
    }

    fn lane_in_turn(&mut self) -> Lane {
        let preferred = ROUND[self.turn];
        std::iter::once(preferred)
            .chain(PASSED_ON)
            .find(|lane| !self.lane(*lane).is_empty())
            .unwrap_or(preferred)
    }

    fn lane(&mut self, lane: Lane) -> &mut VecDeque<u64> {
        match lane {
            Lane::Guard => &mut self.guards,
            Lane::Now => &mut self.now,
            Lane::Background => &mut self.background,
            Lane::Report => &mut self.reports,
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test that cannot be set up has failed")]

    use super::*;

    fn serve_next(queue: &mut Queue, waiting: &mut Vec<Ticket>) -> Lane {
        let at = waiting.iter().position(|ticket| queue.is_next(*ticket)).unwrap();
        let ticket = waiting.remove(at);
        queue.served(ticket);
        ticket.lane
    }

    #[test]
    fn a_guard_is_next_and_every_other_lane_gets_its_turns() {
        let mut queue = Queue::default();
        let mut waiting = Vec::new();
        for _ in 0..10 {
            for lane in [Lane::Report, Lane::Background, Lane::Now] {
                waiting.push(queue.enter(lane).unwrap());
            }
        }
        waiting.push(queue.enter(Lane::Guard).unwrap());
        assert_eq!(serve_next(&mut queue, &mut waiting), Lane::Guard);
        let served: Vec<_> = (0..10).map(|_| serve_next(&mut queue, &mut waiting)).collect();
        let count = |lane| served.iter().filter(|each| **each == lane).count();
        assert_eq!((count(Lane::Now), count(Lane::Background), count(Lane::Report)), (7, 2, 1));
    }

    #[test]
    fn within_a_lane_the_first_is_first_and_who_leaves_holds_nobody_up() {
        let mut queue = Queue::default();
        let [first, second, third] = [(); 3].map(|()| queue.enter(Lane::Background).unwrap());
        assert!(queue.is_next(first) && !queue.is_next(second));
        queue.leave(first);
        assert!(queue.is_next(second) && !queue.is_next(third));
    }

    #[test]
    fn the_queue_is_bounded_but_for_guards() {
        let mut queue = Queue::default();
        for _ in 0..MAX_WAITING {
            queue.enter(Lane::Now).unwrap();
        }
        assert_eq!(queue.enter(Lane::Now), None);
        assert!(queue.enter(Lane::Guard).is_some());
    }
}
