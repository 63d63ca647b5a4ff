//! Salesforce's stages against the life of a deal (sync rules, section 4).

use deal_model::Life;

use crate::ApiName;

/// Why a life cannot be told in stages.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StageError {
    /// The file does not name the stage in which received referrals wait.
    #[error(
        "no on-hold stage is chosen; set `on_hold` under [stages] to the stage in which a received referral waits"
    )]
    NoOnHold,
    /// No stage stands for this life.
    #[error("no stage stands for `{0}`; name one under [stages]")]
    NoStage(&'static str),
    /// The portal said something that the mapping does not know.
    #[error("the portal's code `{0}` has no stage")]
    UnknownLife(String),
}

/// What a stage means.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Meaning {
    /// Under way, with the portal's sales stage if one is named.
    Active(Option<String>),
    /// Won.
    Won,
    /// Lost.
    Lost,
    /// Declined.
    Declined,
    /// Expired.
    Expired,
    /// Closed as an error.
    Error,
}

/// One stage that the file lists.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListedStage {
    /// The stage's API name.
    pub name: String,
    /// What it means.
    pub meaning: Meaning,
    /// The opportunity's field with the reason for it.
    pub reason: Option<ApiName>,
}

/// How Salesforce must hold a stage for it to mean what the file says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ending {
    /// Neither won nor lost.
    Open,
    /// Closed, won.
    Won,
    /// Closed, not won.
    Lost,
}

/// The stage that an opportunity is in, as far as what is written depends on it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PresentStage<'a> {
    /// Its API name.
    pub name: &'a str,
    /// Salesforce's own setting of it: that alone tells of a stage which the file does not list.
    pub is_closed: bool,
}

/// What to write so that an opportunity shows a life. Nothing in it means that it shows it already.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct StageWrite {
    /// The new stage; none leaves the present one.
    pub stage_name: Option<String>,
    /// The reason's field and the name to put there.
    pub reason: Option<(ApiName, String)>,
}

/// The stages of one mapping.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stages {
    pub(crate) on_hold: Option<String>,
    pub(crate) active: String,
    pub(crate) declined: String,
    pub(crate) expired: String,
    pub(crate) error: String,
    /// The company's own lines first: where several stages mean one life, the first is written.
    pub(crate) listed: Vec<ListedStage>,
    /// (least probability in percent, the portal's sales stage), the highest first.
    pub(crate) bands: Vec<(u8, String)>,
    /// (name in Salesforce, the portal's words).
    pub(crate) reasons: Vec<(String, String)>,
}

impl Stages {
    /// The stage in which a received referral waits, if the company has chosen it.
    pub fn on_hold(&self) -> Option<&str> {
        self.on_hold.as_deref()
    }

    /// The same, as the service needs it: without it nothing may run.
    pub fn require_on_hold(&self) -> Result<&str, StageError> {
        self.on_hold().ok_or(StageError::NoOnHold)
    }

    /// The stage in which an accepted referral starts.
    pub fn active(&self) -> &str {
        &self.active
    }

    /// The stages that the file lists by name.
    pub fn listed(&self) -> &[ListedStage] {
        &self.listed
    }

    /// Every stage that the file names, each once, in its order, and how Salesforce must hold it.
    pub fn named(&self) -> Vec<(&str, Ending)> {
        let targets = [
            (self.on_hold(), Ending::Open),
            (Some(self.active()), Ending::Open),
            (Some(self.declined.as_str()), Ending::Lost),
            (Some(self.expired.as_str()), Ending::Lost),
            (Some(self.error.as_str()), Ending::Lost),
        ];
        let targets = targets.into_iter().filter_map(|(name, ending)| Some((name?, ending)));
        let listed = self.listed.iter().map(|stage| {
            let ending = match stage.meaning {
                Meaning::Active(_) => Ending::Open,
                Meaning::Won => Ending::Won,
                Meaning::Lost | Meaning::Declined | Meaning::Expired | Meaning::Error => Ending::Lost,
            };
            (stage.name.as_str(), ending)
        });
        let mut named: Vec<(&str, Ending)> = Vec::new();
        for (name, ending) in targets.chain(listed) {
            if !named.contains(&(name, ending)) {
                named.push((name, ending));
            }
        }
        named
    }

