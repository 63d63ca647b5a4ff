//! What one look at a prerequisite came to: the evidence, and how to mend it.

use serde::Serialize;

/// How a prerequisite stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// It was seen to hold, over an API.
    Pass,
    /// It was seen not to hold.
    Fail,
    /// Nothing here can tell: a person looks.
    CannotBeChecked,
}

/// One line of a check. Nothing in it is a customer's: names of objects, fields, stages and options, ids and numbers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// What it is about, for programs: stable between releases.
    pub id: String,
    /// The same for people.
    pub title: String,
    /// How it stands.
    pub verdict: Verdict,
    /// What was seen.
    pub evidence: String,
    /// What a person does, where there is something to do.
    pub mend: Option<String>,
}

impl Finding {
    /// Seen to hold.
    pub fn pass(id: impl Into<String>, title: impl Into<String>, evidence: impl Into<String>) -> Self {
        Self::new(id, title, Verdict::Pass, evidence, None)
    }

    /// Seen not to hold; `mend` says what to do about it.
    pub fn fail(
        id: impl Into<String>,
        title: impl Into<String>,
        evidence: impl Into<String>,
        mend: impl Into<String>,
    ) -> Self {
        Self::new(id, title, Verdict::Fail, evidence, Some(mend.into()))
    }

    /// Cannot be told from here; `by_hand` is the step by which a person can tell.
    pub fn unseen(
        id: impl Into<String>,
        title: impl Into<String>,
        why: impl Into<String>,
        by_hand: impl Into<String>,
    ) -> Self {
        Self::new(id, title, Verdict::CannotBeChecked, why, Some(by_hand.into()))
    }

    fn new(
        id: impl Into<String>,
        title: impl Into<String>,
        verdict: Verdict,
        evidence: impl Into<String>,
        mend: Option<String>,
    ) -> Self {
        Self { id: id.into(), title: title.into(), verdict, evidence: evidence.into(), mend }
    }
}
