//! The lines about Partner Center: both sign-ins, what is visible, the role, the registration, the clock.

use std::collections::BTreeSet;

use connectors::Finding;
use partner_center::{CallContext, Error, ListQuery, Order, ReferralPage, Standing};
use ports::Lane;
use service::{Seen, seen_of_portal};

use super::org::clock;
use crate::{wanted_registration::wanted, wiring::Wired};

/// Referrals that one look reads, newest first.
const LOOK: u32 = 100;
/// Most partner ids that a line names.
const MAX_IDS: usize = 10;

const SIGN_IN: (&str, &str) = ("partner_center.sign_in", "Sign-in, referrals");
const EVENTS_SIGN_IN: (&str, &str) = ("partner_center.webhooks_sign_in", "Sign-in, webhooks");
const ROLE: (&str, &str) = ("partner_center.role", "Role of the user");
const REFERRALS: (&str, &str) = ("partner_center.referrals", "Referrals");

pub(super) async fn look(wired: &Wired) -> Vec<Finding> {
    let mut findings = referrals(wired).await;
    findings.extend(webhooks(wired).await);
    findings
}

async fn referrals(wired: &Wired) -> Vec<Finding> {
    let context = CallContext::new(Lane::Now);
    let newest = ListQuery::new().top(LOOK).order_by(Order::UpdatedDescending).with_count();
    let before = wired.clock.now();
    let listed = wired.partner_center.list(context, &newest).await;
    let after = wired.clock.now();
    let page = match listed {
        Ok(page) => page,
        Err(error) => return unlisted(&error),
    };
    let (id, title) = SIGN_IN;
    let mut findings = vec![Finding::pass(id, title, "a token is granted and taken")];
    let ids: BTreeSet<&str> = page.items.iter().filter_map(partner_center::Referral::mpn_id).collect();
    findings.push(visible(&page, &ids));
    let (id, title) = ROLE;
    findings.push(Finding::unseen(
        id,
        title,
        "Referrals can be read, so the user has a role for them; which one, and for which locations, is not told.",
        "Partner Center, User management: Referrals admin, for the whole company. A Referrals user sees a part.",
    ));
    findings.extend(partner_ids(wired, &ids));
    if let Some(told) = page.server_date {
        findings.push(clock("partner_center.clock", "Partner Center", before, told, after));
    }
    findings
}

fn visible(page: &ReferralPage, ids: &BTreeSet<&str>) -> Finding {
    let (id, title) = REFERRALS;
    let seen = page.items.len();
    if seen == 0 {
        return Finding::unseen(
            id,
            title,
            "None is visible: there is none yet, or the user's role shows none.",
            "Compare with the referrals that Partner Center shows an administrator.",
        );
    }
    // What the count counts is not documented: it is believed where it says more than was seen.
    let count = page.count.and_then(|count| usize::try_from(count).ok()).filter(|count| *count > seen);
    let count = match (count, &page.next) {
        (Some(count), _) => count.to_string(),
        (None, Some(_)) => format!("{seen} or more"),
        (None, None) => seen.to_string(),
    };
    let named: Vec<&str> = ids.iter().copied().take(MAX_IDS).collect();
    let named = match named.as_slice() {
        [] => "no partner id in them".to_owned(),
        [one] => format!("partner id {one}"),
        [first @ .., last] => format!("partner ids {} and {last}", first.join(", ")),
    };
    Finding::pass(id, title, format!("{count} visible, {named}"))
}

