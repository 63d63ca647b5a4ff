//! `fit` and the codecs together: what one side writes the other reads as what both can hold, and nothing swings.

use std::collections::BTreeMap;

use deal_model::{FieldId, GroupHeld, GroupSpec, Held, Observed, Side, Value, fit_group, holds_alike};
use jiff::{Timestamp, civil::Date, tz::TimeZone};
use mapping::{Binding, Mapping};
use proptest::prelude::*;
use rust_decimal::Decimal;
use serde_json::{Value as Json, json};

const CASES: u32 = 10_000;

fn with(text: &str) -> Mapping {
    Mapping::with_company("ours.toml", &format!("version = 1\nextends = \"default\"\n{text}"))
        .unwrap_or_else(|errors| panic!("{errors:#?}"))
}

/// A field of its own beside the default's: its group of one, and its codec.
struct Tried {
    spec: GroupSpec,
    binding: Binding,
    minor_units: BTreeMap<String, u32>,
}

fn tried(keys: &str) -> Tried {
    tried_with("", keys)
}

fn tried_with(sections: &str, keys: &str) -> Tried {
    let mapping = with(&format!(
        "{sections}\n[fields.tried]\npartner_center = \"/tried\"\nundocumented = true\n\
         salesforce = \"Opportunity.Tried__c\"\n{keys}\n"
    ));
    Tried {
        spec: mapping.specs().group(&"tried".into()).unwrap().clone(),
        binding: mapping.binding(&"tried".into()).unwrap().clone(),
        minor_units: mapping.specs().minor_units.clone(),
    }
}

impl Tried {
    fn group(held: Held) -> GroupHeld {
        [(FieldId::from("tried"), held)].into()
    }

    fn fit(&self, held: &Held) -> Held {
        let fitted = fit_group(&self.spec, &self.minor_units, &Self::group(held.clone()));
        fitted[&FieldId::from("tried")].clone()
    }

    /// What `side` reads of `json`, through text as the wire has it.
    fn read(&self, side: Side, json: &Json) -> Observed {
        let json: Json = serde_json::from_str(&json.to_string()).unwrap();
        match side {
            Side::Portal => self.binding.codec.read_portal(&json),
            Side::Crm => self.binding.codec.read_crm(&json),
        }
    }

    fn write(&self, side: Side, held: &Held) -> Json {
        match side {
            Side::Portal => self.binding.codec.write_portal(held),
            Side::Crm => self.binding.codec.write_crm(held),
        }
    }

    fn alike(&self, one: &Held, other: &Held) -> bool {
        let group = |held: &Held| Self::group(held.clone());
        holds_alike(&self.spec, &self.minor_units, &group(one), &group(other))
    }

    /// `fit` holds still, both sides read back what `fit` left, and both then hold the same.
    fn holds(&self, value: &Held) {
        let fitted = self.fit(value);
        assert_eq!(self.fit(&fitted), fitted, "fit is not idempotent for {value:?}");
        for side in Side::BOTH {
            let read = self.read(side, &self.write(side, &fitted)).held();
            assert_eq!(read.as_ref(), Some(&fitted), "{side:?} reads back something else of {value:?}");
            assert!(self.alike(&fitted, value), "what was written is another value than {value:?}");
        }
    }
}

fn text(text: &str) -> Held {
    Held::Value(Value::Text(text.to_owned()))
}

/// Text as no test writer types it: all of Unicode, and what hurts in it at a fair share.
fn any_text() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        4 => any::<char>().prop_map(String::from),
        4 => "[ -~]{1,12}",
        2 => "\\PC{1,6}",
        1 => prop::sample::select(vec![
            "\r", "\n", "\r\n", "\u{85}", "\u{2028}", "\u{2029}", "\0", "\t", " ", "   ", "\u{a0}", "\u{3000}",
            "\u{feff}", "\u{200b}", "\u{200d}", "\u{301}", "e\u{301}\u{327}", "\u{1F468}\u{200d}\u{1F469}", "\u{1F600}",
            "\u{ffff}", "\u{10000}", "\u{7f}", "\u{9f}", "<br>", "<p>", "</", "<", "&amp;", "&", "&#0;", "&lt", "\"", "<!--",
        ])
        .prop_map(str::to_owned),
    ];
    prop::collection::vec(piece, 0..12).prop_map(|pieces| pieces.concat())
}

fn check<S: Strategy>(strategy: S, property: impl Fn(S::Value))
where
    S::Value: std::fmt::Debug,
{
    check_some(CASES, strategy, property);
}

