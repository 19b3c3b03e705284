//! What this host lacks for the kernel programs, and how to mend it.

use std::{
    fs,
    path::{Path, PathBuf},
};

use procfs::process::Process;

use crate::{KernelSource, Options, cgroup::Cgroups, pins};

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
        ("btf", btf()),
        ("cgroup v2", cgroup()),
        ("capabilities", capabilities()),
        ("lockdown", lockdown()),
        ("bpffs", pins.and_then(bpffs)),
        ("programs", programs(pins)),
    ];
    checks.map(|(name, mend)| Check { name, mend }).into()
}

/// The first whose tracing programs may have maps that grow.
const KERNEL_MIN: (u32, u32) = (6, 1);

fn kernel() -> Option<String> {
    let system = rustix::system::uname();
    let release = system.release().to_string_lossy();
    let mut numbers = release.split(['.', '-']).map(str::parse::<u32>);
    let mut next = || numbers.next().and_then(Result::ok).unwrap_or(0);
    let (major, minor) = KERNEL_MIN;
    ((next(), next()) < KERNEL_MIN).then(|| {
        format!(
            "Linux {release} is too old: the programs need {major}.{minor} (Debian 12) or later"
        )
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
