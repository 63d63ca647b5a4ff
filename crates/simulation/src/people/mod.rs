//! The people of a world: sellers in Salesforce, the partner's users at the portal, Microsoft's seller, other partners,
//! and whoever runs the data loader. Each does one thing at a time, drawn from the seed.

mod at_once;
mod desk;
mod elsewhere;
mod seldom;
mod sellers;

use std::sync::Arc;

use sandbox::faults::Platform;
use serde_json::{Number, Value, json};

use crate::{
    dice::Dice,
    edits::{Field, Record},
    scene::{ON_HOLD, Scene},
    world::World,
};

/// What somebody can do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Deed {
    /// A seller enters an opportunity and opts it in.
    SellerEnters,
    /// A seller enters one that nobody is to see.
    SellerEntersSecretly,
    /// A seller types values.
    SellerTypes,
    /// A seller types values twice within a second.
    SellerTypesTwice,
    /// A seller moves the stage, or answers.
    SellerMoves,
    /// A seller opts out, or in again.
    SellerPauses,
    /// A seller changes solutions or contacts.
    SellerChangesRows,
    /// A seller clones an opportunity.
    SellerClones,
    /// A seller deletes an opportunity, or takes it out of the bin.
    SellerDeletes,
    /// A background job touches a row.
    JobTouches,
    /// The data loader changes many rows, one after the other.
    LoaderLoads,
    /// The data loader changes all rows in one transaction.
    LoaderLoadsAtOnce,
    /// A user of the portal types values.
    DeskTypes,
    /// A user of the portal answers or closes.
    DeskMoves,
    /// Both type the same field within the same second.
    BothType,
    /// Both type the same, each as their side takes it.
    BothAgree,
    /// Both add a solution at the same time.
    BothAddRows,
    /// Microsoft invites.
    MicrosoftInvites,
    /// Microsoft's seller does something.
    MicrosoftActs,
    /// A referral of somebody else appears.
    OtherPartnerAppears,
    /// A lead comes.
    LeadComes,
    /// Another partner invites.
    PartnerInvites,
    /// A seller mistypes the identifier of a linked opportunity.
    SellerAltersIdentifier,
    /// Somebody else holds a row for a while.
    RowIsHeld,
    /// A seller enters an opportunity in the stage in which received referrals wait, and opts it in.
    SellerEntersOnHold,
    /// A seller puts a shared opportunity back into that stage.
    SellerPutsBack,
    /// A user of the portal ends a received referral in the moment in which a seller moves its opportunity on.
    BothAnswer,
}

/// All of them, with how often they happen.
pub(crate) const DEEDS: [(u64, Deed); 19] = [
    (5, Deed::SellerEnters),
    (1, Deed::SellerEntersSecretly),
    (28, Deed::SellerTypes),
    (3, Deed::SellerTypesTwice),
    (6, Deed::SellerMoves),
    (2, Deed::SellerPauses),
    (3, Deed::SellerChangesRows),
    (1, Deed::SellerClones),
    (1, Deed::SellerDeletes),
    (2, Deed::JobTouches),
    (2, Deed::LoaderLoads),
    (26, Deed::DeskTypes),
    (3, Deed::DeskMoves),
    (6, Deed::BothType),
    (2, Deed::BothAgree),
    (2, Deed::BothAddRows),
    (4, Deed::MicrosoftInvites),
    (6, Deed::MicrosoftActs),
    (1, Deed::OtherPartnerAppears),
];

/// What happens besides, seldom.
pub(crate) const SELDOM: [Deed; 7] = [
    Deed::LeadComes,
    Deed::PartnerInvites,
    Deed::SellerAltersIdentifier,
    Deed::RowIsHeld,
    Deed::SellerEntersOnHold,
    Deed::SellerPutsBack,
    Deed::BothAnswer,
];

/// What happens only where it is named to happen often.
pub(crate) const ON_REQUEST: [Deed; 1] = [Deed::LoaderLoadsAtOnce];

