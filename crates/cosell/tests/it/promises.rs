//! What the product promises, requirement by requirement: each test reads like its sentence.
//!
//! The identifiers (M4, P13, ...) are those of the requirements; the rest of them are covered by `scenarios`.

mod automations;
mod change_events;
mod checking;
mod clocks;
mod connections;
mod crm_refusals;
mod first_load;
mod kept;
mod leads;
mod microsoft;
mod outbound;
mod registering;
mod salesforce_allowance;
mod salesforce_sign_in;
mod team;
mod throttling;
mod webhooks;
