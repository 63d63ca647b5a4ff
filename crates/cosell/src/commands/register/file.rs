//! The file that states a registration: typed, unknown keys refused, every mistake with its place and what to do.

use std::{fs::File, io::Read as _, path::Path};

use anyhow::{Context as _, anyhow, bail};
use connectors::partner_center::{
    Contract, Deployment, Eligibility, MAX_SOLUTIONS, NewRegistration, NewSolution, Pricing,
};
use jiff::civil::Date;
use rust_decimal::Decimal;
use serde::{Deserialize, Deserializer, de::Error as _};
use toml::value::Datetime;

/// A file with every key explained in place.
pub(super) const TEMPLATE: &str = include_str!("template.toml");

/// Longest file that is read. One with the most solutions has some 10 KB.
const MAX_BYTES: u64 = 256 * 1024;

/// Reads a registration.
pub(super) fn load(path: &Path) -> anyhow::Result<NewRegistration> {
    let shown = path.display();
    let next = "fix: `cosell register --template` prints one to begin with";
    let file = File::open(path).with_context(|| format!("cannot read {shown}\n  {next}"))?;
    let mut text = String::new();
    file.take(MAX_BYTES + 1)
        .read_to_string(&mut text)
        .with_context(|| format!("{shown} is no text\n  {next}"))?;
    if text.len() as u64 > MAX_BYTES {
        bail!("{shown} is longer than {MAX_BYTES} bytes\n  {next}");
    }
    parse(&text).map_err(|error| anyhow!("{shown}: {error}"))
}

fn parse(text: &str) -> Result<NewRegistration, String> {
    let stated: Stated = toml::from_str(text).map_err(|error| {
        let told = error.to_string();
        let told = told.trim_end();
        if told.contains("fix: ") {
            told.to_owned()
        } else {
            format!("{told}\n  fix: `cosell register --template` shows every key and what it takes")
        }
    })?;
    Ok(stated.into())
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Stated {
    contract: StatedContract,
    #[serde(deserialize_with = "each_once")]
    solutions: Vec<StatedSolution>,
    eligibility: StatedEligibility,
}

#[derive(Debug, Deserialize)]
#[serde(try_from = "ContractKeys")]
struct StatedContract(Contract);

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct ContractKeys {
    signed: Day,
    starts: Day,
    ends: Option<Day>,
    #[serde(default)]
    perpetual: bool,
    value: Dollars,
    #[serde(rename = "currency")]
    _currency: UsDollar,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct StatedSolution {
    #[serde(deserialize_with = "named")]
    id: String,
    value: Dollars,
    deployed_on_azure: bool,
    primary_deployment: Deployment,
    pricing: Pricing,
    marketplace_transaction: Option<Day>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct StatedEligibility {
    managed_customer: bool,
    azure_ip_solutions: Vec<String>,
    deal_value: Option<Dollars>,
}

impl TryFrom<ContractKeys> for StatedContract {
    type Error = &'static str;

    fn try_from(keys: ContractKeys) -> Result<Self, Self::Error> {
        let ends = keys.ends.map(|day| day.0);
        match ends {
            Some(_) if keys.perpetual => {
                return Err("the contract is perpetual and yet ends\n  fix: leave out `ends` or `perpetual`");
            }
            None if !keys.perpetual => {
                return Err("the contract has no end\n  fix: add `ends`, or `perpetual = true`");
            }
            Some(ends) if ends <= keys.starts.0 => {
                return Err("the contract ends before it starts\n  fix: correct `starts` or `ends`");
            }
            _ => {}
        }
        let (signed, starts, value_usd) = (keys.signed.0, keys.starts.0, keys.value.0);
        Ok(Self(Contract { signed, starts, ends, value_usd }))
    }
}

impl From<Stated> for NewRegistration {
    fn from(stated: Stated) -> Self {
        let solution = |solution: StatedSolution| NewSolution {
            id: solution.id,
            value_usd: solution.value.0,
            deployed_on_azure: solution.deployed_on_azure,
            deployment: solution.primary_deployment,
            pricing: solution.pricing,
            marketplace: solution.marketplace_transaction.map(|day| day.0),
        };
        Self {
            contract: stated.contract.0,
            solutions: stated.solutions.into_iter().map(solution).collect(),
            eligibility: Eligibility {
                managed_customer: stated.eligibility.managed_customer,
                azure_ip_solutions: stated.eligibility.azure_ip_solutions,
                deal_value_usd: stated.eligibility.deal_value.map(|value| value.0),
            },
        }
    }
}

/// A day, without a time.
#[derive(Debug, Clone, Copy)]
struct Day(Date);

impl<'de> Deserialize<'de> for Day {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let wrong = || D::Error::custom("this is no day\n  fix: write it without quotes: 2026-11-16");
        let given = Datetime::deserialize(from).map_err(|_| wrong())?;
        if given.time.is_some() || given.offset.is_some() {
            return Err(wrong());
        }
        given.date.and_then(|date| date.to_string().parse().ok()).map(Self).ok_or_else(wrong)
    }
}

/// An amount above nothing, exactly as it is written.
#[derive(Debug, Clone, Copy)]
struct Dollars(Decimal);

impl<'de> Deserialize<'de> for Dollars {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let amount = match toml::Value::deserialize(from)? {
            toml::Value::Integer(whole) => Some(Decimal::from(whole)),
            // The shortest digits that mean this number: those that were written.
            toml::Value::Float(number) => Decimal::from_str_exact(&number.to_string()).ok(),
            _ => None,
        };
        amount.filter(|amount| *amount > Decimal::ZERO).map(Self).ok_or_else(|| {
            D::Error::custom("this is no amount of dollars\n  fix: a number such as 60_000 or 60_000.50")
        })
    }
}

/// The one currency that a contract can be stated in.
#[derive(Debug)]
struct UsDollar;

impl<'de> Deserialize<'de> for UsDollar {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        match String::deserialize(from)?.as_str() {
            "USD" => Ok(Self),
            _ => Err(D::Error::custom(
                "the contract's currency is not USD, and nothing is converted here\n  fix: state the amounts in \
                 US dollars, and currency = \"USD\"",
            )),
        }
    }
}

