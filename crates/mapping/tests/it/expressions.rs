//! Expressions: what they compute, where they are refused, and that no record makes them do anything else.

use deal_model::{FieldId, NotComputed, Observed, Reading, Side, Value};
use mapping::{Binding, CrmPath, Given, MAX_SOURCE_BYTES, Mapping, MappingError, Seen};
use proptest::prelude::*;
use serde_json::{Value as Json, json};

fn compiled(text: &str) -> Result<Mapping, Vec<MappingError>> {
    Mapping::with_company("ours.toml", &format!("version = 1\n{text}"))
}

fn mapping(text: &str) -> Mapping {
    compiled(text).unwrap_or_else(|errors| panic!("{errors:#?}"))
}

/// The mistakes as `line:column what`; the text begins on line 2.
#[track_caller]
fn told(text: &str, expected: &[&str]) {
    let errors = compiled(text).expect_err("the file is broken");
    let told: Vec<String> =
        errors.iter().map(|each| format!("{}:{} {}", each.line, each.column, each.what)).collect();
    assert_eq!(told, expected);
}

fn binding<'m>(mapping: &'m Mapping, field: &str) -> &'m Binding {
    mapping.binding(&FieldId::new(field)).expect("the mapping has the field")
}

/// What the referral says of `field`.
fn of_referral(mapping: &Mapping, field: &str, referral: &Json) -> (Reading, Option<NotComputed>) {
    let binding = binding(mapping, field);
    let held = binding.observe_portal(referral);
    binding.reading(Side::Portal, held, &Given::Portal { referral, companion: None })
}

/// What the opportunity says of `field`.
fn of_opportunity(mapping: &Mapping, field: &str, record: &Json) -> (Reading, Option<NotComputed>) {
    let binding = binding(mapping, field);
    let held = binding.observe_crm(record);
    let seen = |path: &CrmPath| Seen::of_record(record, path);
    binding.reading(Side::Crm, held, &Given::Crm(&seen))
}

fn text(value: &str) -> Observed {
    Observed::Value(Value::Text(value.to_owned()))
}

/// A text field for Salesforce that is computed by `expression`.
fn to_salesforce(expression: &str) -> String {
    format!(
        "[fields.mine]\ntype = \"text\"\nsalesforce = \"Opportunity.Mine__c\"\nmax_length = 200\n\
         to_salesforce = '{expression}'\n"
    )
}

/// What such a field becomes for a referral.
fn computed(expression: &str, referral: &Json) -> Result<Observed, NotComputed> {
    let mapping = mapping(&to_salesforce(expression));
    let (reading, failure) = of_referral(&mapping, "mine", referral);
    failure.map_or(Ok(reading.held), Err)
}

fn referral() -> Json {
    json!({
        "name": "Wind farm",
        "customerProfile": {
            "name": "Contoso GmbH",
            "size": null,
            "team": [{"firstName": "Ada", "email": "ada@contoso.example"}],
        },
        "details": {"dealValue": 1234.50, "currency": "EUR", "notes": "first\r\nsecond", "closingDateTime": "2027-03-31T00:00:00Z"},
        "status": "Active",
    })
}

#[test]
fn the_designs_own_example_computes_a_name_and_fills_one_in() {
    let mapping = mapping(
        "[fields.deal_name]\n\
         to_salesforce = '{{ referral.name ~ \" (\" ~ referral.customerProfile.name ~ \")\" }}'\n\
         default.to_partner_center = '{{ opportunity.Account.Name ~ \" co-sell\" }}'\n",
    );
    let (reading, failure) = of_referral(&mapping, "deal_name", &referral());
    assert_eq!((reading, failure), (Reading::plain(text("Wind farm (Contoso GmbH)")), None));
    let (reading, _) =
        of_opportunity(&mapping, "deal_name", &json!({"Name": null, "Account": {"Name": "Contoso"}}));
    assert_eq!(reading, Reading { held: Observed::Empty, sends: text("Contoso co-sell") });
    let (reading, _) =
        of_opportunity(&mapping, "deal_name", &json!({"Name": "Mine", "Account": {"Name": "Contoso"}}));
    assert_eq!(reading, Reading::plain(text("Mine")));
    assert!(mapping.crm_select().contains(&"Account.Name".to_owned()));
    let group = mapping.specs().groups.iter().find(|group| group.id.as_str() == "deal_name").unwrap();
    assert!(group.to.crm.update && group.to.portal.create && !group.to.portal.update);
    assert!(group.computed.crm && !group.computed.portal);
}

