//! Sections 5.1 to 5.6: deals, customers, teams and products, and what the org's features make of them.

use serde_json::json;

use super::rule::{hold, rule};

const DEAL: &str = "/sobjects/Opportunity/{opportunity}";
const ACCOUNT: &str = "/sobjects/Account/{account}";

#[test]
fn s5_1_an_opportunity_has_the_documented_fields_and_rules() {
    let minimum = json!({"Name": "D", "StageName": "Prospecting", "CloseDate": "2027-01-31"});
    let without = |field: &str| {
        let mut body = minimum.clone();
        body.as_object_mut().unwrap().remove(field);
        body
    };
    hold(
        ["Name", "StageName", "CloseDate"]
            .map(|field| {
                rule(format!("{field} is required"))
                    .post("/sobjects/Opportunity", without(field))
                    .refused(400, "REQUIRED_FIELD_MISSING")
                    .fact("/0/fields/0", json!(field))
            })
            .into_iter()
            .chain(
                [
                    "IsClosed",
                    "IsWon",
                    "ForecastCategory",
                    "ExpectedRevenue",
                    "HasOpportunityLineItem",
                    "FiscalYear",
                ]
                .map(|field| {
                    rule(format!("{field} is read only"))
                        .patch(DEAL, json!({field: null}))
                        .refused(400, "INVALID_FIELD_FOR_INSERT_UPDATE")
                        .fact("/0/fields/0", json!(field))
                }),
            )
            .chain([
                rule("the stage is unrestricted").patch(DEAL, json!({"StageName": "Own stage"})).gives(204),
                rule("unless the admin restricts it")
                    .knobs(json!({"stages_restricted": true}))
                    .patch(DEAL, json!({"StageName": "Own stage"}))
                    .refused(400, "INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST"),
                rule("the owner is the caller unless said otherwise")
                    .first("POST", "/sobjects/Opportunity", minimum.clone())
                    .get("/sobjects/Opportunity/{1}")
                    .fact("/OwnerId", json!("{seller}")),
                rule("ContactId is given on create and makes the primary role")
                    .first("POST", "/sobjects/Opportunity", {
                        let mut body = minimum.clone();
                        body["ContactId"] = json!("{contact}");
                        body
                    })
                    .query(
                        "SELECT ContactId, IsPrimary FROM OpportunityContactRole WHERE OpportunityId = '{1}'",
                    )
                    .fact("/records/0/ContactId", json!("{contact}"))
                    .fact("/records/0/IsPrimary", json!(true)),
                rule("ContactId is create-only")
                    .patch(DEAL, json!({"ContactId": "{contact}"}))
                    .refused(400, "INVALID_FIELD_FOR_INSERT_UPDATE"),
                rule("a campaign is referred to")
                    .first("POST", "/sobjects/Campaign", json!({"Name": "Fair"}))
                    .patch(DEAL, json!({"CampaignId": "{1}"}))
                    .gives(204),
                rule("IsPrivate is a field like others")
                    .patch(DEAL, json!({"IsPrivate": true}))
                    .gives(204)
                    .after(DEAL, "/IsPrivate", json!(true)),
                rule("a record type is one of the object's")
                    .patch(DEAL, json!({"RecordTypeId": "{account}"}))
                    .refused(400, "FIELD_INTEGRITY_EXCEPTION"),
                rule("without record types there is no such field")
                    .knobs(json!({"record_types": false}))
                    .get(format!("{DEAL}?fields=RecordTypeId"))
                    .refused(400, "INVALID_FIELD"),
                rule("a single-currency org has no currency of a deal")
                    .knobs(json!({"multi_currency": false}))
                    .patch(DEAL, json!({"CurrencyIsoCode": "EUR"}))
                    .refused(400, "INVALID_FIELD"),
                rule("a currency must be active")
                    .patch(DEAL, json!({"CurrencyIsoCode": "JPY"}))
                    .refused(400, "INVALID_CURRENCY_ISO"),
                rule("a changed stage leaves a history")
                    .first("PATCH", DEAL, json!({"StageName": "Closed Won"}))
                    .query("SELECT StageName FROM OpportunityHistory WHERE OpportunityId = '{opportunity}'")
                    .fact("/totalSize", json!(2)),
            ]),
    );
}

