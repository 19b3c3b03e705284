//! The kernel programs on older kernels: Debian's, booted by qemu, with the tests of `ebpf/flows`
//! inside.

mod guest;
mod image;
mod packages;
mod table;

use std::{fs, time::Duration};

use anyhow::{Context as _, Result, bail};

use crate::{
    step::{say, step},
    workspace::{Workspace, in_ci, program},
};

/// Boots that may fail before the guest has said anything: the emulator's fault, not ours.
const BOOTS_MAX: usize = 3;
/// One boot with its tests, on a machine that is busy with other things.
const BOOT_MAX: Duration = Duration::from_mins(8);

/// The series of Debian's that are tested.
const KERNELS: [&str; 3] = ["5.10", "6.1", "6.12"];

/// What comes of the instructions that were verified.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Size {
    /// They are compared with the table.
    Small,
    /// The table is written anew.
    Full,
}

/// Boots each kernel and runs the tests there.
pub(crate) fn run(workspace: &Workspace, size: Size) -> Result<()> {
    if let Some(missing) = missing() {
        return skipped(size, &format!("{missing} is not installed"));
    }
    let folder = workspace.target.join("kernels");
    fs::create_dir_all(&folder)?;
    let mut unpacked = Vec::new();
    for series in KERNELS {
        match packages::kernel(&folder, series) {
            Ok(package) => unpacked.push((series, package)),
            Err(error) => {
                skipped(size, &format!("no package of Linux {series}: {error:#}"))?;
            }
        }
    }
    let modules: Vec<_> = unpacked
        .iter()
        .map(|(_, package)| package.clone())
        .collect();
    let initrd = step("image for the guests", || {
        image::build(workspace, &folder, &modules)
    })?;
    let mut seen = Vec::new();
    for (series, package) in unpacked {
        let vmlinuz = packages::vmlinuz(&package)?;
        let told = step(&format!("Linux {series}"), || {
            guest::boot(&vmlinuz, &initrd)
        })?;
        seen.push((series, told));
    }
    let path = workspace.root.join(table::PATH);
    let known = fs::read_to_string(&path).context(table::PATH)?;
    if size == Size::Full && seen.len() == KERNELS.len() {
        fs::write(&path, table::write(&known, &seen))?;
        say(&format!("written: {}", table::PATH));
        return Ok(());
    }
    let grown = table::grown(&known, &seen);
    if !grown.is_empty() {
        bail!(
            "the verifier has more to walk through; if that is meant, run `cargo xtask long \
             kernels`: {}",
            grown.join("; ")
        );
    }
    Ok(())
}

fn missing() -> Option<&'static str> {
    let needed = [
        "qemu-system-x86_64",
        "busybox",
        "apt-get",
        "dpkg-deb",
        "strip",
        "ldd",
    ];
    if cfg!(not(target_arch = "x86_64")) {
        return Some("an x86-64 host");
    }
    needed.into_iter().find(|name| program(name).is_none())
}

/// Says loudly what was not tested; whoever asked for all of it gets an error.
fn skipped(size: Size, why: &str) -> Result<()> {
    if size == Size::Full && !in_ci() {
        bail!("{why}");
    }
    say(&format!(
        "**** SKIPPED, NOT TESTED: older kernels: {why} ****"
    ));
    Ok(())
}
