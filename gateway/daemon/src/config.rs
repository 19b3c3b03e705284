//! Configuration, low and high: what was typed, and what it means.

mod agents;
mod answers;
mod arguments;
mod asked;
mod behaviour;
mod buckets;
mod budgets;
mod bundle;
pub(crate) mod classifiers;
mod console;
mod copy;
mod credentials;
mod declared;
mod egress;
mod facts;
mod fault;
mod file;
mod fleet;
mod forward;
mod graphql;
mod inbound;
mod issuers;
mod keys;
mod lease;
mod mcp;
mod mediator;
mod messages;
mod nats;
pub(crate) mod openapi;
mod panel;
pub(crate) mod paths;
pub(crate) mod profiles;
mod proofs;
mod reports;
mod resolve;
mod retention;
mod shipping;
mod stores;
mod timeouts;
mod unread;
mod upstreams;
mod usage;

use std::path::Path;

use miette::IntoDiagnostic as _;

pub(crate) use behaviour::{Collecting, Receiver, Way};
pub(crate) use buckets::{BucketPlace, Within, named, prefix_of};
pub(crate) use bundle::{Bundles, From as BundleSource};
pub(crate) use console::Console;
pub(crate) use credentials::CredentialPlace;
pub(crate) use egress::Place;
pub(crate) use fleet::{Fleet, Shown};
pub(crate) use issuers::JwksSource;
pub(crate) use nats::{Login, StreamPlace};
pub(crate) use proofs::{Asked, Shelf};
pub(crate) use resolve::{Config, Listen, is_loopback};
pub(crate) use shipping::{Collector, Destination, Folder, LakePlace, To};

pub(crate) use budgets::is_name;
pub(crate) use fault::Text;

/// The longest configuration file, in bytes.
const FILE_BYTES_MAX: u64 = 1024 * 1024;

/// Reads, checks and resolves the configuration at `path`; every fault names its place.
pub(crate) fn load(path: &Path) -> miette::Result<Config> {
    let name = path.display().to_string();
    let size = std::fs::metadata(path)
        .map_err(|error| unreadable(&name, &error))?
        .len();
    if size > FILE_BYTES_MAX {
        return Err(miette::miette!(
            "configuration `{name}` is longer than {FILE_BYTES_MAX} bytes"
        ));
    }
    let text = std::fs::read_to_string(path).map_err(|error| unreadable(&name, &error))?;
    let options = serde_saphyr::options! { with_snippet: false };
    let mut file: file::File = serde_saphyr::from_str_with_options(&text, options)
        .map_err(|error| unread::unread(&error, (&name, &text)))?;
    profiles::fill(&mut file.services)?;
    let directory = path
        .parent()
        .filter(|parent| !parent.as_os_str().is_empty());
    let digest = digest(&[text.as_bytes()]);
    let mut config = resolve::resolve(
        file,
        &Text::new(&name, text.clone()),
        directory.unwrap_or(Path::new(".")),
        digest,
    )?;
    let decisive = config.classifiers.iter().chain(&config.described);
    if decisive.clone().next().is_some() {
        // What is found hangs on them, so the record names them too.
        let files = decisive.map(std::fs::read);
        let files: Vec<Vec<u8>> = files.collect::<Result<_, _>>().into_diagnostic()?;
        let parts: Vec<&[u8]> = std::iter::once(text.as_bytes())
            .chain(files.iter().map(Vec::as_slice))
            .collect();
        config.digest = self::digest(&parts);
    }
    Ok(config)
}

/// SHA-256, hexadecimal; of several parts, each is preceded by its length.
fn digest(parts: &[&[u8]]) -> String {
    let mut hash = aws_lc_rs::digest::Context::new(&aws_lc_rs::digest::SHA256);
    for part in parts {
        if parts.len() > 1 {
            hash.update(&part.len().to_le_bytes());
        }
        hash.update(part);
    }
    hex::encode(hash.finish())
}

fn unreadable(name: &str, error: &std::io::Error) -> miette::Report {
    miette::miette!(
        help = "give the file's path with `--config`",
        "configuration `{name}` cannot be read: {error}"
    )
}

#[cfg(test)]
mod tests;
