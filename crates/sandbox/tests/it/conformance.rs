//! The Partner Center reference, section by section: each rule is a row, each table a test named after its section.
//!
//! | section | what | tables |
//! |---|---|---|
//! | 1 | sign-in, tokens, roles | `signing_in`, `tokens`, and [`index`] |
//! | 2, 2.1-2.3 | operations, lists, headers | [`endpoints`], [`lists`] |
//! | 3, 3.1-3.9 | the referral, member by member | [`schema`], [`contract`] |
//! | 4.1-4.5 | states, engagements, kinds of deals, business rules | [`lifecycle`], [`deals`] |
//! | 5 | eTags, throttling, errors | [`errors`] |
//! | 6.1-6.4 | webhooks | [`webhooks`], and [`index`] |
//!
//! A test whose name starts with `s2_1_` is about section 2.1, wherever it stands. Older tests have sentences for
//! names; [`index`] says which section each is about, and that no section is without a test.

mod contract;
mod deals;
mod endpoints;
mod errors;
mod index;
mod lifecycle;
mod lists;
mod rule;
mod schema;
mod webhooks;
