//! Which processes are whose: conditions as the kernel compares them, and who meets them now.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    fs,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    os::unix::fs::MetadataExt as _,
    path::{Path, PathBuf},
};

use abi::{CGROUP_LEVELS_MAX, MatchKey, shape};
use procfs::process::{MountInfo, Process, all_processes};

use crate::{cgroup::Cgroups, rules::Condition};

/// The deepest that a service manager puts its units.
const UNIT_DEPTH_MAX: usize = 4;
/// Steps from a process to the parent whose agent it belongs to.
const PARENTS_MAX: usize = 64;

/// What is mounted, as this process sees it; read once for each look at everything.
pub(crate) struct Mounts(Vec<MountInfo>);

impl Mounts {
    pub(crate) fn read() -> Self {
        let mounts = Process::myself().and_then(|own| own.mountinfo());
        Self(mounts.map(|mounts| mounts.0).unwrap_or_default())
    }

    /// Device and inode as the kernel has them.
    ///
    /// `stat` may tell another device than the superblock's (btrfs, overlayfs), the table of mounts
    /// tells that one.
    fn file(&self, path: &Path) -> Option<(u32, u64)> {
        let path = path.canonicalize().ok()?;
        let inode = fs::metadata(&path).ok()?.ino();
        let covering = self
            .0
            .iter()
            .filter(|mount| path.starts_with(&mount.mount_point));
        // Of several on one place the last covers the others.
        let mount = covering.max_by_key(|mount| mount.mount_point.components().count())?;
        let (major, minor) = mount.majmin.split_once(':')?;
        let (major, minor): (u32, u32) = (major.parse().ok()?, minor.parse().ok()?);
        Some(((major << 20) | minor, inode))
    }
}

/// The keys for conditions that must all hold; none while a file or cgroup is not there.
pub(crate) fn keys(
    conditions: &BTreeSet<Condition>,
    cgroups: &Cgroups,
    mounts: &Mounts,
) -> Vec<MatchKey> {
    let mut keys = vec![MatchKey::default()];
    for condition in conditions {
        keys = keys
            .into_iter()
            .flat_map(|key| with(key, condition, cgroups, mounts))
            .collect();
    }
    keys.retain(|key| key.shape != 0);
    keys
}

fn with(
    mut key: MatchKey,
    condition: &Condition,
    cgroups: &Cgroups,
    mounts: &Mounts,
) -> Vec<MatchKey> {
    match condition {
        Condition::Uid(uid) => {
            key.uid = *uid;
            key.shape |= shape::UID;
        }
        Condition::Gid(gid) => {
            key.gid = *gid;
            key.shape |= shape::GID;
        }
        Condition::Executable(path) => {
            let Some((device, inode)) = mounts.file(path) else {
                return Vec::new();
            };
            (key.device, key.inode) = (device, inode);
            key.shape |= shape::FILE;
        }
        Condition::Cgroup(path) => {
            let Some(id) = cgroups.id(path) else {
                return Vec::new();
            };
            key.cgroup = id;
            key.shape |= shape::CGROUP;
        }
        Condition::CgroupTree(path) => {
            let Some(id) = cgroups.id(path) else {
                return Vec::new();
            };
            key.cgroup = id;
            key.shape |= shape::CGROUP_TREE;
        }
        Condition::Unit(unit) => {
            let found = cgroups.named(unit, UNIT_DEPTH_MAX).into_iter();
            return found
                .map(|id| MatchKey {
                    cgroup: id,
                    shape: key.shape | shape::CGROUP_TREE,
                    ..key
                })
                .collect();
        }
    }
    vec![key]
}

/// The agents of living processes, by pid; of each the nearest parent that meets the conditions.
pub(crate) fn of_living(keys: &HashMap<MatchKey, u32>, cgroups: &Cgroups) -> BTreeMap<u32, u32> {
    let mounts = Mounts::read();
    let mut parents: HashMap<i32, i32> = HashMap::new();
    let mut own: HashMap<i32, u32> = HashMap::new();
    for process in all_processes().into_iter().flatten().flatten() {
        let Ok(stat) = process.stat() else { continue };
        parents.insert(stat.pid, stat.ppid);
        if let Some(agent) = agent(&process, keys, cgroups, &mounts) {
            own.insert(stat.pid, agent);
        }
    }
    let mut found = BTreeMap::new();
    for pid in parents.keys() {
        let mut next = Some(*pid);
        for _ in 0..PARENTS_MAX {
            let Some(here) = next else { break };
            if let (Some(agent), Ok(pid)) = (own.get(&here), u32::try_from(*pid)) {
                found.insert(pid, *agent);
                break;
            }
            next = parents.get(&here).copied();
        }
    }
    found
}

fn agent(
    process: &Process,
    keys: &HashMap<MatchKey, u32>,
    cgroups: &Cgroups,
    mounts: &Mounts,
) -> Option<u32> {
    let status = process.status().ok()?;
    let exe: Option<PathBuf> = process.exe().ok();
    let file = exe.as_deref().and_then(|path| mounts.file(path));
    let groups = process.cgroups().ok();
    let path = groups
        .into_iter()
        .flat_map(|groups| groups.0)
        .find(|group| group.hierarchy == 0)
        .map(|group| group.pathname);
    let id = path.as_deref().and_then(|path| cgroups.id(path));
    let above: Vec<u64> = path
        .as_deref()
        .map(|path| {
            Path::new(path)
                .ancestors()
                .take(usize::try_from(CGROUP_LEVELS_MAX).unwrap_or(0))
                .filter_map(|path| cgroups.id(path.to_str()?))
                .collect()
        })
        .unwrap_or_default();
    let meets = |key: &MatchKey| {
        let has = |condition| key.shape & condition != 0;
        (!has(shape::FILE) || file == Some((key.device, key.inode)))
            && (!has(shape::UID) || status.ruid == key.uid)
            && (!has(shape::GID) || status.rgid == key.gid)
            && (!has(shape::CGROUP) || id == Some(key.cgroup))
            && (!has(shape::CGROUP_TREE) || above.contains(&key.cgroup))
    };
    let fitting = keys.iter().filter(|(key, _)| meets(key));
    let best = fitting.max_by_key(|(key, _)| key.shape.count_ones());
    best.map(|(_, agent)| *agent)
}

/// The addresses by which a listener can be reached on this host's loopback, or its one address.
pub(crate) fn addresses(listener: SocketAddr) -> Vec<IpAddr> {
    match listener.ip() {
        IpAddr::V4(Ipv4Addr::UNSPECIFIED) => vec![Ipv4Addr::LOCALHOST.into()],
        IpAddr::V6(Ipv6Addr::UNSPECIFIED) => {
            vec![Ipv4Addr::LOCALHOST.into(), Ipv6Addr::LOCALHOST.into()]
        }
        address => vec![address],
    }
}
