//! Carrying out a person's wish that a deal go on with another record, before anything else is planned for it.

use deal_model::{Decision, Side, Verdict};

use super::Item;
use crate::{
    Commit, Disposition, Engine, Hints, RelinkPreview, Relinking, StoreResult, engine::fenced,
    relinking::records_of,
};

impl Engine {
    /// Relinks the deals of a batch for which that was decided. Each is planned by a pass of its own then.
    pub(super) async fn relink_asked(&self, items: &mut [Item]) -> StoreResult<()> {
        for item in items.iter_mut().filter(|item| !item.ended) {
            let asked = |decision: &&Decision| matches!(decision.verdict, Verdict::Relink { .. });
            if let Some(decision) = item.deal.decisions.iter().find(asked).cloned() {
                self.relink(item, &decision).await?;
            }
        }
        Ok(())
    }

    async fn relink(&self, item: &mut Item, decision: &Decision) -> StoreResult<()> {
        let Verdict::Relink { from, to, shown } = &decision.verdict else { return Ok(()) };
        let found = if records_of(&item.deal.links) == *from {
            self.preview_relink(&item.deal, to.clone()).await?
        } else {
            Relinking::Refused(crate::Refusal {
                sentence: "Its records changed meanwhile.".to_owned(),
                next_step: String::new(),
            })
        };
        let why_not = match found {
            Relinking::Possible(found) if found.shown == *shown => {
                return self.take(item, decision, *found).await;
            }
            Relinking::Possible(_) => "A record stands elsewhere than was shown.".to_owned(),
            Relinking::Refused(refusal) => refusal.sentence,
            Relinking::Unread(error) => {
                tracing::warn!(deal = %item.deal.id, error = %error.what, "could not read what it is to be linked with");
                return self.retry(item, None).await;
            }
        };
        let sentence = format!("Handed back what {} decided (relink): {why_not}", decision.by);
        let commit = Commit {
            audit: vec![self.line("handed back", &sentence)],
            handed_back: vec![decision.id],
            ..self.ending(item.claim.clone(), self.at_once())
        };
        item.ended = true;
        fenced(self.parts.store.commit(&commit).await).map(drop)
    }

    async fn take(&self, item: &mut Item, decision: &Decision, found: RelinkPreview) -> StoreResult<()> {
        let RelinkPreview { to, preview, absorbs, .. } = found;
        if let Some((half, side)) = absorbs {
            let record = if side == Side::Crm { "opportunity" } else { "referral" };
            let line = self.line(
                "gave up",
                &format!("Gave its {record} to deal {}: {} relinked it.", item.deal.id, decision.by),
            );
            if !self.parts.store.give_up(&half, side, &item.deal.id, &line, self.now()).await? {
                // It is in a pass just now, or was linked since: looked at again soon.
                return self.retry(item, None).await;
            }
        }
        let others = item.deal.decisions.iter().filter(|other| other.id != decision.id);
        let sentence = format!(
            "{} relinked the deal: it goes on with opportunity {} and referral {}.",
            decision.by, to.crm, to.portal
        );
        let commit = Commit {
            deal: Some(preview.deal),
            audit: vec![self.line("relinked", &sentence)],
            consumed: vec![decision.id],
            // They were about other records.
            handed_back: others.map(|other| other.id).collect(),
            ..self.ending(item.claim.clone(), self.at_once())
        };
        item.ended = true;
        fenced(self.parts.store.commit(&commit).await).map(drop)
    }

    fn at_once(&self) -> Disposition {
        Disposition::Again { at: self.now(), hints: Hints::ALL, attempts: 0 }
    }
}
