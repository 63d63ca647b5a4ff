//! Nothing is written to a referral that is closed.

use sandbox::{exchange::Kind, faults::Platform};
use serde_json::Value;

use super::Violation;
use crate::{scene::list, world::Seen};

pub(super) fn judge(seen: &[Seen]) -> Vec<Violation> {
    let patches = seen
        .iter()
        .filter(|one| one.platform == Platform::PartnerCenter && one.kind == Kind::Patch && one.status < 300);
    let late = patches.filter(|one| {
        let parse = |bytes: &[u8]| serde_json::from_slice::<Value>(bytes).unwrap_or_default();
        // What does not close it finds it as it was before.
        let moves = list(&parse(&one.body)).iter().any(|op| op["path"] == "/status");
        !moves && parse(&one.answer)["status"] == "Closed"
    });
    let told = |one: &Seen| format!("{} {}", one.line, String::from_utf8_lossy(&one.body));
    late.map(|one| Violation::new("closed", told(one))).collect()
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use serde_json::json;

    use super::*;

    #[test]
    fn a_write_that_finds_the_referral_closed_is_seen_and_the_one_that_closes_it_is_none() {
        let patch = |path: &str, status: &str| Seen {
            at: jiff::Timestamp::UNIX_EPOCH,
            platform: Platform::PartnerCenter,
            kind: Kind::Patch,
            line: "PATCH /v1.0/engagements/referrals/r".to_owned(),
            body: Bytes::from(json!([{ "op": "replace", "path": path, "value": "x" }]).to_string()),
            status: 200,
            answer: Bytes::from(json!({ "status": status }).to_string()),
        };
        assert!(judge(&[patch("/details/notes", "Active"), patch("/status", "Closed")]).is_empty());
        assert_eq!(judge(&[patch("/details/notes", "Closed")]).len(), 1);
    }
}
