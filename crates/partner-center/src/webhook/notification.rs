//! What an event says, once it is believed: which referral to look at.

use jiff::Timestamp;
use serde_json::Value;

use crate::{ids::ReferralId, names::member, webhook::Forged};

/// Longest event name that is accepted, in bytes.
const MAX_EVENT_NAME_BYTES: usize = 128;

/// A believed event (reference, section 6.2).
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Notification {
    /// For example `referral-updated`, lower-case.
    pub event_name: String,
    /// The referral to look at. For `related-referral-*` it is not documented whether this is one's own or the
    /// other party's (reference, section 10, item 1). Absent in events about something else, such as a test.
    pub referral: Option<ReferralId>,
    /// When the change was made, by the platform's clock.
    pub changed_at: Option<Timestamp>,
}

impl Notification {
    /// Whether the event is about the other party's referral of an engagement.
    pub fn is_related(&self) -> bool {
        self.event_name.starts_with("related-referral-")
    }

    /// Whether an equal event can only tell of the same change. An event without a date may tell of any; and whose
    /// state the date of a related event is about is not documented (reference, section 10, item 1).
    pub(super) fn names_one_change(&self) -> bool {
        self.changed_at.is_some() && !self.is_related()
    }

    /// Reads a body in any letter case.
    pub(super) fn read(body: &[u8]) -> Result<Self, Forged> {
        let Ok(Value::Object(members)) = serde_json::from_slice::<Value>(body) else {
            return Err(Forged::BodyMalformed);
        };
        let text = |name| member(&members, name).and_then(Value::as_str);
        let sound = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.');
        let event_name = text("EventName")
            .filter(|name| !name.is_empty() && name.len() <= MAX_EVENT_NAME_BYTES && name.bytes().all(sound))
            .ok_or(Forged::BodyMalformed)?
            .to_ascii_lowercase();
        let about_referral = event_name.contains("referral")
            || text("ResourceName").is_some_and(|name| name.eq_ignore_ascii_case("referral"));
        let referral = text("ResourceUri").and_then(referral_at_end);
        if about_referral && referral.is_none() {
            return Err(Forged::ResourceMalformed);
        }
        let referral = referral.filter(|_| about_referral);
        let changed_at = match text("ResourceChangeUtcDate") {
            Some(date) => Some(date.parse().map_err(|_| Forged::BodyMalformed)?),
            None => None,
        };
        Ok(Self { event_name, referral, changed_at })
    }
}

/// The last segment of the address's path. Host and path before it mean nothing: the documented ones are not those
/// of the API (reference, section 6.2, "Trap").
fn referral_at_end(uri: &str) -> Option<ReferralId> {
    let path = uri.split(['?', '#']).next()?;
    path.trim_end_matches('/').rsplit('/').next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_body_is_read_in_any_letter_case() {
        let documented = br#"{"EventName":"referral-updated","ResourceUri":"https://api.partnercenter.microsoft.com/engagements/v1/referrals/7A1C0000-0000-4000-8000-0000000000A1","ResourceName":"referral","AuditUri":null,"ResourceChangeUtcDate":"2026-11-02T09:14:07.1234567+00:00"}"#;
        let camel = br#"{"eventName":"Referral-Updated","resourceUri":"/referrals/7a1c0000-0000-4000-8000-0000000000a1/","resourcename":"Referral","resourceChangeUtcDate":"2026-11-02T09:14:07.1234567Z"}"#;
        let read = Notification::read(documented).unwrap();
        assert_eq!(read, Notification::read(camel).unwrap());
        assert_eq!(read.referral.unwrap().to_string(), "7a1c0000-0000-4000-8000-0000000000a1");
        assert_eq!(read.changed_at.unwrap().to_string(), "2026-11-02T09:14:07.1234567Z");
    }

    #[test]
    fn a_test_event_names_no_referral() {
        let read = Notification::read(
            br#"{"EventName":"test-created","ResourceUri":"https://x/y","ResourceName":"test"}"#,
        );
        assert_eq!(read.unwrap().referral, None);
    }

    #[test]
    fn what_names_no_referral_is_refused() {
        let table: [(&[u8], Forged); 4] = [
            (b"[]", Forged::BodyMalformed),
            (br#"{"EventName":""}"#, Forged::BodyMalformed),
            (
                br#"{"EventName":"referral-updated","ResourceUri":"https://x/referrals/me"}"#,
                Forged::ResourceMalformed,
            ),
            (br#"{"EventName":"referral-updated"}"#, Forged::ResourceMalformed),
        ];
        for (body, reason) in table {
            assert_eq!(Notification::read(body), Err(reason), "{}", String::from_utf8_lossy(body));
        }
    }
}
