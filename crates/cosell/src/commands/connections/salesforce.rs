//! What is shown of Salesforce beside its state: the way of logging in, whose sign-in it is, when the certificate ends, and
//! how the org's allowances stand.

use std::collections::BTreeMap;

use jiff::Timestamp;
use ports::{Lane, Platform, TokenFacts};
use salesforce::{CallContext, LoginConfig, LoginFlow, OrgLimit, Standing};
use serde_json::{Value, json};
use service::{AllowanceStanding, Halted};
use store::Database;

use super::ago;
use crate::{
    config::{AllowanceConfig, Loaded, SalesforceFlow},
    salesforce_login::certificate_ends,
    wiring::Wired,
};

/// The allowances that Cosell lives on.
const LIMITS: [&str; 5] = [
    "DailyApiRequests",
    "DailyDeliveredPlatformEvents",
    "MonthlyPlatformEventsUsageEntitlement",
    "DailyBulkApiBatches",
    "DailyBulkV2QueryJobs",
];
/// A sample says nothing once the server's window has passed.
const WINDOW_HOURS: i64 = 24;

/// The allowances by name, or why they cannot be read.
type Limits = Result<BTreeMap<String, OrgLimit>, String>;

/// What is known; little without a try.
pub(super) struct SalesforceDetails {
    flow: LoginFlow,
    /// The user that the configuration names.
    username: Option<String>,
    shares: AllowanceConfig,
    certificate_ends: Option<Timestamp>,
    sign_in: Option<TokenFacts>,
    allowance: Option<AllowanceStanding>,
    standing: Option<Standing>,
    limits: Option<Limits>,
}

impl SalesforceDetails {
    /// What the configuration says.
    pub(super) fn configured(loaded: &Loaded) -> anyhow::Result<Self> {
        let config = &loaded.config.salesforce;
        let flow = match config.flow() {
            SalesforceFlow::Jwt => LoginFlow::JwtBearer,
            SalesforceFlow::ClientCredentials => LoginFlow::ClientCredentials,
            SalesforceFlow::Login => LoginFlow::SignedIn,
        };
        Ok(Self {
            flow,
            username: config.username.clone(),
            shares: config.allowance,
            certificate_ends: certificate_ends(loaded)?,
            sign_in: None,
            allowance: None,
            standing: None,
            limits: None,
        })
    }

    /// What the store knows.
    pub(super) async fn read(&mut self, store: &dyn Database) -> anyhow::Result<()> {
        if self.flow == LoginFlow::SignedIn {
            self.sign_in = store.facts(LoginConfig::STORE_NAME).await?;
        }
        if self.allowance.is_none() {
            let known =
                store.usages().await?.into_iter().find(|(platform, _)| *platform == Platform::Salesforce);
            let shares = self.shares.shares();
            self.allowance = known.map(|(_, usage)| AllowanceStanding::of(usage, shares));
        }
        Ok(())
    }

    /// What the org says.
    pub(super) async fn ask(&mut self, wired: &Wired) {
        self.standing = wired.salesforce.standing();
        if self.standing.is_some() {
            let limits = wired.salesforce.limits(CallContext::new(Lane::Background)).await;
            self.limits = Some(limits.map_err(|error| error.to_string()));
        }
        self.allowance = wired.budget.allowance(Platform::Salesforce);
    }

    /// Whether somebody has to sign in before anything can work.
    pub(super) fn lacks_sign_in(&self) -> bool {
        self.flow == LoginFlow::SignedIn && self.sign_in.is_none()
    }

    /// For programs.
    pub(super) fn tell(&self, told: &mut Value, now: Timestamp) {
        let sign_in = self.sign_in.as_ref();
        told["flow"] = self.flow.name().into();
        told["account"] = json!(sign_in.and_then(|facts| facts.account.as_ref()).or(self.username.as_ref()));
        told["signed_in_at"] = json!(sign_in.map(|facts| facts.signed_in_at));
        told["renewed_at"] = json!(sign_in.map(|facts| facts.stored_at));
        told["certificate_days_left"] = json!(self.certificate_ends.map(|ends| days_left(ends, now)));
        told["org_id"] = json!(self.standing.as_ref().map(|known| known.org_id.to_string()));
        told["user_id"] = json!(self.standing.as_ref().map(|known| known.user_id.to_string()));
        told["instance"] = json!(self.standing.as_ref().map(|known| &known.instance));
        told["is_sandbox"] = json!(self.standing.as_ref().and_then(|known| known.is_sandbox));
        told["allowance"] = json!(self.allowance_at(now).map(AllowanceStanding::as_json));
        told["limits"] = match &self.limits {
            Some(Ok(limits)) => json!(limits),
            Some(Err(reason)) => json!({ "problem": reason }),
            None => Value::Null,
        };
    }

    /// For people.
    pub(super) fn lines(&self, now: Timestamp) -> Vec<String> {
        let mut lines = Vec::new();
        let by = self.flow.name();
        match (&self.sign_in, &self.username) {
            (Some(facts), _) => {
                let who =
                    facts.account.as_deref().map_or_else(String::new, |account| format!(" as {account}"));
                lines.push(format!("signed in {}{who}", ago(facts.signed_in_at, now)));
            }
            (None, Some(username)) => lines.push(format!("{by}, as {username}")),
            (None, None) => lines.push(by.to_owned()),
        }
        if let Some(ends) = self.certificate_ends {
            lines.push(format!("certificate: {} days left", days_left(ends, now)));
        }
        if let Some(standing) = self.allowance_at(now) {
            let waits = match standing.halted {
                Halted::Nothing => "",
                Halted::Background => "; background work waits",
                Halted::Reports => "; background work and status lines wait",
                Halted::AllButGuards | Halted::Everything => "; nearly everything waits",
            };
            let (used, allowed) = (standing.usage.used, standing.usage.allowed);
            let at = ago(standing.usage.at, now);
            lines.push(format!(
                "daily calls: {} % used ({used} of {allowed}, {at}){waits}",
                standing.percent()
            ));
        }
        match &self.limits {
            Some(Ok(limits)) => {
                for (name, limit) in LIMITS.iter().filter_map(|name| Some((name, limits.get(*name)?))) {
                    lines.push(format!("{name}: {} of {} left", limit.remaining, limit.max));
                }
            }
            Some(Err(reason)) => lines.push(format!(
                "the other allowances cannot be read ({reason}): the user needs View Setup and Configuration for that"
            )),
            None => {}
        }
        lines
    }

    fn allowance_at(&self, now: Timestamp) -> Option<&AllowanceStanding> {
        self.allowance.as_ref().filter(|known| now.duration_since(known.usage.at).as_hours() < WINDOW_HOURS)
    }
}

fn days_left(ends: Timestamp, now: Timestamp) -> i64 {
    (ends.duration_since(now).as_hours() / 24).max(0)
}
