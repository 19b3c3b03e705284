//! `cargo xtask long install`: the package on a Debian on which nothing else was ever installed.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context as _, Result, ensure};

use super::{Packing, sources, tree};
use crate::{
    step::{answer, run as command, step},
    workspace::{Workspace, is_root, program},
};

/// The oldest Debian that the package is for.
const RELEASE: &str = "bookworm";

/// Installs, serves, upgrades and removes `old` and `new` in a fresh system.
pub(super) fn run(workspace: &Workspace, packing: &Packing, old: &Path, new: &Path) -> Result<()> {
    ensure!(
        is_root(),
        "a fresh system is made by root: run this as root"
    );
    let debootstrap = program("debootstrap");
    let debootstrap =
        debootstrap.context("there is no debootstrap: apt-get install debootstrap")?;
    let root = packing.work.join("root");
    step("fresh Debian", || {
        let mut make = Command::new(debootstrap);
        make.args(["--variant=minbase", RELEASE]).arg(&root);
        command(make.args(mirror()).stdout(std::process::Stdio::null()))
    })?;
    let packages = root.join("packages");
    fs::create_dir(&packages)?;
    fs::copy(old, packages.join("old.deb"))?;
    fs::copy(new, packages.join("new.deb"))?;
    let script = packages.join("installed.sh");
    fs::copy(sources(workspace).join("installed.sh"), &script)?;
    tree::mode(&script, 0o755)?;
    step("install, serve, upgrade, remove", || {
        command(&mut inside(&root))
    })
}

/// Where this host's packages come from, if apt says so.
fn mirror() -> Option<String> {
    let mut ask = Command::new("apt-get");
    let told = answer(ask.args(["indextargets", "--format", "$(REPO_URI) $(RELEASE)"]))?;
    let uri = told
        .lines()
        .find_map(|line| line.strip_suffix(&format!(" {RELEASE}")));
    uri.map(str::to_owned)
}

/// The script in mount and network namespaces of its own, which end with it.
fn inside(root: &PathBuf) -> Command {
    let mut unshare = Command::new("unshare");
    unshare
        .args(["--mount", "--net", "sh", "-euc"])
        .arg(
            "ip link set lo up
             for folder in proc sys dev; do mount --rbind /$folder \"$1/$folder\"; done
             exec chroot \"$1\" /packages/installed.sh",
        )
        .arg("sh")
        .arg(root)
        .env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin")
        .env("LC_ALL", "C");
    unshare
}
