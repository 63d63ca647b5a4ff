//! The partner's people: a Referrals admin, a Referrals user, and an Admin agent who has no referrals role (reference, section 1.4).

use crate::world::World;

/// What a person may do with referrals.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in super::super) enum Role {
    /// Sees and edits every deal of the company.
    Admin,
    /// Sees and edits the deals on whose team it is, and creates in its own location.
    User,
    /// Nothing; it is an Admin agent, which the webhooks page asks for.
    None,
}

/// Somebody with an account.
#[derive(Debug)]
pub(in super::super) struct Person {
    /// What they are called in credentials: `admin`, `user`, `outsider`.
    pub(in super::super) key: &'static str,
    /// For people to read.
    pub(in super::super) name: &'static str,
    /// Signs in with it; also the mail address by which deals name a team member.
    pub(in super::super) username: String,
    pub(in super::super) password: String,
    pub(in super::super) role: Role,
    /// A refresh token that is there from the start.
    pub(in super::super) refresh_token: String,
}

/// Everybody, the Referrals admin first.
pub(in super::super) fn staff(world: &World) -> Vec<Person> {
    let person = |key, name, mail: &str, role| Person {
        key,
        name,
        username: format!("{mail}@fabrikam.example"),
        password: format!("sandbox~{}", world.guid()),
        role,
        refresh_token: format!("0.{}", world.guid()),
    };
    vec![
        person("admin", "Alva Admin (Referrals admin)", "alva.admin", Role::Admin),
        person("user", "Uma User (Referrals user)", "uma.user", Role::User),
        person("outsider", "Olaf Outsider (Admin agent, no referrals role)", "olaf.outsider", Role::None),
    ]
}
