//! The pages for people: plain HTML, made on the server, usable without scripts.

mod html;
pub(super) mod sign_in;
