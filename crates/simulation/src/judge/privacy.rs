//! Nothing of an opportunity that nobody opted in is sent or stored, and nothing personal of any is logged.

use memchr::memmem;

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

/// How every customer's, every person's and every note's text of this world begins or ends.
const PERSONAL: [&str; 9] = [
    "@customer.example",
    "@invited.example",
    "Kunde0",
    "Frei0",
    "Hafenstr. ",
    "Customer 0",
    "Invited customer",
    " of the customer",
    "SECRET",
];

/// What the product has written into its log.
pub(crate) fn judge_log(said: &[u8]) -> Vec<Violation> {
    let personal = PERSONAL.iter().filter(|text| contains(said, text));
    personal.map(|text| Violation::new("privacy", format!("the log tells of {text:?}"))).collect()
}

pub(super) fn judge_files(record: &Record, stored: &[Vec<u8>]) -> Vec<Violation> {
    let kept = |secret: &&String| stored.iter().any(|file| contains(file, secret));
    let kept = record.secrets.iter().filter(kept);
    kept.map(|secret| Violation::new("privacy", format!("{secret} stands in the store"))).collect()
}

/// Whether `text` stands in `bytes`.
pub(crate) fn contains(bytes: &[u8], text: &str) -> bool {
    !text.is_empty() && memmem::find(bytes, text.as_bytes()).is_some()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_is_found_wherever_it_stands_and_nowhere_else() {
        for (bytes, there) in [("SECRET1", true), ("xSSECRET1", true), ("SECRET", false), ("", false)] {
            assert_eq!(contains(bytes.as_bytes(), "SECRET1"), there, "{bytes}");
        }
        assert!(!contains(b"anything", ""), "nothing is no word");
    }

    #[test]
    fn a_person_in_the_log_is_seen() {
        assert!(judge_log(b"INFO deal=4b1c a referral was created").is_empty());
        assert_eq!(judge_log(b"INFO deal=4b1c jo00012@customer.example is new").len(), 1);
    }

    #[test]
    fn a_secret_in_a_file_of_the_store_is_seen() {
        let record = Record { secrets: vec!["SECRET00007".to_owned()], ..Record::default() };
        assert!(judge_files(&record, &[b"page one".to_vec()]).is_empty());
        let found = judge_files(&record, &[b"page one".to_vec(), b"..SECRET00007 is..".to_vec()]);
        assert_eq!(found.len(), 1, "{found:?}");
    }
}
