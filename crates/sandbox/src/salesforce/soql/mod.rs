//! SOQL: text to tokens, tokens to a query, a query to records (salesforce reference, section 2.8).

pub(crate) mod ast;
pub(crate) mod bind;
pub(crate) mod columns;
pub(crate) mod eval;
pub(crate) mod lexer;
pub(crate) mod parser;
