//! No lost edit: every value that a person typed is on the other side, or was typed over, or is archived with its reason.

use jiff::Timestamp;
use sandbox::{exchange::Kind, faults::Platform};

use super::{Violation, landed::landed, privacy::contains};
use crate::{
    edits::{Edit, Field, Record},
    product::{DealSeen, Lost},
    scene::{Scene, text},
    world::Seen,
};

/// Notes which values the product wrote on the other side.
pub(super) fn note_arrivals(record: &mut Record, seen: &[Seen]) {
    let writes = |one: &&Seen| {
        one.status < 300
            && matches!(one.kind, Kind::Create | Kind::CreateCompanion | Kind::Patch | Kind::CrmWrite)
    };
    for one in seen.iter().filter(writes) {
        part(record, one);
        for edit in record.edits.iter_mut().filter(|edit| !edit.arrived && edit.side != one.platform) {
            if landed(one, &edit.needle) {
                edit.arrived = true;
                edit.arrived_at = Some(one.at);
            }
        }
    }
}

/// What both had typed alike is so no more where the product wrote something else over it, which was on its way.
fn part(record: &mut Record, one: &Seen) {
    let is_there = |edit: &Edit| {
        let short = edit.record.get(..15).unwrap_or(&edit.record);
        edit.side == one.platform && (one.line.contains(short) || contains(&one.body, short))
    };
    let came = |field: Field, than: &str| {
        let mut others =
            record.edits.iter().filter(|other| other.side != one.platform && other.field == field);
        others.any(|other| other.needle != than && landed(one, &other.needle))
    };
    let over =
        |edit: &&Edit| edit.alike && edit.at < one.at && is_there(edit) && came(edit.field, &edit.needle);
    let over: Vec<String> = record.edits.iter().filter(over).map(|edit| edit.needle.clone()).collect();
    for edit in record.edits.iter_mut().filter(|edit| edit.alike && over.contains(&edit.needle)) {
        edit.alike = false;
        edit.parted = Some(one.at);
    }
}

pub(super) fn judge(scene: &Scene, record: &Record, deals: &[DealSeen], archive: &[Lost]) -> Vec<Violation> {
    let open = record.edits.iter().filter(|edit| !edit.arrived && edit.superseded.is_none() && !edit.alike);
    let open = open.filter(|edit| !was_the_same(edit));
    open.filter_map(|edit| lost(scene, record, deals, archive, edit)).collect()
}

/// Whether both sides had been made to say it, and had told the product so, before one of them was typed over: the value
/// was the same on both, and a later edit took its place.
fn was_the_same(edit: &Edit) -> bool {
    let before = |told: Option<Timestamp>, parted| told.is_some_and(|told| told < parted);
    edit.parted.is_some_and(|parted| before(edit.told, parted) && before(edit.told_across, parted))
}

fn lost(
    scene: &Scene,
    record: &Record,
    deals: &[DealSeen],
    archive: &[Lost],
    edit: &Edit,
) -> Option<Violation> {
    let of = |deal: &&DealSeen| match edit.side {
        Platform::Salesforce => deal.opportunity.as_deref().is_some_and(|id| same(id, &edit.record)),
        Platform::PartnerCenter => deal.referral.as_deref() == Some(&edit.record),
    };
    if archive.iter().any(|lost| !lost.reason.is_empty() && lost.value.contains(&edit.needle)) {
        return None;
    }
    if record.may_be_gone(edit) {
        return None;
    }
    // Nobody shares it: it never was, or is not any more.
    let deal = deals.iter().find(of)?;
    if deal.phase != "live" || deal.says_why(edit.field.group()) || record.is_hidden(edit.field) {
        return None;
    }
    let opportunity = deal.opportunity.as_deref().and_then(|id| {
        scene
            .opportunities()
            .find(|row| same(text(&row["Id"]), id))
            .filter(|row| super::convergence::is_in(row))
    });
    let referral = deal.referral.as_deref().and_then(|id| scene.referral(id));
    let (opportunity, referral) = (opportunity?, referral?);
    let id = text(&opportunity["Id"]);
    let mut whole = opportunity.to_string();
    whole.extend(scene.children("Microsoft_Solution__c", "Opportunity__c", id).map(ToString::to_string));
    // A flow may have made something else of it at once.
    let held = match edit.side {
        Platform::Salesforce => whole.contains(&edit.needle),
        Platform::PartnerCenter => referral.to_string().contains(&edit.needle),
    };
    if record.automated && !held {
        return None;
    }
    let there = match edit.side {
        Platform::Salesforce => referral.to_string().contains(&edit.needle),
        Platform::PartnerCenter => whole.contains(&edit.needle),
    };
    if there || referral["status"] != "Active" {
        return None;
    }
    let what = format!(
        "{} {:?} typed at {} into {} is nowhere else (deal {})",
        edit.field.group(),
        edit.needle,
        edit.at,
        edit.record,
        deal.id
    );
    Some(Violation::new("lost_edit", what))
}

