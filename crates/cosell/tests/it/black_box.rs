//! The shipped program as several processes on a real PostgreSQL server, with people on both platforms, while processes
//! are killed, networks are cut, the disk fills up and clocks step: nothing lost, nothing twice.

mod clocks;
mod disks;
mod disturbances;
mod door;
mod forgetting;
mod judge;
mod people;
mod process;
mod record;
mod roles;
mod soak;
mod store_commands;
mod troubles;
mod world;
