//! The list of what is wrong, kept by place until lines and columns are told.

use std::collections::BTreeMap;

use super::{remedy::Remedy, tree};
use crate::{Fix, MappingError, Source, fix::Present};

/// Most mistakes told at once; whoever made more will start at the top.
const MAX_MISTAKES: usize = 100;

/// A place in one of the sources.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct At {
    /// The source's place in the list.
    pub(super) source: usize,
    /// Bytes from its start.
    pub(super) offset: usize,
}

struct Mistake {
    at: At,
    what: String,
    remedy: Remedy,
}

/// What is wrong so far.
pub(super) struct Mistakes<'s> {
    sources: &'s [Source<'s>],
    list: Vec<Mistake>,
    syntax: bool,
}

impl<'s> Mistakes<'s> {
    pub(super) fn new(sources: &'s [Source<'s>]) -> Self {
        Self { sources, list: Vec::new(), syntax: false }
    }

    pub(super) fn add(&mut self, at: At, what: impl Into<String>, remedy: Remedy) {
        if self.list.len() < MAX_MISTAKES {
            self.list.push(Mistake { at, what: what.into(), remedy });
        }
    }

    /// A mistake that has no place of its own.
    pub(super) fn at_start(&mut self, source: usize, what: &str, remedy: Remedy) {
        self.add(At { source, offset: 0 }, what, remedy);
    }

    /// A section that no source has: told at the start of the last one.
    pub(super) fn missing(&mut self, what: impl Into<String>, remedy: Remedy) {
        self.add(At { source: self.sources.len().saturating_sub(1), offset: 0 }, what, remedy);
    }

    pub(super) fn syntax(&mut self, at: At, what: impl Into<String>, remedy: Remedy) {
        self.syntax = true;
        self.add(at, what, remedy);
    }

    /// The text of a source.
    pub(super) fn text(&self, source: usize) -> &'s str {
        self.sources.get(source).map_or("", |source| source.text)
    }

    /// Mistakes noted so far.
    pub(super) fn count(&self) -> usize {
        self.list.len()
    }

    /// Puts `remedy`, at a wider place, for those noted since there were `count`; what to think of first stays.
    pub(super) fn mend_since(&mut self, count: usize, at: At, remedy: &Remedy) {
        for mistake in self.list.iter_mut().skip(count) {
            mistake.at = at;
            mistake.remedy = mistake.remedy.replaced_by(remedy);
        }
    }

    pub(super) fn any_syntax(&self) -> bool {
        self.syntax
    }

    pub(super) fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    /// The mistakes with their lines and columns, by file and place. Never empty: it is only asked for on failure.
    pub(super) fn into_errors(mut self) -> Vec<MappingError> {
        self.list.sort_by_key(|mistake| mistake.at);
        let mut errors: Vec<MappingError> = Vec::new();
        let last = self.sources.len().saturating_sub(1);
        let target = Present::new(self.sources.last().map_or("", |source| source.text));
        let mut paths: BTreeMap<usize, tree::Paths> = BTreeMap::new();
        for mistake in self.list {
            let (mut name, mut text) =
                self.sources.get(mistake.at.source).map_or(("", ""), |source| (source.name, source.text));
            let mut offset = mistake.at.offset;
            let (advice, fix) = {
                let paths = paths.entry(mistake.at.source).or_insert_with(|| tree::Paths::of(text));
                mistake.remedy.resolve(mistake.at, paths, &target)
            };
            // What the last file makes of an earlier one is its own mistake, and told where it can be mended.
            if mistake.at.source < last
                && let (Some(path), Some(source)) = (fix.path(), self.sources.last())
            {
                (name, text) = (source.name, source.text);
                offset = tree::deepest(text, path);
            }
            let (line, column) = line_and_column(text, offset);
            let error = MappingError { file: name.to_owned(), line, column, what: mistake.what, advice, fix };
            if !errors.contains(&error) {
                errors.push(error);
            }
        }
        if errors.is_empty() {
            errors.push(MappingError {
                file: String::new(),
                line: 1,
                column: 1,
                what: "there is no mapping".to_owned(),
                advice: "give at least the shipped default".to_owned(),
                fix: Fix::Edit { span: 0..0, old: String::new(), with: "version = 1\n".to_owned() },
            });
        }
        errors
    }
}

fn line_and_column(text: &str, offset: usize) -> (usize, usize) {
    let mut end = offset.min(text.len());
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    let before = &text[..end];
    let line_start = before.rfind('\n').map_or(0, |at| at + 1);
    (before.matches('\n').count() + 1, before[line_start..].chars().count() + 1)
}
