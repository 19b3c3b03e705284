//! What an agent gives to OpenSSL to send: the beginning of a request of HTTP/1.1, and nothing else.
//!
//! Attached only where the operator asks for it (`egress.glimpse`), to the functions of `libssl` that are found.

use abi::{CALL_BYTES_MAX, Call, counter};
use aya_ebpf::{
    bindings::BPF_RB_NO_WAKEUP, helpers::generated::bpf_probe_read_user, macros::uprobe,
    programs::ProbeContext,
};

use crate::{
    flow,
    maps::{CALLS, count},
    tag, task,
};

/// The first four bytes of the methods of RFC 9110 section 9 and of RFC 5789: what begins otherwise is no request, and
/// nothing of it is copied.
const METHODS: [[u8; 4]; 8] = [
    *b"GET ", *b"POST", *b"PUT ", *b"HEAD", *b"DELE", *b"PATC", *b"OPTI", *b"TRAC",
];

/// `SSL_write(ssl, bytes, length)`, and `SSL_write_ex`, which has the same three first.
#[uprobe]
pub(crate) fn tls_write(ctx: ProbeContext) -> u32 {
    if let (Some(bytes), Some(length)) = (ctx.arg::<u64>(1), ctx.arg::<u64>(2)) {
        // Of an `int`, which one of the two takes, the upper half is anything.
        look(bytes, u64::from(length as u32));
    }
    0
}

#[inline(always)]
fn look(bytes: u64, length: u64) -> Option<()> {
    let process = task::process(task::current_leader());
    let agent = tag::noted(&process);
    if agent == 0 || length < 4 {
        return None;
    }
    let mut first = [0_u8; 4];
    // SAFETY: the helper checks the address, and writes four bytes.
    unsafe { bpf_probe_read_user(first.as_mut_ptr().cast(), 4, bytes as *const _) };
    let first = u32::from_ne_bytes(first);
    let mut is_request = false;
    for method in METHODS {
        is_request |= first == u32::from_ne_bytes(method);
    }
    if !is_request {
        return None;
    }
    count(counter::CALLS_ATTEMPTED);
    let Some(mut entry) = CALLS.reserve(0) else {
        count(counter::CALLS_LOST);
        return None;
    };
    let call: *mut Call = entry.as_mut_ptr();
    // The mask tells old verifiers what the comparison tells the new ones: 1 to all of the room.
    let most = CALL_BYTES_MAX as u64;
    let captured = if length < most { length } else { most };
    let captured = (core::hint::black_box(captured.wrapping_sub(1)) & (most - 1)) + 1;
    // SAFETY: the entry is this program's till it is submitted; the helper writes at most as many bytes as it has room
    // for.
    let failed = unsafe {
        (*call).process = process;
        (*call).at_ns = flow::now();
        (*call).agent = agent;
        (*call).captured = captured as u32;
        bpf_probe_read_user(
            (&raw mut (*call).bytes).cast(),
            captured as u32,
            bytes as *const _,
        )
    };
    if failed != 0 {
        entry.discard(u64::from(BPF_RB_NO_WAKEUP));
        count(counter::CALLS_LOST);
        return None;
    }
    entry.submit(u64::from(BPF_RB_NO_WAKEUP));
    Some(())
}
