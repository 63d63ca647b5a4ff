//! The words of an expression, each with its place.

use rust_decimal::Decimal;

use super::Flaw;

/// One word.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Token {
    /// `referral`, `if`, `trim`.
    Name(String),
    /// A text in quotes, without them.
    Text(String),
    /// A number; it never was a float.
    Number(Decimal),
    /// Everything else: `~`, `==`, `(`.
    Sign(&'static str),
}

/// A word and where it begins, in bytes of the source.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Word {
    pub(super) token: Token,
    pub(super) at: usize,
}

/// Longer ones first: `**` is not two `*`.
const SIGNS: &[&str] = &[
    "==", "!=", "<=", ">=", "//", "**", "<", ">", "~", "|", "(", ")", "[", "]", "{", "}", ",", ".", ":", "+",
    "-", "*", "/", "%", "=",
];

/// The words of `source` from byte `from` on.
pub(super) fn read(source: &str, from: usize, to: usize) -> Result<Vec<Word>, Flaw> {
    let mut words = Vec::new();
    let mut at = from;
    while let Some(first) = source[at..to].chars().next() {
        if first.is_whitespace() {
            at += first.len_utf8();
            continue;
        }
        let rest = &source[at..to];
        let (token, length) = if first == '\'' || first == '"' {
            text(rest, at, first)?
        } else if first.is_ascii_digit() {
            number(rest, at)?
        } else if first.is_ascii_alphabetic() || first == '_' {
            let length = span(rest, |each| each.is_ascii_alphanumeric() || each == '_');
            (Token::Name(rest[..length].to_owned()), length)
        } else if let Some(sign) = SIGNS.iter().copied().find(|sign| rest.starts_with(sign)) {
            (Token::Sign(sign), sign.len())
        } else {
            let what = format!("`{}` means nothing in an expression", first.escape_debug());
            return Err(Flaw::new(at, what, "put texts in quotes, and leave everything else out"));
        };
        words.push(Word { token, at });
        at += length;
    }
    Ok(words)
}

/// Bytes of the beginning of `text` whose characters all fit.
fn span(text: &str, fits: impl Fn(char) -> bool) -> usize {
    text.find(|each: char| !fits(each)).unwrap_or(text.len())
}

fn number(rest: &str, at: usize) -> Result<(Token, usize), Flaw> {
    let mut length = span(rest, |each| each.is_ascii_digit());
    let fraction = rest[length..].strip_prefix('.').map(|tail| span(tail, |each| each.is_ascii_digit()));
    if let Some(digits) = fraction.filter(|digits| *digits > 0) {
        length += 1 + digits;
    }
    if rest[length..].starts_with(|each: char| each.is_ascii_alphanumeric() || each == '_') {
        return Err(Flaw::new(at, "this is not a number", "write digits, and a point before decimals"));
    }
    let number = Decimal::from_str_exact(&rest[..length])
        .map_err(|_| Flaw::new(at, "the number has too many digits", "write at most 28"))?;
    Ok((Token::Number(number), length))
}

fn text(rest: &str, at: usize, quote: char) -> Result<(Token, usize), Flaw> {
    let mut text = String::new();
    let mut escaped = false;
    for (offset, each) in rest.char_indices().skip(1) {
        if escaped {
            text.push(match each {
                'n' => '\n',
                't' => '\t',
                '\\' | '\'' | '"' => each,
                _ => {
                    let what = format!("`\\{}` is no escape", each.escape_debug());
                    return Err(Flaw::new(
                        at + offset,
                        what,
                        "write `\\n`, `\\t`, `\\\\` or an escaped quote",
                    ));
                }
            });
            escaped = false;
        } else if each == '\\' {
            escaped = true;
        } else if each == quote {
            return Ok((Token::Text(text), offset + each.len_utf8()));
        } else {
            text.push(each);
        }
    }
    Err(Flaw::new(at, "the text has no end", format!("close it with {quote}")))
}