#[test]
fn texts_numbers_and_choices_come_out_as_written() {
    for (expression, expected) in [
        ("{{ referral.name | upper }}", "WIND FARM"),
        ("{{ referral.name | lower | replace(\"wind\", \"sun\") }}", "sun farm"),
        ("{{ referral.name | truncate(4) }}", "Wind"),
        ("{{ referral.details.notes | first_line }}", "first"),
        ("{{ [referral.name, referral.details.currency] | join(\", \") }}", "Wind farm, EUR"),
        ("{{ referral.customerProfile.size | default(\"unknown\") }}", "unknown"),
        ("{{ referral.customerProfile.team[0].firstName }}", "Ada"),
        ("{{ referral.details.closingDateTime | date }}", "2027-03-31"),
        ("{{ \"big\" if referral.details.dealValue > 1234.49 else \"small\" }}", "big"),
        ("{{ \"open\" if referral.status in [\"New\", \"Active\"] else \"closed\" }}", "open"),
        ("{{ \"none\" if referral.customerProfile.size is not defined else \"some\" }}", "none"),
        ("{{ referral.details.dealValue | round(2) ~ \" EUR\" }}", "1234.50 EUR"),
        ("{{ \"\\\"\" ~ referral.name ~ \" }}\" }}", "\"Wind farm }}"),
    ] {
        assert_eq!(computed(expression, &referral()), Ok(text(expected)), "{expression}");
    }
}

/// What minijinja 3.1 makes of the same expressions.
#[test]
fn operators_bind_as_in_minijinja() {
    for (expression, expected) in [
        ("{{ 1 + 2 * 3 }}", "7"),
        ("{{ \"a\" ~ 1 * 2 }}", "a2"),
        ("{{ 9 - 1 - 1 }}", "7"),
        ("{{ -7 + 1 }}", "-6"),
        ("{{ -7 | add(1) }}", "-6"),
        ("{{ referral.name | upper ~ \"!\" }}", "WIND FARM!"),
        ("{{ \"a\" if not true or true else \"b\" }}", "a"),
        ("{{ \"a\" if true or false and false else \"b\" }}", "a"),
        ("{{ \"a\" if not 7 == 7 else \"b\" }}", "b"),
        ("{{ \"x\" if 7 > 9 else \"y\" if true else \"z\" }}", "y"),
        ("{{ \"a\" if referral.status not in [\"New\"] else \"b\" }}", "a"),
    ] {
        assert_eq!(computed(expression, &referral()), Ok(text(expected)), "{expression}");
    }
    // The join binds tighter than the sum, there as here.
    told(&to_salesforce("{{ 1 + 2 ~ 3 }}"), &["6:27 `+` needs a number, and this is a text"]);
}

