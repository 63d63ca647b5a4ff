//! What each codec reads, keeps and writes.

use std::sync::LazyLock;

use deal_model::{FieldId, Held, Observed, Value};
use jiff::civil::{Date, date};
use mapping::{ChoiceTable, Codec, LinkTemplate, Mapping, Range, RangeTable};
use proptest::prelude::*;
use rust_decimal::Decimal;
use serde_json::{Value as Json, json};

fn number(text: &str) -> Observed {
    Observed::Value(Value::Number(Decimal::from_str_exact(text).unwrap()))
}

fn text(text: &str) -> Observed {
    Observed::Value(Value::Text(text.into()))
}

fn choice(code: &str) -> Observed {
    Observed::Value(Value::Choice(code.into()))
}

fn day(date: Date) -> Observed {
    Observed::Value(Value::Date(date))
}

fn parse(text: &str) -> Json {
    serde_json::from_str(text).unwrap()
}

/// The default, compiled once for all the cases.
static SHIPPED: LazyLock<Mapping> = LazyLock::new(Mapping::shipped);

fn help() -> Codec {
    SHIPPED.binding(&FieldId::from("help")).unwrap().codec.clone()
}

fn size() -> Codec {
    SHIPPED.binding(&FieldId::from("customer_size")).unwrap().codec.clone()
}

const DATE: Codec = Codec::Date { nearest_midnight: false };

#[test]
fn null_and_blank_are_empty_for_every_codec_on_both_sides() {
    let mapping = Mapping::shipped();
    for binding in mapping.bindings() {
        for nothing in [Json::Null, json!(""), json!("  ")] {
            assert_eq!(binding.codec.read_portal(&nothing), Observed::Empty, "{}", binding.field);
            assert_eq!(binding.codec.read_crm(&nothing), Observed::Empty, "{}", binding.field);
        }
        let nothing = binding.codec.write_crm(&Held::Empty);
        assert_eq!(nothing, Json::Null, "{}", binding.field);
    }
}

#[test]
fn what_cannot_be_parsed_is_unknown_and_never_empty() {
    for (codec, portal) in [
        (Codec::Text, json!(7)),
        (Codec::LongText, json!([])),
        (Codec::Number, json!("seven")),
        (Codec::Money, json!({})),
        (Codec::Money, parse("123456789012345678901234567890.123456789")),
        (Codec::Currency, json!("EURO")),
        (Codec::Country, json!("Deutschland")),
        (DATE, json!("soon")),
        (DATE, json!(20_270_331)),
        (Codec::Flag, json!("maybe")),
        (Codec::Names, json!("Ada")),
        (Codec::ProfileId { profile_type: "Duns".into() }, json!("123")),
    ] {
        assert_eq!(codec.read_portal(&portal), Observed::Unknown, "{codec:?} {portal}");
    }
    assert_eq!(help().read_crm(&json!("A kind nobody listed")), Observed::Unknown);
    assert_eq!(size().read_crm(&json!(0)), Observed::Unknown);
}

#[test]
fn amounts_keep_every_digit_that_came() {
    for (sent, kept) in [
        ("48000", "48000"),
        ("48000.10", "48000.1"),
        ("0.1", "0.1"),
        ("12345678901234567890.12", "12345678901234567890.12"),
        ("\"10000\"", "10000"),
        ("4.8e4", "48000"),
        ("-1.50", "-1.5"),
    ] {
        assert_eq!(Codec::Money.read_portal(&parse(sent)), number(kept), "{sent}");
        assert_eq!(Codec::Money.read_crm(&parse(sent)), number(kept), "{sent}");
    }
    let held = Held::Value(Value::Number(Decimal::from_str_exact("12345678901234567890.12").unwrap()));
    assert_eq!(Codec::Money.write_portal(&held).to_string(), "12345678901234567890.12");
    assert_eq!(Codec::Money.write_crm(&held).to_string(), "12345678901234567890.12");
}

