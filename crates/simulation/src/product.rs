//! The product, as the world sees it: installed once, started again and again, and looked at from outside.

use std::{collections::BTreeMap, sync::Arc};

use async_trait::async_trait;
use axum::Router;
use futures::future::BoxFuture;
use jiff::Timestamp;
use ports::{Clock, HoldPoints, HttpService, Rng};
use salesforce::events::EventWire;
use sandbox::serve::Ready;

/// Something that can be installed in a world.
pub trait Product: Sync {
    /// Puts it beside the platforms that `ready` describes. `profile` varies what a customer would configure.
    ///
    /// # Errors
    /// A sentence.
    fn install(&self, ready: &Ready, profile: Profile) -> Result<Box<dyn Installed>, String>;
}

/// What differs from one customer's configuration to the next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Profile {
    /// Change events of the org are listened to.
    pub events: bool,
    /// Graces are seconds, not minutes.
    pub short_graces: bool,
    /// Irreversible effects of one kind within the brake's window, before it holds.
    pub brake_limit: u32,
    /// Seconds between two polls.
    pub poll_seconds: u64,
    /// Workers.
    pub workers: usize,
    /// Minutes that a poll looks back behind the newest change that it has seen.
    pub overlap_minutes: u64,
    /// Minutes between two polls of the org while its change events come.
    pub reconcile_minutes: u64,
    /// The mapping that it begins with, by its number.
    pub mapping: u64,
    /// Items on a page of the portal's list.
    pub page_size: u64,
}

/// An installation: configuration, mapping and store. They outlast its lives.
pub trait Installed {
    /// Begins a life, inside the runtime of that life. Whatever it holds ends with that runtime.
    ///
    /// # Errors
    /// A sentence, if the store or the configuration cannot be used.
    fn start(&self, outside: Outside) -> Result<Life, String>;

    /// Gives it the `variant`-th mapping; between two lives.
    ///
    /// # Errors
    /// A sentence.
    fn remap(&self, variant: u64) -> Result<(), String>;

    /// Keeps a copy of the store in the place of the copy before; between two lives.
    ///
    /// # Errors
    /// A sentence.
    fn keep_copy(&self) -> Result<(), String>;

    /// Puts the kept copy in the place of the store; false if there is none. Between two lives.
    ///
    /// # Errors
    /// A sentence.
    fn bring_copy_back(&self) -> Result<bool, String>;

    /// Forgets how far a source was read, or all of them; between two lives.
    ///
    /// # Errors
    /// A sentence.
    fn lose_positions(&self) -> Result<(), String>;

    /// Every file of the store, as bytes: what it must not hold is searched for in them.
    fn stored(&self) -> Vec<Vec<u8>>;
}

/// What a life is handed.
pub struct Outside {
    /// Its machine's clock.
    pub clock: Arc<dyn Clock>,
    /// Its chance.
    pub rng: Arc<dyn Rng>,
    /// Where it may be stopped.
    pub holds: Arc<dyn HoldPoints>,
    /// The network.
    pub http: HttpService,
    /// The org's change events.
    pub events: Arc<dyn EventWire>,
}

/// A life of the product.
pub struct Life {
    /// Where the portal's events arrive.
    pub door: Option<Router>,
    /// The service itself: runs until it is dropped, or fails.
    pub service: BoxFuture<'static, Result<(), String>>,
    /// A look into it.
    pub eyes: Arc<dyn Eyes>,
}

/// What a person sees of a living product.
#[async_trait]
pub trait Eyes: Send + Sync {
    /// How many deals were worked on in this life.
    fn passes(&self) -> u64;

    /// Which rows of its tables this life has met, and how often.
    fn rows(&self) -> BTreeMap<String, u64>;

    /// Takes what the product has written into its log.
    fn said(&self) -> Vec<u8>;

    /// Every deal.
    async fn deals(&self) -> Vec<DealSeen>;

    /// Deals that were committed since they were last asked for; in a new life, all.
    async fn changed(&self) -> Vec<DealSeen>;

    /// Fields of Salesforce of which the product says that it cannot read them, as `Opportunity.Amount`.
    async fn hidden(&self) -> Vec<String>;

    /// Every value that lost, with the deal it belongs to.
    async fn archive(&self) -> Vec<Lost>;

    /// The kinds of effects whose brakes hold; a person releases them if `release`.
    async fn brakes(&self, release: bool) -> Vec<String>;

    /// A person takes a waiting effect back, the `pick`-th of all: its opportunity, and what it was to come to.
    async fn withdraw(&self, pick: u64) -> Option<(String, String)>;

    /// A person sends a waiting effect before its time, the `pick`-th of all: its opportunity, and what it comes to.
    async fn send_now(&self, pick: u64) -> Option<(String, String)>;

    /// An operator pauses a deal or everything; if something is paused, resumes it all. Says which.
    async fn pause(&self, pick: u64) -> String;

    /// An operator resumes all that was paused.
    async fn resume(&self);

    /// An operator has every deal with a problem tried again, with what was refused.
    async fn retry(&self);

    /// Whether an event is kept that was answered with success: that the referral was changed at `changed`.
    async fn keeps(&self, referral: &str, changed: Option<Timestamp>) -> bool;

    /// Work that is due and not done: how many rows.
    async fn due(&self) -> u64;
}

/// A deal, as a person sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DealSeen {
    /// Its id.
    pub id: String,
    /// Its opportunity.
    pub opportunity: Option<String>,
    /// Its referral.
    pub referral: Option<String>,
    /// Whether it is worked on: `live`, `paused`, `finished`.
    pub phase: String,
    /// How many effects wait for their time.
    pub waiting: usize,
    /// Why it cannot go on: field and sentence.
    pub problems: Vec<(Option<String>, String)>,
    /// Groups that differ since the mapping changed: counted and shown, and written only when a person says so.
    pub remapped: Vec<String>,
    /// What both sides held when last reconciled, as text.
    pub base: String,
    /// The stamps of the newest versions of the referral and of the opportunity that it has seen.
    pub read: [Option<Timestamp>; 2],
}

/// Where the product says that a referral is another partner's deal, and never changed from here: none of its groups is.
const READ_ONLY: &str = "partner_to_partner";

impl DealSeen {
    /// Whether it is said why nothing is done about this group: by a problem of its own or of the whole deal, or because
    /// the mapping changed.
    pub(crate) fn says_why(&self, group: &str) -> bool {
        let about = |field: &str| field == group || field == READ_ONLY;
        self.problems.iter().any(|(field, _)| field.as_deref().is_none_or(about))
            || self.remapped.iter().any(|differs| differs == group)
    }
}

/// A value that lost, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lost {
    /// The opportunity of its deal.
    pub opportunity: Option<String>,
    /// The value, as text.
    pub value: String,
    /// Why.
    pub reason: String,
}
