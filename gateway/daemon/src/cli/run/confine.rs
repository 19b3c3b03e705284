//! What the gateway gives up before it serves: it parses what strangers send, so it keeps nothing
//! that they could use.
//!
//! Everything that needs more is done before: ports are bound, keys and certificates read, kernel
//! programs loaded, and the process forked that looks at other processes (`flows::Keeper`).

use std::{
    collections::BTreeSet,
    path::{Path, PathBuf},
};

use miette::{IntoDiagnostic as _, Result, WrapErr as _};
use rustix::thread::{CapabilitySet, Pid, capabilities};
use sandbox::{Files, Held};
use vault::Place;

use crate::{
    bundles,
    config::{BundleSource, Config, CredentialPlace, JwksSource, StreamPlace, To},
    private_folder,
};

/// What a resolver of names, a clock, the loader of libraries and readers of the kernel's maps read.
const SYSTEM: [&str; 17] = [
    "/etc/resolv.conf",
    "/etc/hosts",
    "/etc/host.conf",
    "/etc/nsswitch.conf",
    "/etc/gai.conf",
    "/etc/services",
    "/etc/localtime",
    "/etc/ld.so.cache",
    "/run/systemd/resolve",
    "/usr/share/zoneinfo",
    "/usr/lib",
    "/lib",
    "/lib64",
    "/proc/self",
    // How many counters a map has for one.
    "/sys/devices/system/cpu",
    "/dev/null",
    "/dev/urandom",
];

/// Gives up capabilities, files and system calls; returns what the record's start must say is
/// missing. There must be one thread.
pub(super) fn confine(config: &Config, kernel: bool, place: Option<&Place>) -> Result<Vec<String>> {
    let mut notes = Vec::new();
    let files = files(config, place)?;
    let mut kept = CapabilitySet::empty();
    if kernel && !maps_are_open() {
        kept = CapabilitySet::BPF;
        notes.push("sandbox: CAP_BPF kept, because Linux before 5.19 asks for it".to_owned());
    }
    sandbox::drop_capabilities(kept).into_diagnostic()?;
    match sandbox::hold_files(&files).into_diagnostic()? {
        Held::Whole => {}
        Held::Partly => notes.push("sandbox: Landlock of this kernel is older".to_owned()),
        Held::Not => notes.push("sandbox: this kernel has no Landlock".to_owned()),
    }
    sandbox::hold_serving().into_diagnostic()?;
    Ok(notes)
}

/// What the process that looks at other processes keeps, of what it has: loading nothing more, but
/// writing the maps, and seeing whose executable is whose.
pub(super) fn confine_keeper() {
    let needed = CapabilitySet::BPF
        | CapabilitySet::NET_ADMIN
        | CapabilitySet::PERFMON
        | CapabilitySet::SYS_PTRACE
        | CapabilitySet::DAC_READ_SEARCH;
    let held = capabilities(None::<Pid>).map_or(CapabilitySet::empty(), |held| held.permitted);
    if let Err(error) = sandbox::drop_capabilities(held & needed) {
        tracing::error!(%error, "the kernel's part keeps privileges that it does not need");
    }
}

/// The folders in which the gateway writes while it serves.
pub(super) fn written(config: &Config) -> Vec<PathBuf> {
    let shipped = config.shipping.iter().filter_map(|it| match &it.to {
        To::File(file) => Some(&file.path),
        _ => None,
    });
    let reports = config.schedules.iter().filter_map(|it| it.to.folder());
    [&config.data]
        .into_iter()
        .chain(&config.proofs.tiles)
        .chain(shipped)
        .chain(reports)
        .cloned()
        .collect()
}

