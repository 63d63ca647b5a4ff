//! Each method of the side once over the sandbox's Partner Center, which was written from the reference alone.

use std::time::Duration;

use deal_model::{
    Content, Element, ElementChange, ElementKey, GroupHeld, GroupId, Held, Life, Observation, RecordId,
    Sight, Value, Why, Write,
};
use ports::RetryClass;
use serde_json::{Value as Json, json};
use sync_engine::{Change, Side as _, Stranger, Target, Wanted, What};

use super::stage::{OPPORTUNITY_LONG, SCOPE, Sandboxed, choice, deal, inbound, text, write};
use crate::partner_center::SOURCE;

fn wanted(record: &RecordId, read_companion: bool) -> Wanted {
    Wanted { record: record.clone(), engagement: None, companion: None, read_companion }
}

async fn observe(world: &Sandboxed, record: &RecordId, read_companion: bool) -> Observation {
    let mut seen = world.side.observe(&[wanted(record, read_companion)], SCOPE).await;
    match seen.pop().unwrap().unwrap() {
        Sight::Seen(seen) => *seen,
        other => panic!("the referral was not seen: {other:?}"),
    }
}

/// A referral as an organisation sends it: without what the platform assigns.
fn sent() -> Json {
    let mut referral = inbound();
    for member in
        ["@odata.context", "id", "engagementId", "organizationId", "organizationName", "eTag", "links"]
    {
        referral.as_object_mut().unwrap().remove(member);
    }
    for dated in ["createdDateTime", "updatedDateTime", "expirationDateTime"] {
        referral.as_object_mut().unwrap().remove(dated);
    }
    referral
}

fn invited(world: &Sandboxed) -> (RecordId, Json) {
    let made = world.act("microsoft/invite", &json!({ "referral": sent(), "withMicrosoft": true }));
    (RecordId::new(made["id"].as_str().unwrap()), made)
}

#[tokio::test]
async fn a_deal_with_help_is_created_in_two_steps_and_read_back_with_both_referrals() {
    let world = Sandboxed::new();
    let mut new = deal(true);
    let own = world.side.create(&new, SCOPE).await.unwrap();
    let after = own.after.unwrap();
    assert!(!own.existed);
    assert_eq!(after.life, Life::Active { sales_stage: None });
    assert_eq!(
        after.portal().unwrap().external_reference,
        Some(RecordId::new(OPPORTUNITY_LONG)),
        "{:?}",
        after.facts
    );
    assert_eq!(own.engagement, after.portal().unwrap().engagement);
    // Everything that was written reads back as it was meant.
    for write in new.writes.iter().filter(|write| write.group.as_str() != "help") {
        let Content::Whole(group) = &write.content else { continue };
        for (field, held) in group.iter().filter(|(_, held)| **held != Held::Empty) {
            assert_eq!(after.reading(field).held.held().as_ref(), Some(held), "{field}");
        }
    }

    new.engagement = own.engagement;
    let companion = world.side.create_companion(&new, SCOPE).await.unwrap();
    assert_eq!(companion.engagement, new.engagement);
    let seen = observe(&world, &own.record, true).await;
    let facts = seen.portal().unwrap();
    assert_eq!(facts.companion, Some(companion.record));
    let fields = facts.companion_fields.as_ref().unwrap();
    assert_eq!(fields[&"help".into()].held.held(), Some(choice("ProofOfConceptOrDemo")));
    assert_eq!(fields[&"help_notes".into()].held.held(), Some(text("Azure estate")));
    assert_eq!(fields[&"microsoft_status".into()].held.held(), Some(text("Pending")));
}

#[tokio::test]
async fn a_second_step_that_answers_its_id_alone_tells_no_state() {
    let world = Sandboxed::new();
    let mut new = deal(true);
    new.engagement = world.side.create(&new, SCOPE).await.unwrap().engagement;
    world.set(&json!({ "second_post_body": "id" }));
    let companion = world.side.create_companion(&new, SCOPE).await.unwrap();
    assert_eq!(companion.after, None);
    assert_eq!(companion.engagement, new.engagement);
}

