//! How a person of the referral is found among the contacts, and what a role gets (sync rules, section 6).

/// By what a contact is found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ContactKey {
    /// By the e-mail address.
    Email,
    /// By first and last name, of contacts that have no e-mail address: it is filled then. Two people may have one name,
    /// so a contact with another address is another person.
    Name,
}

/// Where a contact is looked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum ContactScope {
    /// Among those of the opportunity's account.
    #[default]
    Account,
    /// Among all: a consultant of another company may be the customer's contact.
    Everywhere,
}

/// How contacts are found and made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ContactRules {
    /// The rules, best first; the first that finds a contact ends the search.
    pub rules: Vec<ContactKey>,
    /// Where they are looked for.
    pub scope: ContactScope,
    /// Whether one is made where none is found.
    pub create: bool,
    /// The role of a contact that is added; none for no role.
    pub role: Option<String>,
    /// Whether the first person of a referral becomes the primary contact of its new opportunity.
    pub primary: bool,
}

impl Default for ContactRules {
    fn default() -> Self {
        Self {
            rules: vec![ContactKey::Email],
            scope: ContactScope::Account,
            create: true,
            role: None,
            primary: true,
        }
    }
}