#[test]
fn s5_2_stages_tell_what_they_mean_and_are_read_only() {
    hold([
        rule("each stage says whether it is closed or won, and its probability")
            .query("SELECT ApiName, IsClosed, IsWon, DefaultProbability, ForecastCategoryName, SortOrder FROM OpportunityStage WHERE MasterLabel = 'Closed Won'")
            .fact("/records/0/IsWon", json!(true))
            .fact("/records/0/DefaultProbability", json!(100.0)),
        rule("stages are not written")
            .post("/sobjects/OpportunityStage", json!({"MasterLabel": "x"}))
            .refused(400, "CANNOT_INSERT_UPDATE_ACTIVATE_ENTITY"),
    ]);
}

#[test]
fn s5_3_countries_and_states_are_picklists_where_the_feature_is_on() {
    let on = json!({"state_country_picklists": true});
    let wrong = || rule("").refused(400, "FIELD_INTEGRITY_EXCEPTION");
    let place =
        |rule: super::rule::Rule, body: serde_json::Value| rule.knobs(on.clone()).patch(ACCOUNT, body);
    hold([
        rule("without the feature there are no codes")
            .get(format!("{ACCOUNT}?fields=BillingCountryCode"))
            .refused(400, "INVALID_FIELD"),
        rule("and any country will do").patch(ACCOUNT, json!({"BillingCountry": "Utopia"})).gives(204),
        place(rule("a label gives the code"), json!({"BillingCountry": "germany"}))
            .gives(204)
            .after(ACCOUNT, "/BillingCountryCode", json!("DE"))
            .after(ACCOUNT, "/BillingCountry", json!("Germany")),
        place(rule("a code gives the label"), json!({"BillingCountryCode": "US", "BillingStateCode": "TX"}))
            .gives(204)
            .after(ACCOUNT, "/BillingState", json!("Texas"))
            .after(ACCOUNT, "/BillingCountry", json!("United States")),
        place(wrong(), json!({"BillingCountry": "Utopia"})).fact("/0/fields/0", json!("BillingCountry")),
        place(wrong(), json!({"BillingCountry": "DE"})),
        place(wrong(), json!({"BillingCountry": "United States", "BillingState": "Bavaria"})),
        place(wrong(), json!({"BillingCountry": null, "BillingState": "Texas"})),
        place(rule("an unknown code"), json!({"BillingCountryCode": "XX"}))
            .refused(400, "INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST"),
        rule("contacts have them too")
            .knobs(on.clone())
            .patch("/sobjects/Contact/{contact}", json!({"MailingCountryCode": "CH"}))
            .gives(204)
            .after("/sobjects/Contact/{contact}", "/MailingCountry", json!("Switzerland")),
    ]);
}