#[tokio::test]
async fn fields_change_under_the_version_that_was_read_and_the_answer_shows_the_new_state() {
    let world = Sandboxed::new();
    let own = world.side.create(&deal(false), SCOPE).await.unwrap();
    let before = own.after.unwrap();
    let solutions = Write {
        group: GroupId::new("solutions"),
        content: Content::Elements(vec![(
            ElementKey("SOL-2".to_owned()),
            ElementChange::Put(Element([("name".to_owned(), Value::Text("Two".to_owned()))].into())),
        )]),
        instead_of: GroupHeld::new(),
        why: Why::Changed,
        latch: None,
    };
    let change = Change {
        record: own.record.clone(),
        expect: before.version.clone(),
        what: What::Fields {
            writes: vec![write("notes", vec![("notes", Held::Empty)]), solutions],
            life: Some(Life::Active { sales_stage: Some("Propose".to_owned()) }),
            report: None,
        },
    };
    world.clock.advance(Duration::from_secs(5));
    let done = world.side.apply(std::slice::from_ref(&change), SCOPE).await.pop().unwrap().unwrap();
    let after = done.after.unwrap();
    assert!(after.version.stamp > before.version.stamp);
    assert_eq!(after.reading(&"notes".into()).held.held(), Some(Held::Empty));
    let held = after.reading(&"solutions".into()).held.held().unwrap().elements();
    let keys: Vec<_> = held.keys().map(|key| key.0.as_str()).collect();
    assert_eq!(keys, ["SOL-12345-ABC", "SOL-2"]);
    assert_eq!(after.life, Life::Active { sales_stage: Some("Propose".to_owned()) });

    for status in [412, 409] {
        world.set(&json!({ "stale_status": status }));
        let stale = world.side.apply(std::slice::from_ref(&change), SCOPE).await.pop().unwrap().unwrap_err();
        assert_eq!(stale.class, RetryClass::Changed);
        assert!(stale.certainly_not_done);
    }
}

#[tokio::test]
async fn an_acceptance_carries_the_opportunity_and_a_win_closes() {
    let world = Sandboxed::new();
    let (record, _) = invited(&world);
    let before = observe(&world, &record, false).await;
    assert_eq!(before.life, Life::Received);
    let accept = Change {
        record: record.clone(),
        expect: before.version,
        what: What::Move {
            to: Life::Active { sales_stage: None },
            external_reference: Some(RecordId::new(OPPORTUNITY_LONG)),
        },
    };
    let after = world.side.apply(&[accept], SCOPE).await.pop().unwrap().unwrap().after.unwrap();
    assert_eq!(after.life, Life::Active { sales_stage: None });
    assert_eq!(after.portal().unwrap().external_reference, Some(RecordId::new(OPPORTUNITY_LONG)));
    let win = Change {
        record,
        expect: after.version,
        what: What::Move { to: Life::Won, external_reference: None },
    };
    let after = world.side.apply(&[win], SCOPE).await.pop().unwrap().unwrap().after.unwrap();
    assert_eq!(after.life, Life::Won);
}

#[tokio::test]
async fn the_portals_complaint_names_the_group_and_keeps_its_words_apart() {
    let world = Sandboxed::new();
    let own = world.side.create(&deal(false), SCOPE).await.unwrap();
    let change = Change {
        record: own.record,
        expect: own.after.unwrap().version,
        what: What::Fields {
            writes: vec![write("money", vec![("deal_currency", choice("XXQ"))])],
            life: None,
            report: None,
        },
    };
    let refused = world.side.apply(&[change], SCOPE).await.pop().unwrap().unwrap_err();
    assert_eq!(refused.class, RetryClass::Person);
    assert_eq!(refused.groups, [GroupId::new("money")]);
    assert!(refused.certainly_not_done);
    assert!(!refused.told.is_empty());
    assert!(!refused.what.contains(&refused.told));
}

#[tokio::test]
async fn the_list_is_read_page_by_page_and_then_only_what_changed() {
    let world = Sandboxed::new();
    world.set(&json!({ "page_size": 2 }));
    let mut records = Vec::new();
    for _ in 0..3 {
        records.push(invited(&world).0);
    }
    let (mut position, mut seen, mut pages) = (None, Vec::new(), 0);
    loop {
        let page = world.side.changes(SOURCE, position.as_deref(), SCOPE).await.unwrap();
        assert_eq!(page.complete, !page.more);
        pages += 1;
        seen.extend(page.seen);
        position = Some(page.position);
        if !page.more {
            break;
        }
    }
    assert!(pages > 2, "{pages} pages");
    for record in &records {
        let births = seen.iter().filter(
            |seen| matches!(&seen.target, Target::Referral { id, birth: true, .. } if id == record && seen.hints.portal),
        );
        assert!(births.count() > 0, "{record} was not listed");
    }
    let companions = |seen: &[sync_engine::Seen]| {
        seen.iter().filter(|seen| seen.hints.companion && !seen.hints.portal).count()
    };
    assert!(companions(&seen) >= 3);

    world.clock.advance(Duration::from_hours(1));
    world.act("portal/edit", &json!({ "id": records[1].as_str(), "set": { "/details/notes": "moved" } }));
    let mut newer = Vec::new();
    loop {
        let page = world.side.changes(SOURCE, position.as_deref(), SCOPE).await.unwrap();
        assert!(page.complete);
        newer.extend(page.seen);
        position = Some(page.position);
        if !page.more {
            break;
        }
    }
    let keys: Vec<_> = seen.iter().map(|seen| &seen.key).collect();
    let fresh: Vec<_> = newer.iter().filter(|seen| !keys.contains(&&seen.key)).collect();
    assert_eq!(fresh.len(), 1);
    assert!(matches!(&fresh[0].target, Target::Referral { id, .. } if *id == records[1]));
}

