//! Who a token is: `userinfo`, the identity URL, and introspection (salesforce reference, sections 1.1, 1.2).

use jiff::Timestamp;
use serde_json::{Value, json};

use super::{
    super::{
        id::Id,
        org::{Org, Person, value_of},
    },
    Gate, Refusal, refuse,
};

impl Org {
    /// The user of this name, if they may sign in.
    ///
    /// # Errors
    /// The user exists and is inactive.
    pub(super) fn person(&self, username: &str) -> Result<Option<Person>, Refusal> {
        let known = self.people.iter().find(|person| person.username.eq_ignore_ascii_case(username));
        if known.is_some() {
            return Ok(known.cloned());
        }
        let Some(users) = self.schema.find("User") else { return Ok(None) };
        let shape = self.schema.object(users);
        let inactive = self.tables.all(users).any(|row| {
            value_of(shape, row, "Username").as_text().is_some_and(|name| name.eq_ignore_ascii_case(username))
        });
        if inactive { Err(refuse("inactive_user", "user is inactive")) } else { Ok(None) }
    }

    /// Whether the app's policy lets this user in.
    pub(super) fn approved(&self, person: &Person) -> bool {
        let out = &self.knobs.sign_in.unapproved_users;
        !out.iter().any(|name| name.eq_ignore_ascii_case(person.username))
    }

    /// Where new tokens are to be used.
    pub(super) fn instance_url(&self) -> &str {
        let moved = self.knobs.sign_in.instance_url.as_deref();
        moved.map_or(self.base_url.as_str(), |url| url.trim_end_matches('/'))
    }

    /// The identity URL of a user.
    pub(crate) fn identity_url(&self, user: Id) -> String {
        format!("{}/id/{}/{user}", self.instance_url(), self.id)
    }

    /// `/services/oauth2/userinfo` and `/id/ORG/USER`.
    pub(crate) fn identity(&self, user: Id) -> Value {
        let index = self.schema.find("User");
        let row = index.and_then(|index| self.tables.get(index, user));
        let text = |field: &str| {
            let (Some(index), Some(row)) = (index, row) else { return String::new() };
            value_of(self.schema.object(index), row, field).as_text().unwrap_or_default().to_owned()
        };
        let id = self.identity_url(user);
        let service = |path: &str| format!("{}/services/{path}", self.instance_url());
        json!({
            "sub": id, "id": id, "asserted_user": true, "user_id": user.to_string(),
            "organization_id": self.id.to_string(), "username": text("Username"),
            "preferred_username": text("Username"), "nick_name": text("Alias"), "display_name": text("Name"),
            "name": text("Name"), "email": text("Email"), "email_verified": true, "first_name": text("FirstName"),
            "given_name": text("FirstName"), "last_name": text("LastName"), "family_name": text("LastName"),
            "timezone": "GMT", "active": true, "user_type": "STANDARD", "language": "en_US", "locale": "en_US",
            "utcOffset": 0, "is_app_installed": true,
            "urls": {
                "enterprise": service("Soap/c/{version}/"), "partner": service("Soap/u/{version}/"),
                "rest": service("data/v{version}/"), "sobjects": service("data/v{version}/sobjects/"),
                "query": service("data/v{version}/query/"),
            },
        })
    }
}

impl Gate {
    /// `POST /services/oauth2/introspect`: what the app's own token is worth.
    pub(super) fn introspect(&self, org: &Org, token: &str, now: Timestamp) -> Value {
        if let Some(session) = self.sessions.get(token, now) {
            let person = org.people.iter().find(|person| person.id == session.user);
            return json!({
                "active": true, "scope": session.scope, "client_id": self.consumer_key,
                "username": person.map(|person| person.username), "sub": org.identity_url(session.user),
                "token_type": "access_token", "exp": session.ends().as_second(), "iat": session.issued.as_second(),
                "nbf": session.issued.as_second(),
            });
        }
        if let Some(refresh) = self.refreshes.get(token) {
            let person = org.people.iter().find(|person| person.id == refresh.user);
            return json!({
                "active": true, "scope": refresh.scope, "client_id": self.consumer_key,
                "username": person.map(|person| person.username), "sub": org.identity_url(refresh.user),
                "token_type": "refresh_token",
            });
        }
        json!({"active": false})
    }
}