impl Deed {
    /// All of them.
    fn all() -> impl Iterator<Item = Self> {
        DEEDS.into_iter().map(|(_, deed)| deed).chain(SELDOM).chain(ON_REQUEST)
    }

    /// The deed of this name.
    pub(crate) fn named(name: &str) -> Option<Self> {
        Self::all().find(|deed| deed.name() == name)
    }

    /// Its name in counters, in the log and on the command line.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::SellerEnters => "seller_enters",
            Self::SellerEntersSecretly => "seller_enters_secretly",
            Self::SellerTypes => "seller_types",
            Self::SellerTypesTwice => "seller_types_twice",
            Self::SellerMoves => "seller_moves",
            Self::SellerPauses => "seller_pauses",
            Self::SellerChangesRows => "seller_changes_rows",
            Self::SellerClones => "seller_clones",
            Self::SellerDeletes => "seller_deletes",
            Self::JobTouches => "job_touches",
            Self::LoaderLoads => "loader_loads",
            Self::LoaderLoadsAtOnce => "loader_loads_at_once",
            Self::DeskTypes => "desk_types",
            Self::DeskMoves => "desk_moves",
            Self::BothType => "both_type",
            Self::BothAgree => "both_agree",
            Self::BothAddRows => "both_add_rows",
            Self::MicrosoftInvites => "microsoft_invites",
            Self::MicrosoftActs => "microsoft_acts",
            Self::OtherPartnerAppears => "other_partner_appears",
            Self::LeadComes => "lead_comes",
            Self::PartnerInvites => "partner_invites",
            Self::SellerAltersIdentifier => "seller_alters_identifier",
            Self::RowIsHeld => "row_is_held",
            Self::SellerEntersOnHold => "seller_enters_on_hold",
            Self::SellerPutsBack => "seller_puts_back",
            Self::BothAnswer => "both_answer",
        }
    }
}

/// The people, and what they have done so far.
pub struct People {
    world: Arc<World>,
    dice: Dice,
    /// What they did.
    pub record: Record,
    typed: u64,
}

/// Opportunities that are open at once at the most: people finish some before they begin more.
const MOST_OPEN: usize = 14;

impl People {
    /// Nobody has done anything yet.
    pub(crate) fn new(world: Arc<World>) -> Self {
        let dice = Dice::new(world.seed, "people");
        Self { world, dice, record: Record::default(), typed: 0 }
    }

    /// Somebody does `deed`, if there is anything to do it to.
    pub(crate) fn act(&mut self, deed: Deed) {
        let scene = Scene::of(&self.world);
        let open = scene.opportunities().filter(|row| row["IsClosed"] != true).count();
        let deed = match deed {
            Deed::SellerEnters
            | Deed::SellerEntersSecretly
            | Deed::SellerEntersOnHold
            | Deed::MicrosoftInvites
            | Deed::SellerClones
                if open >= MOST_OPEN =>
            {
                Deed::SellerMoves
            }
            Deed::SellerTypes | Deed::DeskTypes | Deed::SellerMoves if open < 2 => Deed::SellerEnters,
            deed => deed,
        };
        let done = match deed {
            Deed::SellerEnters => self.seller_enters(true, None),
            Deed::SellerEntersSecretly => self.seller_enters(false, None),
            Deed::SellerTypes => self.seller_types(&scene, 1),
            Deed::SellerTypesTwice => self.seller_types(&scene, 2),
            Deed::SellerMoves => self.seller_moves(&scene),
            Deed::SellerPauses => self.seller_pauses(&scene),
            Deed::SellerChangesRows => self.seller_changes_rows(&scene),
            Deed::SellerClones => self.seller_clones(&scene),
            Deed::SellerDeletes => self.seller_deletes(&scene),
            Deed::JobTouches => self.job_touches(&scene),
            Deed::LoaderLoads => self.loader_loads(&scene),
            Deed::LoaderLoadsAtOnce => self.loader_loads_at_once(&scene),
            Deed::DeskTypes => self.desk_types(&scene),
            Deed::DeskMoves => self.desk_moves(&scene),
            Deed::BothType => self.both_type(&scene),
            Deed::BothAgree => self.both_agree(&scene),
            Deed::BothAddRows => self.both_add_rows(&scene),
            Deed::MicrosoftInvites => self.microsoft_invites(),
            Deed::MicrosoftActs => self.microsoft_acts(&scene),
            Deed::OtherPartnerAppears => self.other_partner_appears(&scene),
            Deed::LeadComes => self.lead_comes(),
            Deed::PartnerInvites => self.partner_invites(),
            Deed::SellerAltersIdentifier => self.seller_alters_identifier(&scene),
            Deed::RowIsHeld => self.row_is_held(&scene),
            Deed::SellerEntersOnHold => self.seller_enters(true, Some(ON_HOLD)),
            Deed::SellerPutsBack => self.seller_puts_back(&scene),
            Deed::BothAnswer => self.both_answer(&scene),
        };
        match done {
            Ok(what) => {
                self.record.deeds += 1;
                self.world.counters.note(format!("deed.{}", deed.name()));
                self.world.say(&format!("{}: {what}", deed.name()));
            }
            Err(why) => self.world.say(&format!("{}: not done, {why}", deed.name())),
        }
    }