fn named<'de, D: Deserializer<'de>>(from: D) -> Result<String, D::Error> {
    let id = String::deserialize(from)?.trim().to_owned();
    if id.is_empty() {
        return Err(D::Error::custom(
            "the id is empty\n  fix: `cosell register DEAL` lists the deal's solutions",
        ));
    }
    Ok(id)
}

fn each_once<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<StatedSolution>, D::Error> {
    let solutions = Vec::<StatedSolution>::deserialize(from)?;
    let wrong = D::Error::custom::<&str>;
    if solutions.is_empty() {
        return Err(wrong("no solution is registered\n  fix: add [[solutions]]"));
    }
    if solutions.len() > MAX_SOLUTIONS {
        return Err(wrong("a registration has at most 50 solutions\n  fix: leave some out"));
    }
    let again = |(at, one): (usize, &StatedSolution)| {
        solutions[..at].iter().any(|before| before.id.eq_ignore_ascii_case(&one.id))
    };
    if solutions.iter().enumerate().any(again) {
        return Err(wrong("a solution stands here twice\n  fix: state each once"));
    }
    Ok(solutions)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_template_is_a_registration() {
        let stated = parse(TEMPLATE).unwrap();
        assert_eq!(stated.contract.ends, Some("2027-12-01".parse().unwrap()));
        assert_eq!(stated.solutions[0].pricing, Pricing::PayAsYouGo);
        assert!(!stated.eligibility.managed_customer, "nothing is stated that nobody stated");
        assert!(TEMPLATE.lines().all(|line| line.chars().count() <= 80));
    }

    #[test]
    fn every_mistake_says_where_it_is_and_what_to_do() {
        let table = [
            ("currency = \"USD\"", "currency = \"EUR\"", 11, "is not USD"),
            ("value = 60_000 ", "value = -1 ", 10, "no amount"),
            ("value = 60_000 ", "value = \"much\" ", 10, "no amount"),
            ("value = 60_000 ", "value = nan ", 10, "no amount"),
            ("value = 60_000 ", "valeu = 60_000 ", 10, "unknown field `valeu`"),
            ("signed = 2026-11-16", "signed = \"yesterday\"", 7, "no day"),
            ("signed = 2026-11-16", "signed = 2026-11-16T10:00:00Z", 7, "no day"),
            ("signed = 2026-11-16", "signed = 2026-13-16", 7, "date"),
            ("ends = 2027-12-01 ", "", 6, "has no end"),
            ("ends = 2027-12-01 ", "ends = 2027-12-01\nperpetual = true", 6, "yet ends"),
            ("ends = 2027-12-01 ", "ends = 2026-12-01 ", 6, "before it starts"),
            ("\"Customer\"", "\"Client\"", 17, "Customer"),
            ("\"PayAsYouGo\"", "\"Free\"", 18, "PayAsYouGo"),
            ("id = \"SOL-12345-ABC\"", "id = \" \"", 14, "id is empty"),
            ("deployed_on_azure = true", "", 13, "deployed_on_azure"),
            ("managed_customer = false", "managed_customer = \"no\"", 23, "boolean"),
            ("[eligibility]", "[eligible]", 22, "unknown field `eligible`"),
        ];
        for (from, to, line, what) in table {
            assert!(TEMPLATE.contains(from), "{from}");
            let error = parse(&TEMPLATE.replacen(from, to, 1)).unwrap_err();
            let place = format!("line {line}, column ");
            assert!(error.contains(what) && error.contains(&place), "{to}, line {line}: {error}");
            assert_eq!(error.matches("fix: ").count(), 1, "{error}");
        }
        let begins = TEMPLATE.find("[[solutions]]").unwrap();
        let solution = &TEMPLATE[begins..TEMPLATE.find("# What only").unwrap()];
        let error = parse(&TEMPLATE.replacen(solution, &solution.repeat(2), 1)).unwrap_err();
        assert!(error.contains("twice") && error.contains("fix: "), "{error}");
    }

    #[test]
    fn amounts_keep_their_cents() {
        let stated = parse(&TEMPLATE.replacen("value = 60_000 ", "value = 60_000.10 ", 1)).unwrap();
        assert_eq!(stated.contract.value_usd, Decimal::new(6_000_010, 2));
    }
}
