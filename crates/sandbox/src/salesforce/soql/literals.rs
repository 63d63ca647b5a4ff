//! Literals: texts, numbers, instants, date literals and amounts of money.

use rust_decimal::Decimal;

use super::{
    ast::Literal,
    dates::{MAX_NUMBER, Relative},
    lexer::{Bad, Token},
    parser::Parser,
};
use crate::salesforce::values::{parse_date, parse_time};

impl Parser {
    pub(super) fn literal(&mut self) -> Result<Literal, Bad> {
        let literal = match self.peek().clone() {
            Token::Text(text) => Literal::Text(text),
            Token::Word(word) => match word.to_ascii_uppercase().as_str() {
                "NULL" => Literal::Null,
                "TRUE" => Literal::Bool(true),
                "FALSE" => Literal::Bool(false),
                name if Relative::takes_number(name) => {
                    let number = self.days()?;
                    Literal::Range(Relative::numbered(name, number).ok_or_else(|| self.unexpected())?)
                }
                name => match Relative::plain(name) {
                    Some(relative) => Literal::Range(relative),
                    None => self.money(&word)?,
                },
            },
            Token::Value(text) => {
                if let Some(at) = parse_time(&text) {
                    Literal::At(at)
                } else if let Some(date) = parse_date(&text) {
                    Literal::Date(date)
                } else if let Ok(number) = text.parse::<Decimal>() {
                    Literal::Number(number)
                } else {
                    return Err(self.unexpected());
                }
            }
            _ => return Err(self.unexpected()),
        };
        self.next += 1;
        Ok(literal)
    }

    /// `USD5000`, `EUR12.50`; leaves the parser on its last token.
    fn money(&mut self, word: &str) -> Result<Literal, Bad> {
        let (iso, digits) = word.split_at_checked(3).ok_or_else(|| self.unexpected())?;
        let whole = iso.bytes().all(|letter| letter.is_ascii_alphabetic())
            && !digits.is_empty()
            && digits.bytes().all(|digit| digit.is_ascii_digit());
        if !whole {
            return Err(self.unexpected());
        }
        let mut text = digits.to_owned();
        if self.symbol_follows(1, ".")
            && let Some(Token::Value(fraction)) = self.ahead(2)
            && fraction.bytes().all(|digit| digit.is_ascii_digit())
        {
            text = format!("{text}.{fraction}");
            self.next += 2;
        }
        let amount: Decimal = text.parse().map_err(|_| self.unexpected())?;
        Ok(Literal::Money(iso.to_ascii_uppercase(), amount))
    }

    /// The `:n` after a date literal; leaves the parser on the number.
    fn days(&mut self) -> Result<i32, Bad> {
        self.next += 1;
        self.need_symbol(":")?;
        match self.peek() {
            Token::Value(digits) => digits
                .parse::<i32>()
                .ok()
                .filter(|days| (0..=MAX_NUMBER).contains(days))
                .ok_or_else(|| self.unexpected()),
            _ => Err(self.unexpected()),
        }
    }
}
