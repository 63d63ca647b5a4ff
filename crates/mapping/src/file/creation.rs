//! The `[creation]` section: constants of a referral that this program creates.

use super::{mistakes::Mistakes, tree::Table, typed};
use crate::Creation;

/// The qualification of a deal in Microsoft's samples (partner-center reference, section 3.1).
const QUALIFICATION: &str = "SalesQualified";
pub(super) const QUALIFICATIONS: &[&str] = &["None", "Direct", "MarketingQualified", QUALIFICATION];

pub(super) const KEYS: &[&str] = &["qualification"];

pub(super) fn read(file: &Table, mistakes: &mut Mistakes<'_>) -> Creation {
    let mut creation = Creation { qualification: QUALIFICATION.to_owned() };
    let Some(section) = file.get("creation").and_then(|node| typed::table(node, mistakes)) else {
        return creation;
    };
    typed::known_keys(section, KEYS, "[creation]", mistakes);
    if let Some(word) =
        section.get("qualification").and_then(|node| typed::one_of(node, QUALIFICATIONS, mistakes))
    {
        word.clone_into(&mut creation.qualification);
    }
    creation
}