#[test]
fn dates_are_days_in_utc() {
    let nearest = Codec::Date { nearest_midnight: true };
    for (sent, plain, near) in [
        ("2027-03-31T00:00:00Z", date(2027, 3, 31), date(2027, 3, 31)),
        ("2027-03-31T00:00:00.0000000Z", date(2027, 3, 31), date(2027, 3, 31)),
        ("2027-03-30T22:00:00Z", date(2027, 3, 30), date(2027, 3, 31)),
        ("2027-03-31T05:00:00Z", date(2027, 3, 31), date(2027, 3, 31)),
        ("2027-03-31T01:00:00+02:00", date(2027, 3, 30), date(2027, 3, 31)),
        ("2027-03-31T00:00:00", date(2027, 3, 31), date(2027, 3, 31)),
        ("2027-03-31", date(2027, 3, 31), date(2027, 3, 31)),
    ] {
        assert_eq!(DATE.read_portal(&json!(sent)), day(plain), "{sent}");
        assert_eq!(nearest.read_portal(&json!(sent)), day(near), "{sent}");
    }
    let held = Held::Value(Value::Date(date(2027, 3, 31)));
    assert_eq!(DATE.write_portal(&held), json!("2027-03-31T00:00:00Z"));
    assert_eq!(DATE.write_crm(&held), json!("2027-03-31"));
    assert_eq!(DATE.read_crm(&json!("2027-03-31")), day(date(2027, 3, 31)));
    assert_eq!(DATE.read_crm(&json!("2027-02-30")), Observed::Unknown);
}

#[test]
fn currencies_and_countries_are_codes_in_capitals() {
    assert_eq!(Codec::Currency.read_portal(&json!(" eur ")), choice("EUR"));
    assert_eq!(Codec::Country.read_portal(&json!("de")), choice("DE"));
    assert_eq!(Codec::Country.read_crm(&json!("Germany")), choice("DE"));
    assert_eq!(Codec::Country.read_crm(&json!("ch")), choice("CH"));
    assert_eq!(Codec::Country.read_crm(&json!("Schlaraffenland")), Observed::Unknown);
}

#[test]
fn help_is_a_name_in_salesforce_and_a_code_at_the_portal() {
    let help = help();
    let code = Held::Value(Value::Choice("ProofOfConceptOrDemo".into()));
    assert_eq!(help.read_crm(&json!("Proof of concept or demo")), choice("ProofOfConceptOrDemo"));
    assert_eq!(help.write_portal(&code), json!("ProofOfConceptOrDemo"));
    assert_eq!(help.write_crm(&code), json!("Proof of concept or demo"));
    assert_eq!(help.read_portal(&json!("Unknown")), Observed::Empty);
    assert_eq!(help.write_portal(&Held::Empty), json!("Unknown"));
}

#[test]
fn a_code_that_is_not_known_is_kept_as_it_came() {
    assert_eq!(help().read_portal(&json!("SomethingOfNextYear")), choice("SomethingOfNextYear"));
    let held = Held::Value(Value::Choice("SomethingOfNextYear".into()));
    assert_eq!(help().write_portal(&held), json!("SomethingOfNextYear"));
    let open = Codec::Choice(ChoiceTable::default());
    assert_eq!(open.read_crm(&json!("Anything")), choice("Anything"));
}

#[test]
fn a_size_is_a_range_of_employees() {
    let size = size();
    for (employees, code) in [
        (1, "1to9employees"),
        (9, "1to9employees"),
        (10, "10to50employees"),
        (1000, "251to1000employees"),
        (20_001, "Morethan20000employees"),
        (5_000_000, "Morethan20000employees"),
    ] {
        assert_eq!(size.read_crm(&json!(employees)), choice(code), "{employees}");
    }
    assert_eq!(size.write_crm(&Held::Value(Value::Choice("51to250employees".into()))), json!(51));
    assert_eq!(size.write_crm(&Held::Value(Value::Choice("1to50employees".into()))), Json::Null);
    assert!(RangeTable::new(vec![Range { code: "a".into(), from: 5, to: Some(4) }]).is_none());
}

