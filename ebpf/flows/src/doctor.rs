//! What this host lacks for the kernel programs, and how to mend it.

use std::{
    fs,
    path::{Path, PathBuf},
};

use procfs::process::Process;

use crate::{KernelSource, Options, cgroup::Cgroups, features, pins, release};

/// One thing that the programs need.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Check {
    /// Its name.
    pub name: &'static str,
    /// What is missing and how to mend it; none if all is well.
    pub mend: Option<String>,
}

/// `/proc/self/status` has a bit for each (include/uapi/linux/capability.h).
const CAPABILITIES: [(&str, u32); 3] = [("NET_ADMIN", 12), ("PERFMON", 38), ("BPF", 39)];
/// Stands for the three above on a kernel that has them, and on one that does not.
const SYS_ADMIN: u32 = 21;

/// Looks at everything, and lastly loads the programs and calls itself. `pins`: where they are to
/// be pinned, if they are.
pub fn examine(pins: Option<&Path>) -> Vec<Check> {
    let checks = [
        ("kernel", kernel()),
        ("seals", seals()),
        ("btf", btf()),
        ("cgroup v2", cgroup()),
        ("capabilities", capabilities()),
        ("lockdown", lockdown()),
        ("locked memory", locked_memory()),
        ("bpffs", pins.and_then(bpffs)),
        ("programs", programs(pins)),
    ];
    checks.map(|(name, mend)| Check { name, mend }).into()
}

/// The oldest that the programs are tested on.
const KERNEL_MIN: (u32, u32) = (5, 10);
/// The first that tells the network namespace of a socket.
const SEALS_MIN: (u32, u32) = (5, 14);

fn kernel() -> Option<String> {
    too_old(release::running(), KERNEL_MIN, "the programs need", 11)
}

fn seals() -> Option<String> {
    too_old(
        release::running(),
        SEALS_MIN,
        "`tidegate exec --sealed` needs",
        12,
    )
}

/// That the kernel is too old for something, and the first Debian whose kernel is not.
fn too_old(running: (u32, u32), least: (u32, u32), what: &str, debian: u32) -> Option<String> {
    let ((major, minor), (least_major, least_minor)) = (running, least);
    (running < least).then(|| {
        format!(
            "Linux {major}.{minor} is too old: {what} {least_major}.{least_minor} or later (Debian {debian})"
        )
    })
}

fn locked_memory() -> Option<String> {
    (!features::lift_memory_limit()).then(|| {
        "before Linux 5.11 the programs' maps count as locked memory, of which this process may not have \
         enough: run as root, or `LimitMEMLOCK=infinity` in the unit"
            .to_owned()
    })
}

fn btf() -> Option<String> {
    let path = Path::new("/sys/kernel/btf/vmlinux");
    (!path.exists()).then(|| {
        format!(
            "`{}` is missing: use a kernel with CONFIG_DEBUG_INFO_BTF (every distribution's of 5.10 \
             or later has it)",
            path.display()
        )
    })
}

fn cgroup() -> Option<String> {
    let error = Cgroups::open().err()?;
    Some(format!(
        "{error}: `mount -t cgroup2 none /sys/fs/cgroup/unified` beside version 1, or start with \
         `systemd.unified_cgroup_hierarchy=1`"
    ))
}

fn capabilities() -> Option<String> {
    let held = Process::myself().and_then(|own| own.status()).ok()?.capeff;
    let has = |bit: u32| held >> bit & 1 == 1;
    let missing: Vec<String> = CAPABILITIES
        .into_iter()
        .filter(|(_, bit)| !has(*bit) && !has(SYS_ADMIN))
        .map(|(name, _)| format!("CAP_{name}"))
        .collect();
    (!missing.is_empty()).then(|| {
        format!(
            "{} missing: run as root, or `AmbientCapabilities=CAP_BPF CAP_NET_ADMIN CAP_PERFMON` in \
             the unit",
            missing.join(", ")
        )
    })
}

fn lockdown() -> Option<String> {
    let state = fs::read_to_string("/sys/kernel/security/lockdown").ok()?;
    state.contains("[confidentiality]").then(|| {
        "the kernel is locked down for confidentiality, which forbids reading its memory: start \
         with `lockdown=integrity`"
            .to_owned()
    })
}

fn bpffs(directory: &Path) -> Option<String> {
    let existing = directory.ancestors().find(|parent| parent.exists());
    if existing.is_some_and(pins::is_bpffs) {
        return None;
    }
    let mount: PathBuf = directory.parent().unwrap_or(directory).to_owned();
    Some(format!(
        "`{}` is in no BPF file system: `mount -t bpf bpf {}`",
        directory.display(),
        mount.display()
    ))
}

/// Loads them without pins, beside those that may run.
fn programs(pins: Option<&Path>) -> Option<String> {
    if let Err(error) = KernelSource::open(&Options::default()) {
        return Some(crate::open::causes(&error));
    }
    let other = pins.map(pins::foreign)?;
    other.map(|path| {
        format!(
            "`{}` is of another version of this program: `tidegate flows detach`",
            path.display()
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_kernel_is_too_old_by_its_numbers() {
        let needs = |running| too_old(running, SEALS_MIN, "it needs", 12);
        assert_eq!(
            needs((5, 10)).as_deref(),
            Some("Linux 5.10 is too old: it needs 5.14 or later (Debian 12)")
        );
        assert_eq!(needs((5, 14)), None);
        assert_eq!(needs((6, 1)), None);
    }
}
