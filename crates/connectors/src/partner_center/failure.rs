//! What a refusal of the portal means for the engine: classed once, here.

use deal_model::{GroupId, Life};
use http::StatusCode;
use mapping::Mapping;
use partner_center::{Error, ErrorCode, Operation, ReferralId};
use ports::RetryClass;
use sync_engine::SideError;

use super::places::Places;

/// Where the reason of an ending is written.
const STATUS_REASON: &str = "/statusReason";

/// The engine's error for `error`. The groups are those whose members the server names.
pub(super) fn side_error(error: &Error, mapping: &Mapping) -> SideError {
    let refusal = error.api();
    let fields = refusal.map_or(&[][..], |refusal| refusal.fields());
    // Only our own referral is ever changed; a creation may be of either.
    let changed = refusal.is_some_and(|refusal| refusal.operation() == Operation::PatchReferral);
    let whose = if changed { Whose::Own } else { Whose::Either };
    SideError {
        class: class(error),
        what: error.to_string(),
        told: refusal.map(told).unwrap_or_default(),
        groups: groups(fields, whose, mapping),
        fixed: Box::default(),
        waits_for: None,
        certainly_not_done: certainly_not_done(error),
    }
}

/// Inner codes by which a server says that a place may not be changed at all, whatever the value and the referral.
/// Microsoft publishes none; these are the words that services of its kind use. A place that is read-only, not supported
/// or not found may be so in this one document alone, so those codes are not among them.
const CLOSED_PLACE: [&str; 3] = ["pathNotAllowed", "notPatchable", "notUpdatable"];

/// The engine's error for a change of `referral` that went to the places `sent` and was refused. What the server refuses
/// there for good is told apart from a value that it does not take: it names the place as closed, or several referrals
/// were refused at a place that is none of those documented as changeable.
pub(super) fn refused_change(
    error: &Error,
    referral: ReferralId,
    sent: &[&str],
    places: &Places,
    mapping: &Mapping,
) -> SideError {
    let mut side = side_error(error, mapping);
    let Some(refusal) = error.api().filter(|refusal| refusal.status() == StatusCode::BAD_REQUEST) else {
        return side;
    };
    let code = deepest_code(refusal);
    if about_value(code).is_some() {
        return side;
    }
    let closed = CLOSED_PLACE.iter().any(|known| known.eq_ignore_ascii_case(code));
    // A complaint that names nothing, about a change of one place, is about that place.
    let alone = refusal.fields().is_empty() && sent.len() == 1;
    let mut fixed = Vec::new();
    for path in sent {
        let named = refusal.fields().iter().any(|field| field == path);
        let refused = named || alone;
        if (named && closed) || (refused && places.refused(path, referral)) {
            let living = groups(&[(*path).to_owned()], Whose::Own, mapping);
            side.groups.extend(
                living.iter().filter(|group| !side.groups.contains(group)).cloned().collect::<Vec<_>>(),
            );
            fixed.extend(living.into_iter().map(|group| (group, (*path).to_owned())));
        }
    }
    side.fixed = fixed.into();
    side
}

/// The engine's error for a refused step in the referral's life. Fields are not among what was sent, so none is named;
/// of a reason that the portal does not take, a person is told which one it was.
pub(super) fn refused_move(error: &Error, to: &Life, mapping: &Mapping) -> SideError {
    let mut side = SideError { groups: Vec::new(), ..side_error(error, mapping) };
    let named =
        error.api().is_some_and(|refusal| refusal.fields().iter().any(|field| field == STATUS_REASON));
    if let Life::Lost { reason } | Life::Declined { reason } | Life::Error { reason } = to
        && named
    {
        let word = to.word();
        side.told = match reason {
            Some(reason) => format!("as a reason for \"{word}\", \"{reason}\" is not taken: {}", side.told),
            None => format!("\"{word}\" needs a reason: {}", side.told),
        };
    }
    side
}

fn deepest_code(refusal: &partner_center::ApiError) -> &str {
    refusal.deepest_code().map(ErrorCode::as_str).unwrap_or_default()
}

/// What an inner code says of a value, where its word is plain.
fn about_value(code: &str) -> Option<&'static str> {
    Some(match code {
        "missing" | "required" => "the portal cannot do without it",
        "outOfRange" => "the portal takes no such number or date",
        "tooLong" => "it is longer than the portal takes",
        "tooMany" => "there are more than the portal takes",
        _ if code.ends_with("Invalid") => "the portal does not know this value",
        _ => return None,
    })
}

/// What an inner code means, with the server's own sentence.
fn told(refusal: &partner_center::ApiError) -> String {
    let said = refusal.server_text().unwrap_or_default();
    match about_value(deepest_code(refusal)) {
        None => said.to_owned(),
        Some(plain) if said.is_empty() => format!("{plain}."),
        Some(plain) => format!("{plain} ({}).", said.trim_end_matches('.')),
    }
}

