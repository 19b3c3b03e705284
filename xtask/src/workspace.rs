//! Where we are, and what this host can do.

use std::{
    env,
    ffi::OsString,
    fs,
    os::unix::fs::MetadataExt as _,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context as _, Result};

use crate::step;

/// The variable that `ebpf/flows/build.rs` obeys.
const EBPF: &str = "TIDEGATE_EBPF";
/// Where the test scenarios look for the collector.
const ROTEL: &str = "TIDEGATE_ROTEL";
/// Where they look for the vendors' SDKs.
const SDKS: &str = "TIDEGATE_SDKS";
/// The variable that fixes what property tests try: a gate that finds something new in an unrelated
/// change helps nobody. `cargo xtask long properties` looks for new things.
pub(crate) const SEED: &str = "PROPTEST_RNG_SEED";
/// What a kernel must offer for our programs.
const BTF: &str = "/sys/kernel/btf/vmlinux";
/// A `core` for the kernel's instruction set, as Debian's packages put it.
const BPF_CORE: &str = "/usr/lib/rustlib/bpfel-unknown-none/lib";

/// This workspace on this host.
#[derive(Debug)]
pub(crate) struct Workspace {
    /// Where `Cargo.toml` is.
    pub(crate) root: PathBuf,
    /// Where cargo builds.
    pub(crate) target: PathBuf,
}

impl Workspace {
    pub(crate) fn find() -> Result<Self> {
        let root = Path::new(env!("CARGO_MANIFEST_DIR"))
            .parent()
            .context("xtask has no parent")?;
        let root = root.to_owned();
        let target = env::var_os("CARGO_TARGET_DIR").map_or_else(
            || Ok(root.join("target")),
            |named| env::current_dir().map(|here| here.join(named)),
        )?;
        Ok(Self { root, target })
    }

    /// The cargo that runs us, in the workspace and with this host's choices.
    pub(crate) fn cargo(&self, arguments: &[&str]) -> Command {
        let cargo = env::var_os("CARGO").unwrap_or_else(|| OsString::from("cargo"));
        let mut command = Command::new(cargo);
        command
            .args(arguments)
            .current_dir(&self.root)
            .env(ROTEL, self.rotel())
            .env(SDKS, self.sdks());
        if env::var_os(SEED).is_none() {
            command.env(SEED, "1");
        }
        // Every build must agree on this, or cargo builds what depends on it twice.
        if env::var_os(EBPF).is_none() && can_load_programs() && (has_bpf_compiler() || in_ci()) {
            command.env(EBPF, "require");
        }
        command
    }

    /// A program that cargo built.
    pub(crate) fn built(&self, profile: &str, name: &str) -> PathBuf {
        self.target.join(profile).join(name)
    }

    /// Tools that belong to this workspace alone.
    pub(crate) fn tools(&self) -> PathBuf {
        self.target.join("tools")
    }

    /// The vendors' SDKs that tests run through the gateway: a virtual environment with Node.js.
    pub(crate) fn sdks(&self) -> PathBuf {
        env::var_os(SDKS).map_or_else(|| self.tools().join("sdks"), PathBuf::from)
    }

    /// What pins them, of which `name` is one file.
    pub(crate) fn sdk_pins(&self, name: &str) -> PathBuf {
        self.root.join("tests/sdks").join(name)
    }

    /// Whether the SDKs that the file `name` pins are installed, and not those of another time.
    pub(crate) fn has_sdks(&self, name: &str) -> bool {
        let installed = fs::read(self.sdks().join(name)).ok();
        installed.is_some() && installed == fs::read(self.sdk_pins(name)).ok()
    }

    /// The virtual environment of what the classifiers are measured beside.
    pub(crate) fn presidio(&self) -> PathBuf {
        self.tools().join("presidio")
    }

    /// The virtual environment of the proxy that interception is measured beside.
    pub(crate) fn mitmproxy(&self) -> PathBuf {
        self.tools().join("mitmproxy")
    }

    /// The proxy that asks the gateway about what it serves.
    pub(crate) fn envoy(&self) -> PathBuf {
        self.tools().join("envoy/envoy")
    }

    /// The telemetry collector.
    pub(crate) fn rotel(&self) -> PathBuf {
        env::var_os(ROTEL).map_or_else(|| self.tools().join("venv/bin/rotel-agent"), PathBuf::from)
    }
}

/// The search path with the programs of a virtual environment first.
pub(crate) fn search_path(venv: &Path) -> Result<OsString> {
    let others = env::var_os("PATH").unwrap_or_default();
    let paths = std::iter::once(venv.join("bin")).chain(env::split_paths(&others));
    Ok(env::join_paths(paths)?)
}

/// Where cargo keeps crates.
pub(crate) fn cargo_home() -> Result<PathBuf> {
    let home = env::var_os("CARGO_HOME").map(PathBuf::from);
    let home = home.or_else(|| Some(PathBuf::from(env::var_os("HOME")?).join(".cargo")));
    home.context("neither CARGO_HOME nor HOME says where cargo keeps crates")
}

/// Whether nobody watches.
pub(crate) fn in_ci() -> bool {
    env::var_os("CI").is_some_and(|value| value == "true" || value == "1")
}

pub(crate) fn is_root() -> bool {
    fs::metadata("/proc/self").is_ok_and(|process| process.uid() == 0)
}

/// Whether the kernel here would take our programs from us.
pub(crate) fn can_load_programs() -> bool {
    is_root() && Path::new(BTF).exists()
}

/// Whether something here compiles for the kernel's instruction set: Debian's packages, or a
/// rustup toolchain with the sources of `core`.
pub(crate) fn has_bpf_compiler() -> bool {
    let rustup = env::var_os("RUSTUP_HOME").map(PathBuf::from);
    let rustup = rustup.or_else(|| Some(PathBuf::from(env::var_os("HOME")?).join(".rustup")));
    let toolchains = rustup.and_then(|home| fs::read_dir(home.join("toolchains")).ok());
    Path::new(BPF_CORE).is_dir()
        || toolchains.into_iter().flatten().flatten().any(|toolchain| {
            toolchain
                .path()
                .join("lib/rustlib/src/rust/library/core")
                .is_dir()
        })
}

/// Whether the developer wants no kernel programs.
pub(crate) fn skips_bpf() -> bool {
    env::var_os(EBPF).is_some_and(|value| value == "skip")
}

/// The first `name` on the search path, or where cargo installs.
pub(crate) fn program(name: &str) -> Option<PathBuf> {
    let path = env::var_os("PATH").unwrap_or_default();
    let cargo = env::var_os("CARGO_HOME")
        .map(PathBuf::from)
        .or_else(|| Some(PathBuf::from(env::var_os("HOME")?).join(".cargo")));
    // Debian keeps some programs where only root's path leads.
    env::split_paths(&path)
        .chain(cargo.map(|home| home.join("bin")))
        .chain(["/usr/sbin".into(), "/sbin".into()])
        .map(|folder| folder.join(name))
        .find(|file| file.is_file())
}

/// Whether `name` is installed and says a version that begins so.
pub(crate) fn has_version(name: &str, version: &str) -> bool {
    program(name)
        .and_then(|program| step::answer(Command::new(program).arg("--version")))
        .is_some_and(|said| {
            said.split_whitespace()
                .any(|word| word.starts_with(version))
        })
}
