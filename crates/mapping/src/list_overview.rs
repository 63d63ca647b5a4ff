//! What a person is told of the code lists: which are there, whose, and how many codes of each were seen to be taken.

use std::fmt::Write as _;

use sha2::{Digest as _, Sha256};

use crate::CodeLists;

/// Characters of a list's version.
const VERSION_DIGITS: usize = 12;

/// One code list at a glance.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListOverview {
    /// Its name, as fields call it.
    pub name: &'static str,
    /// Twelve hexadecimal digits that change with its content.
    pub version: String,
    /// What its file says of its version: a number that is counted up.
    pub edition: u32,
    /// The day for which its source says so, as ISO 8601 has it.
    pub as_of: Option<String>,
    /// Who says so.
    pub source: Option<String>,
    /// How many codes it has.
    pub codes: usize,
    /// How many of them nobody has seen the portal take.
    pub unverified: usize,
    /// Whether a company's own stands in the place of the shipped one.
    pub own: bool,
}

impl CodeLists {
    /// Every list that there is, in the order in which lists are named.
    pub fn overview(&self) -> Vec<ListOverview> {
        let of = |name: &'static str| {
            let list = self.list(name)?;
            let unverified = list.codes.iter().filter(|code| !code.verified).count();
            let version = digits(&format!("{:?}", list.codes));
            Some(ListOverview {
                name,
                version,
                edition: list.edition,
                as_of: list.as_of.map(|day| day.to_string()),
                source: list.source.clone(),
                codes: list.codes.len(),
                unverified,
                own: list.own,
            })
        };
        Self::names().filter_map(of).collect()
    }
}

fn digits(text: &str) -> String {
    let digest = Sha256::digest(text.as_bytes());
    let mut version = String::with_capacity(VERSION_DIGITS);
    for byte in digest.iter().take(VERSION_DIGITS / 2) {
        write!(version, "{byte:02x}").expect("writing to a string does not fail");
    }
    version
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{MappingError, Source};

    #[test]
    fn a_list_of_ones_own_is_told_with_another_version() -> Result<(), Vec<MappingError>> {
        let own = Source { name: "help.toml", text: "version = 1\ncodes = [\"Brainstorming\"]\n" };
        let find = |lists: &CodeLists| lists.overview().into_iter().find(|list| list.name == "help");
        let (shipped, own) = (find(&CodeLists::shipped()), find(&CodeLists::with(&[own], false)?));
        let (Some(shipped), Some(own)) = (shipped, own) else { panic!("both have the list") };
        assert!(!shipped.own && own.own && own.codes == 1);
        assert_ne!(shipped.version, own.version);
        let intent =
            CodeLists::shipped().overview().into_iter().find(|list| list.name == "marketplace_intent");
        assert!(intent.is_some_and(|intent| intent.unverified > 0));
        Ok(())
    }
}
