//! The log of a run: every step, call, crash and judgement, one line each. Two runs of one seed have one log.

use std::{collections::VecDeque, fmt::Write as _, sync::Mutex};

use jiff::Timestamp;
use sha2::{Digest as _, Sha256};

/// Most lines that are kept for a person; all of them are in the hash.
const KEPT: usize = 400;

/// Why the lock is never poisoned.
const LOCK: &str = "no code panics while holding this lock";

#[derive(Default)]
struct Written {
    hash: Sha256,
    lines: u64,
    newest: VecDeque<String>,
    whole: Option<Vec<String>>,
}

/// What happened, in order. Nothing that follows from anything but the seed may stand here: no real time, no address in
/// memory, no signature.
#[derive(Default)]
pub struct Log(Mutex<Written>);

impl Log {
    /// A log that keeps every line.
    pub fn whole() -> Self {
        Self(Mutex::new(Written { whole: Some(Vec::new()), ..Written::default() }))
    }

    /// Writes a line.
    pub fn say(&self, at: Timestamp, line: &str) {
        let mut written = self.0.lock().expect(LOCK);
        let line = format!("{at} {line}");
        written.hash.update(line.as_bytes());
        written.hash.update(b"\n");
        written.lines += 1;
        if let Some(whole) = &mut written.whole {
            whole.push(line);
            return;
        }
        if written.newest.len() == KEPT {
            written.newest.pop_front();
        }
        written.newest.push_back(line);
    }

    /// How many lines there are, and their digest.
    pub fn digest(&self) -> (u64, String) {
        let written = self.0.lock().expect(LOCK);
        let mut text = String::with_capacity(64);
        for byte in written.hash.clone().finalize() {
            // Writing to a string cannot fail.
            let _ = write!(text, "{byte:02x}");
        }
        (written.lines, text)
    }

    /// The newest line.
    pub fn newest(&self) -> Option<String> {
        let written = self.0.lock().expect(LOCK);
        written.whole.as_ref().map_or(written.newest.back(), |whole| whole.last()).cloned()
    }

    /// The lines that are kept, oldest first.
    pub fn lines(&self) -> Vec<String> {
        let written = self.0.lock().expect(LOCK);
        written.whole.clone().unwrap_or_else(|| written.newest.iter().cloned().collect())
    }
}

/// Eight digits that stand for a text in the log.
pub(crate) fn fingerprint(bytes: &[u8]) -> String {
    let digest = Sha256::digest(bytes);
    digest.iter().take(4).fold(String::with_capacity(8), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_logs_with_the_same_lines_have_one_digest_and_one_more_line_has_another() {
        let (one, other) = (Log::default(), Log::whole());
        for line in 0..KEPT + 50 {
            one.say(Timestamp::UNIX_EPOCH, &format!("line {line}"));
            other.say(Timestamp::UNIX_EPOCH, &format!("line {line}"));
        }
        assert_eq!(one.digest(), other.digest());
        assert_eq!((one.lines().len(), other.lines().len()), (KEPT, KEPT + 50));
        other.say(Timestamp::UNIX_EPOCH, "one more");
        assert_ne!(one.digest(), other.digest());
    }
}
