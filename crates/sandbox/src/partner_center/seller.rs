//! Microsoft's seller when nobody scripts it: answers, edits, wins and loses at times drawn from the seed.

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use super::{
    State,
    book::{Document, Owner},
    codes::MICROSOFT_DECLINES,
    refusal::Refusal,
    rules, stamp,
};

/// Milliseconds of a day.
const DAY_MS: u64 = 86_400_000;
/// Most deeds that one look at the clock catches up with; the rest of a long jump is quiet.
const MAX_DEEDS: usize = 1000;

/// When the self-acting seller acts next.
#[derive(Debug, Default)]
pub(super) struct Seller {
    pub(super) next: Option<Timestamp>,
}

impl State {
    /// Everything that happens by itself until `now`, in order: deeds of the seller, ends of invitations.
    pub(super) fn tick(&mut self, now: Timestamp) {
        for _ in 0..MAX_DEEDS {
            let Some(due) = self.seller.next.filter(|due| *due <= now) else { break };
            self.expire_due(due);
            if let Some(at) = self.any_open() {
                // A deed that the lifecycle refuses is one that does not happen.
                let _ = self.deed(at, due);
            }
            self.plan_deed(due);
        }
        if self.seller.next.is_some_and(|due| due <= now) {
            self.plan_deed(now);
        }
        self.expire_due(now);
        if self.seller.next.is_none() {
            self.plan_deed(now);
        }
    }

    /// Draws when the seller acts next: never, while a knob stops it or nothing is open.
    pub(super) fn plan_deed(&mut self, from: Timestamp) {
        let rate = match u64::from(self.knobs.seller_deeds_a_day) {
            // Most sandboxes have no such seller, and need not count.
            0 => 0,
            rate => rate.saturating_mul(u64::try_from(self.open().count()).unwrap_or(u64::MAX)),
        };
        self.seller.next = (rate > 0).then(|| {
            // Between nothing and twice the mean.
            let wait = 1 + self.world.draw() % (2 * DAY_MS / rate).max(1);
            let wait = SignedDuration::from_millis(i64::try_from(wait).unwrap_or(i64::MAX));
            from.checked_add(wait).unwrap_or(Timestamp::MAX)
        });
    }

    /// Microsoft's referrals that are not closed.
    fn open(&self) -> impl Iterator<Item = usize> + '_ {
        let records = self.book.all().iter().enumerate();
        records
            .filter(|(_, record)| record.owner == Owner::Microsoft && record.text("status") != "Closed")
            .map(|(at, _)| at)
    }

    fn any_open(&self) -> Option<usize> {
        let open: Vec<usize> = self.open().collect();
        let drawn = self.world.draw().checked_rem(u64::try_from(open.len()).ok()?)?;
        open.get(usize::try_from(drawn).ok()?).copied()
    }

    /// One deed on one of Microsoft's referrals: mostly an acceptance of what is new, mostly an edit of what is active.
    pub(super) fn deed(&mut self, at: usize, now: Timestamp) -> Result<usize, Refusal> {
        let record = self.book.get(at);
        let id = json!({ "id": record.text("id") });
        let with = |member: &str, value: Value| {
            let mut body = id.clone();
            body[member] = value;
            body
        };
        let (status, drawn) = (record.text("status").to_owned(), self.world.draw() % 10);
        match (status.as_str(), drawn) {
            ("New", 0..=6) => self.acted("microsoft/accept", &id, now),
            ("New", _) => {
                let reason = MICROSOFT_DECLINES[usize::from(drawn % 2 == 0)];
                self.acted("microsoft/decline", &with("reason", reason.into()), now)
            }
            (_, 0) => self.acted("microsoft/win", &id, now),
            (_, 1) => {
                self.acted("microsoft/lose", &with("reason", "Customer chose another vendor".into()), now)
            }
            _ => {
                let set = self.edit_drawn(&record.document);
                self.acted("microsoft/edit", &with("set", set), now)
            }
        }
    }

    /// Another value, by up to a fifth, or another closing date, by up to a month.
    fn edit_drawn(&self, document: &Document) -> Value {
        let value = rules::at(document, "/details/dealValue").and_then(Value::as_f64).unwrap_or(1000.0);
        let closing = rules::at(document, "/details/closingDateTime").and_then(Value::as_str);
        let closing: Option<Timestamp> = closing.and_then(|text| text.parse().ok());
        if let Some(closing) = closing.filter(|_| self.world.draw().is_multiple_of(2)) {
            let days = i64::try_from(self.world.draw() % 30).unwrap_or_default() + 1;
            let later = closing.checked_add(SignedDuration::from_hours(24 * days)).unwrap_or(closing);
            return json!({ "/details/closingDateTime": stamp::caller(later) });
        }
        let percent = u32::try_from(self.world.draw() % 41).unwrap_or_default();
        json!({ "/details/dealValue": (value * f64::from(80 + percent) / 100.0).round() })
    }
}
