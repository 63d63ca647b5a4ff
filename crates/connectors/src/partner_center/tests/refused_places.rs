//! Which refusals of a change are about a place for good, and which about the value in it.

use deal_model::{GroupId, Write};
use serde_json::json;
use sync_engine::{Change, Side as _, SideError, What};

use super::stage::{SCOPE, Script, text, write};

const ID: &str = "7a1c0000-0000-4000-8000-0000000000a1";
const TAG: &str = "\"84001c9d-0000-0100-0000-6225a63e0000\"";

fn renamed() -> Write {
    write("deal_name", vec![("deal_name", text("New name"))])
}

fn noted() -> Write {
    write("notes", vec![("notes", text("New notes"))])
}

/// What the side makes of a refused change.
async fn refused(writes: Vec<Write>, inner: &str, target: Option<&str>) -> SideError {
    let script = Script::default();
    let mut error = json!({ "code": "invalidRequest", "message": "no", "innerError": { "code": inner, "message": "no" } });
    if let Some(target) = target {
        error["target"] = json!(target);
    }
    script.answer(400, &json!({ "error": error }));
    let stamp = "2026-11-02T09:14:07Z".parse().unwrap();
    let change = Change {
        record: ID.into(),
        expect: deal_model::Version { stamp, tag: Some(TAG.to_owned()) },
        what: What::Fields { writes, life: None, report: None },
    };
    let answer = script.side().apply(&[change], SCOPE).await.pop().unwrap();
    answer.unwrap_err()
}

fn name() -> Vec<(GroupId, String)> {
    vec![(GroupId::new("deal_name"), "/name".to_owned())]
}

#[tokio::test]
async fn a_refusal_is_of_the_place_where_its_code_says_so_or_no_page_documents_the_change() {
    let table = [
        // The place is not documented as changeable: whatever the code, it is named.
        (vec![renamed()], "nameInvalid", Some("name"), name()),
        (vec![renamed(), noted()], "whatever", Some("name"), name()),
        // It is documented, and its code speaks of the value.
        (vec![noted()], "tooLong", Some("details.notes"), vec![]),
        // It is documented, and its code speaks of the place.
        (
            vec![noted()],
            "PathNotAllowed",
            Some("details.notes"),
            vec![("notes".into(), "/details/notes".to_owned())],
        ),
        // Nothing is named: of one place it is known which, of two it is not.
        (vec![renamed()], "whatever", None, name()),
        (vec![renamed(), noted()], "whatever", None, vec![]),
        (vec![noted()], "whatever", None, vec![]),
    ];
    for (writes, inner, target, fixed) in table {
        let error = refused(writes, inner, target).await;
        assert_eq!(error.fixed, fixed, "{inner} about {target:?}");
        assert!(fixed.iter().all(|(group, _)| error.groups.contains(group)), "the rest goes without it");
    }
}

#[tokio::test]
async fn a_plain_code_is_told_in_words_with_the_servers_own() {
    let error = refused(vec![noted()], "tooLong", Some("details.notes")).await;
    assert_eq!(error.told, "it is longer than the portal takes (no).");
    assert_eq!(refused(vec![noted()], "odd", Some("details.notes")).await.told, "no");
}
