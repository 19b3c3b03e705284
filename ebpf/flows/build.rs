//! Builds the kernel programs for the BPF target and hands their object to the crate.
//!
//! The compiler is searched in this order:
//! 1. `TIDEGATE_EBPF_OBJECT`: an object built elsewhere;
//! 2. `TIDEGATE_EBPF_RUSTC`, else `/usr/bin/rustc`, if it has a `core` for `bpfel-unknown-none`
//!    (Debian and Ubuntu: `rustc-web` with `libstd-rust-web-dev-bpf`);
//! 3. a rustup toolchain with `rust-src`, which then builds `core` as well.
//!
//! Without any, the crate is built with `cfg(no_ebpf)`: attribution is then inferred from `/proc`.
//! `TIDEGATE_EBPF=require` makes that an error, `TIDEGATE_EBPF=skip` makes it a choice.

use std::{
    env,
    ffi::OsString,
    fs, io,
    path::{Path, PathBuf},
    process::{Command, ExitCode},
};

const TARGET: &str = "bpfel-unknown-none";
const OBJECT: &str = "programs";
const WHAT_TO_INSTALL: &str = "install a BPF compiler: `cargo xtask setup` does it on Debian and \
    Ubuntu (rustc-web, libstd-rust-web-dev-bpf, llvm-22-dev, bpf-linker); elsewhere \
    `rustup toolchain install nightly --component rust-src` and `cargo install bpf-linker`";

fn main() -> ExitCode {
    println!("cargo::rustc-check-cfg=cfg(no_ebpf)");
    for name in [
        "TIDEGATE_EBPF",
        "TIDEGATE_EBPF_OBJECT",
        "TIDEGATE_EBPF_RUSTC",
        "CARGO_HOME",
        "PATH",
    ] {
        println!("cargo::rerun-if-env-changed={name}");
    }
    let wanted = env::var_os("TIDEGATE_EBPF").unwrap_or_default();
    let built = if wanted == "skip" {
        Err("TIDEGATE_EBPF=skip".to_owned())
    } else {
        object()
    };
    let Err(why) = built else {
        return ExitCode::SUCCESS;
    };
    if wanted == "require" {
        println!("cargo::error=the kernel programs could not be built: {why}");
        return ExitCode::FAILURE;
    }
    println!("cargo::warning=built without the kernel programs ({why})");
    println!("cargo::rustc-cfg=no_ebpf");
    ExitCode::SUCCESS
}

/// Puts the object into `OUT_DIR`.
fn object() -> Result<(), String> {
    let out = PathBuf::from(env::var_os("OUT_DIR").ok_or("OUT_DIR is not set")?);
    let target = out.join(OBJECT);
    if let Some(prebuilt) = env::var_os("TIDEGATE_EBPF_OBJECT") {
        println!("cargo::rerun-if-changed={}", prebuilt.display());
        return copy(Path::new(&prebuilt), &target);
    }
    let root = workspace()?;
    for part in ["ebpf/abi", "ebpf/programs", "Cargo.lock"] {
        println!("cargo::rerun-if-changed={}", root.join(part).display());
    }
    if env::var_os("CARGO_CFG_TARGET_ENDIAN").is_some_and(|endian| endian != "little") {
        return Err("only little-endian hosts are supported".to_owned());
    }
    let compiler = Compiler::find()?;
    let linker = find_linker().ok_or_else(|| format!("no bpf-linker; {WHAT_TO_INSTALL}"))?;
    let built = out.join("bpf");
    build(&compiler, &linker, &root, &built)?;
    copy(&built.join(TARGET).join("release").join(OBJECT), &target)
}

fn copy(from: &Path, to: &Path) -> Result<(), String> {
    fs::copy(from, to).map_err(|error| format!("{}: {error}", from.display()))?;
    Ok(())
}

fn workspace() -> Result<PathBuf, String> {
    let here = PathBuf::from(env::var_os("CARGO_MANIFEST_DIR").ok_or("no CARGO_MANIFEST_DIR")?);
    let root = here
        .ancestors()
        .nth(2)
        .ok_or("the crate is not in its workspace")?;
    Ok(root.to_owned())
}

/// What compiles for the BPF target here.
enum Compiler {
    /// Has a `core` for the target.
    Prebuilt(PathBuf),
    /// A rustup toolchain that must build `core` from its sources.
    Sources(String),
}

impl Compiler {
    fn find() -> Result<Self, String> {
        let asked = env::var_os("TIDEGATE_EBPF_RUSTC").map(PathBuf::from);
        let rustc = asked.unwrap_or_else(|| PathBuf::from("/usr/bin/rustc"));
        if sysroot(&mut Command::new(&rustc))
            .is_some_and(|root| root.join("lib/rustlib").join(TARGET).join("lib").is_dir())
        {
            return Ok(Self::Prebuilt(rustc));
        }
        for toolchain in toolchains() {
            if sysroot(Command::new("rustup").args(["run", &toolchain, "rustc"]))
                .is_some_and(|root| root.join("lib/rustlib/src/rust/library/core").is_dir())
            {
                return Ok(Self::Sources(toolchain));
            }
        }
        Err(format!("no Rust compiler for {TARGET}; {WHAT_TO_INSTALL}"))
    }