fn same(id: &str, other: &str) -> bool {
    id.get(..15).is_some_and(|short| other.starts_with(short))
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn deal() -> DealSeen {
        DealSeen {
            id: "d".to_owned(),
            opportunity: Some("006nk0000846EbQAAU".to_owned()),
            referral: Some("r".to_owned()),
            phase: "live".to_owned(),
            waiting: 0,
            problems: Vec::new(),
            remapped: Vec::new(),
            base: "{}".to_owned(),
            read: [None, None],
        }
    }

    fn scene(notes: &str) -> Scene {
        Scene {
            org: json!({ "Opportunity": [{ "Id": "006nk0000846EbQAAU", "Description": "note 000002",
                "Sync_with_Partner_Center__c": true }] }),
            portal: json!({ "organizationId": "o", "referrals": [{ "id": "r", "organizationId": "o",
                "status": "Active", "details": { "notes": notes } }] }),
        }
    }

    fn typed() -> Record {
        let mut record = Record::default();
        let (at, side) = (jiff::Timestamp::UNIX_EPOCH, Platform::Salesforce);
        for needle in ["note 000001", "note 000002"] {
            record.typed(at, side, "006nk0000846EbQAAU", Field::Notes, needle.to_owned());
        }
        record
    }

    #[test]
    fn a_value_that_is_nowhere_else_is_lost_and_one_that_was_typed_over_is_not() {
        let found = judge(&scene("something else"), &typed(), &[deal()], &[]);
        assert_eq!(found.len(), 1, "{found:?}");
        assert!(found[0].what.contains("note 000002"));
    }

    #[test]
    fn what_stands_in_a_field_that_the_connection_is_said_not_to_read_is_not_lost_and_anything_else_is() {
        let hidden = |column: &str| Record { hidden: vec![column.to_owned()], ..typed() };
        let elsewhere = scene("something else");
        assert!(judge(&elsewhere, &hidden("Opportunity.Description"), &[deal()], &[]).is_empty());
        assert_eq!(judge(&elsewhere, &hidden("Opportunity.Amount"), &[deal()], &[]).len(), 1);
    }

    #[test]
    fn what_both_typed_alike_is_lost_only_if_the_product_had_not_heard_so_before_one_typed_over_it() {
        let at = |second| Timestamp::from_second(second).unwrap();
        let both = |told_across: Option<Timestamp>| {
            let mut record = Record::default();
            for (side, id) in [(Platform::Salesforce, "006nk0000846EbQAAU"), (Platform::PartnerCenter, "r")] {
                record.typed(at(1), side, id, Field::Notes, "note 000002".to_owned());
                record.edits.last_mut().unwrap().alike = true;
            }
            record.edits[0].told = Some(at(2));
            record.edits[0].told_across = told_across;
            record.typed(at(5), Platform::PartnerCenter, "r", Field::Notes, "note 000003".to_owned());
            record.edits[2].arrived = true;
            record
        };
        let scene = scene("note 000003");
        assert!(judge(&scene, &both(Some(at(3))), &[deal()], &[]).is_empty());
        for told_across in [None, Some(at(6))] {
            let found = judge(&scene, &both(told_across), &[deal()], &[]);
            assert_eq!(found.len(), 1, "{told_across:?}: {found:?}");
        }
    }

    #[test]
    fn a_value_on_the_other_side_in_the_archive_or_under_a_problem_is_not_lost() {
        let (record, elsewhere) = (typed(), scene("something else"));
        assert!(judge(&scene("note 000002"), &record, &[deal()], &[]).is_empty());
        let value = Value::from("note 000002").to_string();
        let kept = Lost { opportunity: None, value, reason: "the portal's was newer".to_owned() };
        assert!(judge(&elsewhere, &record, &[deal()], std::slice::from_ref(&kept)).is_empty());
        let nameless = Lost { reason: String::new(), ..kept };
        assert_eq!(judge(&elsewhere, &record, &[deal()], &[nameless]).len(), 1, "archived without a reason");
        let told = DealSeen { problems: vec![(None, "why".to_owned())], ..deal() };
        assert!(judge(&elsewhere, &record, &[told], &[]).is_empty());
    }
}
