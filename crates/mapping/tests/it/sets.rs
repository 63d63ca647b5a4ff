//! Solutions and contacts: arrays against rows.

use deal_model::{Element, ElementKey, Elements, FieldId, Observed, Value};
use mapping::{Mapping, SetBinding};
use serde_json::{Value as Json, json};

fn set(field: &str) -> SetBinding {
    Mapping::shipped().set(&FieldId::from(field)).unwrap().clone()
}

fn key(text: &str) -> ElementKey {
    ElementKey(text.to_owned())
}

fn element(attributes: &[(&str, &str)]) -> Element {
    Element(
        attributes.iter().map(|(name, text)| ((*name).to_owned(), Value::Text((*text).to_owned()))).collect(),
    )
}

fn elements(items: &[(&str, &[(&str, &str)])]) -> Observed {
    let elements: Elements = items.iter().map(|(id, attributes)| (key(id), element(attributes))).collect();
    Observed::Value(Value::Set(elements))
}

fn row(id: Json, name: Json) -> Json {
    json!({"Solution_Id__c": id, "Name": name, "Publisher__c": null, "Solution_Type__c": "3P", "Quantity__c": null,
           "Primary__c": false})
}

#[test]
fn an_array_and_its_rows_read_as_one_set() {
    let solutions = set("solutions");
    let array = json!([{"id": " SOL-1 ", "name": "Insight", "type": "Name", "solutionType": "3P", "price": 9.5, "new": {}}]);
    let expected = elements(&[("SOL-1", &[("name", "Insight"), ("solution_type", "3P")])]);
    assert_eq!(solutions.read_portal(&array), expected);
    assert_eq!(solutions.read_crm(&[row(json!("SOL-1"), json!("Insight"))]), expected);
}

#[test]
fn nothing_is_the_empty_set_and_nonsense_is_unknown() {
    let solutions = set("solutions");
    for nothing in [Json::Null, json!([]), json!({})] {
        assert_eq!(solutions.read_portal(&nothing), elements(&[]), "{nothing}");
    }
    assert_eq!(solutions.read_crm(&[]), elements(&[]));
    assert_eq!(solutions.observe_portal(&json!({"details": {}})), elements(&[]));
    for nonsense in [json!("SOL-1"), json!(7), json!([{"id": "SOL-1", "name": 7}])] {
        assert_eq!(solutions.read_portal(&nonsense), Observed::Unknown, "{nonsense}");
    }
}

#[test]
fn elements_without_a_key_are_foreign_and_the_first_of_two_counts() {
    let solutions = set("solutions");
    let array =
        json!([{"name": "no id"}, {"id": ""}, {"id": "SOL-1", "name": "a"}, {"id": "SOL-1", "name": "b"}]);
    assert_eq!(solutions.read_portal(&array), elements(&[("SOL-1", &[("name", "a")])]));
}

#[test]
fn a_row_without_a_column_makes_the_set_unknown_and_one_without_a_key_does_not() {
    let solutions = set("solutions");
    let hidden = json!({"Solution_Id__c": "SOL-1", "Name": "x"});
    assert_eq!(solutions.read_crm(&[hidden]), Observed::Unknown);
    assert_eq!(solutions.read_crm(&[json!({"Name": "x"})]), Observed::Unknown);
    assert_eq!(solutions.read_crm(&[row(Json::Null, json!("draft"))]), elements(&[]));
}

#[test]
fn foreign_members_and_what_exceeds_the_column_survive_a_write() {
    let solutions = set("solutions");
    let long = "x".repeat(100);
    let current =
        json!({"id": "SOL-1", "name": long, "type": "Category", "price": 9.5, "publisherName": "Old"});
    let Observed::Value(Value::Set(read)) = solutions.read_portal(&json!([current])) else { panic!("a set") };
    let mut wanted = read[&key("SOL-1")].clone();
    assert_eq!(wanted.0["name"], Value::Text("x".repeat(80)));
    wanted.0.insert("publisher".into(), Value::Text("New".into()));
    let written = solutions.portal_element(&key("SOL-1"), Some(&current), &wanted);
    assert_eq!(
        written,
        json!({"id": "SOL-1", "name": long, "type": "Category", "price": 9.5, "publisherName": "New"})
    );
}

#[test]
fn a_new_element_has_its_key_and_its_constants_and_a_lost_attribute_is_null() {
    let solutions = set("solutions");
    let new = solutions.portal_element(&key("SOL-2"), None, &element(&[("name", "Two")]));
    assert_eq!(new, json!({"id": "SOL-2", "type": "Name", "name": "Two"}));
    let emptied = solutions.portal_element(&key("SOL-2"), Some(&new), &Element::default());
    assert_eq!(emptied, json!({"id": "SOL-2", "type": "Name", "name": null}));
}

#[test]
fn columns_name_every_attribute_and_the_key() {
    let columns = set("solutions").crm_columns(&key("SOL-2"), &element(&[("name", "Two")]));
    let expected = json!({"Solution_Id__c": "SOL-2", "Name": "Two", "Publisher__c": null, "Solution_Type__c": null,
                          "Quantity__c": null});
    assert_eq!(Json::Object(columns), expected);
}

#[test]
fn every_marked_row_is_told_so_that_two_can_be_asked_about() {
    let solutions = set("solutions");
    let marked = |id: &str| json!({"Solution_Id__c": id, "Primary__c": true});
    assert_eq!(solutions.primary(&[row(json!("SOL-1"), Json::Null), marked("SOL-2")]), [key("SOL-2")]);
    assert_eq!(
        solutions.primary(&[marked("SOL-2"), marked("SOL-1"), marked("SOL-1")]),
        [key("SOL-1"), key("SOL-2")]
    );
    assert_eq!(solutions.primary(&[]), []);
}

#[test]
fn contacts_meet_by_e_mail_in_lower_case() {
    let contacts = set("contacts");
    let team = json!([{"firstName": "Mia", "lastName": "Frei", "email": " Mia@Contoso.Example ", "phoneNumber": null, "title": null,
                       "contactPreference": {"locale": null}}]);
    let roles = [json!({"IsPrimary": true, "Contact": {"FirstName": "Mia", "LastName": "Frei",
                        "Email": "mia@contoso.example", "Phone": null, "Title": ""}})];
    let expected = elements(&[("mia@contoso.example", &[("first_name", "Mia"), ("last_name", "Frei")])]);
    assert_eq!(contacts.read_portal(&team), expected);
    assert_eq!(contacts.read_crm(&roles), expected);
    assert_eq!(contacts.primary(&roles), [key("mia@contoso.example")]);
    let selected = [
        "IsPrimary",
        "Contact.Email",
        "Contact.FirstName",
        "Contact.LastName",
        "Contact.Phone",
        "Contact.Title",
    ];
    assert_eq!(contacts.crm_select(), selected);
}

#[test]
fn what_the_select_list_names_is_what_the_rows_need() {
    let selected =
        ["Solution_Id__c", "Name", "Publisher__c", "Solution_Type__c", "Quantity__c", "Primary__c"];
    assert_eq!(set("solutions").crm_select(), selected);
}
