//! The Salesforce reference, section by section: each rule is a row, each table a test named after its section.
//!
//! | section | what | tables |
//! |---|---|---|
//! | 4.2-4.9, 4.11, 4.12 | change events | [`events`] |
//! | 2.2-2.7 | rows, errors, upsert, describe | [`org_rows`] |
//!
//! A test whose name starts with `s2_1_` is about section 2.1, here or beside the machine in `src/salesforce`; [`index`]
//! sees to it that no section is without one. A table is a list of [`rule`]s that [`rule::hold`] asks of fresh orgs.

mod events;
mod index;
mod org_rows;
mod rule;