#[test]
fn the_link_is_built_around_the_identifier() {
    let mapping = Mapping::shipped();
    let link = mapping.binding(&FieldId::from("referral_link")).unwrap();
    let address = "https://partner.microsoft.com/referrals/v2/inbox?id=7a1c0000-0000-4000-8000-0000000000a1";
    assert_eq!(link.observe_portal(&json!({"id": "7a1c0000-0000-4000-8000-0000000000a1"})), text(address));
    assert_eq!(link.observe_crm(&json!({"Referral_Link__c": address})), text(address));
    for bad in ["http://x/{id}", "https://x", "https://x/{id}/{id}", "https://x/ {id}"] {
        assert!(LinkTemplate::parse(bad).is_none(), "{bad}");
    }
}

#[test]
fn identifiers_of_15_and_18_characters_are_one() {
    assert_eq!(Codec::RecordId.read_portal(&json!("006D000000C45jz")), text("006D000000C45jzIAB"));
    assert_eq!(Codec::RecordId.read_crm(&json!("006D000000C45jzIAB")), text("006D000000C45jzIAB"));
}

#[test]
fn an_identifier_of_one_type_is_found_among_the_customers() {
    let duns = Codec::ProfileId { profile_type: "Duns".into() };
    let ids = json!([{"profileType": "External", "id": "6-A"}, {"profileType": "Duns", "id": "123456789"}]);
    assert_eq!(duns.read_portal(&ids), text("123456789"));
    assert_eq!(duns.read_portal(&json!([])), Observed::Empty);
    assert_eq!(duns.read_portal(&json!({})), Observed::Empty);
    let held = Held::Value(Value::Text("123456789".into()));
    assert_eq!(duns.read_portal(&duns.write_portal(&held)), text("123456789"));
}

#[test]
fn sellers_are_lines_of_text() {
    let team = json!([
        {"firstName": "Ada", "lastName": "Berg", "email": "ada@x.example"},
        {"firstName": null, "lastName": "Cole"},
        {},
    ]);
    assert_eq!(Codec::Names.read_portal(&team), text("Ada Berg <ada@x.example>\nCole"));
    assert_eq!(Codec::Names.read_portal(&json!([])), Observed::Empty);
}

#[test]
fn an_absent_member_is_empty_only_where_it_is_documented_as_optional() {
    let mapping = Mapping::shipped();
    let observe = |field: &str, referral: Json| {
        mapping.binding(&FieldId::from(field)).unwrap().observe_portal(&referral)
    };
    assert_eq!(observe("notes", json!({"details": {}})), Observed::Empty);
    assert_eq!(observe("referral_program", json!({})), Observed::Empty);
    assert_eq!(observe("deal_value", json!({"details": {}})), Observed::Unknown);
    assert_eq!(observe("deal_value", json!({"details": {"dealValue": null}})), Observed::Empty);
    assert_eq!(observe("customer_city", json!({"customerProfile": {"address": null}})), Observed::Empty);
}

#[test]
fn a_field_that_salesforce_did_not_send_is_unknown_and_one_of_a_missing_account_is_empty() {
    let mapping = Mapping::shipped();
    let observe =
        |field: &str, record: Json| mapping.binding(&FieldId::from(field)).unwrap().observe_crm(&record);
    assert_eq!(observe("notes", json!({})), Observed::Unknown);
    assert_eq!(observe("notes", json!({"Description": null})), Observed::Empty);
    assert_eq!(observe("customer_city", json!({"Account": null})), Observed::Empty);
    assert_eq!(observe("customer_city", json!({"Account": {"Name": "x"}})), Observed::Unknown);
}

#[test]
fn microsofts_referral_says_nothing_while_there_is_none() {
    let mapping = Mapping::shipped();
    let status = mapping.binding(&FieldId::from("microsoft_status")).unwrap();
    assert_eq!(status.observe_companion(None), Observed::Empty);
    assert_eq!(status.observe_companion(Some(&json!({"substatus": "Accepted"}))), text("Accepted"));
    assert_eq!(status.observe_portal(&json!({"substatus": "Won"})), Observed::Unknown);
}