    /// Salesforce's names of the reasons that the portal's words are written as.
    pub fn reason_names(&self) -> impl Iterator<Item = &str> {
        // Another name of the same words is only ever read.
        let written = |(name, words): &&(String, String)| self.reason_to_crm(words) == *name;
        self.reasons.iter().filter(written).map(|(name, _)| name.as_str())
    }

    /// The opportunity's fields that hold reasons, each once: what to `SELECT` beside the stage.
    pub fn reason_fields(&self) -> Vec<&ApiName> {
        let mut fields: Vec<&ApiName> = Vec::new();
        for field in self.listed.iter().filter_map(|stage| stage.reason.as_ref()) {
            if !fields.contains(&field) {
                fields.push(field);
            }
        }
        fields
    }

    /// The field that holds the reason for being in the stage `name`.
    pub fn reason_field(&self, name: &str) -> Option<&ApiName> {
        self.listed_as(name)?.reason.as_ref()
    }

    /// A reason in the portal's words. A name that the table does not have is passed on as it is.
    pub fn reason_to_portal(&self, name: &str) -> String {
        self.reasons.iter().find(|(known, _)| known == name).map_or(name, |(_, words)| words).to_owned()
    }

    /// A reason in Salesforce's name. Words that the table does not have are passed on as they are.
    pub fn reason_to_crm(&self, words: &str) -> String {
        self.reasons.iter().find(|(_, known)| known == words).map_or(words, |(name, _)| name).to_owned()
    }

    /// The sales stages of the portal that the file names, each once.
    pub fn sales_stages(&self) -> Vec<String> {
        let mut stages = Vec::new();
        for stage in &self.listed {
            if let Meaning::Active(Some(sales_stage)) = &stage.meaning
                && !stages.contains(sales_stage)
            {
                stages.push(sales_stage.clone());
            }
        }
        stages
    }

    /// Whether a probability can say what the portal's sales stage is.
    pub fn reads_probability(&self) -> bool {
        !self.bands.is_empty()
    }

    /// The portal's sales stage for a probability in percent: that of the highest band it reaches.
    pub fn sales_stage_at(&self, percent: u8) -> Option<&str> {
        self.bands.iter().find(|(least, _)| percent >= *least).map(|(_, stage)| stage.as_str())
    }

    /// [`Self::life_of_stage`] of an opportunity with a probability in percent: it tells the portal's sales stage
    /// where the stage itself does not.
    pub fn life_at(
        &self,
        name: &str,
        is_closed: bool,
        is_won: bool,
        reason: Option<&str>,
        percent: Option<u8>,
    ) -> Life {
        match self.life_of_stage(name, is_closed, is_won, reason) {
            Life::Active { sales_stage: None } => {
                let stage = percent.and_then(|percent| self.sales_stage_at(percent));
                Life::Active { sales_stage: stage.map(str::to_owned) }
            }
            life => life,
        }
    }

    /// What an opportunity in the stage `name` says. `is_closed` and `is_won` are the stage's own settings in Salesforce:
    /// they decide for a stage that the file does not list. `reason` is the content of its reason field.
    pub fn life_of_stage(&self, name: &str, is_closed: bool, is_won: bool, reason: Option<&str>) -> Life {
        let reason =
            reason.map(str::trim).filter(|name| !name.is_empty()).map(|name| self.reason_to_portal(name));
        if self.on_hold() == Some(name) {
            return Life::Received;
        }
        let meaning =
            self.listed_as(name).map(|stage| stage.meaning.clone()).or_else(|| self.target_meaning(name));
        match meaning {
            Some(Meaning::Active(sales_stage)) => Life::Active { sales_stage },
            Some(Meaning::Won) => Life::Won,
            Some(Meaning::Lost) => Life::Lost { reason },
            Some(Meaning::Declined) => Life::Declined { reason },
            Some(Meaning::Expired) => Life::Expired,
            Some(Meaning::Error) => Life::Error { reason },
            None if is_won => Life::Won,
            None if is_closed => Life::Lost { reason },
            None => Life::Active { sales_stage: None },
        }
    }