/// Whether the answer says that the caller may not see this very referral. Another 403 (a proxy, a claims challenge) says
/// something about the connection, and nothing about the referral.
pub(super) fn is_hidden(error: &Error) -> bool {
    error.api().is_some_and(|refusal| {
        refusal.status() == StatusCode::FORBIDDEN && refusal.code() == Some(&ErrorCode::AccessDenied)
    })
}

/// Whether the answer says that there is no such referral.
pub(super) fn is_absent(error: &Error) -> bool {
    error.api().is_some_and(|refusal| refusal.status() == StatusCode::NOT_FOUND)
}

/// A record that is not what the plan was made on. Nothing was sent.
pub(super) fn changed(what: &str) -> SideError {
    own(RetryClass::Changed, what)
}

/// A mistake of the program's own. Nothing was sent.
pub(super) fn bug(what: &str) -> SideError {
    own(RetryClass::Bug, what)
}

/// An answer that cannot be used this time. Nothing was changed.
pub(super) fn unusable(what: &str) -> SideError {
    own(RetryClass::LATER, what)
}

/// Something that a person has to mend. Nothing was sent.
pub(super) fn person(what: &str) -> SideError {
    own(RetryClass::Person, what)
}

fn own(class: RetryClass, what: &str) -> SideError {
    SideError {
        class,
        what: what.to_owned(),
        told: String::new(),
        groups: Vec::new(),
        fixed: Box::default(),
        waits_for: None,
        certainly_not_done: true,
    }
}

fn class(error: &Error) -> RetryClass {
    match error.api() {
        // Whether a stale version is a 412 or a 409 is not documented (partner-center reference, section 5).
        Some(refusal)
            if refusal.operation() == Operation::PatchReferral
                && matches!(refusal.status(), StatusCode::CONFLICT | StatusCode::PRECONDITION_FAILED) =>
        {
            RetryClass::Changed
        }
        _ => error.class(),
    }
}

fn certainly_not_done(error: &Error) -> bool {
    match error {
        Error::Api(refusal) => refusal.status().is_client_error() || !refusal.operation().has_effect(),
        Error::Transport { operation, source, .. } => !operation.has_effect() || source.certainly_not_sent(),
        Error::Unreadable { operation, .. } => !operation.has_effect(),
        Error::NotAdmitted { .. }
        | Error::TimePassed { .. }
        | Error::Auth { .. }
        | Error::Request { .. }
        | Error::Endless { .. } => true,
        _ => false,
    }
}

/// In whose referral a named member is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Whose {
    /// In ours.
    Own,
    /// In ours or the other organisation's.
    Either,
}

/// The groups that live at, below or right above the named members. `/details` alone names half the document, and
/// nothing that could be left out.
fn groups(fields: &[String], whose: Whose, mapping: &Mapping) -> Vec<GroupId> {
    let named = |path: &str| fields.iter().any(|field| touches(field, path));
    let places = |field: &deal_model::FieldId| {
        let binding = mapping.binding(field);
        let set = mapping.set(field);
        [
            binding.and_then(|binding| binding.portal.as_ref()),
            binding.and_then(|binding| binding.codec.second_member()),
            binding.and_then(|binding| binding.companion.as_ref()).filter(|_| whose == Whose::Either),
            set.map(|set| &set.portal_array),
        ]
    };
    let specs = mapping.specs().groups.iter();
    specs
        .filter(|spec| {
            spec.members
                .iter()
                .any(|member| places(&member.id).into_iter().flatten().any(|path| named(path.as_str())))
        })
        .map(|spec| spec.id.clone())
        .collect()
}

fn touches(named: &str, path: &str) -> bool {
    let below = |inner: &str, outer: &str| {
        inner.strip_prefix(outer).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    };
    let deep = named.matches('/').count() > 1;
    below(named, path) || (deep && below(path, named))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_complaint_reaches_the_groups_at_below_and_above_its_place() {
        let mapping = Mapping::shipped();
        let found = |field: &str| {
            let found = groups(&[field.to_owned()], Whose::Either, &mapping);
            found.iter().map(|id| id.as_str().to_owned()).collect::<Vec<_>>()
        };
        assert_eq!(found("/details/currency"), ["money"]);
        assert_eq!(found("/details/requirements/solutions/0/id"), ["solutions"]);
        assert_eq!(found("/customerProfile/address"), ["customer_address"]);
        assert_eq!(found("/inviteContext/notes"), ["help"]);
        assert!(found("/details").is_empty());
        assert!(found("/registrations/0/id").is_empty());
    }

    #[test]
    fn a_complaint_about_a_change_is_about_no_field_of_the_other_organisation() {
        let mapping = Mapping::shipped();
        let reason = ["/statusReason".to_owned()];
        assert_eq!(groups(&reason, Whose::Either, &mapping), ["microsoft_reason".into()]);
        assert_eq!(groups(&reason, Whose::Own, &mapping), []);
    }
}