#[test]
fn numbers_are_exact_decimals() {
    let field = |expression: &str| {
        let mapping = mapping(&format!(
            "[fields.mine]\ntype = \"number\"\nsalesforce = \"Opportunity.Mine__c\"\nto_salesforce = '{expression}'\n"
        ));
        let referral: Json = serde_json::from_str(r#"{"details": {"dealValue": 0.1}}"#).unwrap();
        of_referral(&mapping, "mine", &referral).0.held
    };
    for (expression, expected) in [
        ("{{ referral.details.dealValue + 0.2 }}", "0.3"),
        ("{{ referral.details.dealValue | add(0.2) }}", "0.3"),
        ("{{ referral.details.dealValue | sub(1) }}", "-0.9"),
        ("{{ referral.details.dealValue * 3 }}", "0.3"),
        ("{{ referral.details.dealValue | div(3, 4) }}", "0.0333"),
        ("{{ 12345678901234567890.12345678 + 0.00000001 }}", "12345678901234567890.12345679"),
        ("{{ \"2.50\" | decimal | round(0) }}", "3"),
        ("{{ -referral.details.dealValue }}", "-0.1"),
    ] {
        assert_eq!(
            field(expression),
            Observed::Value(Value::Number(expected.parse().unwrap())),
            "{expression}"
        );
    }
}

#[test]
fn an_empty_place_is_a_reason_and_never_a_text() {
    for (expression, why) in [
        ("{{ referral.customerProfile.size }}", "`customerProfile.size` of the referral is empty"),
        ("{{ \"a\" ~ referral.customerProfile.size }}", "`customerProfile.size` of the referral is empty"),
        (
            "{{ referral.customerProfile.address.city ~ \"!\" }}",
            "`customerProfile.address.city` of the referral is empty",
        ),
        (
            "{{ referral.customerProfile.team[7].email }}",
            "`customerProfile.team.7.email` of the referral is empty",
        ),
        (
            "{{ referral.details.dealValue | div(referral.details.dealValue - 1234.5, 2) | text }}",
            "it would divide by zero",
        ),
        (
            "{{ referral.name | replace(\"i\", referral.name | replace(\" \", referral.name)) | decimal }}",
            "a text that should be a number is none",
        ),
    ] {
        assert_eq!(computed(expression, &referral()).unwrap_err().why, why, "{expression}");
    }
}

#[test]
fn what_cannot_be_seen_is_unknown_and_no_persons_fault() {
    assert_eq!(computed("{{ referral.name }}", &json!({})), Ok(Observed::Unknown));
    let mapping = mapping(
        "[fields.deal_name]\non = [\"create\"]\nto_partner_center = '{{ opportunity.Account.Name }}'\n",
    );
    let (reading, failure) = of_opportunity(&mapping, "deal_name", &json!({"Name": "Mine"}));
    assert_eq!((reading, failure), (Reading::plain(Observed::Unknown), None));
}

#[test]
fn an_empty_result_takes_the_default_and_a_failed_one_does_not() {
    let text_of = "[fields.mine]\ntype = \"text\"\nsalesforce = \"Opportunity.Mine__c\"\n\
                   to_salesforce = '{{ referral.customerProfile.size if referral.status == \"New\" else \"\" }}'\n\
                   default.to_salesforce = \"none\"\n";
    let mapping = mapping(text_of);
    let (reading, failure) = of_referral(&mapping, "mine", &referral());
    assert_eq!((reading, failure), (Reading { held: Observed::Empty, sends: text("none") }, None));
    let mut fresh = referral();
    fresh["status"] = json!("New");
    let (reading, failure) = of_referral(&mapping, "mine", &fresh);
    assert_eq!(reading, Reading::plain(Observed::Unknown));
    assert!(failure.is_some());
}

#[test]
fn a_result_longer_than_its_field_is_a_reason_and_a_bomb_burns_out() {
    let mut long = referral();
    long["name"] = json!("x".repeat(150));
    let failure = computed("{{ referral.name ~ referral.name }}", &long).unwrap_err();
    assert_eq!(failure.why, "it is longer than the 200 characters that are taken");
    assert!(computed("{{ (referral.name ~ referral.name) | truncate(200) }}", &long).is_ok());

    let mut doubled = "referral.name".to_owned();
    for _ in 0..12 {
        doubled = format!("({doubled} | replace(\"x\", \"xxxx\"))");
    }
    let failure = computed(&format!("{{{{ {doubled} | truncate(1) }}}}"), &long).unwrap_err();
    assert_eq!(failure.why, "it is longer than the 32768 characters that are taken");

    long["name"] = json!("x".repeat(30_000));
    let many = ["(referral.name | truncate(1))"; 12].join(" ~ ");
    let failure = computed(&format!("{{{{ {many} }}}}"), &long).unwrap_err();
    assert_eq!(failure.why, "it takes too much work");
}

#[test]
fn a_code_is_taken_by_its_name_or_by_itself_and_no_other() {
    let mapping = mapping(
        "[fields.mine]\ntype = \"choice\"\nsalesforce = \"Opportunity.Mine__c\"\nvalues = { \"Large\" = \"L\", \"Small\" = \"S\" }\n\
         to_salesforce = '{{ referral.name }}'\n",
    );
    let named = |name: &str| of_referral(&mapping, "mine", &json!({"name": name}));
    let code = |code: &str| Observed::Value(Value::Choice(code.to_owned()));
    assert_eq!(named("Large").0.held, code("L"));
    assert_eq!(named("S").0.held, code("S"));
    let (reading, failure) = named("Medium");
    assert_eq!(reading.held, Observed::Unknown);
    assert_eq!(failure.unwrap().why, "it gives no value that the field has");
}

#[test]
fn microsofts_referral_can_be_read_too_and_its_absence_is_nothing() {
    let mapping =
        mapping(&to_salesforce("{{ microsoft_referral.status ~ \" for \" ~ microsoft_referral.name }}"));
    let binding = binding(&mapping, "mine");
    let (own, theirs) = (referral(), json!({"status": "New", "name": "Wind farm"}));
    let read = |companion| {
        binding.reading(Side::Portal, Observed::Unknown, &Given::Portal { referral: &own, companion }).0.held
    };
    assert_eq!(read(Some(&theirs)), text("New for Wind farm"));
    assert_eq!(read(None), Observed::Empty);
}

#[test]
fn a_field_is_read_from_one_of_the_two_referrals_alone() {
    let mixed = |place: u8| {
        format!(
            "{place}:17 the field would be read from our referral and from Microsoft's, which are not read together"
        )
    };
    let told = |text: &str, line| told(text, &[mixed(line).as_str()]);
    told(&to_salesforce("{{ microsoft_referral.status ~ referral.name }}"), 6);
    told("[fields.notes]\nto_salesforce = '{{ microsoft_referral.details.notes }}'\n", 3);
    told("[fields.microsoft_status]\nto_salesforce = '{{ referral.status }}'\n", 3);
    let default = "default.to_salesforce = '{{ microsoft_referral.name }}'\n";
    let errors = compiled(&format!("{}{default}", to_salesforce("{{ referral.name }}"))).unwrap_err();
    assert_eq!(errors.iter().map(|each| (each.line, each.column)).collect::<Vec<_>>(), [(7, 25)]);
    // The field's own place is in Microsoft's referral.
    mapping("[fields.microsoft_status]\nto_salesforce = '{{ microsoft_referral.substatus }}'\n");
}

#[test]
fn every_mistake_in_an_expression_is_told_where_it_stands() {
    // The expression begins in column 18 of line 6.
    for (expression, expected) in [
        ("{{ referral.nane }}", "6:21 no referral has the documented member `referral.nane`"),
        ("{{ referral.name | trimm }}", "6:37 there is no filter `trimm`"),
        ("{{ referral.name ~ }}", "6:37 the expression ends too early"),
        ("{{ referral.name referral.status }}", "6:35 the expression should have ended before this"),
        (
            "{{ opportunity.Name }}",
            "6:21 `opportunity` cannot be seen here: what goes to Salesforce is computed from the referral alone",
        ),
        ("{{ now }}", "6:21 `now` is not known in an expression"),
        ("{{ now() }}", "6:21 `now` is called, and nothing can be called"),
        ("{{ referral }}", "6:21 `referral` is a whole record, and no value"),
        ("{{ referral.team }}", "6:21 `referral.team` is a list, and no one value"),
        ("{{ \"a\" * 100000000 }}", "6:21 `*` needs a number, and this is a text"),
        ("{{ referral.name + \"!\" }}", "6:21 `+` needs a number, and this is a text"),
        ("{{ referral.details.dealValue / 3 }}", "6:48 `/` is not exact"),
        ("{{ referral.details.dealValue == \"1\" }}", "6:48 a number is compared with a text"),
        (
            "{{ referral.name == \"1\" }}",
            "6:35 the expression gives a yes or no, and the field needs a text or a number",
        ),
        ("{{ \"a\" if referral.name }}", "6:42 the `if` has no `else`"),
        ("{{ \"a\" if referral.name else \"b\" }}", "6:28 `if` needs a yes or no, and this is a text"),
        ("{{ referral.name | truncate }}", "6:37 `truncate` has 0 arguments, and takes 1"),
        ("{{ referral.name | truncate(1.5) }}", "6:46 the filter `truncate` takes a whole number here"),
        ("{{ referral.name | replace(\"a\") }}", "6:37 `replace` has 1 arguments, and takes 2"),
        ("{{ referral.name ~ \"open }}", "6:37 the text has no end"),
        ("{{ (referral.name }}", "6:36 `)` is missing here"),
        ("{{ referral.name }} {{ referral.status }}", "6:35 there is more than one expression"),
        ("{% if true %}{{ referral.name }}{% endif %}", "6:18 statements cannot be used here"),
        ("Deal {{ referral.name }}", "6:18 the expression does not begin with `{{`"),
        ("{{ referral.name", "6:34 the expression does not end with `}}`"),
        ("{{ referral.name is odd }}", "6:38 there is no test `odd`"),
        ("{{ referral.name & \"a\" }}", "6:35 `&` means nothing in an expression"),
        ("always", "6:17 this is no expression"),
    ] {
        let text = to_salesforce(expression);
        told(&text, &[expected]);
    }
    told(
        "[fields.mine]\ntype = \"number\"\nsalesforce = \"Opportunity.Mine__c\"\nto_salesforce = '{{ referral.name }}'\n",
        &["5:21 the expression gives a text, and the field needs a number"],
    );
    told(
        "[fields.notes]\ndefault.to_partner_center = \"\"\"\n{{ opportunity.Name |\n  uper }}\"\"\"\n",
        &["5:3 there is no filter `uper`"],
    );
    told(
        "[fields.notes]\ndefault.to_partner_center = \"{{ \\\"\\u00e4\\\" ~ opportunity.A___B }}\"\n",
        &["3:46 `A___B` is not an API name: letters, digits and underscores, beginning with a letter"],
    );
}

#[test]
fn bombs_are_refused_when_the_file_is_loaded() {
    let long = "x".repeat(MAX_SOURCE_BYTES);
    told(&to_salesforce(&format!("{{{{ \"{long}\" }}}}")), &["6:18 the expression has 2056 bytes"]);
    let deep = format!("{{{{ {}referral.name{} }}}}", "(".repeat(200), ")".repeat(200));
    told(&to_salesforce(&deep), &["6:46 the expression nests deeper than 24 levels"]);
    told(
        &to_salesforce(&format!("{{{{ {}1 }}}}", "-".repeat(1000))),
        &["6:46 the expression nests deeper than 24 levels"],
    );
    told(
        &to_salesforce(&format!("{{{{ {}true }}}}", "not ".repeat(300))),
        &["6:121 the expression nests deeper than 24 levels"],
    );
    let wide = ["1"; 400].join(" ~ ");
    let errors = compiled(&to_salesforce(&format!("{{{{ {wide} }}}}"))).unwrap_err();
    assert_eq!(errors[0].what, "the expression has more than 200 parts");
    let piped = "| trim ".repeat(250);
    let errors = compiled(&to_salesforce(&format!("{{{{ referral.name {piped} }}}}"))).unwrap_err();
    assert_eq!(errors[0].what, "the expression has more than 200 parts");
}

#[test]
fn the_opposite_direction_is_create_only_and_refused_where_the_file_wants_more() {
    let group = |mapping: &Mapping, id: &str| {
        mapping.specs().groups.iter().find(|group| group.id.as_str() == id).unwrap().to
    };
    // Unsaid, it follows by itself.
    let ours = mapping("[fields.notes]\nto_salesforce = '{{ referral.details.notes | upper }}'\n");
    let to = group(&ours, "notes");
    assert!(to.crm.update && to.portal.create && !to.portal.update);
    let text = "[fields.notes]\nto_salesforce = '{{ referral.details.notes | upper }}'\non = [\"create\", \"update\"]\n";
    told(
        text,
        &[
            "4:1 what is computed for Salesforce does not invert: `notes` can be written to Partner Center at creation only",
        ],
    );
    let fixed = compiled(text).unwrap_err()[0].apply(&format!("version = 1\n{text}"));
    let fixed =
        Mapping::with_company("ours.toml", &fixed).unwrap_or_else(|errors| panic!("{errors:#?}\n{fixed}"));
    assert_eq!(group(&fixed, "notes"), to);
}

#[test]
fn an_expression_that_is_never_used_or_decides_for_a_person_is_refused() {
    told(
        "[fields.notes]\ndirection = \"to_partner_center\"\nto_salesforce = '{{ referral.name }}'\n",
        &["4:1 `to_salesforce` is never used: `notes` is not written to Salesforce"],
    );
    let errors = compiled("[fields.help]\nto_partner_center = '{{ \"General or other\" }}'\n").unwrap_err();
    let word = "consent, sharing and asking for help are a person's word, and are not computed";
    assert!(errors.iter().any(|error| error.what == word), "{errors:#?}");
    told(
        "[fields.solutions]\nto_salesforce = '{{ referral.name }}'\n",
        &["3:1 `to_salesforce` means nothing to the type `solutions`"],
    );
    told(
        "[fields.notes]\ndefault = '{{ opportunity.Name }}'\n",
        &["3:11 an expression sees one side alone, and this default is for both"],
    );
}

#[test]
fn a_fix_replaces_the_slip_and_nothing_else() {
    for (expression, meant) in [
        ("{{ referral.name | trimm | upper }}", "{{ referral.name | trim | upper }}"),
        ("{{ \"ä\" ~ referral.customerProfile.nam }}", "{{ \"ä\" ~ referral.customerProfile.name }}"),
        ("{{ referal.name }}", "{{ referral.name }}"),
    ] {
        let text = format!("version = 1\n{}", to_salesforce(expression));
        let errors = Mapping::with_company("ours.toml", &text).unwrap_err();
        let fixed = errors[0].apply(&text);
        let mapping =
            Mapping::with_company("ours.toml", &fixed).unwrap_or_else(|errors| panic!("{errors:#?}"));
        assert_eq!(binding(&mapping, "mine").expressions().next().unwrap().source(), meant);
    }
}

#[test]
fn examples_are_run_when_the_file_is_loaded() {
    let text = |expected: &str| {
        format!(
            "{}examples = [\n  {{ given = {{ referral = {{ name = \"A\", customerProfile = {{ name = \"B\" }} }} }}, expected = {expected} }},\n]\n",
            to_salesforce("{{ referral.name ~ \" (\" ~ referral.customerProfile.name ~ \")\" }}")
        )
    };
    let right = mapping(&text("\"A (B)\""));
    assert_eq!(binding(&right, "mine").examples.len(), 1);
    told(&text("\"A\""), &["8:89 the example gives \"A (B)\" and not \"A\""]);
    let text = format!("version = 1\n{}", text("\"A\""));
    let fixed = Mapping::with_company("ours.toml", &text).unwrap_err()[0].apply(&text);
    assert!(Mapping::with_company("ours.toml", &fixed).is_ok(), "{fixed}");
    told(
        &format!(
            "{}examples = [{{ given = {{ referral = {{ }} }}, expected = \"A\" }}]\n",
            to_salesforce("{{ referral.customerProfile.size }}")
        ),
        &["7:13 the example gives no value: `customerProfile.size` of the referral is empty"],
    );
    told(
        "[fields.notes]\nexamples = [{ given = { referral = { name = \"A\" } }, expected = \"A\" }]\n",
        &["3:13 the field has no expression that computes `to_salesforce` from this"],
    );
    let default = "[fields.notes]\ndefault.to_partner_center = '{{ opportunity.Name }}'\n\
                   examples = [{ given = { opportunity = { Name = \"A\" } }, expected = \"A\" }]\n";
    assert_eq!(binding(&mapping(default), "notes").examples.len(), 1);
}

/// Expressions that are well-formed more often than not.
fn source() -> impl Strategy<Value = String> {
    let leaf = prop_oneof![
        Just("referral.name".to_owned()),
        Just("referral.customerProfile.size".to_owned()),
        Just("referral.details.dealValue".to_owned()),
        Just("referral.customerProfile.team[0].email".to_owned()),
        Just("\"x y\"".to_owned()),
        Just("12.50".to_owned()),
        Just("true".to_owned()),
    ];
    let whole = leaf.prop_recursive(4, 40, 3, |inner| {
        prop_oneof![
            (inner.clone(), inner.clone()).prop_map(|(a, b)| format!("({a} ~ {b})")),
            (inner.clone(), inner.clone()).prop_map(|(a, b)| format!("({a} + {b})")),
            (inner.clone(), inner.clone()).prop_map(|(a, b)| format!("({a} == {b})")),
            (inner.clone(), inner.clone(), inner.clone())
                .prop_map(|(a, b, c)| format!("({a} if {b} else {c})")),
            inner.clone().prop_map(|a| format!("{a} | trim | truncate(5)")),
            inner.clone().prop_map(|a| format!("{a} | decimal | div(3, 2) | text")),
            inner.clone().prop_map(|a| format!("{a} | default(\"none\")")),
            inner.prop_map(|a| format!("[{a}, {a}] | join(\"-\")")),
        ]
    });
    whole.prop_map(|expression| format!("{{{{ {expression} }}}}"))
}

fn anything() -> impl Strategy<Value = Json> {
    prop_oneof![
        Just(Json::Null),
        any::<bool>().prop_map(Json::from),
        any::<i64>().prop_map(Json::from),
        any::<f64>().prop_map(Json::from),
        ".{0,40}".prop_map(Json::from),
        Just(json!([])),
        Just(json!({})),
        Just(json!([{"email": "a@b.example"}])),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    /// No record and no expression does more than give a value or a reason, and both are the same every time.
    #[test]
    fn evaluation_never_panics_and_is_always_the_same(
        source in source(),
        name in anything(),
        size in anything(),
        value in anything(),
        team in anything(),
    ) {
        let referral = json!({
            "name": name,
            "customerProfile": {"size": size, "team": team},
            "details": {"dealValue": value},
        });
        if let Ok(mapping) = compiled(&to_salesforce(&source)) {
            let first = of_referral(&mapping, "mine", &referral);
            prop_assert_eq!(&first, &of_referral(&mapping, "mine", &referral));
            // A reason comes with an unknown value, and a value is never longer than its field.
            prop_assert!(first.1.is_none() || first.0.held == Observed::Unknown);
            if let Observed::Value(Value::Text(text)) = first.0.held {
                prop_assert!(text.chars().count() <= 200 && !text.is_empty());
            }
        }
    }

    /// No text between braces does more than compile or be told.
    #[test]
    fn compiling_never_panics_and_points_into_the_file(source in "[a-z .|~()\\[\\]\"0-9{}%+*<=>\u{e4}-]{0,60}") {
        let text = format!("version = 1\n{}", to_salesforce(&format!("{{{{{source}}}}}")));
        if let Err(errors) = Mapping::with_company("ours.toml", &text) {
            for error in errors {
                let line = text.lines().nth(error.line - 1).unwrap_or_default();
                prop_assert!(error.column <= line.chars().count() + 1, "{error}");
            }
        }
    }
}