    /// An amount that nobody has typed before.
    fn amount(&mut self) -> String {
        self.typed += 1;
        let cents = 11 + self.dice.below(8) * 11;
        format!("{}.{cents}", 30_000 + self.typed * 17)
    }

    fn currency(&self) -> &'static str {
        self.dice.pick(&["EUR", "USD", "CHF"]).copied().unwrap_or("EUR")
    }

    /// A date that nobody has typed for ten years.
    fn date(&mut self) -> String {
        self.typed += 1;
        let first = jiff::civil::date(2027, 1, 1);
        let days = i64::try_from(self.typed % 3_650).unwrap_or_default();
        first.checked_add(jiff::Span::new().days(days)).unwrap_or(first).to_string()
    }

    /// Notes that nobody has typed before.
    fn notes(&mut self) -> String {
        self.typed += 1;
        format!("note {:06} of the customer", self.typed)
    }

    /// Some of the three fields, never none.
    fn fields(&self) -> Vec<Field> {
        let all = [Field::Money, Field::Closing, Field::Notes];
        let some: Vec<Field> = all.iter().copied().filter(|_| self.dice.percent(40)).collect();
        if some.is_empty() { vec![self.dice.pick(&all).copied().unwrap_or(Field::Notes)] } else { some }
    }

    /// New values of `fields`: what to write to which member, and what stands for each.
    fn values(&mut self, side: Platform, fields: &[Field]) -> (Value, Vec<(Field, String)>) {
        let org = side == Platform::Salesforce;
        let mut set = json!({});
        let mut needles = Vec::new();
        for field in fields {
            match field {
                Field::Money => {
                    let (amount, currency) = (self.amount(), self.currency());
                    self.record.money.insert((amount.clone(), currency.to_owned()));
                    let number = amount.parse::<Number>().map_or(Value::Null, Value::Number);
                    set[if org { "Amount" } else { "/details/dealValue" }] = number;
                    set[if org { "CurrencyIsoCode" } else { "/details/currency" }] = json!(currency);
                    needles.push((Field::Money, amount));
                }
                Field::Closing => {
                    let date = self.date();
                    if org {
                        set["CloseDate"] = json!(date);
                    } else {
                        set["/details/closingDateTime"] = json!(format!("{date}T00:00:00Z"));
                    }
                    needles.push((Field::Closing, date));
                }
                Field::Notes => {
                    let notes = self.notes();
                    set[if org { "Description" } else { "/details/notes" }] = json!(notes);
                    needles.push((Field::Notes, notes));
                }
                // Added as a row, not typed into a field.
                Field::Solution => {}
            }
        }
        (set, needles)
    }

    fn note_typed(&mut self, side: Platform, record: &str, needles: Vec<(Field, String)>) {
        let now = self.world.now();
        for (field, needle) in needles {
            self.record.typed(now, side, record, field, needle);
        }
    }
}
