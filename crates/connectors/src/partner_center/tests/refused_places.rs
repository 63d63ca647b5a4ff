//! Which refusals of a change are about a place for good, and which about the value in it.

use deal_model::{GroupId, Life, RecordId, Write};
use serde_json::{Value as Json, json};
use sync_engine::{Change, Side as _, SideError, What};

use super::stage::{SCOPE, Script, text, write};

const TAG: &str = "\"84001c9d-0000-0100-0000-6225a63e0000\"";

fn renamed() -> Write {
    write("deal_name", vec![("deal_name", text("New name"))])
}

fn noted() -> Write {
    write("notes", vec![("notes", text("New notes"))])
}

fn error(inner: &str, target: Option<&str>) -> Json {
    let mut error = json!({ "code": "invalidRequest", "message": "no", "innerError": { "code": inner, "message": "no" } });
    if let Some(target) = target {
        error["target"] = json!(target);
    }
    json!({ "error": error })
}

fn change(referral: u32, what: What) -> Change {
    let stamp = "2026-11-02T09:14:07Z".parse().unwrap();
    Change {
        record: RecordId::new(format!("7a1c0000-0000-4000-8000-{referral:012}")),
        expect: deal_model::Version { stamp, tag: Some(TAG.to_owned()) },
        what,
    }
}

fn fields(writes: &[Write]) -> What {
    What::Fields { writes: writes.to_vec(), life: None, report: None }
}

/// What one side makes of the same refusal of the same change of these referrals, one after the other.
async fn refused_of(
    referrals: &[u32],
    writes: &[Write],
    inner: &str,
    target: Option<&str>,
) -> Vec<SideError> {
    let script = Script::default();
    let side = script.side();
    let mut errors = Vec::new();
    for referral in referrals {
        script.answer(400, &error(inner, target));
        let mut answers = side.apply(&[change(*referral, fields(writes))], SCOPE).await;
        errors.push(answers.pop().unwrap().unwrap_err());
    }
    errors
}

async fn refused(writes: &[Write], inner: &str, target: Option<&str>) -> SideError {
    refused_of(&[1], writes, inner, target).await.pop().unwrap()
}

fn name() -> Vec<(GroupId, String)> {
    vec![(GroupId::new("deal_name"), "/name".to_owned())]
}

fn notes() -> Vec<(GroupId, String)> {
    vec![(GroupId::new("notes"), "/details/notes".to_owned())]
}

#[tokio::test]
async fn a_place_is_closed_at_once_where_the_server_names_it_and_says_so() {
    let table = [
        (vec![renamed()], "pathNotAllowed", Some("name"), name()),
        (vec![noted()], "PathNotAllowed", Some("details.notes"), notes()),
        (vec![renamed(), noted()], "pathNotAllowed", Some("name"), name()),
        // It is not said which place is closed.
        (vec![noted()], "pathNotAllowed", None, vec![]),
        // These are about the value, or about this one referral.
        (vec![noted()], "tooLong", Some("details.notes"), vec![]),
        (vec![renamed()], "nameInvalid", Some("name"), vec![]),
        (vec![renamed()], "whatever", Some("name"), vec![]),
        (vec![noted()], "readOnly", Some("details.notes"), vec![]),
        (vec![noted()], "notSupported", None, vec![]),
        (vec![renamed()], "pathNotFound", Some("name"), vec![]),
    ];
    for (writes, inner, target, fixed) in table {
        let error = refused(&writes, inner, target).await;
        assert_eq!(*error.fixed, *fixed, "{inner} about {target:?}");
        assert!(fixed.iter().all(|(group, _)| error.groups.contains(group)), "the rest goes without it");
    }
}

#[tokio::test]
async fn a_place_that_no_page_documents_is_closed_once_a_second_referral_is_refused_there() {
    let table = [
        (vec![renamed()], "whatever", Some("name"), name()),
        (vec![renamed(), noted()], "readOnly", Some("name"), name()),
        // Nothing is named: of one place it is known which, of two it is not.
        (vec![renamed()], "whatever", None, name()),
        (vec![renamed(), noted()], "whatever", None, vec![]),
        // A value is not taken in any referral either.
        (vec![renamed()], "nameInvalid", Some("name"), vec![]),
        (vec![renamed()], "tooLong", Some("name"), vec![]),
        // The place is documented.
        (vec![noted()], "readOnly", Some("details.notes"), vec![]),
        (vec![noted()], "notSupported", None, vec![]),
    ];
    for (writes, inner, target, fixed) in table {
        let errors = refused_of(&[1, 1, 2], &writes, inner, target).await;
        let learned: Vec<_> = errors.into_iter().map(|error| error.fixed.into_vec()).collect();
        assert_eq!(learned, [vec![], vec![], fixed], "{inner} about {target:?}");
    }
}

#[tokio::test]
async fn where_a_change_was_taken_the_value_is_refused_and_not_the_place() {
    let script = Script::default();
    let side = script.side();
    script.answer(204, &Json::Null);
    side.apply(&[change(1, fields(&[renamed()]))], SCOPE).await.pop().unwrap().unwrap();
    for referral in [2, 3] {
        script.answer(400, &error("whatever", Some("name")));
        let refused = side.apply(&[change(referral, fields(&[renamed()]))], SCOPE).await.pop().unwrap();
        assert!(refused.unwrap_err().fixed.is_empty());
    }
}

#[tokio::test]
async fn a_step_that_is_refused_for_its_reason_says_which_and_names_no_field() {
    let script = Script::default();
    let told = async |to: Life, inner: &str| {
        script.answer(400, &error(inner, Some("statusReason")));
        let step = What::Move { to, external_reference: None };
        let refused = script.side().apply(&[change(1, step)], SCOPE).await.pop().unwrap().unwrap_err();
        assert_eq!((refused.groups, refused.fixed.into_vec()), (vec![], vec![]));
        refused.told
    };
    let lost = Life::Lost { reason: Some("Too dear".to_owned()) };
    assert_eq!(
        told(lost, "reasonInvalid").await,
        "as a reason for \"lost\", \"Too dear\" is not taken: the portal does not know this value (no)."
    );
    assert_eq!(
        told(Life::Declined { reason: None }, "missing").await,
        "\"declined\" needs a reason: the portal cannot do without it (no)."
    );
}

#[tokio::test]
async fn a_plain_code_is_told_in_words_with_the_servers_own() {
    let error = refused(&[noted()], "tooLong", Some("details.notes")).await;
    assert_eq!(error.told, "it is longer than the portal takes (no).");
    assert_eq!(refused(&[noted()], "odd", Some("details.notes")).await.told, "no");
}
