//! What an operator pauses: one deal, one flow, or everything. Distinct from a seller's Sync = No.

use deal_model::{DealId, Switches};
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

/// Most pauses that are open at a time; who wants more pauses a flow, or everything.
pub const MOST_PAUSES: usize = 1_000;

/// One of the flows that can be switched off by itself, named as in `[switches]` of the configuration.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Flow {
    /// Opportunities become referrals.
    CreateReferrals,
    /// Referrals become opportunities.
    CreateOpportunities,
    /// Changes of opportunities go to referrals.
    UpdateReferrals,
    /// Changes of referrals go to opportunities.
    UpdateOpportunities,
    /// Solutions go to referrals.
    Solutions,
    /// What the other organisation's sellers did is shown.
    MicrosoftUpdates,
}

impl Flow {
    /// All of them.
    pub const ALL: [Self; 6] = [
        Self::CreateReferrals,
        Self::CreateOpportunities,
        Self::UpdateReferrals,
        Self::UpdateOpportunities,
        Self::Solutions,
        Self::MicrosoftUpdates,
    ];

    /// Its name in the configuration, in the store and on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Self::CreateReferrals => "create_referrals",
            Self::CreateOpportunities => "create_opportunities",
            Self::UpdateReferrals => "update_referrals",
            Self::UpdateOpportunities => "update_opportunities",
            Self::Solutions => "solutions",
            Self::MicrosoftUpdates => "microsoft_updates",
        }
    }

    /// The flow of this name.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|flow| flow.name() == name)
    }

    /// Switches it off.
    pub(crate) fn switch_off(self, switches: &mut Switches) {
        *self.switch(switches) = false;
    }

    /// Those that are on.
    pub(crate) fn on(switches: &Switches) -> Vec<Self> {
        let mut switches = switches.clone();
        Self::ALL.into_iter().filter(|flow| *flow.switch(&mut switches)).collect()
    }

    fn switch(self, switches: &mut Switches) -> &mut bool {
        match self {
            Self::CreateReferrals => &mut switches.create_referrals,
            Self::CreateOpportunities => &mut switches.create_opportunities,
            Self::UpdateReferrals => &mut switches.update_referrals,
            Self::UpdateOpportunities => &mut switches.update_opportunities,
            Self::Solutions => &mut switches.solutions,
            Self::MicrosoftUpdates => &mut switches.companion,
        }
    }
}

/// What is paused. As text: `all`, `flow:NAME`, `deal:ID`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub enum PauseScope {
    /// Everything: no work is begun at all.
    All,
    /// One flow.
    Flow(Flow),
    /// One deal.
    Deal(DealId),
}

impl PauseScope {
    /// All that would hold what is to leave of a deal in these flows.
    pub fn of(deal: &DealId, flows: &[Flow]) -> impl Iterator<Item = Self> {
        let flows = flows.iter().map(|flow| Self::Flow(*flow));
        [Self::All, Self::Deal(deal.clone())].into_iter().chain(flows)
    }

    /// Whether no pass may begin on this deal. A flow stops effects, not deals.
    pub fn stops(&self, deal: &DealId) -> bool {
        match self {
            Self::All => true,
            Self::Flow(_) => false,
            Self::Deal(paused) => paused == deal,
        }
    }
}

impl std::fmt::Display for PauseScope {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::All => f.write_str("all"),
            Self::Flow(flow) => write!(f, "flow:{}", flow.name()),
            Self::Deal(deal) => write!(f, "deal:{deal}"),
        }
    }
}

impl From<PauseScope> for String {
    fn from(scope: PauseScope) -> Self {
        scope.to_string()
    }
}

impl TryFrom<String> for PauseScope {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        match text.split_once(':') {
            None if text == "all" => Ok(Self::All),
            Some(("flow", name)) => {
                Flow::named(name).map(Self::Flow).ok_or_else(|| format!("no flow is named {name}"))
            }
            Some(("deal", id)) if !id.is_empty() => Ok(Self::Deal(DealId::new(id))),
            _ => Err("not something that can be paused".to_owned()),
        }
    }
}

