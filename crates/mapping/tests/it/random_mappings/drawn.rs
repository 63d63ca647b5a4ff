//! Random valid mapping files, and what each of them lets happen, told apart from the code that compiles them.

use std::fmt::Write as _;

use deal_model::Side;

use crate::tape::Tape;

/// The type of a drawn field.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Type {
    Text,
    LongText,
    Html(Side),
    Phone,
    Number,
    Money,
    Currency,
    Date,
    Flag,
    Choice,
    Range,
    Country,
    /// A text that an expression makes of the other side's name, for this side.
    Computed(Side),
    Solutions,
    People,
}

impl Type {
    pub(super) fn name(&self) -> &'static str {
        match self {
            Self::Text | Self::Computed(_) => "text",
            Self::LongText | Self::Html(_) => "long_text",
            Self::Phone => "phone",
            Self::Number => "number",
            Self::Money => "money",
            Self::Currency => "currency",
            Self::Date => "date",
            Self::Flag => "flag",
            Self::Choice => "choice",
            Self::Range => "range",
            Self::Country => "country",
            Self::Solutions => "solutions",
            Self::People => "people",
        }
    }

    /// Whether a platform may keep less of it than it is sent.
    pub(super) fn may_be_cut(&self) -> bool {
        matches!(self, Self::Text | Self::LongText | Self::Phone) || self.is_set()
    }

    pub(super) fn is_set(&self) -> bool {
        matches!(self, Self::Solutions | Self::People)
    }
}

/// One drawn field.
#[derive(Debug, Clone)]
pub(super) struct Field {
    pub(super) id: String,
    pub(super) is: Type,
    /// Its pointer into the referral.
    pub(super) portal: String,
    /// Its column of the opportunity, or of its account behind `Account.`.
    pub(super) crm: String,
}

/// Whether a side may be written, by moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Moments {
    pub(super) create: bool,
    pub(super) update: bool,
}

/// Fields that are one value, and what the file says of them.
#[derive(Debug, Clone)]
pub(super) struct Group {
    pub(super) id: String,
    pub(super) fields: Vec<Field>,
    pub(super) direction: &'static str,
    pub(super) to_portal: Moments,
    pub(super) to_crm: Moments,
    pub(super) conflict: &'static str,
    pub(super) clear: [&'static str; 2],
    pub(super) enforce: bool,
    /// The keys of each field that only its type has, one line each.
    keys: Vec<String>,
}

impl Group {
    pub(super) fn to(&self, side: Side) -> Moments {
        match side {
            Side::Portal => self.to_portal,
            Side::Crm => self.to_crm,
        }
    }

    pub(super) fn is_set(&self) -> bool {
        self.fields.iter().any(|field| field.is.is_set())
    }

    /// Whether both sides are written whenever the other changes.
    pub(super) fn goes_both_ways(&self) -> bool {
        self.to_portal.update && self.to_crm.update && !self.leaves_the_opportunity()
    }

