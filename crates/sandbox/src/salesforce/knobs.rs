//! What a test may turn on this org: undocumented choices, customer settings and misfortunes, each with a default.

use serde::{Deserialize, Serialize};
use serde_json::Value;

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

/// Every knob.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
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
    /// Rows that cannot be locked for a while.
    pub(crate) locked_rows: Vec<LockedRow>,
    /// Validation rules, all active.
    pub(crate) validation_rules: Vec<ValidationRule>,
    /// Automations, all active.
    pub(crate) automations: Vec<Automation>,
    /// Duplicate rules, all active.
    pub(crate) duplicate_rules: Vec<DuplicateRule>,
    /// Rows on a query page, whatever the caller asks for.
    pub(crate) page_size: Option<usize>,
    /// API calls a rolling day.
    pub(crate) daily_limit: u64,
    /// Usernames without API access (403).
    pub(crate) deny_users: Vec<String>,
    /// Usernames whose tokens are dead (401); new grants are dead too.
    pub(crate) revoked_users: Vec<String>,
    /// Seconds that a token from the token endpoint lives.
    pub(crate) token_ttl_seconds: u32,
    /// Whether an assertion may expire more than five minutes ahead (salesforce reference, 1.3: evidently yes).
    pub(crate) accept_far_expiry: bool,
    /// What the user interface's Clone does with unique values.
    pub(crate) clone_unique: CloneUnique,
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
            locked_rows: Vec::new(),
            validation_rules: Vec::new(),
            automations: Vec::new(),
            duplicate_rules: Vec::new(),
            page_size: None,
            daily_limit: 100_000,
            deny_users: Vec::new(),
            revoked_users: Vec::new(),
            token_ttl_seconds: 7_200,
            accept_far_expiry: true,
            clone_unique: CloneUnique::Empty,
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
            whole.extend(patch.clone());
        }
        let knobs: Self = serde_json::from_value(whole).map_err(|error| error.to_string())?;
        if knobs.read_lag_ms > MAX_READ_LAG_MS {
            return Err(format!("read_lag_ms is at most {MAX_READ_LAG_MS}"));
        }
        if knobs.active_currencies.is_empty() {
            return Err("active_currencies needs at least the corporate currency".to_owned());
        }
        if knobs.page_size == Some(0) {
            return Err("page_size is at least 1".to_owned());
        }
        Ok(knobs)
    }
}
