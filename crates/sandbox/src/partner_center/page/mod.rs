//! The pages for people: plain HTML, made on the server, usable without scripts.

mod console;
mod deal;
mod orders;
pub(super) mod sign_in;