#[tokio::test]
async fn a_look_finds_what_was_created_by_reference_and_by_engagement() {
    let world = Sandboxed::new();
    let since = ports::Clock::now(&*world.clock);
    let own = world.side.create(&deal(false), SCOPE).await.unwrap();
    let (record, _) = invited(&world);
    let all = world.side.look(since, None, SCOPE).await.unwrap();
    let found = all.iter().find(|entry| entry.referral == own.record).unwrap();
    assert!(found.ours && found.open && found.created >= since);
    assert_eq!(found.external, Some(deal_model::digest(OPPORTUNITY_LONG)));
    assert!(all.iter().any(|entry| entry.referral == record && entry.external.is_none()));

    let engagement = own.engagement.unwrap();
    let one = world.side.look(since, Some(&engagement), SCOPE).await.unwrap();
    assert_eq!(one.iter().map(|entry| &entry.referral).collect::<Vec<_>>(), [&own.record]);
}

#[tokio::test]
async fn another_partners_referral_in_the_engagement_is_not_the_companion() {
    let world = Sandboxed::new();
    let own = world.side.create(&deal(false), SCOPE).await.unwrap();
    let engagement = own.engagement.unwrap();
    let mut theirs = sent();
    theirs["engagementId"] = json!(engagement.as_str());
    let made = world.act("other/create", &theirs);
    let members = world.side.look(jiff::Timestamp::UNIX_EPOCH, Some(&engagement), SCOPE).await.unwrap();
    let entry = members.iter().find(|entry| entry.referral.as_str() == made["id"]).unwrap();
    assert!(!entry.ours && !entry.companion, "{entry:?}");
}

#[tokio::test]
async fn a_stranger_is_born_claims_accompanies_or_is_nothing() {
    let world = Sandboxed::new();
    let (record, made) = invited(&world);
    assert!(matches!(world.side.stranger(&record, SCOPE).await.unwrap(), Stranger::Born(_)));

    let own = world.side.create(&deal(true), SCOPE).await.unwrap().record;
    let claims = world.side.stranger(&own, SCOPE).await.unwrap();
    let Stranger::Claims { opportunity, .. } = claims else { panic!("{claims:?}") };
    assert_eq!(opportunity.as_str(), OPPORTUNITY_LONG);

    let engagement = RecordId::new(made["engagementId"].as_str().unwrap());
    let members = world.side.look(jiff::Timestamp::UNIX_EPOCH, Some(&engagement), SCOPE).await.unwrap();
    let theirs = members.iter().find(|entry| !entry.ours).unwrap();
    assert!(theirs.companion);
    let companion = world.side.stranger(&theirs.referral, SCOPE).await.unwrap();
    assert_eq!(companion, Stranger::Companion { engagement });

    world.act("portal/decline", &json!({ "id": record.as_str(), "reason": "Others" }));
    assert_eq!(world.side.stranger(&record, SCOPE).await.unwrap(), Stranger::Nothing);
    let nobody = RecordId::new("7a1c0000-0000-4000-8000-00000000dead");
    assert_eq!(world.side.stranger(&nobody, SCOPE).await.unwrap(), Stranger::Hidden);
    let seen = world.side.observe(&[wanted(&nobody, true)], SCOPE).await;
    assert_eq!(seen, [Ok(Sight::Gone)]);
}

#[tokio::test]
async fn a_lead_is_nothing_to_us_until_leads_are_switched_on() {
    let world = Sandboxed::new();
    for kind in ["marketplace", "marketing-qualified", "sales-qualified"] {
        let lead = world.act("microsoft/lead", &json!({ "kind": kind, "referral": { "name": kind } }));
        let record = RecordId::new(lead["id"].as_str().unwrap());
        assert_eq!(world.side.stranger(&record, SCOPE).await.unwrap(), Stranger::Nothing, "{kind}");
    }
    let changes = world.side.changes("portal.referrals", None, SCOPE).await.unwrap();
    let begets =
        |seen: &sync_engine::Seen| matches!(seen.target, sync_engine::Target::Referral { birth: true, .. });
    assert_eq!(changes.seen.len(), 3);
    assert!(!changes.seen.iter().any(begets), "none is kept as work");
}
