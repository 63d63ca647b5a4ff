//! One edit of a person causes at most one write on the other side, and none back (sync rules, section 9).

use sandbox::{exchange::Kind, faults::Platform};

use super::{Violation, landed::landed};
use crate::{
    edits::{Edit, Record},
    scene::{Scene, text},
    world::Seen,
};

/// Looks at the writes before their arrivals are noted.
pub(super) fn judge(scene: &Scene, record: &Record, one: &Seen) -> Vec<Violation> {
    // A flow of the customer's writes what it likes, and what it put back is written again.
    if record.automated || !matches!(one.kind, Kind::Patch | Kind::CrmWrite) {
        return Vec::new();
    }
    let young = record.edits.iter().filter(|edit| edit.at > record.settled_since && edit.at < one.at);
    let repeated = young.filter(|edit| !edit.alike && edit.superseded.is_none() && !edit.field.is_row());
    let repeated = repeated.filter(|edit| edit.side == one.platform || edit.arrived);
    repeated
        .filter(|edit| landed(one, &edit.needle) && is_last(scene, record, edit, one))
        .map(|edit| {
            let how = if edit.side == one.platform { "back" } else { "again" };
            let what = format!("{:?} typed at {} was written {how} by {}", edit.needle, edit.at, one.line);
            Violation::new("echo", what)
        })
        .collect()
}

/// Whether nobody has typed anything into this field of the pair since, on either side, nor shortly before on the other.
fn is_last(scene: &Scene, record: &Record, edit: &Edit, one: &Seen) -> bool {
    let across = match edit.side {
        // The opportunity names its referral only when it has been told; a write names it itself.
        Platform::Salesforce if one.platform == Platform::PartnerCenter => one.line.rsplit('/').next(),
        Platform::PartnerCenter => scene.opportunity_of(&edit.record),
        Platform::Salesforce => scene
            .opportunities()
            .find(|row| row["Id"] == edit.record)
            .map(|row| text(&row["Referral_Identifier__c"])),
    };
    let Some(across) = across else { return false };
    let of_pair = |other: &&Edit| {
        other.field == edit.field
            && if other.side == edit.side { other.record == edit.record } else { other.record == across }
    };
    let mut others = record.edits.iter().filter(of_pair);
    // What crossed it on its way is a conflict, and its winner may be written anywhere.
    others.all(|other| {
        other.needle == edit.needle || (other.at < edit.at && (other.arrived || other.side == edit.side))
    })
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use serde_json::json;

    use super::*;
    use crate::edits::Field;

    #[test]
    fn a_value_that_is_written_a_second_time_or_back_is_seen_and_one_that_was_crossed_is_not() {
        let at = |second| jiff::Timestamp::from_second(second).unwrap();
        let scene = Scene {
            org: json!({ "Opportunity": [{ "Id": "006nk0000846EbQAAU", "Referral_Identifier__c": "r" }] }),
            portal: json!({ "referrals": [{ "id": "r", "externalReferenceId": "006nk0000846EbQAAU" }] }),
        };
        let mut record = Record { settled_since: at(1), ..Record::default() };
        record.typed(at(5), Platform::Salesforce, "006nk0000846EbQAAU", Field::Notes, "note 1".to_owned());
        let write = |platform, kind| Seen {
            at: at(9),
            platform,
            kind,
            line: "PATCH".to_owned(),
            body: Bytes::from_static(b"[{\"value\":\"note 1\"}]"),
            status: 200,
            answer: Bytes::new(),
        };
        let (there, back) =
            (write(Platform::PartnerCenter, Kind::Patch), write(Platform::Salesforce, Kind::CrmWrite));
        assert!(judge(&scene, &record, &there).is_empty(), "the first time");
        assert_eq!(judge(&scene, &record, &back).len(), 1);
        record.edits[0].arrived = true;
        assert_eq!(judge(&scene, &record, &there).len(), 1);
        record.typed(at(6), Platform::PartnerCenter, "r", Field::Notes, "note 2".to_owned());
        assert!(judge(&scene, &record, &back).is_empty(), "it may have won");
    }
}
