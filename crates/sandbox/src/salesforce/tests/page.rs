//! The page of a seller: what it shows, what its forms save, and that no text becomes markup.

use bytes::Bytes;
use http::Request;
use serde_json::{Value, json};

use super::Desk;
use crate::exchange::Machine as _;

const PAGE: &str = "/_sandbox/page";

impl Desk {
    fn page(&self, query: &str) -> (u16, String) {
        let request = Request::get(format!("{PAGE}{query}")).body(Bytes::new()).unwrap();
        let response = self.machine.page(&request, self.now.get()).unwrap();
        let policy = response.headers()["content-security-policy"].to_str().unwrap();
        assert!(policy.starts_with("default-src 'none'") && !policy.contains("script"), "{policy}");
        (response.status().as_u16(), String::from_utf8(response.into_body().to_vec()).unwrap())
    }

    /// Sends a form; gives where the browser is led: what the page says, and of which opportunity.
    fn submit(&self, fields: &[(&str, &str)]) -> Vec<(String, String)> {
        let body = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish();
        let request = Request::post(PAGE).body(Bytes::from(body)).unwrap();
        let response = self.machine.page(&request, self.now.get()).unwrap();
        assert_eq!(response.status(), 303);
        let location = response.headers()["location"].to_str().unwrap();
        url::form_urlencoded::parse(location.split_once('?').unwrap().1.as_bytes()).into_owned().collect()
    }

    /// The fields of the opportunity's own form as a browser would send them back.
    fn form(&self, id: &str) -> Vec<(String, String)> {
        let row = self.read("Opportunity", id);
        let text = |name: &str| match &row[name] {
            Value::Null => String::new(),
            Value::String(text) => text.clone(),
            // The page shows numbers without an empty fraction.
            other => other.to_string().trim_end_matches(".0").to_owned(),
        };
        let (_, page) = self.page(&format!("?id={id}"));
        let mut fields = vec![("deed".to_owned(), "save".to_owned()), ("id".to_owned(), id.to_owned())];
        for part in page.split("name=\"was-").skip(1) {
            let name = part.split('"').next().unwrap();
            fields.push((format!("was-{name}"), text(name)));
            match &row[name] {
                Value::Bool(false) => {}
                _ => fields.push((name.to_owned(), text(name))),
            }
        }
        fields
    }

    fn save(&self, fields: &[(String, String)]) -> (String, String) {
        let fields: Vec<(&str, &str)> =
            fields.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        self.submit(&fields).pop().unwrap()
    }
}

fn put(fields: &mut Vec<(String, String)>, name: &str, value: &str) {
    fields.retain(|(own, _)| own != name);
    fields.push((name.to_owned(), value.to_owned()));
}

#[test]
fn a_seller_makes_an_opportunity_and_shares_it() {
    let desk = Desk::new();
    assert!(desk.page("").1.contains("No opportunity yet."));
    let made = desk.submit(&[
        ("deed", "create"),
        ("Name", "Analytics rollout"),
        ("StageName", "Prospecting"),
        ("CloseDate", "2027-01-31"),
        ("Amount", "50000"),
        ("customer", "Northwind"),
        ("country", "Germany"),
        ("first", "Ida"),
        ("last", "Holm"),
        ("email", "ida@northwind.example"),
    ]);
    let [(_, id), (said, sentence)] = made.as_slice() else { panic!("{made:?}") };
    assert_eq!((said.as_str(), sentence.as_str()), ("said", "Created."));
    assert!(desk.page("").1.contains("Analytics rollout"));
    assert!(desk.page("?find=nothing+like+it").1.contains("No opportunity has this"));
    let state = |id: &str| {
        let (_, page) = desk.page(&format!("?id={id}"));
        page.split("class=\"state\">").nth(1).unwrap().split('<').next().unwrap().to_owned()
    };
    assert_eq!(state(id), "Not shared");
    let (_, page) = desk.page(&format!("?id={id}"));
    for label in ["Stage", "Currency", "Close Date", "Co-sell Response", "Private"] {
        assert!(
            page.contains(&format!(">{label}</label>")) || page.contains(&format!("> {label}</label>")),
            "{label}"
        );
    }
    assert!(page.contains("Ida Holm, ida@northwind.example"), "{page}");

    let mut form = desk.form(id);
    put(&mut form, "Sync_with_Partner_Center__c", "true");
    put(&mut form, "How_can_Microsoft_help__c", "General or other");
    put(&mut form, "Amount", "61000.50");
    assert_eq!(desk.save(&form), ("said".to_owned(), "Saved.".to_owned()));
    let row = desk.read("Opportunity", id);
    assert_eq!(row["Sync_with_Partner_Center__c"], json!(true));
    assert_eq!(
        (&row["Amount"], &row["How_can_Microsoft_help__c"]),
        (&json!(61000.5), &json!("General or other"))
    );

    assert_eq!(state(id), "Shared");
    assert!(desk.page("").1.contains("<td>Shared</td>"));
    let mut private = desk.form(id);
    put(&mut private, "IsPrivate", "true");
    desk.save(&private);
    assert_eq!(state(id), "Private, so not shared");

    let again = desk.form(id);
    assert_eq!(desk.save(&again).1, "Nothing was changed.");
    let mut off = desk.form(id);
    off.retain(|(name, _)| name != "Sync_with_Partner_Center__c");
    assert_eq!(desk.save(&off).1, "Saved.");
    assert_eq!(desk.read("Opportunity", id)["Sync_with_Partner_Center__c"], json!(false));
}

