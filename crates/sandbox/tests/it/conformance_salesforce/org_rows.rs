//! Section 2.4: what each call on a row answers.

use serde_json::json;

use super::rule::{hold, rule};

#[test]
fn s2_4_each_call_on_a_row_answers_with_its_status() {
    let deal = "/sobjects/Opportunity/{opportunity}";
    hold([
        rule("GET gives the record").get(deal).fact("/Name", json!("Deal")).has("/attributes/url"),
        rule("GET gives the fields asked for").get(format!("{deal}?fields=Name")).lacks("/StageName"),
        rule("an unknown field is INVALID_FIELD")
            .get(format!("{deal}?fields=Nix"))
            .refused(400, "INVALID_FIELD"),
        rule("PATCH gives 204").patch(deal, json!({"Name": "New"})).gives(204).after(
            deal,
            "/Name",
            json!("New"),
        ),
        rule("POST with _HttpMethod=PATCH is a PATCH")
            .post(&format!("{deal}?_HttpMethod=PATCH"), json!({"Name": "New"}))
            .gives(204)
            .after(deal, "/Name", json!("New")),
        rule("an Id in the body is an error")
            .patch(deal, json!({"Id": "{opportunity}"}))
            .refused(400, "INVALID_FIELD"),
        rule("DELETE gives 204").send("DELETE", deal).gives(204),
        rule("a second DELETE is ENTITY_IS_DELETED")
            .first("DELETE", deal, json!(null))
            .send("DELETE", deal)
            .refused(404, "ENTITY_IS_DELETED"),
        rule("what is no JSON is refused")
            .send("PATCH", deal)
            .raw("{Name}")
            .refused(400, "JSON_PARSER_ERROR"),
        rule("so is the wrong type for a field")
            .patch(deal, json!({"Amount": "much"}))
            .refused(400, "JSON_PARSER_ERROR"),
        rule("a relationship leads to the parent")
            .get(format!("{deal}/Account"))
            .fact("/Name", json!("Contoso")),
        rule("a relationship leads to the children")
            .get("/sobjects/Account/{account}/Opportunities")
            .fact("/totalSize", json!(1)),
    ]);
}