#[test]
fn s5_3_a_person_account_is_a_contact_too_and_its_name_is_put_together() {
    let on = json!({"person_accounts": true});
    let person = json!({"FirstName": "Ada", "LastName": "Byron", "PersonEmail": "ada@contoso.example"});
    hold([
        rule("other orgs know no persons")
            .get(format!("{ACCOUNT}?fields=IsPersonAccount"))
            .refused(400, "INVALID_FIELD"),
        rule("a company is none").knobs(on.clone()).get(ACCOUNT).fact("/IsPersonAccount", json!(false)),
        rule("a last name makes a person")
            .knobs(on.clone())
            .first("POST", "/sobjects/Account", person.clone())
            .get("/sobjects/Account/{1}")
            .fact("/Name", json!("Ada Byron"))
            .fact("/IsPersonAccount", json!(true))
            .has("/PersonContactId"),
        rule("who is a contact of the account")
            .knobs(on.clone())
            .first("POST", "/sobjects/Account", person.clone())
            .query("SELECT Email, IsPersonAccount FROM Contact WHERE AccountId = '{1}'")
            .fact("/records/0/Email", json!("ada@contoso.example"))
            .fact("/records/0/IsPersonAccount", json!(true)),
        rule("and changes with it")
            .knobs(on.clone())
            .first("POST", "/sobjects/Account", person.clone())
            .patch("/sobjects/Account/{1}", json!({"LastName": "King"}))
            .gives(204)
            .after(
                "SELECT LastName FROM Contact WHERE AccountId = '{1}'",
                "/records/0/LastName",
                json!("King"),
            )
            .after("/sobjects/Account/{1}", "/Name", json!("Ada King")),
        rule("its Name is read only")
            .knobs(on.clone())
            .first("POST", "/sobjects/Account", person)
            .patch("/sobjects/Account/{1}", json!({"Name": "x"}))
            .refused(400, "INVALID_FIELD_FOR_INSERT_UPDATE")
            .fact("/0/fields/0", json!("Name")),
        rule("a company has no last name")
            .knobs(on)
            .patch(ACCOUNT, json!({"LastName": "x"}))
            .refused(400, "INVALID_FIELD_FOR_INSERT_UPDATE"),
    ]);
}

#[test]
fn s5_3_owners_are_active_and_may_read() {
    hold([
        rule("users tell whether they are active")
            .query("SELECT IsActive, UserType FROM User WHERE Id = '{former}'")
            .fact("/records/0/IsActive", json!(false))
            .fact("/records/0/UserType", json!("Standard")),
        rule("an inactive user owns nothing")
            .patch(DEAL, json!({"OwnerId": "{former}"}))
            .refused(400, "INACTIVE_OWNER_OR_USER"),
        rule("who cannot read owns nothing")
            .knobs(json!({"cannot_own": ["kim.seller@trey-research.example"]}))
            .patch(DEAL, json!({"OwnerId": "{kim}"}))
            .refused(400, "TRANSFER_REQUIRES_READ"),
        rule("an active one does").patch(DEAL, json!({"OwnerId": "{kim}"})).gives(204),
    ]);
}

#[test]
fn s5_5_teams_exist_where_team_selling_is_on() {
    let member = |level: &str| json!({"OpportunityId": "{opportunity}", "UserId": "{kim}", "OpportunityAccessLevel": level});
    let off = json!({"team_selling": false});
    let path = "/sobjects/OpportunityTeamMember";
    hold([
        rule("without it the object does not exist")
            .knobs(off.clone())
            .get(format!("{path}/describe"))
            .refused(404, "NOT_FOUND"),
        rule("not in queries either")
            .knobs(off.clone())
            .query("SELECT Id FROM OpportunityTeamMember")
            .refused(400, "INVALID_TYPE"),
        rule("not as children either")
            .knobs(off)
            .query("SELECT Id, (SELECT Id FROM OpportunityTeamMembers) FROM Opportunity")
            .refused(400, "INVALID_TYPE"),
        rule("opportunity and user are required")
            .post(path, json!({"OpportunityId": "{opportunity}"}))
            .refused(400, "REQUIRED_FIELD_MISSING"),
        rule("a pair that exists is updated and returned")
            .first("POST", path, member("Read"))
            .post(path, member("Edit"))
            .gives(201)
            .fact("/id", json!("{1}"))
            .after(
                "SELECT OpportunityAccessLevel FROM OpportunityTeamMember",
                "/records/0/OpportunityAccessLevel",
                json!("Edit"),
            )
            .after("SELECT Id FROM OpportunityTeamMember", "/totalSize", json!(1)),
        rule("full access is the owner's")
            .post(path, member("All"))
            .refused(400, "FIELD_INTEGRITY_EXCEPTION"),
        rule("and an unknown one nobody's")
            .post(path, member("Own"))
            .refused(400, "INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST"),
        rule("opportunity and user are create-only")
            .first("POST", path, member("Read"))
            .patch(&format!("{path}/{{1}}"), json!({"UserId": "{seller}"}))
            .refused(400, "INVALID_FIELD_FOR_INSERT_UPDATE"),
        rule("a deleted row skips the bin")
            .first("POST", path, member("Read"))
            .first("DELETE", &format!("{path}/{{1}}"), json!(null))
            .get("/queryAll?q=SELECT+Id+FROM+OpportunityTeamMember")
            .fact("/totalSize", json!(0)),
        rule("but is told among the deleted")
            .first("POST", path, member("Read"))
            .first("DELETE", &format!("{path}/{{1}}"), json!(null))
            .get(format!("{path}/deleted?start=2026-11-22T05:59:00Z&end=2026-11-22T06:05:00Z"))
            .fact("/deletedRecords/0/id", json!("{1}")),
        rule("a team survives a change of owner")
            .first("POST", path, member("Read"))
            .patch(DEAL, json!({"OwnerId": "{me}"}))
            .gives(204)
            .after("SELECT Id FROM OpportunityTeamMember", "/totalSize", json!(1)),
    ]);
}