    /// Whether a column is of a record that many deals share.
    pub(super) fn leaves_the_opportunity(&self) -> bool {
        self.fields.iter().any(|field| field.crm.starts_with("Account."))
    }
}

/// A mapping file that was drawn.
#[derive(Debug, Clone)]
pub(super) struct Drawn {
    pub(super) groups: Vec<Group>,
    pub(super) text: String,
}

/// The default's leads that stay out of the drawn file: what is drawn takes their places.
const LEFT_OUT: &[&str] = &[
    "referral_identifier",
    "referral_link",
    "external_reference",
    "deal_name",
    "deal_value",
    "closing_date",
    "notes",
    "share",
    "help",
    "consent_share",
    "solutions",
    "marketplace_intent",
    "customer_name",
    "customer_street",
    "customer_duns",
    "customer_size",
    "contacts",
    "team",
    "microsoft_status",
    "microsoft_sellers",
    "microsoft_crm_id",
    "microsoft_reason",
    "microsoft_expires",
    "referral_expires",
    "referral_program",
];
/// Where a referral has its name.
pub(super) const NAME: &str = "/name";
/// Codes of the portal and their names in Salesforce, for choices.
pub(super) const CHOICES: [(&str, &str); 3] =
    [("Small thing", "S"), ("Medium thing", "M"), ("Large thing", "L")];
/// Codes of the portal and the numbers that they stand for.
pub(super) const RANGES: [(&str, i64, i64); 2] = [("few", 1, 9), ("many", 10, 99)];

pub(super) fn draw(tape: &mut Tape) -> Drawn {
    let count = 3 + tape.below(4);
    let mut groups: Vec<Group> = Vec::new();
    for number in 0..count {
        let group = group(tape, number, &groups);
        groups.push(group);
    }
    let text = text(tape, &groups);
    Drawn { groups, text }
}

fn group(tape: &mut Tape, number: usize, drawn: &[Group]) -> Group {
    let field = |name: &str, is: Type| Field {
        id: format!("{name}_{number}"),
        is,
        portal: format!("/drawn/{name}_{number}"),
        crm: format!("Drawn_{name}_{number}__c"),
    };
    let has = |is: &Type| drawn.iter().any(|group| group.fields[0].is == *is);
    let fields = match tape.below(18) {
        0..=3 => vec![field("amount", Type::Money), field("currency", Type::Currency)],
        4 => vec![field("text", Type::Text)],
        5 => vec![field("long", Type::LongText)],
        6 => vec![field("html", Type::Html(tape.one(&Side::BOTH)))],
        7 => vec![field("phone", Type::Phone)],
        8 => vec![field("number", Type::Number)],
        9 => vec![field("date", Type::Date)],
        10 => vec![field("flag", Type::Flag)],
        11 => vec![field("choice", Type::Choice)],
        12 => vec![field("range", Type::Range)],
        13 => vec![field("country", Type::Country), field("city", Type::Text)],
        14 if !has(&Type::People) => vec![field("people", Type::People)],
        15 => vec![Field { portal: NAME.to_owned(), ..field("computed", Type::Computed(Side::Crm)) }],
        16 => vec![Field { crm: "Name".to_owned(), ..field("computed", Type::Computed(Side::Portal)) }],
        _ => vec![field("rows", Type::Solutions)],
    };
    let is_set = fields[0].is.is_set();
    let ways = [
        ("both", true, true),
        ("both", true, true),
        ("to_salesforce", false, true),
        ("to_partner_center", true, false),
    ];
    let (direction, portal, crm) = match fields[0].is {
        // An expression does not invert.
        Type::Computed(Side::Crm) => ways[2],
        Type::Computed(Side::Portal) => ways[3],
        _ => tape.one(&ways),
    };
    let mut moments = |may: bool| match tape.below(8) {
        _ if !may => Moments { create: false, update: false },
        0 => Moments { create: true, update: false },
        1 => Moments { create: false, update: true },
        _ => Moments { create: true, update: true },
    };
    let (to_portal, to_crm) = (moments(portal), moments(crm));
    // What a file says of a side that is never updated would be passed over, so a file may not say it.
    let clear = |tape: &mut Tape, to: Moments| {
        let clear = tape.one(&["ignore", "propagate", "refill"]);
        if to.update { clear } else { "ignore" }
    };
    let one_way = !(to_portal.update && to_crm.update);
    let mut group = Group {
        id: fields[0].id.clone(),
        direction,
        to_portal,
        to_crm,
        conflict: tape.one(&["newest", "newest", "salesforce", "partner_center", "ask"]),
        clear: [clear(tape, to_crm), clear(tape, to_portal)],
        enforce: one_way && tape.chance(40),
        keys: Vec::new(),
        fields,
    };
    if !is_set && !matches!(group.fields[0].is, Type::Computed(_)) && tape.chance(10) {
        for field in &mut group.fields {
            field.crm = format!("Account.{}", field.crm);
        }
    }
    group.keys = group.fields.iter().map(|field| own_keys(tape, field, &group)).collect();
    group
}

/// What only the field's type says.
fn own_keys(tape: &mut Tape, field: &Field, group: &Group) -> String {
    let mut keys = String::new();
    let mut say = |line: &str| {
        keys.push_str(line);
        keys.push('\n');
    };
    let alone = group.fields.len() == 1;
    match &field.is {
        Type::Text | Type::LongText | Type::Phone => {
            if tape.chance(50) {
                say(&format!("max_length = {}", 3 + tape.below(12)));
            }
            if alone && field.is != Type::Phone && tape.chance(20) {
                say("default = \"nil\"");
            }
        }
        Type::Html(side) => {
            say(if *side == Side::Crm { "html = \"salesforce\"" } else { "html = \"partner_center\"" });
        }
        Type::Number | Type::Money => {
            if tape.chance(50) {
                say(&format!("scale = {}", tape.below(4)));
            }
            if alone && tape.chance(20) {
                say("default = { to_partner_center = 7 }");
            }
        }
        Type::Date => say(if tape.chance(30) { "nearest_midnight = true" } else { "" }),
        Type::Choice => {
            let pairs = CHOICES.map(|(name, code)| format!("\"{name}\" = \"{code}\""));
            say(&format!("values = {{ {} }}", pairs.join(", ")));
            say(if tape.chance(30) { "none = \"Nothing\"" } else { "" });
        }
        Type::Range => {
            let ranges = RANGES.map(|(code, from, to)| format!("{code} = [{from}, {to}]"));
            say(&format!("ranges = {{ {} }}", ranges.join(", ")));
        }
        Type::Solutions => {
            say(&format!(
                "rows = {{ relationship = \"{0}__r\", object = \"{0}__c\", parent = \"Opportunity__c\", \
                 key = \"Key__c\", unique_key = \"Unique__c\" }}",
                field.id
            ));
            say("constants = { type = \"Name\" }");
            say("attributes.name = { partner_center = \"name\", salesforce = \"Name\", max_length = 8 }");
            say(
                "attributes.count = { partner_center = \"quantity\", salesforce = \"Count__c\", type = \"number\" }",
            );
            say(&format!("min = {}\nmax = {}", tape.below(2), 3 + tape.below(3)));
            say(tape.one(&["remove = true", "remove = { to_salesforce = true }", ""]));
        }
        Type::People => {
            say("when = \"always\"");
            say("attributes.last = { partner_center = \"lastName\", salesforce = \"LastName\" }");
            say(
                "attributes.phone = { partner_center = \"phoneNumber\", salesforce = \"Phone\", type = \"phone\" }",
            );
            say(tape.one(&["remove = true", ""]));
        }
        Type::Computed(Side::Crm) => say("to_salesforce = '{{ referral.name ~ \"!\" }}'"),
        Type::Computed(Side::Portal) => say("to_partner_center = '{{ opportunity.Name ~ \"!\" }}'"),
        Type::Currency | Type::Flag | Type::Country => {}
    }
    keys
}

fn text(tape: &mut Tape, groups: &[Group]) -> String {
    let mut text = "version = 1\nextends = \"default\"\n".to_owned();
    if tape.chance(25) {
        text.push_str("\n[text]\ncount = \"utf16\"\n");
    }
    for lead in LEFT_OUT {
        write!(text, "\n[fields.{lead}]\ndirection = \"off\"\n").unwrap();
    }
    for group in groups {
        for (place, (field, keys)) in group.fields.iter().zip(&group.keys).enumerate() {
            write!(text, "\n[fields.{}]\ntype = \"{}\"\n", field.id, field.is.name()).unwrap();
            if field.is != Type::Computed(Side::Crm) {
                write!(text, "partner_center = \"{}\"\nundocumented = true\n", field.portal).unwrap();
            }
            if !field.is.is_set() && field.is != Type::Computed(Side::Portal) {
                writeln!(text, "salesforce = \"Opportunity.{}\"", field.crm).unwrap();
            }
            if group.fields.len() > 1 {
                writeln!(text, "group = \"{}\"", group.id).unwrap();
            }
            if place == 0 {
                policy(&mut text, group);
            }
            text.push_str(keys);
        }
    }
    text
}

fn policy(text: &mut String, group: &Group) {
    writeln!(text, "direction = \"{}\"\nconflict = \"{}\"", group.direction, group.conflict).unwrap();
    let [to_crm, to_portal] = group.clear;
    writeln!(text, "clear = {{ to_salesforce = \"{to_crm}\", to_partner_center = \"{to_portal}\" }}")
        .unwrap();
    let on = |moments: Moments| match moments {
        Moments { create: true, update: true } => "[\"create\", \"update\"]",
        Moments { create: true, update: false } => "[\"create\"]",
        Moments { create: false, update: true } => "[\"update\"]",
        Moments { create: false, update: false } => "[]",
    };
    writeln!(
        text,
        "on = {{ to_salesforce = {}, to_partner_center = {} }}",
        on(group.to_crm),
        on(group.to_portal)
    )
    .unwrap();
    writeln!(text, "enforce = {}", group.enforce).unwrap();
}
