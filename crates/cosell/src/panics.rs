//! What is told of a panic: the place, and the program's own words. Never what was formatted into them: a value that
//! somebody typed may have been the reason.

use std::{any::Any, panic};

/// From here on panics are told so, on whatever thread they happen.
pub(crate) fn tell_only_places() {
    panic::set_hook(Box::new(|panic| {
        let place = panic.location().map_or_else(|| "an unknown place".to_owned(), ToString::to_string);
        let words = own_words(panic.payload());
        tracing::error!(place, words, "a mistake of the program: please report this line");
    }));
}

/// The text of the panic, if it is a literal of the program: it was compiled in, and holds nobody's value.
fn own_words(payload: &dyn Any) -> &'static str {
    payload.downcast_ref::<&'static str>().copied().unwrap_or("not told: it may hold somebody's value")
}

#[cfg(test)]
mod tests {
    use std::panic::catch_unwind;

    use super::*;

    #[test]
    fn what_was_formatted_into_a_panic_is_not_told() {
        let secret = std::hint::black_box("Jo Kunde");
        let payload = catch_unwind(|| panic!("met {secret}")).unwrap_err();
        assert!(payload.downcast_ref::<String>().is_some_and(|text| text.contains(secret)), "it was there");
        assert!(!own_words(payload.as_ref()).contains(secret));
        let payload =
            catch_unwind(|| "Jo Kunde".parse::<u8>().map_err(|_| secret).expect("no value")).unwrap_err();
        assert!(!own_words(payload.as_ref()).contains(secret));
    }

    #[test]
    fn the_programs_own_words_are_told() {
        let payload = catch_unwind(|| panic!("a literal")).unwrap_err();
        assert_eq!(own_words(payload.as_ref()), "a literal");
    }
}
