//! Configuration, low and high: what was typed, and what it means.

mod fault;
mod file;
mod resolve;

use std::path::Path;

pub(crate) use resolve::{Config, JwksSource};

use fault::Text;

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
    let file: file::File = serde_saphyr::from_str_with_options(&text, options)
        .map_err(|error| serde_saphyr::miette::to_miette_report(&error, &text, &name))?;
    let directory = path
        .parent()
        .filter(|parent| !parent.as_os_str().is_empty());
    let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, text.as_bytes());
    resolve::resolve(
        file,
        &Text::new(&name, text),
        directory.unwrap_or(Path::new(".")),
        hex::encode(digest),
    )
}

fn unreadable(name: &str, error: &std::io::Error) -> miette::Report {
    miette::miette!(
        help = "give the file's path with `--config`",
        "configuration `{name}` cannot be read: {error}"
    )
}

#[cfg(test)]
mod tests;
