//! The platform behind the Side port, with what goes wrong.

use std::{collections::BTreeMap, time::Duration};

use async_trait::async_trait;
use deal_model::{Observed, Reading, RecordId, Side as Which, Sight};
use jiff::{SignedDuration, Timestamp};
use ports::RetryClass;
use sync_engine::{
    Applied, CallScope, Change, Changes, Created, CrmLead, IndexEntry, LeadWrite, NewRecord, Pace, Side,
    SideError, Source, Stranger, Target, Wanted,
};

use super::{Call, Fault, Platform, describe, error, live::LIVE};

#[async_trait]
impl Side for Platform {
    fn side(&self) -> Which {
        self.side
    }

    async fn observe(&self, wanted: &[Wanted], scope: CallScope) -> Vec<Result<Sight, SideError>> {
        let ids: Vec<&str> = wanted.iter().map(|wanted| wanted.record.as_str()).collect();
        self.note(format!("read {}", ids.join(" ")), scope);
        self.state().both_read += wanted.iter().filter(|wanted| wanted.read_companion).count();
        let fault = self.trouble(Call::Read).await;
        let one = |wanted: &Wanted| match &fault {
            Some(Fault::Before(class)) => Err(error(class.clone(), true)),
            Some(Fault::Lags(seconds)) => match self.see(&wanted.record) {
                Sight::Seen(mut seen) => {
                    seen.version.stamp -= SignedDuration::from_secs(*seconds);
                    Ok(Sight::Seen(seen))
                }
                other => Ok(other),
            },
            Some(Fault::Stale) => match self.see(&wanted.record) {
                Sight::Seen(mut seen) => {
                    seen.version.stamp -= SignedDuration::from_hours(1);
                    seen.fields.insert("name".into(), Reading::plain(Observed::text("Deal")));
                    Ok(Sight::Seen(seen))
                }
                other => Ok(other),
            },
            Some(Fault::Unsure) => Ok(Sight::Unread),
            _ if wanted.read_companion => Ok(self.see_both(&wanted.record)),
            _ => Ok(self.see(&wanted.record)),
        };
        if matches!(fault, Some(Fault::Mute)) { Vec::new() } else { wanted.iter().map(one).collect() }
    }

    async fn apply(&self, changes: &[Change], scope: CallScope) -> Vec<Result<Applied, SideError>> {
        let lines: Vec<String> = changes.iter().map(describe).collect();
        self.note(lines.join(" + "), scope);
        let fault = self.trouble(Call::Write).await;
        match fault {
            Some(Fault::Before(class)) => changes.iter().map(|_| Err(error(class.clone(), true))).collect(),
            Some(Fault::After) => {
                self.write_all(changes);
                changes.iter().map(|_| Err(error(RetryClass::Doubtful, false))).collect()
            }
            Some(Fault::Hang) => {
                self.write_all(changes);
                std::future::pending().await
            }
            Some(Fault::Mute) => Vec::new(),
            _ => self.write_all(changes),
        }
    }

    async fn create(&self, new: &NewRecord, scope: CallScope) -> Result<Created, SideError> {
        self.note(format!("create {}", new.from.record), scope);
        self.create_record(Call::Create, new, true).await
    }

    async fn create_many(&self, new: &[NewRecord], scope: CallScope) -> Vec<Result<Created, SideError>> {
        self.state().together.push(new.len());
        let mut created = Vec::new();
        for each in new {
            created.push(self.create(each, scope).await);
        }
        created
    }

    async fn born_of(&self, record: &RecordId, scope: CallScope) -> Result<Option<Created>, SideError> {
        self.note(format!("born of {record}"), scope);
        if let Some(Fault::Before(class)) = self.trouble(Call::Find).await {
            return Err(error(class, true));
        }
        Ok(self.holder(record))
    }

    async fn create_companion(&self, new: &NewRecord, scope: CallScope) -> Result<Created, SideError> {
        self.note("help".to_owned(), scope);
        self.create_record(Call::Help, new, false).await
    }

