//! One opportunity per referral, one referral per opportunity, one of Microsoft's per engagement.

use oracle::DuplicateKind;

use super::Violation;
use crate::{
    edits::Record,
    scene::{Scene, text},
};

pub(super) fn judge(scene: &Scene, record: &Record) -> Vec<Violation> {
    let double = oracle::duplicates(&scene.org, &scene.portal);
    let double = double.into_iter().filter(|double| {
        // A clone that a person made carries its original's identifier; so may what comes out of the bin.
        let cloned = || {
            scene.opportunities().any(|row| {
                text(&row["Referral_Identifier__c"]).eq_ignore_ascii_case(&double.of)
                    && record.clones.contains(text(&row["Id"]))
            })
        };
        double.kind != DuplicateKind::OpportunitiesOfOneReferral || !cloned()
    });
    double.map(|double| Violation::new("no_duplicate", format!("{double:?}"))).collect()
}
