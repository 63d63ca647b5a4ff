//! SOQL tokens, each with its place.

/// What a token is.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Token {
    /// A name or keyword, dots not included.
    Word(String),
    /// A number, date or datetime, as written.
    Value(String),
    /// A quoted text, escapes resolved; in LIKE patterns `\_` and `\%` stay escaped.
    Text(String),
    Symbol(&'static str),
    End,
}

/// A token and the byte it starts at.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Spanned {
    pub(crate) token: Token,
    pub(crate) at: usize,
}

/// Why a text is no SOQL, and where.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Bad {
    pub(crate) at: usize,
    pub(crate) message: String,
}

const SYMBOLS: [&str; 13] = ["!=", "<>", "<=", ">=", "=", "<", ">", "(", ")", ",", ".", ":", "*"];

/// All tokens of `text`, ending with [`Token::End`].
pub(crate) fn tokens(text: &str) -> Result<Vec<Spanned>, Bad> {
    let mut found = Vec::new();
    let mut at = 0;
    while let Some(first) = text.get(at..).and_then(|rest| rest.chars().next()) {
        let rest = text.get(at..).unwrap_or_default();
        let start = at;
        let token = if first.is_whitespace() {
            at += first.len_utf8();
            continue;
        } else if first == '\'' {
            let (value, length) = quoted(rest, at)?;
            at += length;
            Token::Text(value)
        } else if first.is_ascii_alphabetic() || first == '_' {
            let length = rest.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(rest.len());
            at += length;
            Token::Word(rest.get(..length).unwrap_or_default().to_owned())
        } else if first.is_ascii_digit() || ((first == '-' || first == '+') && rest.len() > 1) {
            let length = rest
                .find(|c: char| !c.is_ascii_alphanumeric() && !matches!(c, '-' | '+' | ':' | '.'))
                .unwrap_or(rest.len());
            at += length;
            Token::Value(rest.get(..length).unwrap_or_default().to_owned())
        } else if let Some(symbol) = SYMBOLS.iter().find(|symbol| rest.starts_with(**symbol)) {
            at += symbol.len();
            Token::Symbol(symbol)
        } else {
            return Err(Bad { at, message: format!("unexpected token: '{first}'") });
        };
        found.push(Spanned { token, at: start });
    }
    found.push(Spanned { token: Token::End, at: text.len() });
    Ok(found)
}

/// The text in quotes at the start of `rest`, and how many bytes it took.
fn quoted(rest: &str, at: usize) -> Result<(String, usize), Bad> {
    let mut value = String::new();
    let mut letters = rest.char_indices().skip(1);
    while let Some((index, letter)) = letters.next() {
        match letter {
            '\'' => return Ok((value, index + 1)),
            '\\' => {
                let bad = || Bad {
                    at: at + index,
                    message: "Illegal escape sequence in string literal".to_owned(),
                };
                let (_, escaped) = letters.next().ok_or_else(bad)?;
                match escaped {
                    '\'' | '"' | '\\' => value.push(escaped),
                    'n' | 'N' => value.push('\n'),
                    'r' | 'R' => value.push('\r'),
                    't' | 'T' => value.push('\t'),
                    'b' | 'B' => value.push('\u{8}'),
                    'f' | 'F' => value.push('\u{c}'),
                    '_' | '%' => {
                        value.push('\\');
                        value.push(escaped);
                    }
                    'u' => {
                        let hex: String = letters.by_ref().take(4).map(|(_, digit)| digit).collect();
                        let code = u32::from_str_radix(&hex, 16).ok().filter(|_| hex.len() == 4);
                        value.push(code.and_then(char::from_u32).ok_or_else(bad)?);
                    }
                    _ => return Err(bad()),
                }
            }
            '\n' | '\r' => {
                return Err(Bad {
                    at: at + index,
                    message: "line breaks not allowed in string literals".to_owned(),
                });
            }
            _ => value.push(letter),
        }
    }
    Err(Bad { at, message: "unterminated string literal".to_owned() })
}
