//! The one grammar of conditions: `{ field = ..., in = [...] }`, or `not_in`, `at_least`, `is` in its place.

use std::collections::BTreeSet;

use super::{
    mistakes::{At, Mistakes},
    remedy::{Remedy, quoted},
    tree::{Item, Node},
    typed,
};
use crate::{Condition, Test};

/// What stands where nobody has chosen.
const NOT_CHOSEN: &str = "?";
/// What a condition must have.
const WHOLE: &str = "give its `field`, and one of `in`, `not_in`, `at_least`, `is`";
/// What a condition may say of its field.
const TESTS: &[&str] = &["in", "not_in", "at_least", "is"];
pub(super) const KEYS: &[&str] = &["field", "in", "not_in", "at_least", "is"];

/// What may be looked at in one section of the file.
pub(super) struct Vocabulary<'v, S> {
    /// A whole condition that holds for nothing: what a fix puts in the place of one that says too little, because to
    /// take it out would let everything pass.
    pub(super) nothing_passes: &'static str,
    /// Reads the field's name.
    pub(super) subject: &'v dyn Fn(&Node, &mut Mistakes<'_>) -> Option<S>,
    /// Notes what is wrong with one of the values of `in` and `not_in`.
    pub(super) check: &'v dyn Fn(&S, &Node, &str, &mut Mistakes<'_>),
}

impl<S> Vocabulary<'_, S> {
    /// The conditions of a list; those that are not whole are noted and left out.
    pub(super) fn read(&self, node: &Node, mistakes: &mut Mistakes<'_>) -> Vec<Condition<S>> {
        let Item::List(items) = &node.item else {
            let remedy = Remedy::value(format!("[{}]", self.nothing_passes));
            mistakes.add(
                node.at,
                format!("{} is not a list of conditions", node.kind()),
                remedy.advised(WHOLE),
            );
            return Vec::new();
        };
        items.iter().filter_map(|item| self.condition(item, mistakes)).collect()
    }

    fn condition(&self, node: &Node, mistakes: &mut Mistakes<'_>) -> Option<Condition<S>> {
        let Item::Table(table) = &node.item else {
            mistakes.add(node.at, format!("{} is not a condition", node.kind()), self.closed(WHOLE));
            return None;
        };
        typed::known_keys(table, KEYS, "a condition", mistakes);
        let mut tests = TESTS.iter().filter_map(|key| table.entry(key));
        let (Some(field), Some(test)) = (table.get("field"), tests.next()) else {
            mistakes.add(node.at, "the condition is not whole", self.closed(WHOLE));
            return None;
        };
        if let Some(second) = tests.next() {
            let what = format!("a condition has one test, and this one has `{}` too", second.key);
            // Without the second test, more would pass.
            let advice = "write a condition of its own for it: all of them must hold";
            mistakes.add(node.at, what, self.closed(advice));
        }
        let subject = (self.subject)(field, mistakes)?;
        let test = match test.key.as_str() {
            "in" => Test::In(self.values(&subject, &test.node, mistakes)?),
            "not_in" => Test::NotIn(self.excluded(&subject, node.at, &test.node, mistakes)?),
            "at_least" => Test::AtLeast(typed::integer(&test.node, mistakes)?),
            _ => Test::Is(typed::flag(&test.node, mistakes)?),
        };
        Some(Condition { subject, test })
    }

    /// What a fix makes of a condition that cannot be followed: one that nothing passes.
    fn closed(&self, advice: &str) -> Remedy {
        Remedy::value(self.nothing_passes).advised(advice)
    }

    /// The values that must not be. To correct them by leaving one out would let more pass, so where one is wrong the
    /// whole condition, which stands `at`, is closed.
    fn excluded(
        &self,
        subject: &S,
        at: At,
        node: &Node,
        mistakes: &mut Mistakes<'_>,
    ) -> Option<BTreeSet<String>> {
        if matches!(&node.item, Item::List(items) if items.is_empty()) {
            let what = "no value is named, so the condition says nothing";
            mistakes.add(at, what, self.closed("name at least one, or leave the condition out"));
            return None;
        }
        let before = mistakes.count();
        let values = self.values(subject, node, mistakes);
        mistakes.mend_since(before, at, &Remedy::value(self.nothing_passes));
        values
    }

    fn values(&self, subject: &S, node: &Node, mistakes: &mut Mistakes<'_>) -> Option<BTreeSet<String>> {
        let items = typed::list(node, mistakes)?;
        if items.is_empty() {
            mistakes.add(
                node.at,
                "no value is named, so the condition says nothing",
                Remedy::value(format!("[{}]", quoted(NOT_CHOSEN)))
                    .advised("name at least one, or leave the condition out"),
            );
            return None;
        }
        let mut values = BTreeSet::new();
        for item in items {
            if let Some(text) = typed::text(item, mistakes) {
                (self.check)(subject, item, text.trim(), mistakes);
                values.insert(text.trim().to_owned());
            }
        }
        Some(values)
    }
}

/// Notes a text that is no country.
pub(super) fn check_country(node: &Node, text: &str, mistakes: &mut Mistakes<'_>) {
    // Nobody has chosen yet, and nothing passes.
    if text == NOT_CHOSEN {
        return;
    }
    if rust_iso3166::from_alpha2(&text.to_ascii_uppercase()).is_none() {
        let what = format!("`{}` is not a country", typed::shown(text));
        let known = rust_iso3166::ALL.iter().find(|country| country.name.eq_ignore_ascii_case(text));
        let remedy = known.map_or_else(Remedy::remove, |country| Remedy::text(country.alpha2));
        mistakes.add(node.at, what, remedy.advised("write the two letters of ISO 3166-1, like `DE`"));
    }
}
