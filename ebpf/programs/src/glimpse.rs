//! Handing over the beginning of what an agent says. Nothing is read of it here: hostile bytes are
//! for user space, where who reads them can do nothing else.

use abi::{GLIMPSE_BYTES_MAX, Glimpse, counter};
use aya_ebpf::{
    bindings::BPF_RB_NO_WAKEUP, helpers::generated::bpf_skb_load_bytes, programs::SkBuffContext,
};

use crate::{
    address::End,
    flow,
    maps::{GLIMPSES, count},
};

/// Whose payload it is.
pub(crate) struct Said {
    pub(crate) cookie: u64,
    pub(crate) far: End,
    pub(crate) protocol: u32,
    pub(crate) agent: u32,
    pub(crate) verdict: u32,
    pub(crate) kind: u32,
}

/// Copies the packet's bytes from `start` to `end`, as many as there is room for.
#[inline(always)]
pub(crate) fn hand_over(ctx: &SkBuffContext, said: &Said, start: u32, end: u32) -> Option<()> {
    let length = end.saturating_sub(start);
    if length == 0 {
        return None;
    }
    count(counter::GLIMPSES_ATTEMPTED);
    let Some(mut entry) = GLIMPSES.reserve(0) else {
        count(counter::GLIMPSES_LOST);
        return None;
    };
    let glimpse: *mut Glimpse = entry.as_mut_ptr();
    // The mask tells old verifiers what the comparison tells the new ones: 1 to all of the room.
    let most = GLIMPSE_BYTES_MAX as u32;
    let captured = if length < most { length } else { most };
    let captured = (core::hint::black_box(captured.wrapping_sub(1)) & (most - 1)) + 1;
    // SAFETY: the entry is this program's till it is submitted; the helper writes at most as many
    // bytes as it has room for.
    let failed = unsafe {
        (*glimpse).cookie = said.cookie;
        (*glimpse).at_ns = flow::now();
        (*glimpse).remote = said.far.address;
        (*glimpse).remote_port = said.far.port;
        (*glimpse).protocol = said.protocol;
        (*glimpse).agent = said.agent;
        (*glimpse).verdict = said.verdict;
        (*glimpse).kind = said.kind;
        (*glimpse).length = length;
        (*glimpse).captured = captured;
        (*glimpse).reserved = 0;
        bpf_skb_load_bytes(
            ctx.skb.skb.cast(),
            start,
            (&raw mut (*glimpse).bytes).cast(),
            captured,
        )
    };
    if failed != 0 {
        entry.discard(u64::from(BPF_RB_NO_WAKEUP));
        count(counter::GLIMPSES_LOST);
        return None;
    }
    entry.submit(u64::from(BPF_RB_NO_WAKEUP));
    Some(())
}
