//! How the daily allowance is divided among the lanes.

use ports::Lane;

/// Up to which part of the allowance, in percent, each lane may call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Shares {
    /// Sweeps, backlog, first load.
    pub background: u8,
    /// Audit lines.
    pub report: u8,
    /// Events, people, due work. The rest is for guards.
    pub now: u8,
}

impl Default for Shares {
    fn default() -> Self {
        Self { background: 70, report: 80, now: 95 }
    }
}

impl Shares {
    pub(super) fn of(self, lane: Lane) -> u8 {
        match lane {
            Lane::Guard => 100,
            Lane::Now => self.now,
            Lane::Background => self.background,
            Lane::Report => self.report,
        }
    }
}