    fn sources(&self) -> Vec<Source> {
        let name = if self.side == Which::Crm { "crm.opportunities" } else { "portal.referrals" };
        let beside_live = Duration::from_hours(1);
        let pace = Pace::Polled { every: Duration::from_secs(30), beside_live };
        let polled = Source { name, pace };
        let live = self.state().live.is_some().then_some(Source { name: LIVE, pace: Pace::Live });
        live.into_iter().chain([polled]).collect()
    }

    async fn admit(&self, records: &[RecordId], scope: CallScope) -> Result<Vec<Target>, SideError> {
        let asked: Vec<&str> = records.iter().map(RecordId::as_str).collect();
        self.note(format!("admit {}", asked.join(" ")), scope);
        if let Some(Fault::Before(class)) = self.trouble(Call::Admit).await {
            return Err(error(class, true));
        }
        Ok(self.admitted(records))
    }

    async fn changes(
        &self,
        source: &str,
        position: Option<&str>,
        scope: CallScope,
    ) -> Result<Changes, SideError> {
        if source == LIVE {
            return self.listen(position).await;
        }
        self.state().polls += 1;
        self.state().polled_in.push(scope.lane);
        if let Some(Fault::Before(class)) = self.trouble(Call::List).await {
            return Err(error(class, true));
        }
        let from: usize = position.map_or(0, |text| text.parse().unwrap());
        let index = if self.side == Which::Portal { self.entries() } else { Vec::new() };
        let state = self.state();
        let upto = state.feed.len().min(from + state.page);
        Ok(Changes {
            seen: state.feed[from..upto].to_vec(),
            index,
            position: upto.to_string(),
            more: upto < state.feed.len(),
            complete: !state.incomplete,
            ..Changes::default()
        })
    }

    async fn look(
        &self,
        since: Timestamp,
        engagement: Option<&RecordId>,
        scope: CallScope,
    ) -> Result<Vec<IndexEntry>, SideError> {
        self.note("look".to_owned(), scope);
        if let Some(Fault::Before(class)) = self.trouble(Call::Look).await {
            return Err(error(class, true));
        }
        let entries = self.entries().into_iter();
        Ok(match engagement {
            Some(engagement) => {
                entries.filter(|entry| entry.engagement.as_ref() == Some(engagement)).collect()
            }
            None => entries.filter(|entry| entry.created >= since).collect(),
        })
    }

    async fn stranger(&self, record: &RecordId, scope: CallScope) -> Result<Stranger, SideError> {
        self.note(format!("meet {record}"), scope);
        let Some(found) = self.state().records.get(record).cloned() else { return Ok(Stranger::Hidden) };
        let observation = Box::new(self.observation(record, &found));
        Ok(match (&found.external, &found.engagement) {
            (None, _) if found.ours && found.lead => {
                Stranger::Lead(Box::new(self.portal_lead(record, &found)))
            }
            (_, Some(engagement)) if !found.ours => Stranger::Companion { engagement: engagement.clone() },
            (Some(opportunity), _) => {
                Stranger::Claims { referral: observation, opportunity: opportunity.clone() }
            }
            _ if found.life.is_closed() => Stranger::Nothing,
            _ => Stranger::Born(observation),
        })
    }

    fn admission(&self) -> String {
        self.state().leads.admission.clone()
    }

    async fn lead(&self, referral: &RecordId, _: CallScope) -> Result<Option<CrmLead>, SideError> {
        Ok(self.state().leads.rows.get(referral).map(|row| row.seen(referral)))
    }

    async fn write_lead(&self, write: &LeadWrite, scope: CallScope) -> Result<CrmLead, SideError> {
        self.note(format!("lead {}", write.referral), scope);
        self.keep_lead(write)
    }

    async fn converted_from(
        &self,
        opportunity: &RecordId,
        _: CallScope,
    ) -> Result<Option<RecordId>, SideError> {
        let state = self.state();
        if state.leads.conversions_hidden {
            return Err(error(RetryClass::Person, true));
        }
        Ok(state.leads.conversions.get(opportunity).cloned())
    }

    fn blind(&self) -> BTreeMap<String, String> {
        self.state().blind.clone()
    }
}
