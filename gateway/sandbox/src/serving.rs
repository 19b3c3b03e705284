//! The system calls of a server that has everything open that it needs to be started with.

use std::{collections::BTreeMap, io};

use libc::c_long;
use seccompiler::{
    BpfProgram, SeccompAction, SeccompCmpArgLen, SeccompCmpOp, SeccompCondition, SeccompRule,
};

use crate::{
    SandboxError, failed,
    syscalls::{FAMILIES, apply, compile},
};

/// Without conditions.
const ALLOWED: &[c_long] = &[
    // Files that are open, and those that the rules for files leave.
    libc::SYS_read,
    libc::SYS_write,
    libc::SYS_readv,
    libc::SYS_writev,
    libc::SYS_pread64,
    libc::SYS_pwrite64,
    libc::SYS_preadv,
    libc::SYS_pwritev,
    libc::SYS_close,
    libc::SYS_lseek,
    libc::SYS_openat,
    libc::SYS_newfstatat,
    libc::SYS_fstat,
    libc::SYS_statx,
    libc::SYS_statfs,
    libc::SYS_fstatfs,
    libc::SYS_faccessat,
    libc::SYS_faccessat2,
    libc::SYS_readlinkat,
    libc::SYS_getdents64,
    libc::SYS_getcwd,
    libc::SYS_fcntl,
    libc::SYS_flock,
    libc::SYS_fsync,
    libc::SYS_fdatasync,
    libc::SYS_ftruncate,
    libc::SYS_fallocate,
    libc::SYS_fadvise64,
    libc::SYS_fchmod,
    libc::SYS_fchmodat,
    libc::SYS_fchown,
    libc::SYS_mkdirat,
    libc::SYS_linkat,
    libc::SYS_unlinkat,
    libc::SYS_renameat,
    libc::SYS_renameat2,
    libc::SYS_umask,
    libc::SYS_dup,
    libc::SYS_dup3,
    libc::SYS_pipe2,
    // Memory and threads.
    libc::SYS_mmap,
    libc::SYS_munmap,
    libc::SYS_mremap,
    libc::SYS_mprotect,
    libc::SYS_madvise,
    libc::SYS_msync,
    libc::SYS_mlock,
    libc::SYS_munlock,
    libc::SYS_brk,
    libc::SYS_membarrier,
    libc::SYS_get_mempolicy,
    libc::SYS_mbind,
    libc::SYS_futex,
    libc::SYS_set_robust_list,
    libc::SYS_rseq,
    libc::SYS_set_tid_address,
    libc::SYS_clone3, // Answered by the other filter.
    libc::SYS_sched_yield,
    libc::SYS_sched_getaffinity,
    libc::SYS_sched_setaffinity,
    libc::SYS_getcpu,
    libc::SYS_gettid,
    libc::SYS_exit,
    libc::SYS_exit_group,
    // Signals, and the one process that it has.
    libc::SYS_rt_sigaction,
    libc::SYS_rt_sigprocmask,
    libc::SYS_rt_sigreturn,
    libc::SYS_rt_sigtimedwait,
    libc::SYS_sigaltstack,
    libc::SYS_restart_syscall,
    libc::SYS_tgkill,
    libc::SYS_kill,
    libc::SYS_wait4,
    libc::SYS_waitid,
    libc::SYS_pidfd_open,
    // Network.
    libc::SYS_socketpair,
    libc::SYS_bind,
    libc::SYS_listen,
    libc::SYS_accept4,
    libc::SYS_connect,
    libc::SYS_sendto,
    libc::SYS_sendmsg,
    libc::SYS_sendmmsg,
    libc::SYS_recvfrom,
    libc::SYS_recvmsg,
    libc::SYS_recvmmsg,
    libc::SYS_shutdown,
    libc::SYS_getsockname,
    libc::SYS_getpeername,
    libc::SYS_getsockopt,
    libc::SYS_setsockopt,
    // Waiting, time, chance.
    libc::SYS_ppoll,
    libc::SYS_pselect6,
    libc::SYS_epoll_create1,
    libc::SYS_epoll_ctl,
    libc::SYS_epoll_pwait,
    libc::SYS_epoll_pwait2,
    libc::SYS_eventfd2,
    libc::SYS_timerfd_create,
    libc::SYS_timerfd_settime,
    libc::SYS_nanosleep,
    libc::SYS_clock_nanosleep,
    libc::SYS_clock_gettime,
    libc::SYS_clock_getres,
    libc::SYS_gettimeofday,
    libc::SYS_getrandom,
    // What it is, and on what.
    libc::SYS_getpid,
    libc::SYS_getppid,
    libc::SYS_getuid,
    libc::SYS_geteuid,
    libc::SYS_getgid,
    libc::SYS_getegid,
    libc::SYS_getrusage,
    libc::SYS_prlimit64,
    libc::SYS_sysinfo,
    libc::SYS_uname,
];

