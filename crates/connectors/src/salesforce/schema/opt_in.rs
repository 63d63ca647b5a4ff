//! What tells which opportunities are opted in: what a query can ask for, and the columns that tell it record by record.
//!
//! There is one judge, the rules of the file over what was read of a record. A query is asked to pass over what they
//! leave out only where the platform is sure to judge alike: it converts amounts between currencies, compares texts by
//! a collation of its own, and refuses to filter by long texts (salesforce reference, section 2.8).

use mapping::{Mapping, Test};
use salesforce::{
    FieldDescribe, FieldPath, FieldType,
    soql::{Condition, Literal, Op},
};

use super::{Currencies, RECORD_TYPE, Schema};

/// How it is told of opportunities whether they are opted in.
pub(in super::super) struct OptedIn {
    /// What makes one that its seller asked to share, whether the rules of the file let it or not. None: it cannot be
    /// asked for.
    pub(in super::super) asked: Option<Condition>,
    /// The same with the rules of the file. None: no query says it as they do, or one of their columns cannot be read.
    pub(in super::super) whole: Option<Condition>,
    /// The columns that tell it record by record, as far as they can be read.
    pub(in super::super) columns: Vec<FieldPath>,
    /// Whether they can all be read; if not, nobody can tell.
    pub(in super::super) is_told: bool,
}

impl Schema {
    /// How it is told. `prefix` leads from the queried object to the opportunity.
    pub(in super::super) fn opt_in(&self, mapping: &Mapping, prefix: &str) -> OptedIn {
        let rules = mapping.opt_in();
        let (asked, columns) = self.asked_for(mapping, prefix);
        let mut told = OptedIn { is_told: asked.is_some(), whole: asked.clone(), asked, columns };
        if !rules.record_types.is_empty() {
            let names = || rules.record_types.iter().map(String::as_str);
            self.tell(&mut told, prefix, RECORD_TYPE, |name| Some(Condition::one_of(name, names())));
        }
        for rule in &rules.conditions {
            let path = rule.subject.soql();
            let alike = self.described(&path).is_some_and(|field| self.is_judged_alike(field, &rule.test));
            self.tell(&mut told, prefix, &path, |name| alike.then(|| tested(name, &rule.test)));
        }
        told.columns.sort_unstable();
        told.columns.dedup();
        told
    }

    /// Adds what one rule looks at, and the condition that says it, if a query can.
    fn tell(
        &self,
        told: &mut OptedIn,
        prefix: &str,
        path: &str,
        condition: impl FnOnce(&FieldPath) -> Option<Condition>,
    ) {
        // A path may be too deep to be asked for from one record further away.
        let name = FieldPath::new(format!("{prefix}{path}")).ok().filter(|_| self.selects(path));
        let Some(name) = name else {
            told.is_told = false;
            told.whole = None;
            return;
        };
        told.whole = told.whole.take().and_then(|whole| Some(whole.and(condition(&name)?)));
        told.columns.push(name);
    }

    /// What makes an opportunity one that its seller asked to share, and the columns that tell that.
    fn asked_for(&self, mapping: &Mapping, prefix: &str) -> (Option<Condition>, Vec<FieldPath>) {
        let sync = &mapping.names().sync;
        let mut columns = vec![at(prefix, "Id"), at(prefix, "SystemModstamp")];
        if !self.reads(sync) {
            return (None, columns);
        }
        columns.push(at(prefix, sync.as_str()));
        let mut condition = Condition::compare(&at(prefix, sync.as_str()), Op::Eq, true);
        if !mapping.opt_in().private {
            columns.push(at(prefix, "IsPrivate"));
            condition = condition.and(Condition::compare(&at(prefix, "IsPrivate"), Op::Eq, false));
        }
        (Some(condition), columns)
    }

    /// Whether a query is sure to judge a field as the file's rule does.
    fn is_judged_alike(&self, field: &FieldDescribe, test: &Test) -> bool {
        if !field.filterable {
            return false;
        }
        match test {
            Test::In(values) | Test::NotIn(values) => {
                // Formulas may hold blanks at their ends, and those of the letters beyond ASCII have several orders.
                let is_plain = !field.calculated && values.iter().all(|value| value.is_ascii());
                is_plain && matches!(field.kind, FieldType::Picklist | FieldType::String)
            }
            Test::AtLeast(_) => match field.kind {
                FieldType::Int | FieldType::Double | FieldType::Percent => true,
                FieldType::Currency => matches!(self.currencies, Currencies::One(_)),
                _ => false,
            },
            Test::Is(_) => field.kind == FieldType::Boolean,
        }
    }
}

fn at(prefix: &str, name: &str) -> FieldPath {
    FieldPath::new(format!("{prefix}{name}")).expect("checked names make a path")
}

/// A test of the file as a query says it. What is empty passes where the file says that it does.
fn tested(path: &FieldPath, test: &Test) -> Condition {
    match test {
        Test::In(values) => Condition::one_of(path, values.iter().map(String::as_str)),
        Test::NotIn(values) => Condition::none_of(path, values.iter().map(String::as_str))
            .or(Condition::compare(path, Op::Eq, Literal::null())),
        Test::AtLeast(least) => Condition::compare(path, Op::Ge, *least),
        Test::Is(set) => Condition::compare(path, Op::Eq, *set),
    }
}