fn check_some<S: Strategy>(cases: u32, strategy: S, property: impl Fn(S::Value))
where
    S::Value: std::fmt::Debug,
{
    use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};
    let config = Config { cases, failure_persistence: None, ..Config::default() };
    let rng = TestRng::deterministic_rng(RngAlgorithm::ChaCha);
    let ran = TestRunner::new_with_rng(config, rng).run(&strategy, |value| {
        property(value);
        Ok(())
    });
    if let Err(failure) = ran {
        panic!("{failure}");
    }
}

#[test]
fn any_text_is_read_back_as_what_both_sides_can_hold() {
    let types = [
        tried("type = \"text\"\nmax_length = 20"),
        tried("type = \"text\""),
        tried("type = \"long_text\"\nmax_length = 7"),
        tried("type = \"phone\"\nmax_length = 40"),
        tried_with("[text]\ncount = \"utf16\"", "type = \"text\"\nmax_length = 5"),
        tried("type = \"long_text\"\nhtml = \"salesforce\"\nmax_length = 30"),
        tried("type = \"long_text\"\nhtml = \"partner_center\""),
    ];
    check(any_text(), |value| {
        for tried in &types {
            tried.holds(&text(&value));
        }
    });
}

#[test]
fn a_street_is_two_lines_on_both_sides_whatever_is_typed_into_it() {
    let mapping = Mapping::shipped();
    let street = FieldId::from("customer_street");
    let binding = mapping.binding(&street).unwrap();
    let second = binding.codec.second_member().unwrap();
    let spec = mapping.specs().groups.iter().flat_map(|group| &group.members).find(|spec| spec.id == street);
    let most = spec.unwrap().fit.max_chars.unwrap();
    let referral = |held: &Held| {
        json!({"customerProfile": {"address": {
            "addressLine1": binding.codec.write_portal(held), "addressLine2": binding.codec.write_second(held),
        }}})
    };
    assert_eq!(second.as_str(), "/customerProfile/address/addressLine2");
    let lines = prop::collection::vec(any_text(), 0..5);
    // Each is several long texts.
    check_some(CASES / 20, (lines, any_text()), |(lines, other)| {
        for typed in [lines.join("\n"), lines.join("\r\n")] {
            let read = binding.codec.read_crm(&json!(typed));
            let both =
                json!({"customerProfile": {"address": {"addressLine1": typed, "addressLine2": other}}});
            for held in [read.held().unwrap(), binding.observe_portal(&both).held().unwrap()] {
                let group = [(street.clone(), held)].into();
                let whole = mapping.specs().group(&"customer_address".into()).unwrap();
                let fitted = fit_group(whole, &mapping.specs().minor_units, &group)[&street].clone();
                if let Held::Value(Value::Text(text)) = &fitted {
                    assert!(text.chars().count() <= most && text.matches('\n').count() < 2, "{text:?}");
                }
                assert_eq!(binding.observe_portal(&referral(&fitted)).held(), Some(fitted.clone()));
                assert_eq!(binding.codec.read_crm(&binding.codec.write_crm(&fitted)).held(), Some(fitted));
            }
        }
    });
    for (typed, first, rest) in [
        ("Ring 1\u{85}Hof 2", json!("Ring 1"), json!("Hof 2")),
        ("Ring 1\n\u{7f}\tHof 2", json!("Ring 1"), json!("Hof 2")),
        ("Ring 1", json!("Ring 1"), Json::Null),
        ("\n Ring 1 \r\n\r\nHof 2", json!("Ring 1"), json!("Hof 2")),
        ("Ring 1\nHof 2\nTor 3\rTür 4", json!("Ring 1"), json!("Hof 2, Tor 3, Tür 4")),
    ] {
        let held = binding.codec.read_crm(&json!(typed)).held().unwrap();
        assert_eq!(
            (binding.codec.write_portal(&held), binding.codec.write_second(&held)),
            (first, rest),
            "{typed:?}"
        );
    }
    let only_second =
        json!({"customerProfile": {"address": {"addressLine1": null, "addressLine2": "Hof 2"}}});
    assert_eq!(binding.observe_portal(&only_second), Observed::text("Hof 2"));
}

