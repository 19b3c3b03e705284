//! Credentials: a process becomes another user, or may do more or less than before.

use abi::event;
use aya_ebpf::{macros::kprobe, programs::ProbeContext};

use crate::{
    events::{self, Taken},
    maps::LIVING,
    task::{self, field, read},
};

/// `commit_creds(new)`: all ways to change them end there (`setuid`, `setresgid`, `capset`, `unshare`, `setns`), and
/// `exec`, of which its own hook tells: the process's key is already the new one then, which has no row. Where there
/// are no kernel probes (`CONFIG_KPROBES`), [`crate::tag::note_change`] finds it later.
#[kprobe]
pub(crate) fn creds_changed(ctx: ProbeContext) -> u32 {
    if let Some(new) = ctx.arg::<u64>(0) {
        try_change(new);
    }
    0
}

#[inline(always)]
fn try_change(new: u64) -> Option<()> {
    let leader = task::current_leader();
    let process = task::process(leader);
    let image = LIVING.get_ptr_mut(process)?;
    // SAFETY: the row is the current process's.
    let (agent, parent) = unsafe { ((*image).agent, (*image).parent) };
    if agent == 0 {
        return None;
    }
    let old = read(field!(task::current(), task_cred));
    let (before, now) = (task::credentials(old), task::credentials(new));
    let (left, entered): (u64, u64) = (
        read(field!(old, cred_user_ns)),
        read(field!(new, cred_user_ns)),
    );
    if before == now && left == entered {
        return None;
    }
    let taken = Taken {
        kind: event::CREDENTIALS,
        leader,
        process: &process,
        parent: &parent,
        agent,
    };
    events::turn_as(&taken, new, &before);
    // The row says what the leader may do; a thread may change for itself alone.
    if task::current() == leader {
        // SAFETY: the row is the current process's.
        unsafe { (*image).credentials = now };
    }
    Some(())
}
