//! From parts and documents to a value. Nothing here loops, waits, tells the time or draws a number.

use std::cmp::Ordering;

use serde_json::Value as Json;

use super::{
    Given, MAX_RESULT_CHARS, Seen,
    datum::{Datum, Sort, Stop},
    filters::{Filter, exact},
    node::{Comparison, Node, Part, Place, Sum},
};
use crate::{Absent, codec::parse_number};

/// Most characters that one evaluation handles, all parts together; each part costs one more.
pub(super) const FUEL: usize = 1 << 18;

/// One evaluation.
pub(super) struct Run<'g> {
    given: &'g Given<'g>,
    fuel: usize,
}

impl<'g> Run<'g> {
    pub(super) fn new(given: &'g Given<'g>) -> Self {
        Self { given, fuel: FUEL }
    }

    pub(super) fn value(&mut self, node: &Node) -> Result<Datum, Stop> {
        let datum = self.part(node)?;
        let chars = match &datum {
            Datum::Text(text) => text.chars().count(),
            _ => 0,
        };
        if chars > MAX_RESULT_CHARS {
            return Err(Stop::too_long(MAX_RESULT_CHARS));
        }
        self.burn(chars + 1)?;
        Ok(datum)
    }

    fn burn(&mut self, amount: usize) -> Result<(), Stop> {
        let Some(left) = self.fuel.checked_sub(amount) else {
            self.fuel = 0;
            return Err(Stop::failed("it takes too much work", "Make the expression in the mapping simpler"));
        };
        self.fuel = left;
        Ok(())
    }

    fn part(&mut self, node: &Node) -> Result<Datum, Stop> {
        Ok(match &node.part {
            Part::Text(text) => Datum::Text(text.clone()),
            Part::Number(number) => Datum::Number(*number),
            Part::Flag(flag) => Datum::Flag(*flag),
            Part::Place(place) => self.place(place)?,
            Part::List(items) => {
                Datum::List(items.iter().map(|item| self.value(item)).collect::<Result<_, _>>()?)
            }
            Part::Joined(parts) => {
                let mut text = String::new();
                for part in parts {
                    text.push_str(&self.value(part)?.shown()?);
                }
                Datum::Text(text)
            }
            Part::Sum(sum, pair) => {
                let (left, right) = (self.value(&pair.0)?.number()?, self.value(&pair.1)?.number()?);
                exact(match sum {
                    Sum::Add => left.checked_add(right),
                    Sum::Subtract => left.checked_sub(right),
                    Sum::Multiply => left.checked_mul(right),
                })?
            }
            Part::Negative(inner) => Datum::Number(-self.value(inner)?.number()?),
            Part::Compared(comparison, pair) => {
                let (left, right) = (self.value(&pair.0)?, self.value(&pair.1)?);
                Datum::Flag(compared(*comparison, &left, &right)?)
            }
            Part::Among(pair) => {
                let (item, list) = (self.value(&pair.0)?, self.value(&pair.1)?);
                let among = list.list()?.iter().map(|each| compared(Comparison::Equal, &item, each));
                Datum::Flag(among.collect::<Result<Vec<_>, _>>()?.contains(&true))
            }
            Part::And(pair) => Datum::Flag(self.value(&pair.0)?.flag()? && self.value(&pair.1)?.flag()?),
            Part::Or(pair) => Datum::Flag(self.value(&pair.0)?.flag()? || self.value(&pair.1)?.flag()?),
            Part::Not(inner) => Datum::Flag(!self.value(inner)?.flag()?),
            Part::Chosen(choice) => {
                let then = self.value(&choice.test)?.flag()?;
                self.value(if then { &choice.then } else { &choice.otherwise })?
            }
            Part::Defined(inner) => match self.value(inner) {
                Ok(_) => Datum::Flag(true),
                Err(Stop::Missing(_)) => Datum::Flag(false),
                Err(stop) => return Err(stop),
            },
            Part::Filtered(Filter::Default, input, arguments) => match (self.value(input), arguments.first())
            {
                (Err(Stop::Missing(_)), Some(fallback)) => self.value(fallback)?,
                (value, _) => value?,
            },
            Part::Filtered(filter, input, arguments) => {
                let input = self.value(input)?;
                let arguments =
                    arguments.iter().map(|argument| self.value(argument)).collect::<Result<Vec<_>, _>>()?;
                filter.apply(input, &arguments, MAX_RESULT_CHARS)?
            }
        })
    }

    fn place(&self, place: &Place) -> Result<Datum, Stop> {
        let missing = || Stop::Missing(place.named());
        match (place, self.given) {
            (Place::Referral(path, absent), Given::Portal { referral, .. }) => match path.read(referral) {
                Some(member) => datum(member, place),
                None if *absent == Absent::Unknown && !path.through_null(referral) => Err(Stop::Hidden),
                None => Err(missing()),
            },
            (Place::Companion(path), Given::Portal { companion: Some(document), .. }) => {
                path.read(document).map_or_else(|| Err(missing()), |member| datum(member, place))
            }
            (Place::Companion(_), Given::Portal { companion: None, .. }) => Err(missing()),
            (Place::Opportunity(path), Given::Crm(read)) => match read(path) {
                Seen::Value(field) => datum(&field, place),
                Seen::Hidden => Err(Stop::Hidden),
            },
            // An expression is only ever given the side that it was compiled for.
            _ => Err(Stop::Hidden),
        }
    }
}

/// A document's value. Null and "" are nothing, as everywhere else.
fn datum(json: &Json, place: &Place) -> Result<Datum, Stop> {
    let failed =
        |why: &str| Stop::failed(format!("{} {why}", place.named()), "Correct the expression in the mapping");
    match json {
        Json::Null => Err(Stop::Missing(place.named())),
        Json::String(text) if text.trim().is_empty() => Err(Stop::Missing(place.named())),
        Json::String(text) if place.sort() == Sort::Number => {
            parse_number(text.trim()).map(Datum::Number).ok_or_else(|| failed("is no number"))
        }
        Json::String(text) => Ok(Datum::Text(text.clone())),
        Json::Bool(flag) => Ok(Datum::Flag(*flag)),
        Json::Number(number) => {
            let number = parse_number(&number.to_string());
            number.map(Datum::Number).ok_or_else(|| failed("has more digits than can be kept exactly"))
        }
        Json::Array(_) | Json::Object(_) => Err(failed("is no one value")),
    }
}

fn compared(comparison: Comparison, left: &Datum, right: &Datum) -> Result<bool, Stop> {
    let order: Ordering = match (left, right) {
        (Datum::Text(left), Datum::Text(right)) => left.cmp(right),
        (Datum::Number(left), Datum::Number(right)) => left.cmp(right),
        (Datum::Flag(left), Datum::Flag(right)) if !comparison.orders() => left.cmp(right),
        (Datum::Text(_), _) => right.text().map(|_| Ordering::Equal)?,
        (Datum::Number(_), _) => right.number().map(|_| Ordering::Equal)?,
        _ => {
            return Err(Stop::failed(
                "two values cannot be compared",
                "Correct the expression in the mapping",
            ));
        }
    };
    Ok(match comparison {
        Comparison::Equal => order == Ordering::Equal,
        Comparison::Unequal => order != Ordering::Equal,
        Comparison::Less => order == Ordering::Less,
        Comparison::LessOrEqual => order != Ordering::Greater,
        Comparison::More => order == Ordering::Greater,
        Comparison::MoreOrEqual => order != Ordering::Less,
    })
}
