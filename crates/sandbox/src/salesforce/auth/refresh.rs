//! Refresh tokens, with and without rotation (salesforce reference, section 1.5).

use std::collections::BTreeMap;

use super::{
    super::{
        id::Id,
        org::{Org, Person},
    },
    Gate, Refusal, letters, refuse,
};

/// Refresh tokens alive at once; the oldest go first.
const MAX_TOKENS: usize = 10_000;

/// What a refresh token stands for.
#[derive(Debug, Clone)]
pub(super) struct Refresh {
    pub(super) user: Id,
    pub(super) scope: String,
    number: u64,
}

/// The refresh tokens that are alive.
#[derive(Debug, Default)]
pub(super) struct RefreshTokens {
    alive: BTreeMap<String, Refresh>,
    issued: u64,
}

impl RefreshTokens {
    pub(super) fn get(&self, token: &str) -> Option<&Refresh> {
        self.alive.get(token)
    }

    pub(super) fn end(&mut self, token: &str) -> bool {
        self.alive.remove(token).is_some()
    }

    pub(super) fn end_of_user(&mut self, user: Id) {
        self.alive.retain(|_, refresh| refresh.user != user);
    }
}

impl Gate {
    /// A new refresh token.
    pub(super) fn refresh_token(&mut self, user: Id, scope: &str) -> String {
        let token = format!("5Aep861{}", letters(&self.world, 80));
        let tokens = &mut self.refreshes;
        tokens.issued += 1;
        let refresh = Refresh { user, scope: scope.to_owned(), number: tokens.issued };
        tokens.alive.insert(token.clone(), refresh);
        if tokens.alive.len() > MAX_TOKENS {
            let oldest = tokens.alive.iter().min_by_key(|(_, refresh)| refresh.number);
            if let Some(oldest) = oldest.map(|(token, _)| token.clone()) {
                tokens.alive.remove(&oldest);
            }
        }
        token
    }

    /// Whose token it is, its scope, the token that goes on, and whether that is a new one, which is answered.
    pub(super) fn by_refresh(
        &mut self,
        org: &Org,
        token: &str,
    ) -> Result<(Person, String, String, bool), Refusal> {
        let expired = || refuse("invalid_grant", "expired access/refresh token");
        let found = self.refreshes.get(token).cloned().ok_or_else(expired)?;
        let person = org.people.iter().find(|person| person.id == found.user).cloned().ok_or_else(expired)?;
        if !org.approved(&person) {
            return Err(refuse("invalid_app_access", "user is not admin approved to access this app"));
        }
        if !org.knobs.sign_in.refresh_rotation {
            return Ok((person, found.scope, token.to_owned(), false));
        }
        self.refreshes.end(token);
        let successor = self.refresh_token(found.user, &found.scope);
        Ok((person, found.scope, successor, true))
    }
}