#[test]
fn only_what_the_seller_changed_is_saved() {
    let desk = Desk::new();
    let id = desk.opportunity(json!({"Amount": 100, "Description": "one\ntwo"}));
    let mut form = desk.form(&id);
    let sent = desk.call("PATCH", &format!("/sobjects/Opportunity/{id}"), &json!({"Amount": 700}));
    assert_eq!(sent.status, 204);
    put(&mut form, "Name", "A new name");
    // As browsers send it.
    put(&mut form, "Description", "one\r\ntwo");
    assert_eq!(desk.save(&form).1, "Saved.");
    let row = desk.read("Opportunity", &id);
    assert_eq!(
        (&row["Name"], &row["Amount"], &row["Description"]),
        (&json!("A new name"), &json!(700.0), &json!("one\ntwo"))
    );
}

#[test]
fn a_refusal_is_shown_in_the_orgs_own_words_and_changes_nothing() {
    let desk = Desk::new();
    let id = desk.opportunity(json!({}));
    let mut form = desk.form(&id);
    put(&mut form, "Amount", "a lot");
    let (kind, sentence) = desk.save(&form);
    assert_eq!(kind, "problem");
    assert!(sentence.contains("JSON_PARSER_ERROR"), "{sentence}");
    assert_eq!(desk.read("Opportunity", &id)["Amount"], Value::Null);
    let lacking = desk.submit(&[("deed", "create"), ("Name", "No date"), ("customer", "Half made")]);
    let (kind, sentence) = lacking.last().unwrap();
    assert!(kind == "problem" && sentence.contains("REQUIRED_FIELD_MISSING"), "{sentence}");
    assert_eq!(desk.column("SELECT Id FROM Account WHERE Name = 'Half made'", "Id"), Vec::<Value>::new());
    assert_eq!(desk.submit(&[("deed", "fly"), ("id", &id)]).last().unwrap().0, "problem");
    assert_eq!(desk.page("?id=nobody").0, 404);
}

#[test]
fn solutions_come_and_go_and_an_opportunity_can_be_deleted() {
    let desk = Desk::new();
    let id = desk.opportunity(json!({}));
    let added = [
        ("deed", "add-solution"),
        ("id", &id),
        ("Solution_Id__c", "SID-1"),
        ("Solution_Name", "Lake"),
        ("Primary__c", "true"),
    ];
    assert_eq!(desk.submit(&added).last().unwrap().1, "Added.");
    assert!(desk.page(&format!("?id={id}")).1.contains("SID-1 (Lake, primary)"));
    let rows = desk.column("SELECT Id FROM Microsoft_Solution__c", "Id");
    let row = rows[0].as_str().unwrap();
    assert_eq!(desk.submit(&[("deed", "remove"), ("id", &id), ("row", row)]).last().unwrap().1, "Removed.");
    assert_eq!(desk.column("SELECT Id FROM Microsoft_Solution__c", "Id").len(), 0);
    assert_eq!(desk.submit(&[("deed", "delete"), ("id", &id)]).last().unwrap().1, "Deleted.");
    assert_eq!(desk.page(&format!("?id={id}")).0, 404);
}

#[test]
fn no_text_becomes_markup_and_no_address_runs() {
    let desk = Desk::new();
    let evil = "</textarea><script>alert(1)</script>";
    let id = desk.opportunity(json!({
        "Name": evil, "Description": evil, "Co_sell_Status__c": evil, "Co_sell_Problem__c": evil,
        "Referral_Link__c": "javascript:alert(1)", "NextStep": evil,
    }));
    for page in [desk.page("").1, desk.page(&format!("?id={id}&said=%3Cscript%3E")).1] {
        assert!(page.contains("&lt;/textarea&gt;"), "the text is there");
        assert!(!page.contains("<script") && !page.contains("href=\"javascript"), "{page}");
    }
}
