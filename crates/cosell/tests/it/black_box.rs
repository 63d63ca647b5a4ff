//! The shipped program as several processes on a real PostgreSQL server, with people on both platforms, while processes
//! are killed, networks are cut, the disk fills up and clocks step: nothing lost, nothing twice.

mod disturbances;
mod door;
mod judge;
mod people;
mod process;
mod record;
mod soak;
mod troubles;
mod world;
