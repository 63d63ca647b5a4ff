//! What a test may turn on this org: undocumented choices, customer settings and misfortunes, each with a default.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{
    auth::knobs::SignIn,
    bulk::knobs::BulkKnobs,
    own_fields::OwnField,
    processes::{OwnStage, SalesProcess},
    pubsub::knobs::EventKnobs,
};

/// Which of a row's two stamps a conditional header is compared with (salesforce reference, 2.14: not settled).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Stamp {
    LastModifiedDate,
    SystemModstamp,
}

/// What happens to a copied unique value when a person clones a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum CloneUnique {
    /// The clone is saved with the field empty.
    Empty,
    /// The clone is refused.
    Block,
}

/// A row that others hold locked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct LockedRow {
    /// 15 or 18 characters.
    pub(crate) id: String,
    /// How many more writes fail.
    pub(crate) times: u32,
}

/// When a validation rule refuses a row.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub(crate) enum Condition {
    /// The field is empty.
    Empty,
    /// The field has a value.
    NotEmpty,
    /// The field reads like this.
    Equals(Value),
    /// The number is greater.
    Above(i64),
    /// The number is smaller.
    Below(i64),
    /// The text has more characters.
    LongerThan(usize),
}

/// A customer's validation rule.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ValidationRule {
    pub(crate) object: String,
    pub(crate) field: String,
    pub(crate) condition: Condition,
    pub(crate) message: String,
}

/// What an automation does to a value that an API user wrote.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Deed {
    /// Puts the argument in front of a text, unless it is there.
    Prefix,
    /// Rounds a number to a multiple of the argument.
    Round,
    /// Moves a date by this many days.
    ShiftDays,
    /// Puts back what was there before.
    Revert,
}

/// When an automation acts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub(crate) enum When {
    /// In the same save.
    BeforeSave,
    /// In a save of its own, so many milliseconds later.
    AfterMs(u32),
}

/// A customer's flow or trigger on one field. It runs under the writer's user.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Automation {
    pub(crate) object: String,
    pub(crate) field: String,
    pub(crate) kind: Deed,
    #[serde(default)]
    pub(crate) argument: Value,
    pub(crate) when: When,
}

/// What a duplicate rule does when it finds a match.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum OnDuplicate {
    /// Refused unless the caller allows it by header.
    Alert,
    /// Refused.
    Block,
}

/// A duplicate rule: inserts equal to a live row in all of `fields` are caught.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct DuplicateRule {
    pub(crate) name: String,
    pub(crate) object: String,
    pub(crate) fields: Vec<String>,
    pub(crate) action: OnDuplicate,
}

/// What fails in the customer's own code.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum FailureKind {
    /// An Apex trigger throws: `CANNOT_INSERT_UPDATE_ACTIVATE_ENTITY`. The reference also names `APEX_ERROR` texts, but
    /// Salesforce's list of codes has no such code.
    Trigger,
    /// A record-triggered flow fails: `CANNOT_EXECUTE_FLOW_TRIGGER`.
    Flow,
}

/// A trigger or flow that refuses saves with a text of the customer's.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct SaveFailure {
    pub(crate) object: String,
    /// Only saves that write this field; every save without it.
    #[serde(default)]
    pub(crate) field: Option<String>,
    pub(crate) kind: FailureKind,
    /// The trigger's or flow's name.
    pub(crate) name: String,
    /// The customer's text.
    pub(crate) message: String,
    /// How many more saves fail; `null` for all.
    #[serde(default)]
    pub(crate) times: Option<u32>,
}

/// Rights on an object as a whole that the integration user lacks.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Denied {
    pub(crate) object: String,
    /// Any of them.
    pub(crate) rights: Vec<Right>,
}

/// What somebody may do with an object's rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Right {
    Create,
    Read,
    Edit,
    Delete,
}

/// A right that holds for the org as a whole (salesforce reference, 1.9 and 6.3).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Permission {
    /// `/limits` can be read.
    ViewSetup,
    /// Upserts on an external id that is not unique find rows of other owners.
    ViewAllData,
    /// Deploys and the Tooling API can be used.
    ModifyMetadata,
    /// Entities can be selected for change events.
    CustomizeApplication,
}

