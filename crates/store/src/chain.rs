//! The history's hash chain: each line carries a digest over the line before it and over its own columns.
//!
//! One chain a subject (a deal, or a referral that became none), so that no two workers wait for each other. What a
//! person may read is in it as sealed text: erased or not, the chain is the same. The subject's head says how many lines
//! there are and what the last link is, so that a tail that was cut off is missed; lines that their time has taken leave
//! an anchor, the link of the last of them. Whoever may write the store's files can make a whole chain anew: against
//! that, heads are to be noted elsewhere (`cosell history verify --format json` prints them).

use aws_lc_rs::digest;
use deal_model::Side;
use jiff::Timestamp;
use sync_engine::{ChainBreak, ChainHead};

/// A link: SHA-256.
pub(crate) type Link = [u8; digest::SHA256_OUTPUT_LEN];

/// What the first line of a chain follows.
pub(crate) const BEGINNING: Link = [0; digest::SHA256_OUTPUT_LEN];

/// A line as the chain sees it.
#[derive(Debug, Clone)]
pub(crate) struct ChainedLine {
    /// Its place in the chain, from 1.
    pub(crate) number: u64,
    /// When.
    pub(crate) at: Timestamp,
    /// In a word.
    pub(crate) what: String,
    /// The side that was written.
    pub(crate) side: Option<Side>,
    /// The groups that were written.
    pub(crate) groups: Vec<String>,
    /// How long it took, in milliseconds.
    pub(crate) took_ms: Option<i64>,
    /// The mapping's version.
    pub(crate) mapping: String,
    /// The number of the data key that sealed the sentence.
    pub(crate) key: u64,
    /// The sentence, sealed.
    pub(crate) sealed: Vec<u8>,
}

impl ChainedLine {
    /// The line's link, where `before` is the one of the line before it.
    pub(crate) fn link(&self, subject: &str, before: &Link) -> Link {
        let mut hash = digest::Context::new(&digest::SHA256);
        // Every part says how long it is: no two lines read the same.
        let mut part = |bytes: &[u8]| {
            hash.update(&(bytes.len() as u64).to_be_bytes());
            hash.update(bytes);
        };
        part(b"cosell history 1");
        part(before);
        part(subject.as_bytes());
        part(&self.number.to_be_bytes());
        part(&self.at.as_microsecond().to_be_bytes());
        part(self.what.as_bytes());
        part(match self.side {
            None => b"",
            Some(Side::Portal) => b"portal",
            Some(Side::Crm) => b"crm",
        });
        part(&(self.groups.len() as u64).to_be_bytes());
        for group in &self.groups {
            part(group.as_bytes());
        }
        match self.took_ms {
            None => part(b""),
            Some(took) => part(&took.to_be_bytes()),
        }
        part(self.mapping.as_bytes());
        part(&self.key.to_be_bytes());
        part(&self.sealed);
        hash.finish().as_ref().try_into().unwrap_or(BEGINNING)
    }
}

/// A walk along one chain, page after page, from its anchor to its head.
#[derive(Debug)]
pub(crate) struct Walk<'a> {
    head: &'a ChainHead,
    /// Lines behind it, those that their time has taken included.
    passed: u64,
    last: Link,
}

impl<'a> Walk<'a> {
    /// Begins at the anchor; goes on after `passed` lines, of which the last had the link `last`.
    pub(crate) fn from(head: &'a ChainHead, passed: u64, last: Link) -> Self {
        Self { head, passed, last }
    }

    /// Takes the next line, with the link that is stored with it.
    pub(crate) fn step(&mut self, line: &ChainedLine, stored: &[u8]) -> Result<(), ChainBreak> {
        let expected = self.passed + 1;
        if line.number != expected {
            return Err(ChainBreak { line: expected, what: "is missing".to_owned() });
        }
        let link = line.link(&self.head.subject, &self.last);
        if link.as_slice() != stored {
            return Err(ChainBreak { line: expected, what: "was changed".to_owned() });
        }
        (self.passed, self.last) = (expected, link);
        Ok(())
    }

    /// Where the walk stands.
    pub(crate) fn place(&self) -> (u64, Link) {
        (self.passed, self.last)
    }

    /// Whether the walk, at the end of what is there, stands at the head.
    pub(crate) fn end(&self) -> Result<(), ChainBreak> {
        if self.passed < self.head.length {
            return Err(ChainBreak { line: self.passed + 1, what: "is missing".to_owned() });
        }
        if self.last != self.head.link {
            return Err(ChainBreak {
                line: self.passed,
                what: "is not the one that the head names".to_owned(),
            });
        }
        Ok(())
    }
}
