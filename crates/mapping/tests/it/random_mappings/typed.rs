//! What people type: raw values of each type, as each platform's own users and programs write them.

use deal_model::Side;
use serde_json::{Value as Json, json};

use super::drawn::{CHOICES, Field, RANGES, Type};
use crate::tape::Tape;

const TEXTS: [&str; 9] = [
    "a",
    "b",
    "abcdefghijkl",
    "  blanks  within  ",
    "two\r\nlines",
    "e\u{301}\u{1F600}\u{1F600}\u{1F600}",
    "tab\tand\u{0}nul",
    "\u{a0}",
    "5 < 6 & more",
];
const HTML: [&str; 5] =
    ["<p>a</p><p><b>b</b></p>", "a<br>b", "5 &lt; 6 &amp; more", "<p><br></p>", "a <script>x</script> < b"];
const PHONES: [&str; 5] =
    ["+49 (30) 123-456", "+4930123456", "0049 30 123456", "+49 30 999", "1-800-FLOWERS"];
const AMOUNTS: [&str; 7] = ["1", "2.5", "1234.567", "0.005", "-3.49999", "48000", "99999999999999.99"];

/// A value of the field as it may stand on `side`. None of it is checked by anybody.
pub(super) fn draw(tape: &mut Tape, field: &Field, side: Side) -> Json {
    if tape.chance(15) && field.is != Type::Flag {
        return tape.one(&[Json::Null, json!("")]);
    }
    match &field.is {
        Type::Html(of) if *of == side => json!(tape.one(&HTML)),
        Type::Text | Type::LongText | Type::Html(_) | Type::Computed(_) => json!(tape.one(&TEXTS)),
        Type::Phone => json!(tape.one(&PHONES)),
        Type::Number | Type::Money => {
            let digits = tape.one(&AMOUNTS);
            // The portal has been seen to send either.
            if side == Side::Portal && tape.chance(20) {
                json!(digits)
            } else {
                serde_json::from_str(digits).unwrap()
            }
        }
        Type::Currency => json!(tape.one(&["EUR", "USD", "JPY", "KWD"])),
        Type::Date => {
            let day = tape.one(&["2027-03-31", "2028-02-29", "2027-01-01"]);
            match side {
                Side::Crm => json!(day),
                Side::Portal => {
                    let time =
                        tape.one(&["T00:00:00Z", "T00:00:00.0000000Z", "T22:00:00Z", "T01:00:00+02:00"]);
                    json!(format!("{day}{time}"))
                }
            }
        }
        Type::Flag => json!(tape.chance(50)),
        Type::Choice => {
            let (name, code) = tape.one(&CHOICES);
            json!(if side == Side::Crm { name } else { tape.one(&[code, "New code", "Nothing"]) })
        }
        Type::Range => {
            let (code, from, to) = tape.one(&RANGES);
            if side == Side::Crm { json!(tape.one(&[from, to, 1000])) } else { json!(code) }
        }
        Type::Country => json!(match side {
            Side::Crm => tape.one(&["Germany", "CH", "de", "Nowhere"]),
            Side::Portal => tape.one(&["DE", "CH", "ZZ"]),
        }),
        Type::Solutions | Type::People => elements(tape, &field.is, side),
    }
}

/// The array of a referral, or the rows of an opportunity.
fn elements(tape: &mut Tape, is: &Type, side: Side) -> Json {
    let count = tape.below(4);
    let mut elements = Vec::new();
    for _ in 0..count {
        let key = tape.one(&["a@x.example", "b@x.example", "c@x.example", "d@x.example"]);
        let name = tape.one(&["one", "two", "a long name"]);
        let phone = tape.one(&PHONES);
        let number = json!(tape.below(5));
        let element = match (is, side) {
            (Type::People, Side::Portal) => {
                json!({"email": key, "lastName": name, "phoneNumber": phone, "foreign": true})
            }
            (Type::People, Side::Crm) => {
                json!({"Contact": {"Email": key, "LastName": name, "Phone": phone}, "IsPrimary": false})
            }
            (_, Side::Portal) => json!({"id": key, "name": name, "quantity": number, "foreign": true}),
            (_, Side::Crm) => json!({"Key__c": key, "Name": name, "Count__c": number}),
        };
        if !elements.iter().any(|known| key_of(known) == key_of(&element)) {
            elements.push(element);
        }
    }
    Json::Array(elements)
}

pub(super) fn key_of(element: &Json) -> Option<&Json> {
    ["email", "id", "Key__c"]
        .into_iter()
        .find_map(|name| element.get(name))
        .or_else(|| element.pointer("/Contact/Email"))
}
