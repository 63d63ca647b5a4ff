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

/// Most beginnings of a name that are spelled out letter by letter.
pub const MAX_SPELLINGS: usize = 100;
/// Most letters behind them that are told.
const MAX_REST: usize = 24;

/// A part of a spelling.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Piece {
    /// This text.
    Text(String),
    /// Any one letter.
    AnyLetter,
    /// Anything, or nothing.
    Anything,
}

/// How a name may be written, from its beginning to its end.
pub type Spelling = Vec<Piece>;

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

    /// How the names may be written that are the same as `name`: each of them is like one of these, which many others may
    /// be too. Capitals are left to whoever searches. None for a name of which nothing counts.
    ///
    /// At most [`MAX_SPELLINGS`] and one for each accent that stands beside its letter.
    pub fn spellings(&self, name: &str) -> Vec<Spelling> {
        let form = self.of(name);
        if form.is_empty() {
            return Vec::new();
        }
        if !self.without_accents {
            // Any blanks may stand between the words, and a legal form behind them.
            let words = form.split(' ').map(|word| Piece::Text(word.to_owned()));
            return vec![words.flat_map(|word| [word, Piece::Anything]).collect()];
        }
        let letters: Vec<char> = form.chars().collect();
        let mut beginnings = vec![String::new()];
        let (mut known, mut gap) = (0, None);
        while let Some(letter) = letters.get(known).filter(|letter| **letter != ' ') {
            let next = letters.get(known + 1).copied();
            let written: Vec<char> =
                [*letter].into_iter().chain(accented(*letter)).chain(joined(*letter, next)).collect();
            if beginnings.len() * written.len() > MAX_SPELLINGS {
                break;
            }
            let longer = |beginning: &String| {
                written.iter().map(|letter| format!("{beginning}{letter}")).collect::<Vec<_>>()
            };
            beginnings = beginnings.iter().flat_map(longer).collect();
            if joined(*letter, next).is_some() {
                // How many letters the beginnings stand for differs from here on.
                known += 2;
                gap = Some(Piece::Anything);
                break;
            }
            known += 1;
        }
        let rest: Vec<Piece> = gap.into_iter().chain(rest(&letters[known..])).collect();
        let spelled = |beginning: String| {
            std::iter::once(Piece::Text(beginning)).chain(rest.clone()).collect::<Spelling>()
        };
        let mut spellings: Vec<Spelling> = beginnings.into_iter().map(spelled).collect();
        let marked = |mark: char| vec![Piece::Anything, Piece::Text(mark.to_string()), Piece::Anything];
        spellings.extend(MARKS.chars().map(marked));
        spellings
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

/// What stands behind a beginning: letters that no accent changes, and anything where one could.
fn rest(letters: &[char]) -> Vec<Piece> {
    let mut pieces = Vec::new();
    let told = letters.iter().take(MAX_REST).enumerate();
    for (place, letter) in told {
        let next = letters.get(place + 1).copied();
        let before = place.checked_sub(1).and_then(|before| letters.get(before).copied());
        let is_joined = joined(*letter, next).is_some()
            || before.is_some_and(|first| joined(first, Some(*letter)).is_some());
        let may_differ = is_joined || *letter == ' ' || accented(*letter).next().is_some();
        pieces.push(match may_differ {
            true if is_joined || *letter == ' ' => Piece::Anything,
            true => Piece::AnyLetter,
            false => Piece::Text(letter.to_string()),
        });
    }
    pieces.push(Piece::Anything);
    pieces.dedup_by(|next, last| *next == Piece::Anything && *last == Piece::Anything);
    pieces
}

/// Letters and what they are without their accents: small, Latin.
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
];
/// What small letters of decomposed texts leave beside them.
const MARKS: &str =
    "\u{300}\u{301}\u{302}\u{303}\u{304}\u{306}\u{307}\u{308}\u{30a}\u{30b}\u{30c}\u{326}\u{327}\u{328}";
/// The one capital whose small letter is two: a platform may take them for different.
const CAPITAL_I: (char, char) = ('i', 'İ');

/// A small Latin letter without its accent; any other as it is.
fn without_accent(letter: char) -> impl Iterator<Item = char> {
    let plain = LETTERS.iter().find(|(accented, _)| accented.contains(letter)).map(|(_, plain)| *plain);
    let plain = plain.or_else(|| MARKS.contains(letter).then_some(""));
    let own = plain.is_none().then_some(letter);
    plain.unwrap_or_default().chars().chain(own)
}

