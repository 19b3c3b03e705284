//! Reading the kernel's own structures, at the offsets that the host resolved.

use abi::{COMM_BYTES, Credentials, Offsets, ProcessKey, feature};
use aya_ebpf::helpers::generated::{
    bpf_get_current_task, bpf_get_current_task_btf, bpf_probe_read_kernel,
};

/// Filled in by the host and frozen before loading, so the verifier sees constants.
#[unsafe(no_mangle)]
pub(crate) static OFFSETS: Offsets = Offsets::UNKNOWN;

/// What the kernel can do; likewise.
#[unsafe(no_mangle)]
static FEATURES: u32 = 0;

/// Whether the kernel can do this. The verifier knows the answer, and does not look at what is done otherwise:
/// a helper that is missing may be called there.
#[inline(always)]
pub(crate) fn has(feature: u32) -> bool {
    // SAFETY: the program's own constant; volatile, because the host has changed it.
    let features = unsafe { core::ptr::read_volatile(&raw const FEATURES) };
    features & feature != 0
}

/// The address of a field: `field!(task, task_mm)`.
macro_rules! field {
    ($base:expr, $name:ident) => {{
        // SAFETY: reads this program's own constant; volatile, because the host has changed it.
        let offset = unsafe { core::ptr::read_volatile(&raw const crate::task::OFFSETS.$name) };
        $base.wrapping_add(offset as u64)
    }};
}
pub(crate) use field;

/// Reads kernel memory; zero where there is none.
#[inline(always)]
pub(crate) fn read<T: Copy + Default>(address: u64) -> T {
    let mut value = T::default();
    // SAFETY: the helper checks the address, and writes exactly `size_of::<T>` bytes of integers.
    unsafe {
        bpf_probe_read_kernel(
            (&raw mut value).cast(),
            size_of::<T>() as u32,
            address as *const core::ffi::c_void,
        );
    }
    value
}

/// The thread group leader of the current task.
#[inline(always)]
pub(crate) fn current_leader() -> u64 {
    leader(current())
}

/// The thread group leader of `task`.
#[inline(always)]
pub(crate) fn leader(task: u64) -> u64 {
    read(field!(task, task_leader))
}

/// What names the process for ever, and what it runs now.
#[inline(always)]
pub(crate) fn process(leader: u64) -> ProcessKey {
    ProcessKey {
        start_ns: read(field!(leader, task_start)),
        pid: read(field!(leader, task_tgid)),
        exec: read(field!(leader, task_exec)),
    }
}

/// The cgroup v2 id, for programs of types that may not ask for the current one (before Linux 6.18
/// `sock_ops`).
#[inline(always)]
pub(crate) fn cgroup(leader: u64) -> u64 {
    let set: u64 = read(field!(leader, task_cgroups));
    let cgroup: u64 = read(field!(set, css_set_cgroup));
    let node: u64 = read(field!(cgroup, cgroup_node));
    read(field!(node, node_id))
}

/// The current task's cgroup.
#[inline(always)]
pub(crate) fn current_cgroup() -> u64 {
    let set: u64 = read(field!(current(), task_cgroups));
    read(field!(set, css_set_cgroup))
}

/// The id of the cgroup that is so many levels below the root and above `cgroup`, or is it; 0 if there is none.
/// For kernels whose tracing programs lack a helper for it, which keep ids there (later ones keep pointers).
#[inline(always)]
pub(crate) fn cgroup_above(cgroup: u64, level: i32) -> u64 {
    let own: i32 = read(field!(cgroup, cgroup_level));
    if level > own {
        return 0;
    }
    read(field!(cgroup, cgroup_ancestors).wrapping_add(level as u64 * 8))
}

/// The leader's command name: threads may call themselves anything, io_uring's do.
#[inline(always)]
pub(crate) fn comm(leader: u64) -> [u8; COMM_BYTES] {
    read(field!(leader, task_comm))
}

/// What `cred` says.
#[inline(always)]
pub(crate) fn credentials(cred: u64) -> Credentials {
    Credentials {
        capabilities: read(field!(cred, cred_effective)),
        uid: read(field!(cred, cred_uid)),
        gid: read(field!(cred, cred_gid)),
        euid: read(field!(cred, cred_euid)),
        egid: read(field!(cred, cred_egid)),
    }
}

/// The current thread.
#[inline(always)]
pub(crate) fn current() -> u64 {
    // SAFETY: a helper without arguments.
    unsafe { bpf_get_current_task() }
}

/// The current process, by its thread group leader. The verifier knows what these pointers lead to, so a
/// field costs one load, where `read` costs a call.
#[derive(Clone, Copy)]
pub(crate) struct Current {
    leader: *const u8,
    /// The thread.
    task: *const u8,
}

/// Loads a field of what a pointer that the verifier knows leads to.
#[inline(always)]
pub(crate) fn at<T>(base: *const u8, offset: *const u32) -> T {
    // SAFETY: the offset is this program's own constant, volatile because the host has changed it; the verifier
    // checks that the field is there, and a fault reads as zero.
    unsafe {
        let field = base.add(offset.read_volatile() as usize);
        field.cast::<T>().read_volatile()
    }
}
/// The same with the field's name: `load!(task, task_leader)`.
macro_rules! load {
    ($base:expr, $name:ident) => {
        $crate::task::at($base, &raw const $crate::task::OFFSETS.$name)
    };
}
pub(crate) use load;

// Where there is no pointer to the task that the verifier knows (before 5.11), all is read as other memory is.
impl Current {
    #[inline(always)]
    pub(crate) fn find() -> Self {
        if !has(feature::KNOWN_TASK) {
            let task = current();
            return Self {
                leader: leader(task) as *const u8,
                task: task as *const u8,
            };
        }
        // SAFETY: a helper without arguments.
        let task = unsafe { bpf_get_current_task_btf() };
        let task = task.cast_const().cast();
        Self {
            leader: load!(task, task_leader),
            task,
        }
    }

    #[inline(always)]
    pub(crate) fn process(self) -> ProcessKey {
        if !has(feature::KNOWN_TASK) {
            return process(self.leader as u64);
        }
        ProcessKey {
            start_ns: load!(self.leader, task_start),
            pid: load!(self.leader, task_tgid),
            exec: load!(self.leader, task_exec),
        }
    }

    #[inline(always)]
    pub(crate) fn comm(self) -> [u8; COMM_BYTES] {
        if !has(feature::KNOWN_TASK) {
            return comm(self.leader as u64);
        }
        let words: [u64; 2] = load!(self.leader, task_comm);
        // SAFETY: integers of the same size.
        unsafe { core::mem::transmute(words) }
    }

    /// The real user and group of the thread, which is who acts: one may differ from its leader.
    #[inline(always)]
    pub(crate) fn ids(self) -> (u32, u32) {
        if !has(feature::KNOWN_TASK) {
            let cred: u64 = read(field!(self.task as u64, task_cred));
            return (read(field!(cred, cred_uid)), read(field!(cred, cred_gid)));
        }
        let cred: *const u8 = load!(self.task, task_cred);
        (load!(cred, cred_uid), load!(cred, cred_gid))
    }

    /// As [`cgroup`].
    #[inline(always)]
    pub(crate) fn cgroup(self) -> u64 {
        if !has(feature::KNOWN_TASK) {
            return cgroup(self.leader as u64);
        }
        let set: *const u8 = load!(self.leader, task_cgroups);
        let cgroup: *const u8 = load!(set, css_set_cgroup);
        let node: *const u8 = load!(cgroup, cgroup_node);
        load!(node, node_id)
    }
}