/// A person's wish to pause something, or to resume it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PauseWish {
    /// What.
    pub scope: PauseScope,
    /// Who wants it.
    pub by: String,
    /// Why, in the person's words.
    pub why: Option<String>,
    /// The mapping's version, for the deal's history.
    pub mapping: String,
    /// The present instant.
    pub now: Timestamp,
}

impl PauseWish {
    /// The line of a deal's history: `did` is `paused` or `resumed`.
    pub fn sentence(&self, did: &str) -> String {
        let why = self.why.as_ref().map(|why| format!(": {why}")).unwrap_or_default();
        format!("{} {did} the deal{why}.", self.by)
    }
}

/// Something that was paused.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pause {
    /// What.
    pub scope: PauseScope,
    /// Who paused it.
    pub by: String,
    /// Why, in that person's words.
    pub why: Option<String>,
    /// Since when.
    pub since: Timestamp,
    /// How it ended; `None` while it is paused.
    pub resumed: Option<Resumed>,
}

/// The end of a pause.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Resumed {
    /// When.
    pub at: Timestamp,
    /// Who resumed it.
    pub by: String,
    /// Why, in that person's words.
    pub why: Option<String>,
}

impl Pause {
    /// A line without times, for the report and for lists.
    pub fn sentence(&self) -> String {
        let why = self.why.as_ref().map(|why| format!(" ({why})")).unwrap_or_default();
        format!("paused by {}{why}", self.by)
    }

    /// The time that it took up, until `now` if it goes on.
    fn span(&self, now: Timestamp) -> (Timestamp, Timestamp) {
        (self.since, self.resumed.as_ref().map_or(now, |resumed| resumed.at))
    }
}

/// How much of the time from `from` to `to` lies in none of these pauses: each moment counts once, however many overlap.
pub fn time_outside<'a>(
    pauses: impl IntoIterator<Item = &'a Pause>,
    from: Timestamp,
    to: Timestamp,
) -> SignedDuration {
    let within = |(begin, end): (Timestamp, Timestamp)| (begin.max(from).min(to), end.min(to));
    let mut spans: Vec<_> = pauses.into_iter().map(|pause| within(pause.span(to))).collect();
    spans.sort_unstable();
    let (mut outside, mut reached) = (SignedDuration::ZERO, from);
    for (begin, end) in spans {
        outside += begin.duration_since(reached).max(SignedDuration::ZERO);
        reached = reached.max(end);
    }
    outside + to.duration_since(reached).max(SignedDuration::ZERO)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    fn pause(since: i64, until: Option<i64>) -> Pause {
        let resumed = until.map(|until| Resumed { at: at(until), by: "ann".to_owned(), why: None });
        Pause { scope: PauseScope::All, by: "ann".to_owned(), why: None, since: at(since), resumed }
    }

    #[test]
    fn time_in_several_pauses_counts_once_and_time_outside_the_window_never() {
        let outside = |pauses: &[Pause]| time_outside(pauses, at(100), at(200)).as_secs();
        assert_eq!(outside(&[]), 100);
        assert_eq!(outside(&[pause(0, Some(50)), pause(300, None)]), 100);
        assert_eq!(outside(&[pause(120, Some(150)), pause(130, Some(160)), pause(140, Some(145))]), 60);
        assert_eq!(outside(&[pause(0, Some(110)), pause(190, None)]), 80);
        assert_eq!(outside(&[pause(0, None)]), 0);
    }

    #[test]
    fn a_scope_is_its_text() {
        for scope in [PauseScope::All, PauseScope::Flow(Flow::Solutions), PauseScope::Deal("a:b".into())] {
            assert_eq!(PauseScope::try_from(scope.to_string()).as_ref(), Ok(&scope));
        }
        for text in ["", "deal:", "flow:none", "everything"] {
            PauseScope::try_from(text.to_owned()).unwrap_err();
        }
    }
}
