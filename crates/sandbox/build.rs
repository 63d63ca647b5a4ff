//! Generates the types of the Pub/Sub API from the contract, without protoc.

use std::error::Error;

fn main() -> Result<(), Box<dyn Error>> {
    let contracts = "../../contracts";
    println!("cargo::rerun-if-changed={contracts}/pubsub_api.proto");
    let descriptors = protox::compile(["pubsub_api.proto"], [contracts])?;
    tonic_prost_build::configure().build_client(false).build_server(true).compile_fds(descriptors)?;
    Ok(())
}
