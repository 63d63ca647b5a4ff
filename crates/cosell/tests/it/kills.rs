//! The service is killed at every hold-point of every effect while people go on working, and everything still ends well.

mod aims;
mod judge;
pub(crate) mod people;
mod rounds;
mod starts_and_stops;
