//! The search for texts in bytes, in every way in which a text is commonly written down: one automaton of all texts in all
//! of them, so that each byte is looked at once.

use std::{collections::BTreeSet, fmt, fs, path::Path};

use aho_corasick::{AhoCorasick, AhoCorasickKind};
use base64::Engine as _;

/// A place in which a text stands, and how it is written there.
pub(crate) type Tagged = (String, Vec<&'static str>);

/// The ways in which a text can be written down, and how it looks then. Letters count in either case.
fn written(text: &str) -> Vec<(&'static str, Vec<u8>)> {
    assert!(text.is_ascii(), "a tag is ASCII, so that it reads the same in UTF-8");
    let each = |form: fn(u8) -> String| text.bytes().map(form).collect::<String>().into_bytes();
    let wide: Vec<u8> = text.bytes().flat_map(|letter| [letter, 0]).collect();
    let mut ways = vec![
        ("plain", text.as_bytes().to_vec()),
        ("json escapes", each(|byte| format!("\\u{byte:04x}"))),
        ("url escapes", each(|byte| format!("%{byte:02x}"))),
        ("hex", each(|byte| format!("{byte:02x}"))),
        // Without the zero at its end it begins and ends like the other byte order does: both are found.
        ("utf-16", wide[..wide.len() - 1].to_vec()),
    ];
    for (shift, name) in ["base64", "base64, one off", "base64, two off"].into_iter().enumerate() {
        // What comes before and behind shares letters with the text; those in the middle are its own.
        let encoded = base64::engine::general_purpose::STANDARD_NO_PAD
            .encode([&b"xx"[..shift], text.as_bytes()].concat());
        let first = [0, 2, 3][shift];
        let own = (shift + text.len()) * 8 / 6;
        ways.push((name, encoded.as_bytes()[first..own].to_vec()));
    }
    ways
}

/// Texts that are searched for together.
pub(super) struct Search {
    automaton: AhoCorasick,
    /// The text and the way of each pattern.
    patterns: Vec<(String, &'static str)>,
}

/// A text that was found.
pub(super) struct Found {
    pub(super) text: String,
    pub(super) way: &'static str,
    /// What stands around it.
    pub(super) around: String,
}

impl fmt::Debug for Found {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}, {}: {}", self.text, self.way, self.around)
    }
}

impl Search {
    pub(super) fn of<'a>(texts: impl IntoIterator<Item = &'a str>) -> Self {
        let (mut forms, mut patterns) = (Vec::new(), Vec::new());
        for text in texts {
            for (way, form) in written(text) {
                forms.push(form);
                patterns.push((text.to_owned(), way));
            }
        }
        let automaton = AhoCorasick::builder()
            .ascii_case_insensitive(true)
            .kind(Some(AhoCorasickKind::DFA))
            .build(forms)
            .expect("so many short texts fit an automaton");
        Self { automaton, patterns }
    }

    /// The texts that stand in `haystack`: each once for each way in which it is written there.
    pub(super) fn found(&self, haystack: &[u8]) -> Vec<Found> {
        let mut seen = BTreeSet::new();
        let mut found = Vec::new();
        for hit in self.automaton.find_overlapping_iter(haystack) {
            if seen.insert(hit.pattern().as_usize()) {
                let (text, way) = self.patterns[hit.pattern().as_usize()].clone();
                let around = &haystack[hit.start().saturating_sub(160)..haystack.len().min(hit.end() + 240)];
                let around = String::from_utf8_lossy(around).into_owned();
                found.push(Found { text, way, around });
            }
        }
        found
    }
}

/// Every file below a folder, and its bytes. One that goes away meanwhile is none.
pub(super) fn files(folder: &Path) -> Vec<(String, Vec<u8>)> {
    let mut files = Vec::new();
    collect(folder, &mut files);
    files
}

fn collect(folder: &Path, into: &mut Vec<(String, Vec<u8>)>) {
    let Ok(entries) = fs::read_dir(folder) else { return };
    for path in entries.filter_map(|entry| Some(entry.ok()?.path())) {
        if path.is_dir() {
            collect(&path, into);
        } else if let Ok(bytes) = fs::read(&path) {
            into.push((path.display().to_string(), bytes));
        }
    }
}

/// Every file below the folder in which `text` stands, in whatever way it is written down.
pub(crate) fn in_files(folder: &Path, text: &str) -> Vec<Tagged> {
    let search = Search::of([text]);
    let found = |bytes: &[u8]| search.found(bytes).into_iter().map(|found| found.way).collect::<Vec<_>>();
    let tagged = files(folder).into_iter().map(|(name, bytes)| (name, found(&bytes)));
    tagged.filter(|(_, ways)| !ways.is_empty()).collect()
}

#[test]
fn the_search_finds_a_text_in_every_way_it_can_be_written() {
    for text in [super::SECRET, "006Ab00000XyZ12"] {
        let utf16 = |bytes: fn(u16) -> [u8; 2]| -> Vec<u8> {
            format!("\u{e4}{text}!").encode_utf16().flat_map(bytes).collect()
        };
        let base64 = |before: &str| {
            let encoded =
                base64::engine::general_purpose::STANDARD.encode(format!("{before}{text} and more"));
            encoded.into_bytes()
        };
        let url64 = base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(format!("??{text}"));
        let each = |form: fn(u8) -> String| text.bytes().map(form).collect::<String>().into_bytes();
        let escape = |all: String, letter: char| format!("{all}\\u{:04X}", u32::from(letter));
        let escaped = text.chars().fold(String::new(), escape);
        let json = serde_json::json!({ "x": format!("{text}\n\"\u{fc}") }).to_string();
        let form: String = url::form_urlencoded::byte_serialize(text.as_bytes()).collect();
        let haystacks: Vec<(&str, &str, Vec<u8>)> = vec![
            ("plain", "plain", format!("a \"{text}\" b").into_bytes()),
            ("capitals", "plain", text.to_uppercase().into_bytes()),
            ("json", "plain", json.into_bytes()),
            ("json escapes", "json escapes", escaped.into_bytes()),
            ("url", "plain", form.into_bytes()),
            ("url escapes", "url escapes", each(|byte| format!("%{byte:02X}"))),
            ("url escapes, small", "url escapes", each(|byte| format!("%{byte:02x}"))),
            ("hex", "hex", each(|byte| format!("{byte:02x}"))),
            ("hex, capitals", "hex", each(|byte| format!("{byte:02X}"))),
            ("utf-16 le", "utf-16", utf16(u16::to_le_bytes)),
            ("utf-16 be", "utf-16", utf16(u16::to_be_bytes)),
            ("base64 0", "base64", base64("")),
            ("base64 1", "base64, one off", base64("a")),
            ("base64 2", "base64, two off", base64("ab")),
            ("base64 3", "base64", base64("abc")),
            ("base64 for addresses", "base64, two off", url64.into_bytes()),
            (
                "between other bytes",
                "plain",
                [&[0xff, 0x00, 0xc3][..], text.as_bytes(), &[0xfe, 0x80]].concat(),
            ),
        ];
        // Many texts at once, as the great search has them.
        let search = Search::of(["nobody", text, "nowhere"]);
        for (name, way, haystack) in haystacks {
            let found = search.found(&haystack);
            assert!(
                found.iter().any(|found| found.text == text && found.way == way),
                "{text} was not found in {name}: {found:?}"
            );
            assert!(found.iter().all(|found| found.text == text), "{found:?}");
        }
        assert!(search.found(b"nothing of it here").is_empty());
    }
}