    fn cargo(&self) -> Command {
        match self {
            Self::Prebuilt(rustc) => {
                let cargo = env::var_os("CARGO").unwrap_or_else(|| OsString::from("cargo"));
                let mut command = Command::new(cargo);
                clean(&mut command).env("RUSTC", rustc).arg("build");
                command
            }
            Self::Sources(toolchain) => {
                let mut command = Command::new("rustup");
                clean(&mut command).args(["run", toolchain, "cargo", "build", "-Zbuild-std=core"]);
                command
            }
        }
    }
}

fn sysroot(rustc: &mut Command) -> Option<PathBuf> {
    let output = clean(rustc).args(["--print", "sysroot"]).output().ok()?;
    let printed = String::from_utf8(output.stdout).ok()?;
    output
        .status
        .success()
        .then(|| PathBuf::from(printed.trim()))
}

/// Installed rustup toolchains, nightlies first.
fn toolchains() -> Vec<String> {
    let listed = clean(&mut Command::new("rustup"))
        .args(["toolchain", "list"])
        .output();
    let listed = listed.map(|output| output.stdout).unwrap_or_default();
    let listed = String::from_utf8_lossy(&listed).into_owned();
    let mut names: Vec<String> = listed
        .lines()
        .filter_map(|line| line.split_whitespace().next())
        .map(str::to_owned)
        .collect();
    names.sort_by_key(|name| !name.starts_with("nightly"));
    names
}

fn find_linker() -> Option<PathBuf> {
    let path = env::var_os("PATH").unwrap_or_default();
    let home = env::var_os("CARGO_HOME")
        .map(PathBuf::from)
        .or_else(|| env::var_os("HOME").map(|home| PathBuf::from(home).join(".cargo")));
    env::split_paths(&path)
        .chain(home.map(|home| home.join("bin")))
        .map(|directory| directory.join("bpf-linker"))
        .find(|candidate| candidate.is_file())
}

/// The lines that the verifier tells of are told by their files, which are then of no host: whoever builds the programs gets the
/// same bytes. The last one that fits is taken.
fn other_names(root: &Path, built: &Path) -> String {
    let home = env::var_os("CARGO_HOME").map(PathBuf::from);
    let home = home.or_else(|| Some(PathBuf::from(env::var_os("HOME")?).join(".cargo")));
    let crates = home.as_deref().map(|home| (home, "/cargo"));
    let folders = crates
        .into_iter()
        .chain([(root, "/tidegate"), (built, "/built")]);
    let flags =
        folders.map(|(from, name)| format!("\u{1f}--remap-path-prefix={}={name}", from.display()));
    flags.collect::<Vec<_>>().concat()
}

/// Builds in a target directory of its own: the outer cargo holds the lock of the usual one.
fn build(compiler: &Compiler, linker: &Path, root: &Path, target_dir: &Path) -> Result<(), String> {
    let arch = env::var_os("CARGO_CFG_TARGET_ARCH").unwrap_or_else(|| OsString::from("x86_64"));
    let flags = format!(
        "--cfg=bpf_target_arch=\"{}\"\u{1f}-Cdebuginfo=2\u{1f}-Clinker={}\u{1f}-Clink-arg=--btf{}",
        arch.to_string_lossy(),
        linker.display(),
        other_names(root, target_dir),
    );
    let output = compiler
        .cargo()
        .args([
            "--package",
            "programs",
            "--release",
            "--locked",
            "--target",
            TARGET,
        ])
        .arg("--manifest-path")
        .arg(root.join("Cargo.toml"))
        .arg("--target-dir")
        .arg(target_dir)
        .env("RUSTC_BOOTSTRAP", "1")
        .env("CARGO_ENCODED_RUSTFLAGS", flags)
        .env("CARGO_PROFILE_RELEASE_LTO", "fat")
        .env("CARGO_PROFILE_RELEASE_PANIC", "abort")
        // A check that the verifier cannot follow; what the programs add up cannot overflow.
        .env("CARGO_PROFILE_RELEASE_OVERFLOW_CHECKS", "false")
        // The macros run for seconds in all; optimising them takes minutes.
        .env("CARGO_PROFILE_RELEASE_BUILD_OVERRIDE_OPT_LEVEL", "0")
        .output()
        .map_err(|error: io::Error| format!("cargo: {error}"))?;
    if output.status.success() {
        return Ok(());
    }
    let told = String::from_utf8_lossy(&output.stderr).into_owned();
    for line in told.lines() {
        println!("cargo::warning={line}");
    }
    let hint = if told.contains("Invalid record") {
        "; bpf-linker's LLVM is older than the compiler's"
    } else {
        ""
    };
    Err(format!("the compiler refused them{hint}"))
}

/// Nothing that the outer build says about its own compiler may reach the inner one.
fn clean(command: &mut Command) -> &mut Command {
    for name in [
        "CARGO",
        "CARGO_BUILD_RUSTC",
        "CARGO_BUILD_RUSTC_WRAPPER",
        "CARGO_BUILD_RUSTC_WORKSPACE_WRAPPER",
        "CARGO_BUILD_TARGET",
        "CARGO_ENCODED_RUSTFLAGS",
        "CARGO_TARGET_DIR",
        "CLIPPY_ARGS",
        "CLIPPY_CONF_DIR",
        "RUSTC",
        "RUSTC_LINKER",
        "RUSTC_WORKSPACE_WRAPPER",
        "RUSTC_WRAPPER",
        "RUSTDOC",
        "RUSTDOCFLAGS",
        "RUSTFLAGS",
        "RUSTUP_TOOLCHAIN",
    ] {
        command.env_remove(name);
    }
    command
}