fn files(config: &Config, place: Option<&Place>) -> Result<Files> {
    // A rule holds for what is there.
    private_folder(&config.data)?;
    let mut read: Vec<PathBuf> = SYSTEM.iter().map(PathBuf::from).collect();
    read.extend(config.transform_keys.clone());
    let keys = config
        .issuers
        .iter()
        .filter_map(|issuer| match &issuer.source {
            JwksSource::File(path) => Some(path),
            JwksSource::Url(_) | JwksSource::Issuer(_) | JwksSource::TrustDomain(_) => None,
        });
    let credentials = config
        .credentials
        .iter()
        .filter_map(|(_, place)| match place {
            CredentialPlace::File(path) => Some(path),
            CredentialPlace::Store(place) => Some(&place.shown),
            CredentialPlace::Vault => None,
        });
    let roots = config.proofs.copy.iter().filter_map(|it| it.ca.as_ref());
    let buckets = config.buckets.iter().map(|it| &it.keys);
    let streams = config.shipping.iter().filter_map(|it| match &it.to {
        To::Nats(stream) => Some(stream),
        _ => None,
    });
    if streams.clone().any(|it| it.ca.is_none()) {
        read.extend(certificates());
    }
    let streams = streams.flat_map(StreamPlace::files);
    let ledger = config.fleet.iter().flat_map(|it| it.redis.files());
    let streams = streams.chain(ledger);
    let streams: Vec<PathBuf> = streams.map(Path::to_owned).collect();
    let shown = place.map(Place::files_read).unwrap_or_default();
    let bundles = config.bundles.iter().filter_map(|it| match &it.from {
        BundleSource::File(file) => Some(file),
        _ => None,
    });
    if config.bundles.is_some() {
        private_folder(bundles::Store::at(&config.data).folder())?;
    }
    let all = keys.chain(credentials).chain(roots).chain(buckets);
    let all = all.chain(bundles);
    let all = all.chain(&streams);
    for path in all.chain(&shown) {
        // Its folder: whoever replaces a file puts another one there.
        let folder = path
            .parent()
            .filter(|folder| !folder.as_os_str().is_empty());
        read.push(folder.unwrap_or(Path::new(".")).to_owned());
    }
    for destination in &config.shipping {
        if let To::File(file) = &destination.to {
            private_folder(&file.path)?;
        }
    }
    for folder in config.schedules.iter().filter_map(|it| it.to.folder()) {
        private_folder(folder)?;
    }
    let mut write = written(config);
    if let Some(place) = place {
        write.extend(place.files_written().iter().cloned());
    }
    if let Some(tiles) = &config.proofs.tiles {
        // It is for others to read, as far as the umask lets them.
        let made = std::fs::create_dir_all(tiles).into_diagnostic();
        made.wrap_err("the folder of the log's tiles, `audit.tiles`, cannot be made")?;
    }
    if !config.schedules.is_empty() {
        // Whoever has another calendar than UTC looks it up when a report is due.
        read.push(PathBuf::from("/usr/share/zoneinfo"));
    }
    Ok(Files { read, write })
}

/// Where the system's certificates are.
///
/// The client of NATS reads them for each connection (`async_nats::tls::config_tls`), also where it is given those that
/// it trusts, and makes none if one of them cannot be read.
fn certificates() -> BTreeSet<PathBuf> {
    // As `rustls_native_certs` looks for them.
    let file = std::env::var_os("SSL_CERT_FILE").map(PathBuf::from);
    let folders = std::env::var_os("SSL_CERT_DIR").unwrap_or_default();
    let folders = std::env::split_paths(&folders);
    let folders: Vec<PathBuf> = folders.filter(|it| !it.as_os_str().is_empty()).collect();
    if file.is_some() || !folders.is_empty() {
        return led_to(file, folders);
    }
    let system = openssl_probe::probe();
    led_to(system.cert_file, system.cert_dir)
}

/// These folders, and those of the files that are in them or that their links lead to, which are replaced there.
fn led_to(file: Option<PathBuf>, folders: Vec<PathBuf>) -> BTreeSet<PathBuf> {
    let entries = folders.iter().flat_map(std::fs::read_dir).flatten();
    let entries = entries.flatten().map(|entry| entry.path());
    let files = entries.chain(file).filter_map(|it| it.canonicalize().ok());
    let files = files.filter(|it| it.is_file());
    let beside = files.filter_map(|it| it.parent().map(Path::to_owned));
    // Never everything.
    let beside = beside.filter(|it| it.parent().is_some());
    beside.chain(folders.iter().cloned()).collect()
}

/// Whether maps that are open can be read without privileges, since Linux 5.19
/// (`kernel.unprivileged_bpf_disabled` closed everything before).
fn maps_are_open() -> bool {
    let system = rustix::system::uname();
    let release = system.release().to_string_lossy();
    let mut numbers = release.split(['.', '-']).map(str::parse::<u32>);
    let mut next = || numbers.next().and_then(Result::ok).unwrap_or(0);
    (next(), next()) >= (5, 19)
}

#[cfg(test)]
mod tests {
    use std::{fs, os::unix::fs::symlink};

    use super::*;

    #[test]
    fn certificates_are_where_links_lead_to_as_well() {
        let place = tempfile::tempdir().unwrap();
        let place = place.path().canonicalize().unwrap();
        for folder in ["certs", "shipped/mozilla", "other"] {
            fs::create_dir_all(place.join(folder)).unwrap();
        }
        fs::write(place.join("shipped/mozilla/root.crt"), "").unwrap();
        fs::write(place.join("other/all.pem"), "").unwrap();
        let link = |to: &str, name: &str| symlink(place.join(to), place.join(name)).unwrap();
        link("shipped/mozilla/root.crt", "certs/root.pem");
        link("certs/root.pem", "certs/12345678.0");
        link("nowhere/gone.crt", "certs/gone.pem");
        let found = led_to(Some(place.join("other/all.pem")), vec![place.join("certs")]);
        let expected = ["certs", "other", "shipped/mozilla"].map(|it| place.join(it));
        assert_eq!(found.into_iter().collect::<Vec<_>>(), expected);
    }
}