/// What newer architectures do not have any more.
#[cfg(target_arch = "x86_64")]
const OLDER: &[c_long] = &[
    libc::SYS_open,
    libc::SYS_stat,
    libc::SYS_lstat,
    libc::SYS_access,
    libc::SYS_readlink,
    libc::SYS_mkdir,
    libc::SYS_link,
    libc::SYS_unlink,
    libc::SYS_rmdir,
    libc::SYS_rename,
    libc::SYS_chmod,
    libc::SYS_dup2,
    libc::SYS_poll,
    libc::SYS_select,
    libc::SYS_epoll_wait,
    libc::SYS_time,
    libc::SYS_arch_prctl,
];
#[cfg(not(target_arch = "x86_64"))]
const OLDER: &[c_long] = &[];

/// Commands of `bpf(2)` on maps that are open: look up, delete, next key, look up many. No program can be loaded
/// and no object opened.
const BPF: [u64; 4] = [1, 3, 4, 24];
/// Requests of `ioctl(2)`: of sockets, and whether this is a terminal.
const IOCTL: [u64; 4] = [libc::FIONBIO, libc::FIONREAD, libc::FIOCLEX, libc::TCGETS];
/// Options of `prctl(2)`: names of threads and of memory.
const PRCTL: [u64; 2] = [libc::PR_SET_NAME.unsigned_abs() as u64, 0x5356_4d41];

/// Refuses every system call but those of a server at work: it runs no executable, has no other
/// process, loads no program into the kernel, and enters no namespace.
///
/// # Errors
/// If the kernel has no filters of system calls.
pub fn hold_serving() -> Result<(), SandboxError> {
    let ours = "this is a fault of ours";
    let serving = serving().map_err(failed("put a filter together", ours))?;
    let threads = old_threads().map_err(failed("put a filter together", ours))?;
    apply(&threads)?;
    // The last, because it lets nobody add another.
    apply(&serving)
}

fn serving() -> io::Result<BpfProgram> {
    let all = ALLOWED.iter().chain(OLDER);
    let mut allowed: BTreeMap<i64, Vec<SeccompRule>> =
        all.map(|call| (*call, Vec::new())).collect();
    let families = FAMILIES.map(|family| u64::from(family.unsigned_abs()));
    for (call, argument, values) in [
        (libc::SYS_socket, 0, families.as_slice()),
        (libc::SYS_bpf, 0, BPF.as_slice()),
        (libc::SYS_ioctl, 1, IOCTL.as_slice()),
        (libc::SYS_prctl, 0, PRCTL.as_slice()),
    ] {
        let rules = values
            .iter()
            .map(|value| rule(argument, SeccompCmpOp::Eq, *value));
        allowed.insert(call, rules.collect::<io::Result<_>>()?);
    }
    let thread = u64::from(libc::CLONE_THREAD.unsigned_abs());
    let thread = rule(0, SeccompCmpOp::MaskedEq(thread), thread)?;
    allowed.insert(libc::SYS_clone, vec![thread]);
    let refuse = SeccompAction::Errno(libc::EPERM.unsigned_abs());
    compile(allowed, refuse, SeccompAction::Allow)
}

/// `clone3` has its flags in memory, where no filter sees them; without it threads are made by
/// `clone`.
fn old_threads() -> io::Result<BpfProgram> {
    let absent = SeccompAction::Errno(libc::ENOSYS.unsigned_abs());
    let call = BTreeMap::from([(libc::SYS_clone3, Vec::new())]);
    compile(call, SeccompAction::Allow, absent)
}

fn rule(argument: u8, operation: SeccompCmpOp, value: u64) -> io::Result<SeccompRule> {
    SeccompCondition::new(argument, SeccompCmpArgLen::Dword, operation, value)
        .and_then(|condition| SeccompRule::new(vec![condition]))
        .map_err(io::Error::other)
}
