//! One harmless call on each connection, and what it says about it.

use async_trait::async_trait;
use partner_center::{AuthError, CallContext, ListQuery};
use ports::{Lane, RetryClass};
use salesforce::{FieldPath, ObjectName, soql::Select};

use super::{REFERRALS_CONNECTION, SALESFORCE_CONNECTION, WEBHOOKS_CONNECTION};

/// What one harmless call saw.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Seen {
    /// It works; what was seen, for a person.
    Works(String),
    /// A person has to act: what is wrong, and what to do.
    NeedsPerson(String, String),
    /// It did not work this time; waiting may be enough.
    NotNow(String),
}

/// Tries a connection by one harmless call.
#[async_trait]
pub trait Probe: Send + Sync + 'static {
    /// The connection's key in the store.
    fn key(&self) -> &'static str;

    /// Its name, for people.
    fn name(&self) -> &'static str;

    /// Makes the call.
    async fn probe(&self) -> Seen;
}

/// Reads one referral.
pub struct ReferralsProbe(pub partner_center::Client);

/// Reads the webhook registration.
pub struct WebhooksProbe(pub partner_center::Client);

/// Asks the org who it is.
pub struct SalesforceProbe(pub salesforce::Client);

#[async_trait]
impl Probe for ReferralsProbe {
    fn key(&self) -> &'static str {
        REFERRALS_CONNECTION
    }

    fn name(&self) -> &'static str {
        "Partner Center referrals"
    }

    async fn probe(&self) -> Seen {
        let one = ListQuery::default().top(1);
        match self.0.list(CallContext::new(Lane::Background), &one).await {
            Ok(page) if page.items.is_empty() => Seen::Works("no referral is visible yet".to_owned()),
            Ok(page) => Seen::Works(match page.count {
                Some(count) if count > 1 => format!("{count} referrals are visible"),
                _ => "referrals are visible".to_owned(),
            }),
            Err(error) => seen(&error),
        }
    }
}

#[async_trait]
impl Probe for WebhooksProbe {
    fn key(&self) -> &'static str {
        WEBHOOKS_CONNECTION
    }

    fn name(&self) -> &'static str {
        "Partner Center webhooks"
    }

    async fn probe(&self) -> Seen {
        match self.0.registered(CallContext::new(Lane::Background)).await {
            Ok(Some(_)) => Seen::Works("a registration stands".to_owned()),
            Ok(None) => Seen::Works("no registration stands".to_owned()),
            Err(error) => seen(&error),
        }
    }
}

#[async_trait]
impl Probe for SalesforceProbe {
    fn key(&self) -> &'static str {
        SALESFORCE_CONNECTION
    }

    fn name(&self) -> &'static str {
        "Salesforce"
    }

    async fn probe(&self) -> Seen {
        match self.asked().await {
            Ok(org) => Seen::Works(format!("org {org} answers")),
            Err(error) => match error.class() {
                RetryClass::Person | RetryClass::Authenticate | RetryClass::Bug => Seen::NeedsPerson(
                    format!("{}.", capital(&error.to_string())),
                    "Check login_url, consumer_key, username and private_key of [salesforce], and the integration \
                     user's app policies and permissions in Setup."
                        .to_owned(),
                ),
                _ => Seen::NotNow(capital(&error.to_string())),
            },
        }
    }
}

impl SalesforceProbe {
    /// Asks who the org is: every user may, and it is one row.
    async fn asked(&self) -> salesforce::Result<salesforce::OrgId> {
        let object = ObjectName::new("Organization").expect("a constant that is a name");
        let id = FieldPath::new("Id").expect("a constant that is a name");
        let organization = Select::from(&object).fields(&[id]).build();
        self.0.query(salesforce::CallContext::new(Lane::Background), &organization).await?;
        self.0.org_id().await
    }
}

fn seen(error: &partner_center::Error) -> Seen {
    if let partner_center::Error::Auth { source, .. } = error
        && let Some(next) = source.next_step()
    {
        return Seen::NeedsPerson(sentence(source), next.to_owned());
    }
    // A store that cannot open the sign-in says how to mend it; waiting mends nothing.
    if let partner_center::Error::Auth { source: AuthError::Store { reason }, .. } = error
        && let Some((sentence, fix)) = reason.split_once("\n  fix: ")
    {
        return Seen::NeedsPerson(format!("{}.", capital(sentence)), format!("{}.", capital(fix)));
    }
    match error.class() {
        RetryClass::Person | RetryClass::Authenticate | RetryClass::Bug => Seen::NeedsPerson(
            capital(&error.to_string()),
            "Give the synchronisation's user the role Referrals admin for the whole company (Admin agent too, where \
             webhooks are refused), or run `cosell login partner-center` as a user who has it."
                .to_owned(),
        ),
        _ => Seen::NotNow(capital(&error.to_string())),
    }
}

fn sentence(error: &AuthError) -> String {
    format!("{}.", capital(&error.to_string()))
}

fn capital(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
}
