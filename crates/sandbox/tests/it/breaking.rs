//! Requests that nobody would send: whatever comes, the machine answers and goes on.

use sandbox::world::World;
use serde_json::{Value, json};

use crate::{
    bodies::{invitation, partner_led, shared},
    desk::{Desk, REFERRALS, text},
};

const CASES: usize = 1500;

/// Values that are right nowhere or nearly right somewhere.
fn odd(world: &World) -> Value {
    let odd = [
        Value::Null,
        json!(true),
        json!(-1),
        serde_json::from_str("1e400").expect("a number of any size"),
        json!(""),
        json!("'"),
        json!("-"),
        json!("\u{1F980}\u{0}"),
        json!("9999-12-31T23:59:59.9999999Z"),
        json!("-009999-01-01T00:00:00Z"),
        json!([]),
        json!([null]),
        json!({}),
        json!({"": {"": []}}),
        json!("x".repeat(5000)),
    ];
    odd[pick(world, odd.len())].clone()
}

fn pick(world: &World, among: usize) -> usize {
    usize::try_from(world.draw() % u64::try_from(among).expect("small")).expect("small")
}

/// Puts odd values somewhere into `body`.
fn spoil(body: &mut Value, world: &World) {
    match body {
        Value::Object(members) if !members.is_empty() && !world.draw().is_multiple_of(4) => {
            let at = pick(world, members.len());
            if let Some(member) = members.values_mut().nth(at) {
                spoil(member, world);
            }
        }
        Value::Array(items) if !items.is_empty() && !world.draw().is_multiple_of(4) => {
            let at = pick(world, items.len());
            spoil(&mut items[at], world);
        }
        other => *other = odd(world),
    }
}

#[test]
fn no_body_patch_or_query_breaks_the_machine() {
    let (desk, world) = (Desk::new(), World::new(11));
    let own = desk.post(&shared()).expect(200);
    let (id, engagement) = (text(&own, "id").to_owned(), text(&own, "engagementId").to_owned());
    let words = [
        "status",
        "eq",
        "'",
        "'x'",
        "(",
        ")",
        "not",
        "and",
        "or",
        "in",
        ",",
        "team/any(",
        "t:",
        "t/email",
        ":",
        "/",
        "é",
        "updatedDateTime",
        "2026-11-22T10:00:00Z",
        "null",
        "1e999",
        "\u{1F980}",
        " ",
    ];
    let paths = [
        "/status",
        "/team/-",
        "/team",
        "/",
        "",
        "//",
        "/details/dealValue",
        "/registrations/-",
        "/registrations/0/contract/value",
        "/name/x",
        "/-",
        "/\u{e9}",
    ];
    for _ in 0..CASES {
        let mut body = [partner_led(), shared(), invitation(&engagement)][pick(&world, 3)].clone();
        spoil(&mut body, &world);
        let created = desk.post(&body).status.as_u16();
        let op = ["add", "replace", "x"][pick(&world, 3)];
        let path = paths[pick(&world, paths.len())];
        let operation = json!({"op": op, "path": path, "value": odd(&world)});
        let patched = desk.patch(&id, &json!([operation])).status.as_u16();
        let filter: String =
            (0..pick(&world, 12)).map(|_| words[pick(&world, words.len())]).collect::<Vec<_>>().join(" ");
        let query: String =
            url::form_urlencoded::Serializer::new(String::new()).append_pair("$filter", &filter).finish();
        let listed = desk.get(&format!("{REFERRALS}?{query}&$top=1")).status.as_u16();
        for status in [created, patched, listed] {
            assert!(matches!(status, 200 | 400), "{status}: {body} {operation} {filter}");
        }
    }
    desk.get(&format!("{REFERRALS}/{id}")).expect(200);
}