/// The partner id of the tenant against that of the solution (requirements, M1).
fn partner_ids(wired: &Wired, seen: &BTreeSet<&str>) -> Vec<Finding> {
    let (id, title) = ("partner_center.partner_id", "Partner ids");
    let wanted: BTreeSet<&str> = wired.mapping.partner_ids().all().collect();
    let strange: Vec<&str> = wanted.difference(seen).copied().collect();
    let first = if !seen.is_empty() && !strange.is_empty() {
        Finding::fail(
            id,
            title,
            format!("The mapping sends {}, and no visible referral has it.", strange.join(", ")),
            "Correct [partner_ids] of the mapping, or give the user the role for that location.",
        )
    } else if !wanted.is_empty() && strange.is_empty() {
        Finding::pass(id, title, format!("{} seen on referrals", Vec::from_iter(wanted).join(", ")))
    } else {
        Finding::unseen(
            id,
            title,
            "The mapping names none, or there is no referral to compare with.",
            "Compare with Partner Center, Account settings, Identifiers.",
        )
    };
    vec![
        first,
        Finding::unseen(
            "partner_center.cosell_ready",
            "Co-sell-ready solution",
            "No API tells which solutions are co-sell ready, and under which partner id.",
            "Partner Center, Marketplace offers, Co-sell: a solution must be co-sell ready under the same partner id.",
        ),
    ]
}

/// The list was refused: for the sign-in, for the role, or for now.
fn unlisted(error: &Error) -> Vec<Finding> {
    let (id, title) = SIGN_IN;
    match (error, seen_of_portal(error)) {
        (Error::Auth { .. }, Seen::NeedsPerson(sentence, next)) => {
            vec![Finding::fail(id, title, sentence, next)]
        }
        (_, Seen::NeedsPerson(sentence, next)) => {
            let (role, role_title) = ROLE;
            vec![
                Finding::pass(id, title, "a token is granted"),
                Finding::fail(role, role_title, format!("{sentence}."), next),
            ]
        }
        (_, Seen::NotNow(why) | Seen::Works(why)) => {
            vec![Finding::unseen(id, title, format!("{why}."), "Try again in a while.")]
        }
    }
}

async fn webhooks(wired: &Wired) -> Vec<Finding> {
    let (id, title) = EVENTS_SIGN_IN;
    let (line, line_title) = ("partner_center.registration", "Webhook registration");
    if wired.loaded.config.webhook.is_none() {
        let why = "There is no section [webhook]: this sign-in is not used.";
        return vec![Finding::unseen(
            id,
            title,
            why,
            "Add the section to be told of changes within seconds.",
        )];
    }
    let present = match wired.partner_center.registered(CallContext::new(Lane::Now)).await {
        Ok(present) => present,
        Err(error) => {
            return vec![match seen_of_portal(&error) {
                Seen::NeedsPerson(sentence, next) => Finding::fail(id, title, sentence, next),
                Seen::NotNow(why) | Seen::Works(why) => {
                    Finding::unseen(id, title, format!("{why}."), "Try again in a while.")
                }
            }];
        }
    };
    let signed_in = Finding::pass(id, title, "a token is granted and taken");
    let registration = match wanted(&wired.loaded.config) {
        Err(error) => super::here::broken(line, line_title, &error),
        Ok(None) => {
            let stands = if present.is_some() { "One stands" } else { "None stands" };
            let why =
                format!("{stands}; [webhook] public_url is not set, so which address is ours is not known.");
            Finding::unseen(line, line_title, why, "Set it, then: cosell webhook register")
        }
        Ok(Some(wanted)) => match wanted.standing(present.as_ref()) {
            Standing::Ours { lacking } if lacking.is_empty() => {
                Finding::pass(line, line_title, "events come to this service")
            }
            Standing::Ours { lacking } => Finding::fail(
                line,
                line_title,
                format!("Events come here, but {} are lacking.", lacking.join(", ")),
                "cosell webhook register",
            ),
            Standing::Absent => {
                Finding::fail(line, line_title, "Nobody is told of changes.", "cosell webhook register")
            }
            Standing::Displaced { by } => Finding::fail(
                line,
                line_title,
                format!("Events go to {}, and not to this service.", by.shown_url()),
                "Find out whose address it is; to take its place: cosell webhook register --replace",
            ),
        },
    };
    vec![signed_in, registration]
}