/// Every knob.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[expect(clippy::struct_excessive_bools, reason = "each is a switch of its own")]
pub(crate) struct Knobs {
    /// `Object.Field` names that the integration user can neither read nor write.
    pub(crate) hidden_fields: Vec<String>,
    /// Reads see every row as it was this long ago (at most [`MAX_READ_LAG_MS`]).
    pub(crate) read_lag_ms: u64,
    /// A new row is unseen for this long, though its stamps are those of its save.
    pub(crate) late_visible_ms: u64,
    /// How many more new rows appear late; `null` for all.
    pub(crate) late_visible_rows: Option<u32>,
    /// Whether `Opportunity.Referral_Identifier__c` is unique.
    pub(crate) identifier_unique: bool,
    /// The stamp that conditional headers are compared with.
    pub(crate) conditional_stamp: Stamp,
    /// Whether Amount is silently kept while line items exist.
    pub(crate) amount_ignored_with_line_items: bool,
    /// Whether currencies exist in this org.
    pub(crate) multi_currency: bool,
    /// ISO codes in use; the first is the corporate currency.
    pub(crate) active_currencies: Vec<String>,
    /// Whether opportunities have teams.
    pub(crate) team_selling: bool,
    /// Whether the Notes feature is on: without it there is no `ContentNote`.
    pub(crate) notes: bool,
    /// Whether countries and states are picklists with codes.
    pub(crate) state_country_picklists: bool,
    /// Whether an account may be a person.
    pub(crate) person_accounts: bool,
    /// Whether record types are defined.
    pub(crate) record_types: bool,
    /// Record types of opportunities and their sales processes. A record type without one takes any stage.
    pub(crate) sales_processes: Vec<SalesProcess>,
    /// Stages beside those that every org of this kind begins with.
    pub(crate) own_stages: Vec<OwnStage>,
    /// Fields beside those that every org of this kind begins with.
    pub(crate) own_fields: Vec<OwnField>,
    /// Whether stages outside the picklist are refused.
    pub(crate) stages_restricted: bool,
    /// Whether the product's custom fields and object are in the org without a deploy.
    pub(crate) package_installed: bool,
    /// Whether the fields and the object of a namespaced package like Microsoft's are in the org.
    pub(crate) packaged_fields: bool,
    /// What the integration user may not do with which object.
    pub(crate) denied: Vec<Denied>,
    /// What the integration user may do in the org as a whole.
    pub(crate) permissions: Vec<Permission>,
    /// Users that may not own rows for lack of access, by username.
    pub(crate) cannot_own: Vec<String>,
    /// Objects of which the integration user sees only rows that it owns, opportunities in whose team it is, and their
    /// accounts: private sharing without "View All".
    pub(crate) private: Vec<String>,
    /// Rows in an approval process, by id: only an administrator changes them.
    pub(crate) approval_locked: Vec<String>,
    /// Triggers and flows that fail.
    pub(crate) save_failures: Vec<SaveFailure>,
    /// Whether the org has no room for another row.
    pub(crate) storage_full: bool,
    /// With which status a full org refuses: 400 or 403 (salesforce reference, 2.3: not settled).
    pub(crate) storage_full_status: u16,
    /// The username that assignment rules give new leads to.
    pub(crate) lead_assignee: Option<String>,
    /// How long a deploy takes, in milliseconds; it is done at the next call at the soonest.
    pub(crate) deploy_ms: u64,
    /// Whether an external id that ends like a domain name is not found in a path (salesforce reference, 2.6).
    pub(crate) domain_like_keys_lost: bool,
    /// Whether subrequests of a composite are answered as if they had no conditional headers.
    pub(crate) composite_ignores_conditions: bool,
    /// With which status a lock that is not got refuses: 400 or 500 (salesforce reference, 2.3: both seen).
    pub(crate) lock_status: u16,
    /// Rows that cannot be locked for a while.
    pub(crate) locked_rows: Vec<LockedRow>,
    /// Validation rules, all active.
    pub(crate) validation_rules: Vec<ValidationRule>,
    /// Automations, all active.
    pub(crate) automations: Vec<Automation>,
    /// Duplicate rules, all active.
    pub(crate) duplicate_rules: Vec<DuplicateRule>,
    /// Records on a query page, whatever the caller asks for.
    pub(crate) page_size: Option<usize>,
    /// Rows on the first page of a sub-query, whatever the caller asks for.
    pub(crate) child_page_size: Option<usize>,
    /// Most ids in one answer of `updated` or `deleted` (salesforce reference, 2.13: 600,000).
    pub(crate) replication_max_ids: usize,
    /// How quickly the bulk queue works, and when it fails.
    pub(crate) bulk: BulkKnobs,
    /// API calls a rolling day.
    pub(crate) daily_limit: u64,
    /// Calls above the limit that are still answered (salesforce reference, 2.15).
    pub(crate) daily_overshoot: u64,
    /// Usernames without API access (403).
    pub(crate) deny_users: Vec<String>,
    /// Usernames whose tokens are dead (401); new grants are dead too.
    pub(crate) revoked_users: Vec<String>,
    /// Seconds that a token from the token endpoint lives.
    pub(crate) token_ttl_seconds: u32,
    /// How apps sign in, and what the org answers them.
    pub(crate) sign_in: SignIn,
    /// What the event bus does, and what goes wrong with it.
    pub(crate) events: EventKnobs,
    /// Whether an assertion may expire more than five minutes ahead (salesforce reference, 1.3: evidently yes).
    pub(crate) accept_far_expiry: bool,
    /// What the user interface's Clone does with unique values.
    pub(crate) clone_unique: CloneUnique,
    /// By how many seconds the `Date` of answers is ahead of the caller's clock; behind it, if negative.
    pub(crate) date_skew_seconds: i32,
}