#[test]
fn two_labels_of_one_code_are_one_value_and_the_first_is_what_is_written() {
    let tried = tried("type = \"choice\"\nvalues = { Quote = \"Q\", Licence = \"Q\", Demo = \"D\" }");
    let at = |label: &str| tried.read(Side::Crm, &json!(label)).held().unwrap();
    let code = Held::Value(Value::Choice("Q".into()));
    assert_eq!(at("Quote"), code);
    // The second label is the portal's value already: no side differs, so nothing is written back over it.
    assert_eq!(at("Licence"), code);
    assert!(tried.alike(&at("Licence"), &tried.read(Side::Portal, &json!("Q")).held().unwrap()));
    assert!(!tried.alike(&at("Licence"), &at("Demo")));
    tried.holds(&at("Licence"));
    assert_eq!(tried.write(Side::Portal, &at("Licence")), json!("Q"));
    assert_eq!(tried.write(Side::Crm, &code), json!("Quote"));
}

#[test]
fn whatever_stands_on_a_side_is_read_without_a_loss_of_order() {
    let html = tried("type = \"long_text\"\nhtml = \"salesforce\"");
    let plain = tried("type = \"long_text\"");
    check(any_text(), |value| {
        for tried in [&html, &plain] {
            for side in Side::BOTH {
                // What is read can be written, and reads the same again.
                if let Some(held) = tried.read(side, &json!(value)).held() {
                    tried.holds(&held);
                }
            }
        }
    });
}

#[test]
fn a_text_is_cut_as_the_platform_counts_it() {
    let long = text("ab\u{1F600}\u{1F600}\u{1F600}");
    let characters = tried("type = \"text\"\nmax_length = 4");
    assert_eq!(characters.fit(&long), text("ab\u{1F600}\u{1F600}"));
    let units = tried_with("[text]\ncount = \"utf16\"", "type = \"text\"\nmax_length = 5");
    assert_eq!(units.fit(&long), text("ab\u{1F600}"), "half an emoji is none");
    for nothing in ["", " ", "\u{a0}\u{3000}", "\0", "\r\n\t", "\u{85}"] {
        assert_eq!(characters.fit(&text(nothing)), Held::Empty, "{nothing:?}");
    }
    assert_eq!(characters.fit(&text("  a  b  ")), text("a  b"), "inner blanks stay");
    assert_eq!(characters.fit(&text("abc def")), text("abc"), "the cut bares no blank");
}

#[test]
fn a_rich_text_area_holds_the_notes_as_html() {
    let notes = tried("type = \"long_text\"\nhtml = \"salesforce\"");
    let typed = text("5 < 6 & \"more\"\n\nAsk Ada");
    assert_eq!(notes.write(Side::Portal, &typed), json!("5 < 6 & \"more\"\n\nAsk Ada"));
    let html = "5 &lt; 6 &amp; &quot;more&quot;<br><br>Ask Ada";
    assert_eq!(notes.write(Side::Crm, &typed), json!(html));
    let formatted = "<p>5 &lt; <b>6</b> &amp; &quot;more&quot;</p><p><br></p><p>Ask Ada</p>";
    for same in [html, formatted] {
        assert_eq!(notes.read(Side::Crm, &json!(same)).held(), Some(typed.clone()), "{same}");
    }
    let plain = tried("type = \"long_text\"");
    assert_eq!(plain.read(Side::Crm, &json!("<b>a</b>")).held(), Some(text("<b>a</b>")), "plain by default");
    assert_eq!(notes.read(Side::Crm, &json!("<p><br></p>")), Observed::Empty, "tags alone are nothing");
}

#[test]
fn a_phone_number_goes_as_typed_and_is_compared_by_what_it_dials() {
    let phone = tried("type = \"phone\"");
    let (typed, bare) = (text("+49 (30) 123-456"), text("+4930123456"));
    assert_eq!(phone.fit(&typed), typed);
    assert_eq!(phone.write(Side::Crm, &typed), json!("+49 (30) 123-456"));
    assert!(phone.alike(&typed, &bare));
    assert!(!phone.alike(&typed, &text("+49 (30) 123-457")));
    assert!(!phone.alike(&typed, &Held::Empty));
    assert!(!tried("type = \"text\"").alike(&typed, &bare), "text is text");
}

