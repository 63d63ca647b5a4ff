//! What a deal remembers never goes back: who commits last has read last.

use std::collections::BTreeMap;

use jiff::Timestamp;

use super::Violation;
use crate::product::DealSeen;

/// A deal with its records.
type Pair = (String, Option<String>, Option<String>);

/// The newest versions that deals were seen to remember.
#[derive(Debug, Default)]
pub(crate) struct Memories(BTreeMap<Pair, [Option<Timestamp>; 2]>);

impl Memories {
    /// The store is another one from now on.
    pub(crate) fn forget(&mut self) {
        self.0.clear();
    }

    pub(crate) fn judge(&mut self, deals: &[DealSeen]) -> Vec<Violation> {
        let mut found = Vec::new();
        for deal in deals {
            let pair = (deal.id.clone(), deal.opportunity.clone(), deal.referral.clone());
            let newest = self.0.entry(pair).or_default();
            for (newest, now) in newest.iter_mut().zip(deal.read) {
                if now < *newest {
                    let what = format!("deal {} remembers {now:?}, and remembered {newest:?}", deal.id);
                    found.push(Violation::new("memory", what));
                }
                *newest = now;
            }
        }
        found
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_deal_that_remembers_an_older_version_than_before_is_seen() {
        let at = |second| Timestamp::from_second(second).ok();
        let deal = |read| DealSeen {
            id: "d".to_owned(),
            opportunity: Some("o".to_owned()),
            referral: None,
            phase: "live".to_owned(),
            waiting: 0,
            problems: Vec::new(),
            remapped: Vec::new(),
            base: "{}".to_owned(),
            read,
        };
        let mut memories = Memories::default();
        assert!(memories.judge(&[deal([None, at(5)])]).is_empty());
        assert!(memories.judge(&[deal([at(1), at(5)])]).is_empty());
        assert_eq!(memories.judge(&[deal([at(1), at(4)])]).len(), 1);
        memories.forget();
        assert!(memories.judge(&[deal([None, at(1)])]).is_empty());
    }
}
