//! The mapping as a whole: the shipped default, files merged over it, broken files, and what codecs keep.

// Helpers of tests, which the lint does not take for tests.
#![allow(clippy::unwrap_used)]

mod attributes;
mod broken_files;
mod codecs;
mod codecs_fit;
mod corpus;
mod customers;
mod default_mapping;
mod definitions;
mod expressions;
mod merging;
mod provenance;
mod random_mappings;
mod record_types;
mod rules;
mod schema;
mod sets;
mod stages;
#[path = "../../../deal-model/tests/it/tape.rs"]
mod tape;
