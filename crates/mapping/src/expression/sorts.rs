//! What can be told of an expression before any record is seen: a text where a number is needed, and the like.

use super::{
    Flaw,
    datum::Sort,
    filters::Filter,
    node::{Comparison, Node, Part, Sum},
};

/// The sort of what `node` gives; the first part that can never work is a flaw.
pub(super) fn check(node: &Node) -> Result<Sort, Flaw> {
    Ok(match &node.part {
        Part::Text(_) => Sort::Text,
        Part::Number(_) => Sort::Number,
        Part::Flag(_) => Sort::Flag,
        Part::Place(place) => place.sort(),
        Part::List(items) => {
            for item in items {
                check(item)?;
            }
            Sort::List
        }
        Part::Joined(parts) => {
            for part in parts {
                shown(part)?;
            }
            Sort::Text
        }
        Part::Sum(sum, pair) => {
            for part in [&pair.0, &pair.1] {
                needs(part, Sort::Number, operator(*sum), "join texts with `~`, or add `| decimal`")?;
            }
            Sort::Number
        }
        Part::Negative(inner) => {
            needs(inner, Sort::Number, "the minus", "leave it out, or add `| decimal`")?;
            Sort::Number
        }
        Part::Compared(comparison, pair) => compared(node, *comparison, pair)?,
        Part::Among(pair) => {
            check(&pair.0)?;
            needs(&pair.1, Sort::List, "`in`", "write a list in square brackets: `in ['New', 'Active']`")?;
            Sort::Flag
        }
        Part::And(pair) | Part::Or(pair) => {
            for part in [&pair.0, &pair.1] {
                needs(
                    part,
                    Sort::Flag,
                    "`and` or `or`",
                    "compare it with something; `| default(...)` stands in for nothing",
                )?;
            }
            Sort::Flag
        }
        Part::Not(inner) => {
            needs(inner, Sort::Flag, "`not`", "compare it with something, or ask `is defined`")?;
            Sort::Flag
        }
        Part::Chosen(choice) => {
            needs(&choice.test, Sort::Flag, "`if`", "compare it with something, or ask `is defined`")?;
            check(&choice.then)?.or(check(&choice.otherwise)?)
        }
        Part::Defined(inner) => {
            if !matches!(inner.part, Part::Place(_)) {
                let what = "only a path can be `defined`";
                return Err(Flaw::new(inner.at, what, "write `referral.name is defined` or the like"));
            }
            Sort::Flag
        }
        Part::Filtered(filter, input, arguments) => filtered(*filter, input, arguments)?,
    })
}

fn filtered(filter: Filter, input: &Node, arguments: &[Node]) -> Result<Sort, Flaw> {
    let name = format!("the filter `{}`", filter.name());
    for (place, argument) in arguments.iter().enumerate() {
        let wanted = filter.argument(place);
        needs(argument, wanted, &name, &format!("write it like `| {}`", filter.example()))?;
        let count = matches!(&argument.part, Part::Number(number)
            if !number.is_sign_negative() && number.fract().is_zero());
        if filter.counts(place) && !count {
            let what = format!("{name} takes a whole number here");
            return Err(Flaw::new(argument.at, what, format!("write it like `| {}`", filter.example())));
        }
    }
    match filter {
        Filter::Default => {
            let fallback = arguments.first().map_or(Ok(Sort::Any), check)?;
            Ok(check(input)?.or(fallback))
        }
        Filter::Text => {
            shown(input)?;
            Ok(filter.output())
        }
        _ => {
            needs(input, filter.input(), &name, "use it on another value")?;
            Ok(filter.output())
        }
    }
}

fn compared(node: &Node, comparison: Comparison, pair: &(Node, Node)) -> Result<Sort, Flaw> {
    let (left, right) = (check(&pair.0)?, check(&pair.1)?);
    if !left.fits(right) {
        let what = format!("{} is compared with {}", left.name(), right.name());
        return Err(Flaw::new(
            node.at,
            what,
            "compare values of one sort; `| decimal` makes a number of a text",
        ));
    }
    if [left, right].contains(&Sort::List) || (comparison.orders() && [left, right].contains(&Sort::Flag)) {
        return Err(Flaw::new(node.at, "these values have no order", "compare texts or numbers"));
    }
    Ok(Sort::Flag)
}

/// Whether the part can stand in a text.
fn shown(part: &Node) -> Result<(), Flaw> {
    let sort = check(part)?;
    if matches!(sort, Sort::Flag | Sort::List) {
        let what = format!("{} cannot stand in a text", sort.name());
        return Err(Flaw::new(
            part.at,
            what,
            "choose words for it: `'yes' if ... else 'no'`, or `| join(', ')`",
        ));
    }
    Ok(())
}

fn needs(part: &Node, wanted: Sort, by: &str, todo: &str) -> Result<(), Flaw> {
    let sort = check(part)?;
    if sort.fits(wanted) {
        return Ok(());
    }
    Err(Flaw::new(part.at, format!("{by} needs {}, and this is {}", wanted.name(), sort.name()), todo))
}

fn operator(sum: Sum) -> &'static str {
    match sum {
        Sum::Add => "`+`",
        Sum::Subtract => "`-`",
        Sum::Multiply => "`*`",
    }
}
