//! The store judged from outside: the port's contract, and what only an embedded file can do wrong.

mod contract;
mod ground;
