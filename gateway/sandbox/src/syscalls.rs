//! System calls that are refused.

use std::{collections::BTreeMap, io};

use seccompiler::{
    BpfProgram, SeccompAction, SeccompCmpArgLen, SeccompCmpOp, SeccompCondition, SeccompFilter,
    SeccompRule, sock_filter,
};

use crate::{SandboxError, failed};

/// Sockets that belong to a network namespace, or to none: those of a virtual machine
/// (`AF_VSOCK`), for one, reach its host from any namespace.
pub(crate) const FAMILIES: [i32; 4] = [
    libc::AF_UNIX,
    libc::AF_INET,
    libc::AF_INET6,
    libc::AF_NETLINK,
];

/// Refuses what could lead out of a network namespace: entering another one, sockets of a kind that
/// no network namespace holds, and `io_uring`, whose sockets no filter sees.
///
/// # Errors
/// If the kernel has no filters of system calls.
pub fn hold_in() -> Result<(), SandboxError> {
    let filter = leaving().map_err(failed("put a filter together", "this is a fault of ours"))?;
    apply(&filter)
}

fn leaving() -> io::Result<BpfProgram> {
    let family = |family: &i32| {
        let family = u64::from(family.unsigned_abs());
        SeccompCondition::new(0, SeccompCmpArgLen::Dword, SeccompCmpOp::Ne, family)
    };
    let families: Vec<_> = FAMILIES
        .iter()
        .map(family)
        .collect::<Result<_, _>>()
        .map_err(io::Error::other)?;
    let other = SeccompRule::new(families).map_err(io::Error::other)?;
    let refused = BTreeMap::from([
        (libc::SYS_setns, Vec::new()),
        (libc::SYS_io_uring_setup, Vec::new()),
        (libc::SYS_socket, vec![other]),
    ]);
    compile(refused, SeccompAction::Allow, SeccompAction::Errno(EPERM))
}

const EPERM: u32 = libc::EPERM.unsigned_abs();

pub(crate) fn compile(
    rules: BTreeMap<i64, Vec<SeccompRule>>,
    others: SeccompAction,
    these: SeccompAction,
) -> io::Result<BpfProgram> {
    let target = std::env::consts::ARCH.try_into();
    let filter = SeccompFilter::new(rules, others, these, target.map_err(io::Error::other)?);
    let filter = filter.map_err(io::Error::other)?;
    let mut program: BpfProgram = filter.try_into().map_err(io::Error::other)?;
    if cfg!(target_arch = "x86_64") {
        program.splice(0..0, other_numbers());
    }
    Ok(program)
}

/// The x32 ABI calls the same with other numbers, which would pass every list; the filter's own
/// check of the architecture cannot tell.
fn other_numbers() -> [sock_filter; 3] {
    /// `__X32_SYSCALL_BIT` of arch/x86/include/uapi/asm/unistd.h.
    const X32: u32 = 0x4000_0000;
    /// `BPF_LD | BPF_W | BPF_ABS`, `BPF_JMP | BPF_JGE | BPF_K` and `BPF_RET | BPF_K`.
    const LOAD: u16 = 0x20;
    const AT_LEAST: u16 = 0x35;
    const RETURN: u16 = 0x06;
    let instruction = |code, jf, k| sock_filter { code, jt: 0, jf, k };
    [
        // `nr` is the first word of `struct seccomp_data`.
        instruction(LOAD, 0, 0),
        instruction(AT_LEAST, 1, X32),
        instruction(RETURN, 0, libc::SECCOMP_RET_KILL_PROCESS),
    ]
}

pub(crate) fn apply(program: &BpfProgram) -> Result<(), SandboxError> {
    let hint = "the kernel has no filters of system calls (CONFIG_SECCOMP_FILTER)";
    seccompiler::apply_filter(program)
        .map_err(io::Error::other)
        .map_err(failed("filter system calls", hint))
}
