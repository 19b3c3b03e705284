//! Which agent a process belongs to.
//!
//! The first agent that a process or one of its parents is recognised as stays its agent: what an
//! agent starts belongs to it, whatever that runs and whoever it becomes.

use abi::{
    CGROUP_LEVELS_MAX, COMM_BYTES, Image, MatchKey, Owner, ProcessKey, SHAPES_MAX, event, feature,
    shape, verdict,
};
use aya_ebpf::helpers::{
    bpf_get_current_uid_gid,
    generated::{bpf_get_current_ancestor_cgroup_id, bpf_get_current_cgroup_id},
};

use crate::{
    events::{self, Taken},
    maps::{LIVING, MATCHES, SHAPES},
    task::{self, Current, field, has, read},
};

/// A user or group that was not seen: not every type of program may ask for them.
const UNKNOWN: u32 = u32::MAX;

/// The current process as an owner of no socket yet.
#[inline(always)]
pub(crate) fn owner(current: Current, process: ProcessKey) -> Owner {
    owner_named(process, current.comm())
}

/// The same where the name is known.
#[inline(always)]
pub(crate) fn owner_named(process: ProcessKey, comm: [u8; COMM_BYTES]) -> Owner {
    Owner {
        cookie: 0,
        process,
        cgroup: 0,
        netns: 0,
        uid: UNKNOWN,
        gid: UNKNOWN,
        role: 0,
        agent: 0,
        comm,
        original: [0; 4],
        original_port: 0,
        verdict: verdict::NONE,
    }
}

/// The agent that a process is noted for.
#[inline(always)]
pub(crate) fn noted(process: &ProcessKey) -> u32 {
    // SAFETY: a number, read at once.
    LIVING
        .get_ptr(process)
        .map_or(0, |image| unsafe { (*image).agent })
}

/// The agent of the current process; 0 if it is nobody's.
#[inline(always)]
pub(crate) fn agent_of(process: &ProcessKey) -> u32 {
    LIVING.get_ptr_mut(process).map_or(0, agent_by)
}

/// The same, by the current process's row.
#[inline(always)]
pub(crate) fn agent_by(image: *mut Image) -> u32 {
    // SAFETY: the row is the current process's, which is what asks.
    unsafe {
        if (*image).agent == 0 {
            (*image).agent = recognised(image);
            if (*image).agent != 0 {
                // What it was before it was an agent's is nobody's concern.
                let cred = read(field!(task::current_leader(), task_cred));
                (*image).credentials = task::credentials(cred);
            }
        }
        (*image).agent
    }
}

/// Tells that the current process, an agent's, has other credentials than were noted. Where the kernel does not tell
/// of each change (`hooks/credentials.rs`) it is seen so, when the process next forks or calls somebody.
#[inline(always)]
pub(crate) fn note_change(leader: u64, process: &ProcessKey) -> Option<()> {
    let cred = read(field!(leader, task_cred));
    let now = task::credentials(cred);
    let image = LIVING.get_ptr_mut(process)?;
    // SAFETY: the row is the current process's.
    let (agent, before, parent) =
        unsafe { ((*image).agent, (*image).credentials, (*image).parent) };
    if agent == 0 || before == now {
        return None;
    }
    // SAFETY: as above.
    unsafe { (*image).credentials = now };
    let taken = Taken {
        kind: event::CREDENTIALS,
        leader,
        process,
        parent: &parent,
        agent,
    };
    events::turn_as(&taken, cred, &before);
    Some(())
}

/// The agent whose conditions the current process meets.
#[inline(always)]
fn recognised(image: *const Image) -> u32 {
    if SHAPES.get(0).is_none_or(|shape| *shape == 0) {
        return 0;
    }
    let ids = bpf_get_current_uid_gid();
    for index in 0..SHAPES_MAX {
        let shape = SHAPES.get(index as u32).map_or(0, |shape| *shape);
        if shape == 0 {
            return 0;
        }
        let has = |condition| shape & condition != 0;
        let mut key = MatchKey {
            shape,
            ..MatchKey::default()
        };
        if has(shape::FILE) {
            // SAFETY: the caller's row.
            unsafe {
                key.inode = (*image).inode;
                key.device = (*image).device;
            }
        }
        if has(shape::UID) {
            key.uid = ids as u32;
        }
        if has(shape::GID) {
            key.gid = (ids >> 32) as u32;
        }
        if has(shape::CGROUP) {
            // SAFETY: a helper without arguments.
            key.cgroup = unsafe { bpf_get_current_cgroup_id() };
        }
        let agent = if has(shape::CGROUP_TREE) {
            within(&mut key)
        } else {
            of(&key)
        };
        if agent != 0 {
            return agent;
        }
    }
    0
}

/// The agent for the current cgroup, or the nearest to the root of those above it.
#[inline(always)]
fn within(key: &mut MatchKey) -> u32 {
    if has(feature::ANCESTORS) {
        // SAFETY: a helper on the current task.
        return first_of(key, |level| unsafe {
            bpf_get_current_ancestor_cgroup_id(level)
        });
    }
    let cgroup = task::current_cgroup();
    first_of(key, |level| task::cgroup_above(cgroup, level))
}

#[inline(always)]
fn first_of(key: &mut MatchKey, above: impl Fn(i32) -> u64) -> u32 {
    for level in 0..CGROUP_LEVELS_MAX {
        key.cgroup = above(level);
        if key.cgroup == 0 {
            return 0;
        }
        let agent = of(key);
        if agent != 0 {
            return agent;
        }
    }
    0
}

#[inline(always)]
fn of(key: &MatchKey) -> u32 {
    // SAFETY: a number, read at once.
    MATCHES.get_ptr(key).map_or(0, |agent| unsafe { *agent })
}
