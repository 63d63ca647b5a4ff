//! The portal's code lists: versioned data files beside the default mapping, each replaceable without a release.
//!
//! A shipped list judges the mapping when it is loaded: a slip in a code is a mistake of the file. A list that a company
//! put in its place is newer than the mapping's tables, so it judges values when they are about to be sent.

use std::{collections::BTreeMap, sync::LazyLock};

use deal_model::{Code, CodeList, CodeStanding};
use iso_currency::Currency;
use jiff::civil::Date;

use crate::{AddressRules, Fix, MappingError, Source, file};

/// Where the lists that ship with the program come from.
const SHIPPED: &[Source<'static>] = &[
    Source { name: "help", text: include_str!("../../../mappings/code-lists/help.toml") },
    Source { name: "customer_sizes", text: include_str!("../../../mappings/code-lists/customer_sizes.toml") },
    Source {
        name: "decline_reasons",
        text: include_str!("../../../mappings/code-lists/decline_reasons.toml"),
    },
    Source { name: "error_reasons", text: include_str!("../../../mappings/code-lists/error_reasons.toml") },
    Source {
        name: "marketplace_intent",
        text: include_str!("../../../mappings/code-lists/marketplace_intent.toml"),
    },
    Source { name: "partner_roles", text: include_str!("../../../mappings/code-lists/partner_roles.toml") },
    Source { name: "solution_areas", text: include_str!("../../../mappings/code-lists/solution_areas.toml") },
    Source { name: "solution_plays", text: include_str!("../../../mappings/code-lists/solution_plays.toml") },
];
/// The rules of addresses: no list of codes, but a file beside them that is replaced in the same way.
const ADDRESSES: Source<'static> =
    Source { name: "address_rules", text: include_str!("../../../mappings/code-lists/address_rules.toml") };
/// Currencies; ISO 4217 unless a company narrows it.
pub(crate) const CURRENCIES: &str = "currencies";
/// Countries; ISO 3166-1 unless a company narrows it.
pub(crate) const COUNTRIES: &str = "countries";
/// The catalogue of solutions that may be sold together; any solution unless a company has one.
pub(crate) const SOLUTIONS: &str = "solutions";
/// Lists that a company may give, and that do not ship.
const UNSHIPPED: &[&str] = &[CURRENCIES, COUNTRIES, SOLUTIONS];
/// Reasons for declining and losing.
pub(crate) const DECLINE_REASONS: &str = "decline_reasons";
/// Reasons for closing as an error.
pub(crate) const ERROR_REASONS: &str = "error_reasons";

/// One code as its file has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ListedCode {
    pub(crate) code: String,
    pub(crate) label: Option<String>,
    pub(crate) verified: bool,
}

/// One list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct List {
    pub(crate) codes: Vec<ListedCode>,
    /// Its file's `version`.
    pub(crate) edition: u32,
    /// When the source said so.
    pub(crate) as_of: Option<Date>,
    /// Who says so.
    pub(crate) source: Option<String>,
    /// A company put it in the place of a shipped one.
    pub(crate) own: bool,
}

/// All code lists that a mapping is compiled with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CodeLists {
    lists: BTreeMap<String, List>,
    addresses: AddressRules,
    unverified: bool,
}

impl CodeLists {
    /// The lists that ship with the program.
    pub fn shipped() -> Self {
        Self::with(&[], false).expect("the shipped code lists can be read; a test reads each")
    }

    /// The shipped lists, with each of `own` in the place of the one of its name (without `.toml`). `unverified`: codes
    /// that nobody has seen the portal take are sent too.
    ///
    /// # Errors
    /// All mistakes of all files at once: a name that no list has, and whatever is no list.
    pub fn with(own: &[Source<'_>], unverified: bool) -> Result<Self, Vec<MappingError>> {
        let mut lists = BTreeMap::new();
        let mut addresses = AddressRules::default();
        let mut errors = Vec::new();
        let sources = SHIPPED.iter().chain([&ADDRESSES]).map(|source| (source, false));
        for (source, own) in sources.chain(own.iter().map(|source| (source, true))) {
            let name = source.name.rsplit(['/', '\\']).next().unwrap_or_default();
            let name = name.strip_suffix(".toml").unwrap_or(name);
            if name == ADDRESSES.name {
                match file::read_address_rules(*source) {
                    Ok(rules) => addresses = rules,
                    Err(more) => errors.extend(more),
                }
                continue;
            }
            if !Self::names().any(|known| known == name) {
                errors.push(MappingError {
                    file: source.name.to_owned(),
                    line: 1,
                    column: 1,
                    what: format!("there is no code list `{name}`"),
                    advice: format!(
                        "name the file after one of {}",
                        Self::names().collect::<Vec<_>>().join(", ")
                    ),
                    fix: Fix::RenameFile {
                        to: format!("{}.toml", file::nearest(name, Self::names()).unwrap_or(SHIPPED[0].name)),
                    },
                });
                continue;
            }
            match file::list(*source, own) {
                Ok(list) => drop(lists.insert(name.to_owned(), list)),
                Err(more) => errors.extend(more),
            }
        }
        if errors.is_empty() { Ok(Self { lists, addresses, unverified }) } else { Err(errors) }
    }

    /// The names that a list can have.
    pub fn names() -> impl Iterator<Item = &'static str> {
        SHIPPED.iter().map(|source| source.name).chain(UNSHIPPED.iter().copied())
    }

