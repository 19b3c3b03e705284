//! Makes the server's side of the SPIFFE Workload API, for the stand-in that tests start.

use std::error::Error;

fn main() -> Result<(), Box<dyn Error>> {
    let described = protox::compile(["spiffe/workload.proto"], ["spiffe"])?;
    tonic_prost_build::configure()
        .build_client(false)
        .compile_fds(described)?;
    println!("cargo::rerun-if-changed=spiffe/workload.proto");
    Ok(())
}
