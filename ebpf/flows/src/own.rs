//! A cgroup for the gateway alone, by which it is exempt from the rules that it enforces.

use std::{fs, io, os::unix::fs::MetadataExt as _, path::Path, process};

use procfs::process::Process;

use crate::cgroup::Cgroups;

/// Another gateway that starts may take an empty one away.
const TRIES: usize = 3;
const PREFIX: &str = "tidegate-";

/// The id of a cgroup that no other process is in: the present one, as a unit's mostly is, else one that is made below
/// it, and that this process then enters with all its threads. Others may come in later: the programs ask for the
/// process as well.
///
/// # Errors
/// If there is no hierarchy, or this process may not change it.
pub fn own_cgroup() -> io::Result<u64> {
    let cgroups = Cgroups::open().map_err(io::Error::other)?;
    let own = Process::myself().and_then(|own| own.cgroups());
    let own = own.map_err(io::Error::other)?;
    let unified = own.0.into_iter().find(|group| group.hierarchy == 0);
    let present = unified.ok_or(io::ErrorKind::NotFound)?.pathname;
    let present = cgroups.place(&present);
    if is_alone(&present)? {
        return Ok(fs::metadata(&present)?.ino());
    }
    clean(&present);
    let own = present.join(format!("{PREFIX}{}", process::id()));
    let mut entered = enter(&own);
    for _ in 1..TRIES {
        if entered.is_ok() {
            break;
        }
        entered = enter(&own);
    }
    if entered.is_err() {
        fs::remove_dir(&own).ok();
    }
    entered
}

fn enter(own: &Path) -> io::Result<u64> {
    if let Err(error) = fs::create_dir(own)
        && error.kind() != io::ErrorKind::AlreadyExists
    {
        return Err(error);
    }
    let id = fs::metadata(own)?.ino();
    fs::write(own.join("cgroup.procs"), process::id().to_string())?;
    if is_alone(own)? {
        Ok(id)
    } else {
        Err(io::Error::other("it is not empty"))
    }
}

/// Whether no other process is in it; one of another pid namespace is listed as 0.
fn is_alone(cgroup: &Path) -> io::Result<bool> {
    let own = process::id().to_string();
    let listed = fs::read_to_string(cgroup.join("cgroup.procs"))?;
    let mut listed = listed.lines();
    Ok(listed.next() == Some(own.as_str()) && listed.next().is_none())
}

/// Takes away what gateways that are gone had for themselves: of one that has processes the kernel refuses it.
fn clean(below: &Path) {
    let entries = fs::read_dir(below).into_iter().flatten().flatten();
    for entry in entries {
        if entry.file_name().to_string_lossy().starts_with(PREFIX) {
            fs::remove_dir(entry.path()).ok();
        }
    }
}