#[test]
fn amounts_are_exact_at_any_size_and_round_once() {
    let decimals = (any::<i64>(), any::<u32>(), 0..=28_u32).prop_map(|(high, low, scale)| {
        let digits = i128::from(high) * i128::from(u32::MAX) + i128::from(low);
        Decimal::try_from_i128_with_scale(digits, scale).unwrap_or(Decimal::ONE)
    });
    let types: Vec<Tried> = [0, 2, 3, 28]
        .map(|scale| tried(&format!("type = \"number\"\nscale = {scale}")))
        .into_iter()
        .chain([tried("type = \"number\"")])
        .collect();
    check(decimals, |number| {
        for tried in &types {
            tried.holds(&Held::Value(Value::Number(number)));
            let as_text = tried.read(Side::Portal, &json!(number.to_string())).held();
            let as_number =
                tried.read(Side::Portal, &serde_json::from_str(&number.to_string()).unwrap()).held();
            assert_eq!(as_text, Some(Held::Value(Value::Number(number.normalize()))));
            assert_eq!(as_number, as_text, "a number and its text are one");
        }
    });
}

#[test]
fn numbers_of_any_form_are_exact_or_unknown_and_never_rounded_on_the_way() {
    let number = tried("type = \"number\"");
    for (sent, kept) in [
        ("1e3", Some("1000")),
        ("1E+3", Some("1000")),
        ("12.5e-1", Some("1.25")),
        ("1.2345678901234567890123456e4", Some("12345.678901234567890123456")),
        ("0e999", Some("0")),
        ("-0", Some("0")),
        ("-0.00", Some("0")),
        ("0.1000000000000000000000000000", Some("0.1")),
        ("79228162514264337593543950335", Some("79228162514264337593543950335")),
        // More than can be kept exactly is not kept at all.
        ("79228162514264337593543950336", None),
        ("1.23456789012345678901234567890123", None),
        ("1.23456789012345678901234567890123e2", None),
        ("1e29", None),
        ("1e-29", None),
        ("1e999999999999", None),
    ] {
        let expected = kept.map(|kept| Held::Value(Value::Number(kept.parse().unwrap())));
        let json: Json = serde_json::from_str(sent).unwrap();
        for side in Side::BOTH {
            assert_eq!(number.read(side, &json).held(), expected, "{sent}");
            assert_eq!(number.read(side, &json!(sent)).held(), expected, "\"{sent}\"");
        }
    }
}

#[test]
fn money_rounds_to_its_currencys_smallest_coin() {
    let mapping = with("");
    let spec = mapping.specs().group(&"money".into()).unwrap();
    for (currency, typed, kept) in [
        ("EUR", "1.005", "1.01"),
        ("EUR", "-1.005", "-1.01"),
        ("USD", "10", "10"),
        ("JPY", "1234.5", "1235"),
        ("KWD", "1.2345", "1.235"),
        ("CLF", "1.23456", "1.2346"),
        ("QQQ", "1.239", "1.24"),
    ] {
        let money = |amount: &str| -> GroupHeld {
            [
                ("deal_value".into(), Held::Value(Value::Number(amount.parse().unwrap()))),
                ("deal_currency".into(), Held::Value(Value::Choice(currency.to_owned()))),
            ]
            .into()
        };
        let fitted = fit_group(spec, &mapping.specs().minor_units, &money(typed));
        assert_eq!(fitted, money(kept), "{typed} {currency}");
        assert_eq!(fit_group(spec, &mapping.specs().minor_units, &fitted), fitted);
    }
}

#[test]
fn no_time_zone_moves_a_day() {
    let tried = [tried("type = \"date\""), tried("type = \"date\"\nnearest_midnight = true")];
    let days: Vec<Date> =
        ["1700-01-01", "1900-02-28", "1999-12-31", "2024-02-29", "2027-03-28", "4000-12-31"]
            .map(|day| day.parse().unwrap())
            .to_vec();
    let zones: Vec<String> = jiff::tz::db().available().map(|name| name.to_string()).collect();
    assert!(zones.len() > 100, "the zones of the world are at hand: {}", zones.len());
    for day in &days {
        let held = Held::Value(Value::Date(*day));
        for tried in &tried {
            tried.holds(&held);
        }
        let instant: Timestamp = tried[0].write(Side::Portal, &held).as_str().unwrap().parse().unwrap();
        for zone in &zones {
            // The same instant as any server may spell it.
            let local = instant.to_zoned(TimeZone::get(zone).unwrap());
            let spelled = local.strftime("%Y-%m-%dT%H:%M:%S%:z").to_string();
            // An offset with seconds is no ISO 8601, and the first years of the tables have them.
            if spelled.parse::<Timestamp>().ok() != Some(instant) {
                continue;
            }
            for tried in &tried {
                assert_eq!(
                    tried.read(Side::Portal, &json!(spelled)).held().as_ref(),
                    Some(&held),
                    "{spelled} {zone}"
                );
            }
        }
    }
}

