//! What is wrong with a mapping file, where, and what to do about it.

use std::fmt;

use crate::Fix;

/// One mistake in a mapping file.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub struct MappingError {
    /// The file's name, as the caller gave it.
    pub file: String,
    /// The line, from 1.
    pub line: usize,
    /// The column in characters, from 1.
    pub column: usize,
    /// What is wrong.
    pub what: String,
    /// What to think of before taking the fix; empty where the fix says all.
    pub advice: String,
    /// What would put it right: an edit of the last file that was given, which for a company is its own.
    pub fix: Fix,
}

impl MappingError {
    /// `text` of the file with the fix made.
    pub fn apply(&self, text: &str) -> String {
        self.fix.apply(text)
    }
}

impl fmt::Display for MappingError {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}:{}:{}: {}", self.file, self.line, self.column, self.what)?;
        if !self.advice.is_empty() {
            write!(out, "\n  {}", self.advice)?;
        }
        write!(out, "\n  fix: {}", self.fix)
    }
}
