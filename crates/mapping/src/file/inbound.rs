//! The `[inbound]` section.

use jiff::civil::Date;

use super::{
    conditions::{Vocabulary, check_country},
    mistakes::Mistakes,
    remedy::Remedy,
    tree::{Item, Node, Table},
    typed,
};
use crate::{AccountRule, Inbound, PortalPath, ReferralField, Route, RouteRule};

pub(super) const KEYS: &[&str] = &["create", "since", "where", "account", "default_owner", "route"];
pub(super) const ROUTE_KEYS: &[&str] = &["where", "owner", "record_type", "campaign"];
pub(super) const ACCOUNT_RULES: &[(&str, AccountRule)] =
    &[("match", AccountRule::Match), ("create", AccountRule::Create), ("ask", AccountRule::Ask)];
/// Words for what a condition may look at; any other member is named by its pointer.
const MEMBERS: &[(&str, &str)] = &[
    ("country", COUNTRY),
    ("state", "/customerProfile/address/state"),
    ("partner_id", "/mpnId"),
    ("qualification", "/qualification"),
    ("type", "/type"),
    ("status", "/status"),
    ("deal_value", "/details/dealValue"),
    ("currency", "/details/currency"),
    ("program", "/referralProgram"),
];
/// What the identifiers of users and of campaigns begin with (salesforce reference, section 2.1).
const USER_PREFIX: &str = "005";
const CAMPAIGN_PREFIX: &str = "701";
const COUNTRY: &str = "/customerProfile/address/country";
const SOLUTION: &str = "solution";
const INVITED_BY: &str = "invited_by";
const INVITERS: &[&str] = &["us", "microsoft", "partner", "nobody"];

const VOCABULARY: Vocabulary<'static, ReferralField> =
    Vocabulary { nothing_passes: "{ field = \"country\", in = [\"?\"] }", subject: &subject, check: &check };

pub(super) fn read(file: &Table, mistakes: &mut Mistakes<'_>) -> Inbound {
    let mut inbound = Inbound::default();
    let Some(node) = file.get("inbound") else { return inbound };
    let Some(section) = typed::table(node, mistakes) else { return inbound };
    typed::known_keys(section, KEYS, "[inbound]", mistakes);
    let get = |key: &str| section.get(key);
    if let Some(create) = get("create").and_then(|node| typed::flag(node, mistakes)) {
        inbound.create = create;
    }
    inbound.since = get("since").and_then(|node| date(node, mistakes));
    inbound.conditions = get("where").map(|node| VOCABULARY.read(node, mistakes)).unwrap_or_default();
    if let Some(rule) = get("account").and_then(|node| typed::meaning(node, ACCOUNT_RULES, mistakes)) {
        inbound.account = rule;
    }
    inbound.default_owner = get("default_owner").and_then(|node| owner(node, mistakes));
    let routes = get("route").and_then(|node| typed::list(node, mistakes)).unwrap_or_default();
    inbound.routes = routes.iter().filter_map(|node| route(node, mistakes)).collect();
    if inbound.create && section.get("default_owner").is_none() {
        mistakes.add(
            section.entry("create").map_or(node.at, |entry| entry.key_at),
            "opportunities may be created, but nobody would own them",
            Remedy::say(["inbound", "create"], "false").advised(
                "set `default_owner` to the user who gets what no route assigns; never the integration user",
            ),
        );
    }
    inbound
}

fn route(node: &Node, mistakes: &mut Mistakes<'_>) -> Option<RouteRule> {
    let table = typed::table(node, mistakes)?;
    typed::known_keys(table, ROUTE_KEYS, "[[inbound.route]]", mistakes);
    let conditions = table.get("where").map(|node| VOCABULARY.read(node, mistakes)).unwrap_or_default();
    let owner = table.get("owner").and_then(|node| owner(node, mistakes));
    let campaign = table.get("campaign").and_then(|node| campaign(node, mistakes));
    let record_type = table.get("record_type").and_then(|node| typed::text(node, mistakes));
    let route = Route { owner, record_type: record_type.map(str::to_owned), campaign };
    Some(RouteRule { conditions, route })
}

/// A user's name or identifier. An identifier of anything else is refused here already: a queue owns no opportunities
/// (salesforce reference, section 5.1).
fn owner(node: &Node, mistakes: &mut Mistakes<'_>) -> Option<String> {
    let text = typed::text(node, mistakes)?.trim();
    if is_record_id(text) && !text.starts_with(USER_PREFIX) {
        mistakes.add(
            node.at,
            format!("`{}` is no user: queues and groups own no opportunities", typed::shown(text)),
            Remedy::remove().advised("write a user name, like `\"sales.desk@example.com\"`, or a user's identifier, which begins with 005"),
        );
        return None;
    }
    Some(text.to_owned())
}

fn campaign(node: &Node, mistakes: &mut Mistakes<'_>) -> Option<String> {
    let text = typed::text(node, mistakes)?.trim();
    if !is_record_id(text) || !text.starts_with(CAMPAIGN_PREFIX) {
        mistakes.add(
            node.at,
            format!("`{}` is not the identifier of a campaign", typed::shown(text)),
            Remedy::remove().advised("copy it from the campaign's address in Salesforce; it begins with 701"),
        );
        return None;
    }
    Some(text.to_owned())
}

fn is_record_id(text: &str) -> bool {
    matches!(text.len(), 15 | 18) && text.bytes().all(|each| each.is_ascii_alphanumeric())
}

fn subject(node: &Node, mistakes: &mut Mistakes<'_>) -> Option<ReferralField> {
    if matches!(&node.item, Item::Text(text) if text.starts_with('/')) {
        return typed::portal_path(node, mistakes).map(ReferralField::Member);
    }
    let mut words: Vec<&str> = MEMBERS.iter().map(|(word, _)| *word).collect();
    words.extend([SOLUTION, INVITED_BY]);
    Some(match typed::one_of(node, &words, mistakes)? {
        SOLUTION => ReferralField::Solution,
        INVITED_BY => ReferralField::InvitedBy,
        word => {
            let (_, path) = MEMBERS.iter().find(|(known, _)| *known == word)?;
            ReferralField::Member(PortalPath::fixed(path))
        }
    })
}

fn check(subject: &ReferralField, node: &Node, text: &str, mistakes: &mut Mistakes<'_>) {
    match subject {
        ReferralField::InvitedBy => drop(typed::one_of(node, INVITERS, mistakes)),
        ReferralField::Member(path) if path.as_str() == COUNTRY => check_country(node, text, mistakes),
        ReferralField::Solution | ReferralField::Member(_) => {}
    }
}

fn date(node: &Node, mistakes: &mut Mistakes<'_>) -> Option<Date> {
    let parsed = match &node.item {
        Item::Date(text) | Item::Text(text) => {
            text.parse::<Date>().ok().filter(|_| text.len() == "2027-01-31".len())
        }
        _ => None,
    };
    if parsed.is_none() {
        mistakes.add(
            node.at,
            "this is not a day",
            day(node).advised("write it like 2027-01-31, without a time"),
        );
    }
    parsed
}

/// The day that a time falls on. What cannot be read becomes the last of days: nothing older than it is taken in.
fn day(node: &Node) -> Remedy {
    let day = match &node.item {
        Item::Date(text) | Item::Text(text) => text.get(..10).and_then(|day| day.parse::<Date>().ok()),
        _ => None,
    };
    Remedy::value(day.unwrap_or(Date::MAX).to_string())
}