    /// What to write so that an opportunity whose stage is `present` (none for a new one) shows `life`.
    ///
    /// Active moves the stage only when it leaves the on-hold stage or a closed one, or when a mapped sales stage lies
    /// outside the present stage's group.
    pub fn stage_for(
        &self,
        life: &Life,
        present: Option<PresentStage<'_>>,
    ) -> Result<StageWrite, StageError> {
        let (stage, present) = (present, present.map(|stage| stage.name));
        let (target, reason) = match life {
            Life::Received => (Some(self.require_on_hold()?), None),
            Life::Active { sales_stage } => (self.active_target(sales_stage.as_deref(), stage), None),
            Life::Won => (Some(self.closed_target(present, &Meaning::Won, "won", None)?), None),
            Life::Lost { reason } => {
                (Some(self.closed_target(present, &Meaning::Lost, "lost", None)?), reason.as_deref())
            }
            Life::Declined { reason } => {
                let target =
                    self.closed_target(present, &Meaning::Declined, "declined", Some(&self.declined))?;
                (Some(target), reason.as_deref())
            }
            Life::Expired => {
                (Some(self.closed_target(present, &Meaning::Expired, "expired", Some(&self.expired))?), None)
            }
            Life::Error { reason } => {
                let target = self.closed_target(present, &Meaning::Error, "error", Some(&self.error))?;
                (Some(target), reason.as_deref())
            }
            Life::Unknown { code } => return Err(StageError::UnknownLife(code.clone())),
        };
        let field = target.and_then(|name| self.reason_field(name));
        Ok(StageWrite {
            stage_name: target.filter(|name| present != Some(name)).map(str::to_owned),
            reason: field.zip(reason).map(|(field, words)| (field.clone(), self.reason_to_crm(words))),
        })
    }

    fn listed_as(&self, name: &str) -> Option<&ListedStage> {
        self.listed.iter().find(|stage| stage.name == name)
    }

    /// A stage that is the target of exactly one life, and is not listed, means that life when it is read.
    fn target_meaning(&self, name: &str) -> Option<Meaning> {
        let targets = [
            (&self.active, Meaning::Active(None)),
            (&self.declined, Meaning::Declined),
            (&self.expired, Meaning::Expired),
            (&self.error, Meaning::Error),
        ];
        let mut named = targets.into_iter().filter(|(target, _)| target.as_str() == name);
        match (named.next(), named.next()) {
            (Some((_, meaning)), None) => Some(meaning),
            _ => None,
        }
    }

    fn active_target(&self, sales_stage: Option<&str>, present: Option<PresentStage<'_>>) -> Option<&str> {
        let mapped = sales_stage.and_then(|wanted| self.first(&Meaning::Active(Some(wanted.to_owned()))));
        let present = present.filter(|stage| self.on_hold() != Some(stage.name));
        let Some(PresentStage { name, is_closed }) = present else {
            return Some(mapped.unwrap_or(&self.active));
        };
        let meaning =
            self.listed_as(name).map(|stage| stage.meaning.clone()).or_else(|| self.target_meaning(name));
        match meaning {
            Some(Meaning::Active(group)) if group.as_deref() == sales_stage => None,
            Some(Meaning::Active(_)) => mapped,
            None if !is_closed => mapped,
            None | Some(_) => Some(mapped.unwrap_or(&self.active)),
        }
    }

    /// The present stage if it means this already, else the named target, else the first that means it.
    fn closed_target<'s>(
        &'s self,
        present: Option<&'s str>,
        meaning: &Meaning,
        name: &'static str,
        target: Option<&'s str>,
    ) -> Result<&'s str, StageError> {
        let stays =
            present.filter(|present| self.listed_as(present).is_some_and(|stage| &stage.meaning == meaning));
        stays.or(target).or_else(|| self.first(meaning)).ok_or(StageError::NoStage(name))
    }

    fn first(&self, meaning: &Meaning) -> Option<&str> {
        self.listed.iter().find(|stage| &stage.meaning == meaning).map(|stage| stage.name.as_str())
    }
}
