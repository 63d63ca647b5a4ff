//! Nothing of an opportunity that nobody opted in is sent or stored.

use super::Violation;
use crate::{edits::Record, world::Seen};

pub(super) fn judge_requests(record: &Record, seen: &[Seen]) -> Vec<Violation> {
    let mut found = Vec::new();
    for one in seen {
        for secret in &record.secrets {
            if contains(&one.body, secret) || one.line.contains(secret) {
                found.push(Violation::new("privacy", format!("{secret} was sent by {}", one.line)));
            }
        }
    }
    found
}

pub(super) fn judge_files(record: &Record, stored: &[Vec<u8>]) -> Vec<Violation> {
    let kept = |secret: &&String| stored.iter().any(|file| contains(file, secret));
    let kept = record.secrets.iter().filter(kept);
    kept.map(|secret| Violation::new("privacy", format!("{secret} stands in the store"))).collect()
}

/// Whether `text` stands in `bytes`.
pub(super) fn contains(bytes: &[u8], text: &str) -> bool {
    let Some(first) = text.as_bytes().first() else { return false };
    let mut rest = bytes;
    while let Some(at) = rest.iter().position(|byte| byte == first) {
        rest = &rest[at..];
        if rest.starts_with(text.as_bytes()) {
            return true;
        }
        rest = &rest[1..];
    }
    false
}
