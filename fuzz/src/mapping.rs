//! Any text as a company's mapping file.

use mapping::Mapping;

/// Longer files are not looked at: each round reads the whole of it.
const MAX_BYTES: usize = 4096;
/// Rounds after which fixing has to be over.
const MAX_ROUNDS: usize = 16;

/// Whatever a file says, its mistakes are told with a line that it has and with a fix; making the fixes never panics, and
/// neither does loading what they make of it.
///
/// # Panics
/// When that does not hold.
pub fn check(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    if text.len() > MAX_BYTES {
        return;
    }
    let mut text = text.to_owned();
    for _ in 0..MAX_ROUNDS {
        let Err(errors) = Mapping::with_company("mapping.toml", &text) else { return };
        let lines = text.matches('\n').count() + 1;
        for error in &errors {
            assert!((1..=lines).contains(&error.line) && error.column >= 1, "{error} of {lines} lines");
            assert!(error.to_string().contains("\n  fix: "), "{error} has no fix");
        }
        // From the end, so that places told for the whole text hold for what is left.
        let fixed = errors.iter().rev().fold(text.clone(), |text, error| error.apply(&text));
        if fixed == text {
            return;
        }
        text = fixed;
    }
}