/// The most that reads may lag.
pub(crate) const MAX_READ_LAG_MS: u64 = 60_000;

impl Default for Knobs {
    fn default() -> Self {
        Self {
            hidden_fields: Vec::new(),
            read_lag_ms: 0,
            late_visible_ms: 0,
            late_visible_rows: None,
            identifier_unique: true,
            conditional_stamp: Stamp::LastModifiedDate,
            amount_ignored_with_line_items: true,
            multi_currency: true,
            active_currencies: ["USD", "EUR", "GBP", "CHF"].map(str::to_owned).to_vec(),
            team_selling: true,
            notes: true,
            state_country_picklists: false,
            person_accounts: false,
            record_types: true,
            sales_processes: Vec::new(),
            own_stages: Vec::new(),
            own_fields: Vec::new(),
            stages_restricted: false,
            package_installed: true,
            packaged_fields: false,
            denied: Vec::new(),
            permissions: vec![
                Permission::ViewSetup,
                Permission::ViewAllData,
                Permission::ModifyMetadata,
                Permission::CustomizeApplication,
            ],
            cannot_own: Vec::new(),
            private: Vec::new(),
            approval_locked: Vec::new(),
            save_failures: Vec::new(),
            storage_full: false,
            storage_full_status: 400,
            lead_assignee: None,
            deploy_ms: 0,
            domain_like_keys_lost: true,
            composite_ignores_conditions: false,
            lock_status: 400,
            locked_rows: Vec::new(),
            validation_rules: Vec::new(),
            automations: Vec::new(),
            duplicate_rules: Vec::new(),
            page_size: None,
            child_page_size: None,
            replication_max_ids: 600_000,
            bulk: BulkKnobs::default(),
            daily_limit: 100_000,
            daily_overshoot: 0,
            deny_users: Vec::new(),
            revoked_users: Vec::new(),
            token_ttl_seconds: 7_200,
            sign_in: SignIn::default(),
            events: EventKnobs::default(),
            accept_far_expiry: true,
            clone_unique: CloneUnique::Empty,
            date_skew_seconds: 0,
        }
    }
}

impl Knobs {
    /// These knobs with the members of `patch` put over them.
    ///
    /// # Errors
    /// A sentence naming the unknown knob or unfit value.
    pub(crate) fn patched(&self, patch: &Value) -> Result<Self, String> {
        let Value::Object(patch) = patch else { return Err("knobs are a JSON object".to_owned()) };
        let mut whole = serde_json::to_value(self).map_err(|error| error.to_string())?;
        if let Value::Object(whole) = &mut whole {
            for (name, value) in patch {
                match (whole.get_mut(name), value) {
                    // Of a group of settings, those that are not named stay.
                    (Some(Value::Object(group)), Value::Object(named)) => group.extend(named.clone()),
                    _ => {
                        whole.insert(name.clone(), value.clone());
                    }
                }
            }
        }
        let knobs: Self = serde_json::from_value(whole).map_err(|error| error.to_string())?;
        knobs.events.check()?;
        if knobs.read_lag_ms > MAX_READ_LAG_MS {
            return Err(format!("read_lag_ms is at most {MAX_READ_LAG_MS}"));
        }
        if knobs.active_currencies.is_empty() {
            return Err("active_currencies needs at least the corporate currency".to_owned());
        }
        if !matches!(knobs.lock_status, 400 | 500) {
            return Err("lock_status is 400 or 500".to_owned());
        }
        if !matches!(knobs.storage_full_status, 400 | 403) {
            return Err("storage_full_status is 400 or 403".to_owned());
        }
        if knobs.page_size == Some(0) || knobs.child_page_size == Some(0) || knobs.bulk.page_rows == 0 {
            return Err("page_size, child_page_size and bulk.page_rows are at least 1".to_owned());
        }
        Ok(knobs)
    }
}