#[test]
fn s5_6_lines_take_the_amount_over() {
    let book = "SELECT Id FROM PricebookEntry WHERE Name = 'Managed service'";
    let entry = {
        let desk = super::rule::Desk::new();
        let soql: String = url::form_urlencoded::byte_serialize(book.as_bytes()).collect();
        let found = desk.ask("GET", &format!("/query?q={soql}"), &[], None, true);
        found.body["records"][0]["Id"].as_str().unwrap().to_owned()
    };
    let line = |price: serde_json::Value| {
        let mut body = json!({"OpportunityId": "{opportunity}", "PricebookEntryId": entry, "Quantity": 3});
        body.as_object_mut().unwrap().extend(price.as_object().unwrap().clone());
        body
    };
    let path = "/sobjects/OpportunityLineItem";
    hold([
        rule("the amount is the sum of the lines")
            .first("POST", path, line(json!({"UnitPrice": 20})))
            .first("POST", path, line(json!({"TotalPrice": 15})))
            .get(DEAL)
            .fact("/Amount", json!(75.0))
            .fact("/HasOpportunityLineItem", json!(true)),
        rule("a written amount is ignored without a word")
            .first("POST", path, line(json!({"UnitPrice": 20})))
            .patch(DEAL, json!({"Amount": 7}))
            .gives(204)
            .after(DEAL, "/Amount", json!(60.0)),
        rule("the price book stays")
            .first("POST", path, line(json!({"UnitPrice": 20})))
            .patch(DEAL, json!({"Pricebook2Id": null}))
            .refused(400, "FIELD_INTEGRITY_EXCEPTION"),
        rule("so does the currency")
            .first("POST", path, line(json!({"UnitPrice": 20})))
            .patch(DEAL, json!({"CurrencyIsoCode": "EUR"}))
            .refused(400, "FIELD_INTEGRITY_EXCEPTION"),
        rule("an entry in another currency does not fit")
            .first("PATCH", DEAL, json!({"CurrencyIsoCode": "EUR"}))
            .post(path, line(json!({"UnitPrice": 20})))
            .refused(400, "FIELD_INTEGRITY_EXCEPTION"),
        rule("exactly one of the prices is given")
            .post(path, line(json!({"UnitPrice": 20, "TotalPrice": 60})))
            .refused(400, "FIELD_INTEGRITY_EXCEPTION"),
        rule("an entry is required")
            .post(path, json!({"OpportunityId": "{opportunity}", "Quantity": 1, "UnitPrice": 1}))
            .refused(400, "REQUIRED_FIELD_MISSING"),
        rule("the product follows from the entry")
            .post(path, {
                let mut body = line(json!({"UnitPrice": 20}));
                body["Product2Id"] = json!("{account}");
                body
            })
            .refused(400, "INVALID_FIELD_FOR_INSERT_UPDATE"),
    ]);
}