#[test]
fn a_date_is_a_day_however_a_side_spells_it() {
    let day = tried("type = \"date\"");
    let expected = Some(Held::Value(Value::Date("2027-03-31".parse().unwrap())));
    for (side, spelled) in [
        (Side::Portal, "2027-03-31T00:00:00Z"),
        (Side::Portal, "2027-03-31T00:00:00.0000000Z"),
        (Side::Portal, "2027-03-31T23:59:59.9999999Z"),
        (Side::Portal, "2027-03-31T02:00:00+02:00"),
        (Side::Portal, "2027-03-30T19:00:00-05:00"),
        (Side::Portal, "2027-03-31T00:00:00"),
        (Side::Crm, "2027-03-31"),
        // A date and time of Salesforce has no colon in its offset.
        (Side::Crm, "2027-03-31T12:00:00.000+0000"),
        (Side::Crm, "2027-03-31T12:00:00.000Z"),
    ] {
        assert_eq!(day.read(side, &json!(spelled)).held(), expected, "{spelled}");
    }
    for no_day in
        ["2027-02-29", "2027-13-01", "2027-04-31T00:00:00Z", "31.03.2027", "20270", "10000-01-01T00:00:00Z"]
    {
        for side in Side::BOTH {
            assert_eq!(day.read(side, &json!(no_day)), Observed::Unknown, "{no_day}");
        }
    }
}

#[test]
fn any_day_holds_for_any_date_codec() {
    let types = [tried("type = \"date\""), tried("type = \"date\"\nnearest_midnight = true")];
    check((1..=9999_i16, 1..=366_i32), |(year, day)| {
        let first = Date::new(year, 1, 1).unwrap();
        if let Ok(day) = first.checked_add(jiff::Span::new().days(day - 1)) {
            for tried in &types {
                tried.holds(&Held::Value(Value::Date(day)));
            }
        }
    });
}

#[test]
fn a_duns_number_keeps_its_zeros_and_loses_its_dashes() {
    let mapping = with("");
    let duns = &mapping.binding(&"customer_duns".into()).unwrap().codec;
    for (typed, kept) in [
        ("012345678", "012345678"),
        ("01-234-5678", "012345678"),
        (" 01 234 5678 ", "012345678"),
        ("12345678", "12345678"),
        ("DE-123", "DE-123"),
    ] {
        assert_eq!(duns.read_crm(&json!(typed)), Observed::text(kept), "{typed}");
        assert_eq!(duns.read_portal(&json!([{"profileType": "Duns", "id": typed}])), Observed::text(kept));
    }
    assert_eq!(duns.read_portal(&json!([{"profileType": "Duns", "id": 12_345_678}])), Observed::Unknown);
}

#[test]
fn codes_fit_whatever_their_case() {
    check("[A-Za-z]{3}", |code| {
        let upper = Held::Value(Value::Choice(code.to_ascii_uppercase()));
        let currency = mapping::Codec::Currency;
        assert_eq!(currency.read_portal(&json!(code)).held(), Some(upper.clone()));
        assert_eq!(currency.read_crm(&currency.write_crm(&upper)).held(), Some(upper));
    });
    for country in pairs_of_letters() {
        let held = Held::Value(Value::Choice(country.clone()));
        let codec = mapping::Codec::Country;
        for read in [codec.read_portal(&codec.write_portal(&held)), codec.read_crm(&codec.write_crm(&held))] {
            assert_eq!(read.held(), Some(held.clone()), "{country}");
        }
    }
}

/// Every two letters; those that are a country's are among them.
fn pairs_of_letters() -> impl Iterator<Item = String> {
    ('A'..='Z').flat_map(|one| ('A'..='Z').map(move |two| format!("{one}{two}")))
}

#[test]
fn any_record_identifier_is_one_in_both_its_forms() {
    check("[a-zA-Z0-9]{15}", |short| {
        let id = mapping::Codec::RecordId;
        let long = id.read_crm(&json!(short)).held().unwrap();
        let Held::Value(Value::Text(text)) = &long else { panic!("{long:?}") };
        assert!(text.len() == 18 && text.starts_with(&short), "{text}");
        for form in [text.clone(), text.to_ascii_uppercase(), text.to_ascii_lowercase()] {
            assert_eq!(id.read_portal(&json!(form)).held(), Some(long.clone()), "{form}");
        }
    });
}
