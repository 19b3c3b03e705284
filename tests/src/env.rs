//! The environment variables that steer tests, read in one place.

use std::{
    env,
    ffi::OsString,
    path::{Path, PathBuf},
};

use anyhow::{Context as _, Result};

/// Which `tidegate` to start, in place of the one beside this program.
pub const BINARY: &str = "TIDEGATE_BIN";
/// `require`: a scenario that cannot load the kernel programs fails.
pub const EBPF: &str = "TIDEGATE_EBPF";
/// How often the daemon is killed under load.
pub const KILLS: &str = "TIDEGATE_KILLS";
/// How often the daemon is killed and started again while agents call.
pub const RESTARTS: &str = "TIDEGATE_RESTARTS";
/// Where the vendors' SDKs are, in place of what `cargo xtask setup` installed.
pub const SDKS: &str = "TIDEGATE_SDKS";
/// How many short-lived processes call at once.
pub const BURST: &str = "TIDEGATE_BURST";
/// How many calls are made at once against a budget of a tenth of them.
pub const CALLS: &str = "TIDEGATE_CALLS";
/// How many calls the hosts of a fleet share.
pub const FLEET: &str = "TIDEGATE_FLEET";
/// For how many seconds the hosts of a fleet are in trouble, one after the other; once each without.
pub const FLEET_SECONDS: &str = "TIDEGATE_FLEET_SECONDS";
/// How many connections agents make in all.
pub const FLOWS: &str = "TIDEGATE_FLOWS";
/// How many exchanges agents of different kinds make in all.
pub const HOSTS: &str = "TIDEGATE_HOSTS";
/// Whether a way past the gateway must be found in time: on a host that is busy with other things it need
/// not be.
pub const TECHNIQUES: &str = "TIDEGATE_TECHNIQUES";
/// How many streams are under way while keys and upstreams change.
pub const STREAMS: &str = "TIDEGATE_STREAMS";
/// How many streams are under way while another gateway takes over.
pub const HANDOVER: &str = "TIDEGATE_HANDOVER";
/// How many days a gateway lives through, hour by hour.
pub const DAYS: &str = "TIDEGATE_DAYS";
/// For how many seconds a gateway is kept as busy as its host allows.
pub const SOAK: &str = "TIDEGATE_SOAK";
/// How many megabytes stream through in the memory scenario.
pub const STREAM_MB: &str = "TIDEGATE_STREAM_MB";

/// The number in `variable`, or `default` where there is none.
pub fn number(variable: &str, default: u64) -> u64 {
    text(variable)
        .and_then(|text| text.to_str()?.parse().ok())
        .unwrap_or(default)
}

/// The text in `variable`.
pub fn text(variable: &str) -> Option<OsString> {
    env::var_os(variable)
}

/// Whether a missing kernel program is a failure.
pub fn ebpf_required() -> bool {
    text(EBPF).is_some_and(|value| value == "require")
}

/// The first `program` on the search path.
pub fn program(name: &str) -> Option<PathBuf> {
    let path = env::var_os("PATH")?;
    env::split_paths(&path)
        .map(|folder| folder.join(name))
        .find(|file| file.is_file())
}

/// A tool that `cargo xtask setup` installed at `installed`, or that `variable` names.
pub fn tool(variable: &str, installed: &str) -> Result<PathBuf> {
    if let Some(named) = text(variable) {
        return Ok(named.into());
    }
    let workspace = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let target = text("CARGO_TARGET_DIR").map(PathBuf::from);
    let targets = target.into_iter().chain([workspace.join("target")]);
    targets
        .map(|target| target.join("tools").join(installed))
        .find(|program| program.exists())
        .with_context(|| {
            format!("no `{installed}`: run `cargo xtask setup`, or name it in {variable}")
        })
}

/// A program of this workspace that stands beside the running one.
pub fn sibling(name: &str) -> Option<PathBuf> {
    let this = env::current_exe().ok()?;
    // Test binaries sit one folder deeper, in `deps`.
    this.ancestors()
        .skip(1)
        .take(2)
        .map(|folder| folder.join(name))
        .find(|file| file.is_file())
}
