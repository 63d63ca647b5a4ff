//! One harmless call on each connection, and what it says about it.

use async_trait::async_trait;
use partner_center::{AuthError, CallContext, ListQuery};
use ports::{Lane, RetryClass};

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

/// Tries a connection by a harmless call.
#[async_trait]
pub trait Probe: Send + Sync + 'static {
    /// The connection's key in the store.
    fn key(&self) -> &'static str;

    /// Its name, for people.
    fn name(&self) -> &'static str;

    /// Makes the call.
    async fn probe(&self) -> Seen;

    /// Begins anew if a person signed in since the last look; whether that was so.
    async fn adopts_new_sign_in(&self) -> bool {
        false
    }

    /// Waits until the connection meets a refusal that only a person can end, and that was not known already.
    async fn trouble(&self) {
        std::future::pending::<()>().await;
    }
}

/// Reads one referral.
pub struct ReferralsProbe(pub partner_center::Client);

/// Reads the webhook registration.
pub struct WebhooksProbe(pub partner_center::Client);

/// Asks the org who it is, and as whom it is called.
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
            Err(error) => seen_of_portal(&error),
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
            Err(error) => seen_of_portal(&error),
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
            Ok(saw) => Seen::Works(saw),
            Err(error) => seen_of_salesforce(&error),
        }
    }

    async fn adopts_new_sign_in(&self) -> bool {
        self.0.adopt_new_sign_in().await.unwrap_or_else(|error| {
            tracing::error!(%error, "the sign-in of Salesforce could not be looked at");
            false
        })
    }

    async fn trouble(&self) {
        self.0.trouble().await;
    }
}

impl SalesforceProbe {
    /// Where the session leads, for a person.
    async fn asked(&self) -> salesforce::Result<String> {
        // Of the lane that is halted late: whether the org answers is asked for a person, and rarely.
        let context = salesforce::CallContext::new(Lane::Now);
        let standing = self.0.organization(context).await?;
        let kind = match standing.is_sandbox {
            Some(true) => ", a sandbox",
            Some(false) => ", production",
            None => "",
        };
        let user = match self.0.username(context).await {
            Ok(Some(name)) => name,
            // Who it is stands in the session, too; the name is for people.
            _ => standing.user_id.to_string(),
        };
        let (org, flow, instance) = (standing.org_id, self.0.flow().name(), standing.instance);
        Ok(format!("org {org}{kind}; as {user} ({flow}); at {instance}"))
    }
}

/// What a failed call of Salesforce means for a person.
pub fn seen_of_salesforce(error: &salesforce::Error) -> Seen {
    // A store that cannot open the sign-in says how to mend it; waiting mends nothing.
    if let salesforce::Error::NotGranted { reason } = error
        && let Some((sentence, fix)) = reason.split_once("\n  fix: ")
    {
        return Seen::NeedsPerson(format!("{}.", capital(sentence)), format!("{}.", capital(fix)));
    }
    match error.class() {
        RetryClass::Person | RetryClass::Authenticate | RetryClass::Bug => {
            let next = error.next_step().map_or_else(
                || {
                    "Check login_url, consumer_key and what is given beside them in [salesforce], and the integration \
                     user's app policies and permissions in Setup."
                        .to_owned()
                },
                |next| format!("{}.", capital(next).trim_end_matches('.')),
            );
            Seen::NeedsPerson(format!("{}.", capital(&error.to_string())), next)
        }
        _ => Seen::NotNow(capital(&error.to_string())),
    }
}

/// What a refusal of Partner Center's says about the connection.
pub fn seen_of_portal(error: &partner_center::Error) -> Seen {
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