/// The letters that are `plain` without their accent.
fn accented(plain: char) -> impl Iterator<Item = char> {
    let of = LETTERS.iter().filter(move |(_, without)| without.chars().eq([plain]));
    of.flat_map(|(accented, _)| accented.chars()).chain((plain == CAPITAL_I.0).then_some(CAPITAL_I.1))
}

/// The letter that is `first` and `second` without its accent.
fn joined(first: char, second: Option<char>) -> Option<char> {
    let of = |(_, without): &&(&str, &str)| second.is_some_and(|second| without.chars().eq([first, second]));
    LETTERS.iter().find(of).and_then(|(joined, _)| joined.chars().next())
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

    /// Whether a platform finds `name` by a spelling, without case.
    fn is_like(name: &str, spelling: &[Piece]) -> bool {
        fn from(name: &[char], pieces: &[Piece]) -> bool {
            match pieces {
                [] => name.is_empty(),
                [Piece::AnyLetter, rest @ ..] => !name.is_empty() && from(&name[1..], rest),
                [Piece::Anything, rest @ ..] => (0..=name.len()).any(|skipped| from(&name[skipped..], rest)),
                [Piece::Text(text), rest @ ..] => {
                    let text: Vec<char> = text.to_lowercase().chars().collect();
                    name.starts_with(&text) && from(&name[text.len()..], rest)
                }
            }
        }
        let name: Vec<char> = name.to_lowercase().chars().collect();
        from(&name, spelling)
    }

    fn is_found(form: &NameForm, account: &str, customer: &str) -> bool {
        form.spellings(customer).iter().any(|spelling| is_like(account, spelling))
    }

    #[test]
    fn every_name_that_is_the_same_is_like_one_of_the_spellings() {
        let accents = NameForm { without_accents: true, legal_forms: Vec::new() };
        let both = NameForm { legal_forms: vec!["GmbH".to_owned(), "S.A.".to_owned()], ..accents.clone() };
        for names in [
            &["Café Nord", "Cafe Nord", "Çàfé  Nörd", "CAFE\u{301} NORD", "cafe nord"][..],
            &["Æther", "Aether", "äether", "AETHER"],
            &["Weiß & Söhne", "Weiss & Sohne", "WEISS & SOHNE"],
            &["Þór", "Thor", "thôr"],
            &["İstanbul", "istanbul", "ıstanbul", "Ístanbul"],
            &["Ö", "o"],
            &["東京", "東京"],
            &["Straße æ ss", "Strasse ae ß"],
        ] {
            for (account, customer) in
                names.iter().flat_map(|one| names.iter().map(move |other| (one, other)))
            {
                assert_eq!(accents.of(account), accents.of(customer), "{account} {customer}");
                for form in [&accents, &both] {
                    assert!(is_found(form, account, customer), "{account} {customer}");
                    let of_company = format!("{account}, GmbH");
                    assert!(
                        form == &accents || is_found(form, &of_company, customer),
                        "{of_company} {customer}"
                    );
                }
            }
        }
        for (account, customer) in [
            ("Müller  GmbH", "Müller"),
            ("A. Datum S.A.", "A. Datum"),
            ("X GmbH", "X"),
            ("3 M, GmbH.", "3 M"),
        ] {
            let forms = forms(&["GmbH", "S.A."]);
            assert_eq!(forms.of(account), forms.of(customer), "{account}");
            assert!(is_found(&forms, account, customer) && is_found(&forms, customer, account), "{account}");
            assert_eq!(forms.spellings(customer).len(), 1);
        }
        assert!(forms(&["GmbH"]).spellings("...").is_empty());
    }

    #[test]
    fn spellings_are_few_and_tell_other_names_apart() {
        let accents = NameForm { without_accents: true, legal_forms: Vec::new() };
        for name in ["Contoso", "Oooooooo", "Fabrikam", "ae", "ssss"] {
            let count = accents.spellings(name).len();
            assert!(count <= MAX_SPELLINGS + MARKS.chars().count(), "{name}: {count}");
        }
        assert!(!is_found(&accents, "Northwind", "Contoso") && !is_found(&accents, "Fabricat", "Fabrikam"));
    }
}
