//! The Salesforce reference, section by section: each rule is a row, each table a test named after its section.
//!
//! | section | what | tables |
//! |---|---|---|
//! | 4.2-4.9, 4.11, 4.12 | change events | [`events`] |
//! | 1.9, 2.3, 2.6, 2.7 | rights, errors, upsert, describe | [`customers_rules`] |
//! | 2.4 | rows | [`org_rows`] |
//! | 2.9-2.12, 2.14, 2.15 | calls in a call, conditions, limits | [`composing`] |
//! | 5.1-5.6 | deals, customers, teams, products | [`objects`] |
//! | 2.5, 5.7, 5.8 | notes, files, tasks, leads, headers | [`notes_and_leads`] |
//! | 8.4 | answers lost after the commit | [`lost`] |
//! | 4.10 | what polling meets | [`polling`] |
//! | 4.12, 6.2, 6.3 | deploys | [`deploying`] |
//!
//! A test whose name starts with `s2_1_` is about section 2.1, here or beside the machine in `src/salesforce`; [`index`]
//! sees to it that no section is without one. A table is a list of [`rule`]s that [`rule::hold`] asks of fresh orgs.

mod composing;
mod customers_rules;
mod deploying;
mod events;
mod index;
mod lost;
mod notes_and_leads;
mod objects;
mod org_rows;
mod polling;
mod rule;
