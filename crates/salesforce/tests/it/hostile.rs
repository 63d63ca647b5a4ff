//! The client against a server that does everything wrong.
//!
//! `codes`: every code of the reference's table, in each shape and at each place. `bytes`: answers byte by byte over
//! real sockets, through the shipped way out to the network.

mod bytes;
mod codes;
#[allow(dead_code, reason = "the other half asks more of it")]
#[path = "../../../partner-center/tests/it/hostile/server.rs"]
mod server;
