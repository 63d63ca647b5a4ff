//! Every broken file of `broken`: what is said of it, word for word, and that its fixes make it load.
//!
//! A file that begins with `# as NAME.toml` is the code list of that name; every other one is a company's mapping. The
//! messages are kept beside it: with `BLESS=1` in the environment they are written instead of compared.

use std::{fs, path::Path};

use mapping::{CodeLists, Fix, Mapping, MappingError, Source};
use proptest::prelude::*;

const FOLDER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/it/broken");
/// Rounds in which all fixes are made; a file with one mistake needs one.
const MAX_ROUNDS: usize = 5;

/// The name that the file is loaded under, and its text.
fn source(text: &str) -> String {
    text.strip_prefix("# as ").and_then(|rest| rest.lines().next()).unwrap_or("mapping.toml").to_owned()
}

fn load(name: &str, text: &str) -> Vec<MappingError> {
    if name == "mapping.toml" {
        Mapping::with_company(name, text).err().unwrap_or_default()
    } else {
        CodeLists::with(&[Source { name, text }], false).err().unwrap_or_default()
    }
}

/// The text with every fix made, and the file's name after them.
fn fixed(name: &str, text: &str, errors: &[MappingError]) -> (String, String) {
    let name = errors.iter().rev().fold(name.to_owned(), |name, error| match &error.fix {
        Fix::RenameFile { to } => to.clone(),
        _ => name,
    });
    // From the end, so that places told for the whole text hold for what is left.
    (name, errors.iter().rev().fold(text.to_owned(), |text, error| error.apply(&text)))
}

#[test]
fn each_broken_file_is_told_word_for_word_and_its_fixes_make_it_load() {
    let bless = std::env::var_os("BLESS").is_some();
    let mut files: Vec<_> = fs::read_dir(FOLDER).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.retain(|path| path.extension().is_some_and(|ending| ending == "toml"));
    files.sort();
    assert!(files.len() >= 50, "{} files", files.len());
    let mut failures = Vec::new();
    for path in &files {
        if let Err(failure) = judge(path, bless) {
            failures.push(format!("{}: {failure}", path.file_name().unwrap().display()));
        }
    }
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}

fn judge(path: &Path, bless: bool) -> Result<(), String> {
    let text = fs::read_to_string(path).unwrap();
    let name = source(&text);
    let errors = load(&name, &text);
    if errors.is_empty() {
        return Err("loads as it is".to_owned());
    }
    let mut told = errors.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n");
    told.push('\n');
    for error in &errors {
        let told = error.to_string();
        let last = told.lines().last().unwrap_or_default();
        if !last.trim_start().starts_with("fix: ") || last.len() <= "  fix: ".len() {
            return Err(format!("does not end in a fix: {told}"));
        }
    }
    let golden = path.with_extension("txt");
    if bless {
        fs::write(&golden, &told).unwrap();
    } else if fs::read_to_string(&golden).unwrap_or_default() != told {
        return Err(format!("is told otherwise than in its golden file:\n{told}"));
    }
    let rounds = if errors.len() == 1 { 1 } else { MAX_ROUNDS };
    let (mut name, mut text, mut errors) = (name, text, errors);
    for _ in 0..rounds {
        (name, text) = fixed(&name, &text, &errors);
        errors = load(&name, &text);
        if errors.is_empty() {
            return Ok(());
        }
    }
    let left: Vec<String> = errors.iter().map(ToString::to_string).collect();
    Err(format!("after {rounds} rounds there is left {left:#?} in\n{text}"))
}

#[test]
fn no_fix_opens_what_may_be_shared() {
    for (written, mended) in [
        ("true", &["?"][..]),
        ("3", &["?"]),
        ("\"\"", &["?"]),
        ("[\"\"]", &["?"]),
        ("[false]", &["?"]),
        ("[[\"A\"]]", &["?"]),
        ("[\"\", \"A\"]", &["?", "A"]),
        ("\"A\"", &["A"]),
    ] {
        let text = format!("version = 1\nextends = \"default\"\n[opt_in]\nrecord_types = {written}\n");
        let (_, text) = fixed("mapping.toml", &text, &load("mapping.toml", &text));
        let mapping = Mapping::with_company("mapping.toml", &text).unwrap();
        assert_eq!(mapping.opt_in().record_types, mended, "{written}");
    }
}

#[test]
fn no_file_at_all_is_told() {
    assert_eq!(Mapping::compile(&[]).unwrap_err()[0].what, "there is no mapping");
}

const SHIPPED: &str = include_str!("../../../../mappings/default.toml");

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn no_text_makes_the_compiler_panic(text in "\\PC{0,200}") {
        let _ = Mapping::compile(&[Source { name: "any.toml", text: &text }]);
    }

    #[test]
    fn no_toml_like_text_makes_the_compiler_panic(
        lines in prop::collection::vec(
            ("(\\[\\[?)?[a-z_.]{1,12}(\\]\\]?)?", "( = )?", "(\"[^\"\n]{0,12}\"|[0-9xob_.:TZ+-]{0,12}|\\[[\"a-z,0-9]{0,8}\\]?|\\{[a-z=\"]{0,8}\\}?|true)?"),
            0..20,
        )
    ) {
        let lines: Vec<String> = lines.iter().map(|(key, equals, value)| format!("{key}{equals}{value}")).collect();
        let text = lines.join("\n");
        let _ = Mapping::with_company("any.toml", &text);
    }

    #[test]
    fn no_damage_to_the_default_makes_the_compiler_panic(
        cuts in prop::collection::vec((0..SHIPPED.len(), 0..40_usize, "[\\[\\]\"={}a-z0-9~/.]{0,3}"), 1..4)
    ) {
        let mut bytes = SHIPPED.as_bytes().to_vec();
        for (start, length, patch) in cuts {
            let start = start.min(bytes.len());
            let end = (start + length).min(bytes.len());
            bytes.splice(start..end, patch.bytes());
        }
        let text = String::from_utf8_lossy(&bytes).into_owned();
        match Mapping::compile(&[Source { name: "default.toml", text: &text }]) {
            Ok(_) => {}
            Err(errors) => {
                let lines = text.matches('\n').count() + 1;
                prop_assert!(!errors.is_empty());
                prop_assert!(errors.iter().all(|error| (1..=lines).contains(&error.line) && error.column >= 1));
            }
        }
    }
}
