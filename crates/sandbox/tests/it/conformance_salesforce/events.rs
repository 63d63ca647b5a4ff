//! Sections 4.2 to 4.12, change events: what subscribers are told, and how streams behave.
//!
//! Payloads are decoded by Avro's own library and bitmaps by this folder's reading of the reference, never by code of
//! the product or of the sandbox.

mod desk;
mod following;
mod headers;
mod payloads;
mod selecting;
mod streams;
mod wire;
