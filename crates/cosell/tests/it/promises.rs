//! What the product promises, requirement by requirement: each test reads like its sentence.
//!
//! The identifiers (M4, P13, ...) are those of the requirements; the rest of them are covered by `scenarios`.

mod accounts;
mod automations;
mod careful_commands;
mod change_events;
mod checking;
mod clocks;
mod connections;
mod crm_refusals;
mod decisions;
mod expressions;
mod first_load;
mod forgetting;
mod kept;
mod leads;
mod listeners;
mod mapping_change;
mod mapping_commands;
mod microsoft;
mod opt_in;
mod outbound;
mod planned_calls;
mod proofs;
mod record_types;
mod recovery;
mod recovery_store;
mod registering;
mod relinking;
mod resealing;
mod routing;
mod salesforce_allowance;
mod salesforce_sign_in;
mod sets;
mod solutions;
mod team;
mod threat_model;
mod throttling;
mod webhooks;
