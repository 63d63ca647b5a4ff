//! SOQL: text to tokens, tokens to a query, a query to records (salesforce reference, section 2.8).

pub(crate) mod ast;
pub(crate) mod bind;
pub(crate) mod columns;
pub(crate) mod dates;
pub(crate) mod eval;
mod filter;
mod groups;
mod joins;
pub(crate) mod lexer;
mod literals;
mod operands;
pub(crate) mod parser;
pub(crate) mod plain;
mod records;
