//! When two names of companies are the same one.

/// How names of companies are compared. Case and blanks never count.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct NameForm {
    /// Whether accents are left out: `Café` is `Cafe`, `Müller` is `Muller`, `Weiß` is `Weiss`.
    pub without_accents: bool,
    /// What may stand at a name's end and says only what kind of company it is: `GmbH`, `Ltd`. Full stops and commas
    /// in and around it do not count.
    pub legal_forms: Vec<String>,
}

impl NameForm {
    /// Whether names may be the same that the platform does not take for equal.
    pub fn is_loose(&self) -> bool {
        self.without_accents || !self.legal_forms.is_empty()
    }

    /// The name in the form that is compared: small letters, single blanks, and without what does not count.
    pub fn of(&self, name: &str) -> String {
        let mut words: Vec<String> = name.split_whitespace().map(|word| self.word(word)).collect();
        // `GmbH & Co. KG` is a form of several words: the longest one goes first, and one alone is a name.
        while let Some(length) = self.form_at_end(&words) {
            words.truncate(words.len() - length);
        }
        let mut name = words.join(" ");
        if !self.legal_forms.is_empty() {
            name.truncate(name.trim_end_matches([',', '.']).len());
        }
        name
    }

    fn word(&self, word: &str) -> String {
        let small = word.to_lowercase();
        if self.without_accents { small.chars().flat_map(without_accent).collect() } else { small }
    }

    /// How many words at the end are a legal form; none if nothing else would be left.
    fn form_at_end(&self, words: &[String]) -> Option<usize> {
        let bare = |word: &str| word.replace(['.', ','], "");
        let ends = |form: &String| {
            let form: Vec<String> = form.split_whitespace().map(|word| bare(&self.word(word))).collect();
            let end = words.len().checked_sub(form.len()).filter(|start| *start > 0)?;
            (!form.is_empty() && words[end..].iter().map(|word| bare(word)).eq(form.iter().cloned()))
                .then_some(form.len())
        };
        self.legal_forms.iter().filter_map(ends).max()
    }
}

/// A small Latin letter without its accent; any other as it is.
fn without_accent(letter: char) -> impl Iterator<Item = char> {
    const LETTERS: &[(&str, &str)] = &[
        ("àáâãäåāăą", "a"),
        ("çćĉċč", "c"),
        ("ďđð", "d"),
        ("èéêëēĕėęě", "e"),
        ("ĝğġģ", "g"),
        ("ĥħ", "h"),
        ("ìíîïĩīĭįı", "i"),
        ("ĵ", "j"),
        ("ķ", "k"),
        ("ĺļľŀł", "l"),
        ("ñńņň", "n"),
        ("òóôõöøōŏő", "o"),
        ("ŕŗř", "r"),
        ("śŝşšș", "s"),
        ("ţťŧț", "t"),
        ("ùúûüũūŭůűų", "u"),
        ("ŵ", "w"),
        ("ýÿŷ", "y"),
        ("źżž", "z"),
        ("æ", "ae"),
        ("œ", "oe"),
        ("ß", "ss"),
        ("þ", "th"),
        // What small letters of decomposed texts leave beside them.
        (
            "\u{300}\u{301}\u{302}\u{303}\u{304}\u{306}\u{307}\u{308}\u{30a}\u{30b}\u{30c}\u{326}\u{327}\u{328}",
            "",
        ),
    ];
    let plain = LETTERS.iter().find(|(accented, _)| accented.contains(letter)).map(|(_, plain)| *plain);
    let own = plain.is_none().then_some(letter);
    plain.unwrap_or_default().chars().chain(own)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn forms(forms: &[&str]) -> NameForm {
        NameForm {
            without_accents: false,
            legal_forms: forms.iter().map(|form| (*form).to_owned()).collect(),
        }
    }

    #[test]
    fn case_and_blanks_never_count_and_nothing_else_by_default() {
        let plain = NameForm::default();
        assert_eq!(plain.of("  Northwind \t TRADERS "), plain.of("northwind traders"));
        assert_ne!(plain.of("Café Nord"), plain.of("Cafe Nord"));
        assert_ne!(plain.of("Contoso GmbH"), plain.of("Contoso"));
        assert!(!plain.is_loose() && forms(&["AG"]).is_loose());
    }

    #[test]
    fn a_legal_form_at_the_end_does_not_count_however_it_is_dotted() {
        let names = forms(&["GmbH", "GmbH & Co. KG", "Ltd", "Inc", "S.A."]);
        for name in ["Contoso GmbH", "Contoso, Inc.", "CONTOSO Ltd.", "Contoso SA", "Contoso GmbH & Co KG"] {
            assert_eq!(names.of(name), "contoso", "{name}");
        }
        assert_eq!(names.of("Ltd"), "ltd", "a name is not emptied");
        assert_eq!(names.of("GmbH Contoso"), "gmbh contoso", "only at the end");
    }

    #[test]
    fn accents_are_left_out_where_the_file_says_so() {
        let names = NameForm { without_accents: true, legal_forms: Vec::new() };
        for (accented, plain) in [
            ("Müller & Söhne", "Muller & Sohne"),
            ("CAFÉ", "cafe"),
            ("Weiß", "WEISS"),
            ("Łódź", "Lodz"),
            ("Cafe\u{301}", "Café"),
            ("東京", "東京"),
        ] {
            assert_eq!(names.of(accented), names.of(plain), "{accented}");
        }
    }
}
