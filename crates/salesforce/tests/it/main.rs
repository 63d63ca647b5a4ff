//! The client against a scripted server: each documented kind of answer, and what the client makes of it.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod avro;
mod calls;
mod composite;
mod corpus;
mod events_bitmaps;
mod events_fastavro;
mod events_payloads;
mod events_refusals;
mod events_server;
mod events_streams;
mod events_wire;
mod grants;
mod graphs;
mod hostile;
mod login;
mod naive_bitmaps;
mod queries;
mod refusals;
mod rows;
mod sign_in;
mod soql;
mod stub;