    /// What countries demand of addresses.
    pub(crate) fn addresses(&self) -> &AddressRules {
        &self.addresses
    }

    pub(crate) fn list(&self, name: &str) -> Option<&List> {
        self.lists.get(name)
    }

    /// The list as the merge checks values against it. `names` tells what a person chooses for a code; else its label.
    pub(crate) fn checked(&self, name: &str, names: impl Fn(&str) -> Option<String>) -> Option<CodeList> {
        let list = self.lists.get(name)?;
        let code = |listed: &ListedCode| Code {
            name: names(&listed.code).or_else(|| listed.label.clone()).unwrap_or_else(|| listed.code.clone()),
            code: listed.code.clone(),
            standing: if listed.verified || self.unverified {
                CodeStanding::Usable
            } else {
                CodeStanding::Unverified
            },
        };
        Some(CodeList { name: name.to_owned(), codes: list.codes.iter().map(code).collect() })
    }

    /// One text for one content of the list `name`: which codes it has, and what they are called.
    pub(crate) fn canonical_of(&self, name: &str) -> String {
        let codes = self.lists.get(name).map(|list| list.codes.as_slice()).unwrap_or_default();
        let named: Vec<_> = codes.iter().map(|listed| (&listed.code, &listed.label)).collect();
        format!("{named:?}")
    }

    /// One text for one content: part of the mapping's version.
    pub(crate) fn canonical(&self) -> String {
        format!("{self:?}")
    }
}

/// Every currency that ISO 4217 knows.
pub(crate) fn iso_currencies() -> CodeList {
    static CODES: LazyLock<Vec<String>> = LazyLock::new(|| {
        let letters = || (b'A'..=b'Z').map(char::from);
        // The crate names no list of its currencies: every code of three letters is tried, once in the program's life.
        let codes = letters().flat_map(|first| {
            letters()
                .flat_map(move |second| letters().map(move |third| String::from_iter([first, second, third])))
        });
        codes.filter(|code| Currency::from_code(code).is_some()).collect()
    });
    standard("ISO 4217", CODES.iter().map(String::as_str))
}

/// Every country that ISO 3166-1 knows.
pub(crate) fn iso_countries() -> CodeList {
    standard("ISO 3166-1", rust_iso3166::ALL.iter().map(|country| country.alpha2))
}

fn standard<'c>(name: &str, codes: impl Iterator<Item = &'c str>) -> CodeList {
    let code =
        |code: &str| Code { code: code.to_owned(), name: code.to_owned(), standing: CodeStanding::Usable };
    CodeList { name: name.to_owned(), codes: codes.map(code).collect() }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test that cannot be set up has failed")]

    use super::*;

    #[test]
    fn a_list_of_ones_own_takes_the_place_of_the_shipped_one() {
        let own = Source { name: "lists/help.toml", text: "version = 1\ncodes = [\"Brainstorming\"]\n" };
        let lists = CodeLists::with(&[own], false).unwrap();
        let help = lists.checked("help", |_| None).unwrap();
        assert_eq!(help.codes.iter().map(|code| code.code.as_str()).collect::<Vec<_>>(), ["Brainstorming"]);
        assert!(lists.list("help").unwrap().own && !lists.list("error_reasons").unwrap().own);
        assert_ne!(lists.canonical(), CodeLists::shipped().canonical());
    }

    #[test]
    fn what_is_inferred_is_usable_only_when_that_is_allowed() {
        let usable = |unverified: bool| {
            let lists = CodeLists::with(&[], unverified).unwrap();
            let intent = lists.checked("marketplace_intent", |_| None).unwrap();
            intent
                .codes
                .iter()
                .filter(|code| code.is_usable())
                .map(|code| code.code.clone())
                .collect::<Vec<_>>()
        };
        assert_eq!(usable(false), ["HaveNotDecided"]);
        assert_eq!(usable(true), ["HaveNotDecided", "Yes", "No"]);
    }

    #[test]
    fn a_file_that_is_no_list_is_told_with_its_place() {
        let own = [
            Source { name: "halp.toml", text: "version = 1\ncodes = []\n" },
            Source { name: "help.toml", text: "version = 1\ncodes = [{ label = \"Demo\" }]\n" },
        ];
        let errors = CodeLists::with(&own, false).unwrap_err();
        let told: Vec<String> = errors.iter().map(ToString::to_string).collect();
        assert!(told[0].contains("halp.toml") && told[0].contains("marketplace_intent"), "{told:?}");
        assert!(told[1].contains("help.toml:2") && told[1].contains("code"), "{told:?}");
    }
}
