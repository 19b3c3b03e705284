//! A process, and the executable that it runs.

/// A command name with its closing zero, as in `task_struct`.
pub const COMM_BYTES: usize = 16;
/// A path's room in an image, in bytes. A power of two, because the programs mask with it.
pub const PATH_BYTES_MAX: usize = 512;
/// One name in a path, with its closing zero (`NAME_MAX` is 255).
pub const NAME_BYTES_MAX: usize = 256;
/// Names and mount points on the way from a file to the root.
pub const PATH_STEPS_MAX: usize = 40;

/// One process running one executable.
///
/// A pid alone is recycled; with the start time it names a process for ever; with the count of
/// `exec` calls it names what that process was running.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct ProcessKey {
    /// When the thread group leader started, nanoseconds since boot.
    pub start_ns: u64,
    /// The thread group's id in the host's pid namespace.
    pub pid: u32,
    /// The kernel's `self_exec_id`: goes up with each `exec`, is inherited by `fork`.
    pub exec: u32,
}

/// Who a process is for the kernel, and what it may do.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Credentials {
    /// The effective capabilities, one bit each.
    pub capabilities: u64,
    /// The real user id.
    pub uid: u32,
    /// The real group id.
    pub gid: u32,
    /// The effective user id.
    pub euid: u32,
    /// The effective group id.
    pub egid: u32,
}

/// How the path of an image is to be understood.
pub mod path {
    /// Every name from the file to the root is there.
    pub const WHOLE: u32 = 1;
    /// The path was longer or deeper than the room for it.
    pub const CUT: u32 = 2;
}

/// An executable, as the kernel saw it when the process began to run it.
///
/// Inode, size and change time together tell whether a file still holds the bytes that ran: the
/// change time cannot be set by anybody but the kernel.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Image {
    /// Whose image this is.
    pub process: ProcessKey,
    /// Who forked it; pid 0 if unknown.
    pub parent: ProcessKey,
    /// The file's inode number; 0 if there is no file.
    pub inode: u64,
    /// The file's size in bytes.
    pub bytes: u64,
    /// The inode's change time, whole seconds.
    pub changed_s: i64,
    /// The inode's change time, nanoseconds.
    pub changed_ns: u32,
    /// The kernel's device number: major << 20 | minor.
    pub device: u32,
    /// The mount namespace in which the path has its meaning, by inode number. It is the mount's,
    /// not the task's: a file may be run through a descriptor from another namespace.
    pub mount_ns: u32,
    /// One of [`path`], or 0 if the file has no path.
    pub path_state: u32,
    /// Used bytes of `path`.
    pub path_bytes: u32,
    /// The agent whose workload the process belongs to; 0 if it is nobody's. Children inherit it,
    /// and `exec` does not take it off.
    pub agent: u32,
    /// The command name when the image was recorded.
    pub comm: [u8; COMM_BYTES],
    /// The thread group leader's, as last told of an agent's process; of others, as of `exec`.
    pub credentials: Credentials,
    /// The path's names from the file up to the root, each closed by a zero.
    pub path: [u8; PATH_BYTES_MAX],
    /// Room for the last name to run over; not part of the path.
    pub slack: [u8; NAME_BYTES_MAX],
}

/// What an event tells.
pub mod event {
    /// A process began to run an executable.
    pub const EXEC: u32 = 1;
    /// A process's last thread ended.
    pub const EXIT: u32 = 2;
    /// A process was made; it runs what its parent ran.
    pub const FORK: u32 = 3;
    /// A thread of the process changed its credentials.
    pub const CREDENTIALS: u32 = 4;
}

/// A turn in the life of a process.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Event {
    /// Counts the attempts on this CPU, lost ones too: a gap is a loss.
    pub sequence: u64,
    /// The process and what it runs.
    pub process: ProcessKey,
    /// Its cgroup v2 id.
    pub cgroup: u64,
    /// One of [`event`].
    pub kind: u32,
    /// The CPU that counted.
    pub cpu: u32,
}

/// A turn in the life of an agent's process, with what the process may do at that moment.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Turn {
    /// Counts the attempts on this CPU, lost ones too: a gap is a loss.
    pub sequence: u64,
    /// The process and what it runs.
    pub process: ProcessKey,
    /// Who forked it; pid 0 if unknown.
    pub parent: ProcessKey,
    /// When, nanoseconds since boot.
    pub at_ns: u64,
    /// The cgroup v2 id.
    pub cgroup: u64,
    /// What it may do from now on.
    pub credentials: Credentials,
    /// Of [`event::CREDENTIALS`]: what it might do before.
    pub before: Credentials,
    /// One of [`event`].
    pub kind: u32,
    /// The CPU that counted.
    pub cpu: u32,
    /// The agent; never 0.
    pub agent: u32,
    /// Of an exit: the status as `wait` has it.
    pub exit: u32,
    /// The user namespace's inode number.
    pub user_ns: u32,
    /// The mount namespace's; 0 at the end of a process, which has left it by then.
    pub mount_ns: u32,
    /// The pid namespace's of its children; likewise.
    pub pid_ns: u32,
    /// The network namespace's; likewise.
    pub net_ns: u32,
    /// The thread group leader's command name.
    pub comm: [u8; COMM_BYTES],
}
