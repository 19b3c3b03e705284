//! The services behind the gateway: real HTTP servers with made-up data.

pub mod analytics;
pub mod chooser;
pub mod clinic;
pub mod coded;
pub mod crm;
pub mod eu;
pub mod formats;
pub mod graph;
pub mod keyed;
pub mod metered;
pub mod model;
pub mod place;
pub mod roster;
mod serve;
pub mod trouble;
pub mod vendor;
pub mod wiretap;
pub mod witness;

pub use serve::{Peer, Tls};

use anyhow::{Result, bail};

use crate::people::Home;

/// The seed of every peer's data, unless told otherwise.
pub const SEED: u64 = 2026;

/// Starts the peer called `name`, as the command `tidegate-peer` names them.
pub fn start(name: &str, address: &str, home: Home, tls: Option<&Tls>) -> Result<Peer> {
    let router = match name {
        "clinic" => clinic::router(SEED, home),
        "crm" => crm::router(SEED),
        "analytics" => analytics::router(),
        "eu" => eu::router(),
        "model" => model::router(),
        "trouble" => return trouble::start(address),
        _ => bail!(
            "no peer is called `{name}`; there are clinic, crm, analytics, eu, model, trouble"
        ),
    };
    Peer::serve(router, address, tls)
}
