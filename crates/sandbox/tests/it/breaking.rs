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

#[test]
fn no_form_query_or_actor_breaks_sign_in_page_and_registrations() {
    use sandbox::exchange::Machine as _;
    let (desk, world) = (Desk::new().knob(json!({"sign_in_answer": "approves"})), World::new(13));
    let own = desk.post(&shared()).expect(200);
    let id = text(&own, "id").to_owned();
    desk.post(&invitation(text(&own, "engagementId"))).expect(200);
    desk.pass(jiff::SignedDuration::from_hours(72));
    desk.replace(&id, &[("/status", json!("Closed")), ("/substatus", json!("Won"))]).expect(200);
    let tenant = desk.text("tenant_id");
    let names = [
        "client_id",
        "client_secret",
        "grant_type",
        "scope",
        "resource",
        "code",
        "redirect_uri",
        "code_verifier",
        "device_code",
        "user_code",
        "refresh_token",
        "client_assertion",
        "client_assertion_type",
        "response_type",
        "response_mode",
        "state",
        "nonce",
        "code_challenge",
        "code_challenge_method",
        "person",
        "decision",
        "actor",
        "id",
        "reason",
        "value",
        "closing",
        "name",
        "customer",
        "find",
        "from",
        "said",
    ];
    let values = [
        desk.text("client_id"),
        desk.text("client_secret"),
        desk.text("public_client_id"),
        desk.text("refresh_token"),
        desk.text("referrals_scope"),
        id.clone(),
        "authorization_code".to_owned(),
        "client_credentials".to_owned(),
        "urn:ietf:params:oauth:client-assertion-type:jwt-bearer".to_owned(),
        "a.b.c".to_owned(),
        "http://localhost:1/x".to_owned(),
        "http://[::1]:1/".to_owned(),
        "http://localhost:99999".to_owned(),
        "code".to_owned(),
        "code id_token".to_owned(),
        "form_post".to_owned(),
        "S256".to_owned(),
        "admin".to_owned(),
        "approve".to_owned(),
        "microsoft/invite".to_owned(),
        "portal/edit".to_owned(),
        "1e999".to_owned(),
        "18446744073709551615".to_owned(),
        "\u{1F980}\u{0}\r\n<".to_owned(),
        "é".repeat(50),
        String::new(),
    ];
    let form_kind = ("content-type", "application/x-www-form-urlencoded");
    for _ in 0..CASES / 3 {
        let pairs = (0..pick(&world, 9))
            .map(|_| (names[pick(&world, names.len())], &values[pick(&world, values.len())]));
        let form = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(pairs).finish();
        let version = ["", "v2.0/"][pick(&world, 2)];
        let endpoint = ["token", "devicecode", "authorize"][pick(&world, 3)];
        let path = format!("/{tenant}/oauth2/{version}{endpoint}");
        let mut statuses = vec![
            desk.send("POST", &path, &[form_kind], &form).status,
            desk.send("GET", &format!("{path}?{form}"), &[], "").status,
            desk.send("POST", "/devicelogin", &[form_kind], &form).status,
            desk.send("GET", &format!("/devicelogin?{form}"), &[], "").status,
        ];
        let page = http::Request::post("/_sandbox/page").body(bytes::Bytes::from(form.clone())).unwrap();
        statuses.push(desk.machine.page(&page, desk.now.get()).unwrap().status());
        let page = http::Request::get(format!("/_sandbox/page?{form}")).body(bytes::Bytes::new()).unwrap();
        statuses.push(desk.machine.page(&page, desk.now.get()).unwrap().status());
        let mut registration = json!({
            "type": "AzureIPCoSell",
            "contract": {"value": 60000, "term": "Finite", "signDateTime": "2026-11-24T00:00:00Z",
                "startDateTime": "2026-11-25T00:00:00Z", "endDateTime": "2027-11-25T00:00:00Z"},
            "solutionDetails": [{"id": "SOL-1", "value": 1}],
        });
        spoil(&mut registration, &world);
        let patch = json!([{"op": "add", "path": "/registrations/-", "value": registration}]);
        statuses.push(desk.patch(&id, &patch).status);
        let actors = desk.machine.actors();
        let mut body = json!({"id": id, "set": {"/details/dealValue": 1}, "referral": {"name": "x"}, "kind": "marketplace"});
        spoil(&mut body, &world);
        let _ = desk.machine.act(actors[pick(&world, actors.len())].0, &body, desk.now.get());
        assert!(statuses.iter().all(|status| status.as_u16() < 500), "{form} {registration} {body}");
    }
    desk.get(&format!("{REFERRALS}/{id}")).expect(200);
}
