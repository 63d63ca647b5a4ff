//! The client, through the shipped way out to the network, against a server that does everything wrong.
//!
//! Real sockets on the loopback interface, short deadlines. `server` does what a row of a table says, byte by byte;
//! the tables say what each answer means for the next step.

mod answers;
mod lists;
mod quiet;
mod server;
mod stage;
mod throttled;