/// Text as `fit` leaves it: trimmed, with plain line ends, never empty.
fn fitted_text() -> impl Strategy<Value = String> {
    "[\\PC\n]{1,40}"
        .prop_map(|text| text.replace("\r\n", "\n").trim().to_owned())
        .prop_filter("not empty", |text| !text.is_empty())
}

fn decimals() -> impl Strategy<Value = Decimal> {
    (any::<i64>(), 0..6_u32).prop_map(|(digits, scale)| Decimal::new(digits, scale).normalize())
}

fn days() -> impl Strategy<Value = Date> {
    (1..=9999_i16, 1..=12_i8, 1..=28_i8).prop_map(|(year, month, day)| date(year, month, day))
}

/// A codec and a value that `fit` would leave as it is.
fn fitted() -> impl Strategy<Value = (Codec, Value)> {
    let codes: Vec<String> =
        ["QuotesOrLicensing", "GeneralOrOther", "ProofOfConceptOrDemo"].map(str::to_owned).to_vec();
    let sizes: Vec<String> =
        ["1to9employees", "251to1000employees", "Morethan20000employees"].map(str::to_owned).to_vec();
    prop_oneof![
        fitted_text().prop_map(|text| (Codec::Text, Value::Text(text))),
        fitted_text().prop_map(|text| (Codec::LongText, Value::Text(text))),
        decimals().prop_map(|number| (Codec::Number, Value::Number(number))),
        decimals().prop_map(|number| (Codec::Money, Value::Number(number))),
        "[A-Z]{3}".prop_map(|code| (Codec::Currency, Value::Choice(code))),
        "[A-Z]{2}".prop_map(|code| (Codec::Country, Value::Choice(code))),
        (days(), any::<bool>())
            .prop_map(|(day, nearest_midnight)| (Codec::Date { nearest_midnight }, Value::Date(day))),
        any::<bool>().prop_map(|flag| (Codec::Flag, Value::Flag(flag))),
        prop::sample::select(codes).prop_map(|code| (help(), Value::Choice(code))),
        prop::sample::select(sizes).prop_map(|code| (size(), Value::Choice(code))),
        "[A-Za-z0-9]{1,14}".prop_map(|id| (Codec::RecordId, Value::Text(id))),
        "[0-9]{9}".prop_map(|id| (Codec::ProfileId { profile_type: "Duns".into() }, Value::Text(id))),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(10_000))]

    #[test]
    fn what_was_written_is_read_back((codec, value) in fitted()) {
        let held = Held::Value(value.clone());
        // Through text, as the wire has it.
        let wire = |json: Json| parse(&json.to_string());
        prop_assert_eq!(codec.read_portal(&wire(codec.write_portal(&held))), Observed::Value(value.clone()));
        prop_assert_eq!(codec.read_crm(&wire(codec.write_crm(&held))), Observed::Value(value));
    }

    #[test]
    fn no_member_makes_a_codec_panic(json in any_json(), index in 0..30_usize) {
        let bindings = SHIPPED.bindings();
        let codec = &bindings[index % bindings.len()].codec;
        for observed in [codec.read_portal(&json), codec.read_crm(&json)] {
            if let Some(held) = observed.held() {
                let _ = (codec.write_portal(&held), codec.write_crm(&held));
            }
        }
    }
}

fn any_json() -> impl Strategy<Value = Json> {
    let leaf = prop_oneof![
        Just(Json::Null),
        any::<bool>().prop_map(Json::Bool),
        any::<i64>().prop_map(Json::from),
        any::<f64>().prop_map(Json::from),
        "\\PC{0,20}".prop_map(Json::String),
        "-?[0-9]{0,40}(\\.[0-9]{0,40})?([eE]-?[0-9]{1,12})?".prop_map(Json::String),
        "-?[0-9]{1,7}-[0-9]{2}-[0-9]{2}(T[0-9]{2}:[0-9]{2}:[0-9]{2}Z?)?".prop_map(Json::String),
    ];
    leaf.prop_recursive(3, 16, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Json::Array),
            prop::collection::vec(("(profileType|id|firstName|email|[a-z]{1,4})", inner), 0..4)
                .prop_map(|members| Json::Object(members.into_iter().collect())),
        ]
    })
}
