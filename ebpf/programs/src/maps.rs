//! What the programs remember.

use abi::{
    AGENTS_MAX, Allowed, CALLS_BYTES, Call, Config, DESTINATIONS_MAX, Destination, EVENTS_BYTES,
    Event, FLOW_EVENTS_BYTES, FLOWS_MAX, FlowKey, FlowRow, GATES_MAX, GLIMPSES_BYTES, GONE_MAX,
    Gate, Glimpse, Image, LISTENERS_MAX, LIVING_MAX, ListenKey, MATCHES_MAX, MatchKey, Owner,
    PORTS_COUNT, ProcessKey, SEQUENCES_MAX, SHAPES_MAX, SequenceKey, TUPLES_MAX, TURNS_BYTES,
    TupleKey, Turn, counter,
};
use aya_ebpf::{
    bindings::{BPF_F_NO_PREALLOC, bpf_sock},
    btf_maps::{Array, HashMap, LpmTrie, LruHashMap, PerCpuArray, RingBuf, SkStorage},
    helpers::generated::bpf_sk_storage_get,
    macros::btf_map,
};

/// The owner of a socket that connected, or of the other end of one that was accepted; lives
/// exactly as long as the socket.
#[btf_map]
pub(crate) static OWNERS: SkStorage<Owner> = SkStorage::new();

/// Owners on their way from the connecting socket to the accepted one.
#[btf_map]
pub(crate) static BY_TUPLE: LruHashMap<TupleKey, Owner, TUPLES_MAX> = LruHashMap::new();

/// The same for connections that cross a network namespace.
#[btf_map]
pub(crate) static BY_SEQUENCE: LruHashMap<SequenceKey, Owner, SEQUENCES_MAX> = LruHashMap::new();

/// What living processes run. Nothing is ever evicted from here: whoever could push a row out could
/// have a process's image read again at a time of its own choosing.
#[btf_map]
pub(crate) static LIVING: HashMap<ProcessKey, Image, LIVING_MAX, { BPF_F_NO_PREALLOC as usize }> =
    HashMap::new();

/// What processes ran that are gone, or that run something else now.
#[btf_map]
pub(crate) static GONE: LruHashMap<ProcessKey, Image, GONE_MAX> = LruHashMap::new();

/// Since when every fork and exec has been seen, nanoseconds since boot; 0 before that.
#[btf_map]
pub(crate) static WATCHED_SINCE: Array<u64, 1> = Array::new();

/// Room to put an image together in a tracepoint, where nothing else can run on the CPU.
#[btf_map]
pub(crate) static DRAFT: PerCpuArray<Image, 1> = PerCpuArray::new();

/// The same in `connect`, which can be preempted: a per-CPU draft could be overwritten by another
/// process half-way, and one would be attested with the other's executable. A socket's own memory
/// cannot: `connect` holds the socket's lock.
#[btf_map]
pub(crate) static SOCKET_DRAFT: SkStorage<Image> = SkStorage::new();

/// Turns in the lives of processes, for the host.
#[btf_map]
pub(crate) static EVENTS: RingBuf<Event, { EVENTS_BYTES as usize }> = RingBuf::new();

/// Every live flow, and every one that ended and that the host has not read yet. Its memory is set aside at
/// once: mostly one CPU sees a connection begin and another sees it end, and rows that are allocated as they
/// are needed then cost more than all that is written into them.
#[btf_map]
pub(crate) static FLOWS: HashMap<FlowKey, FlowRow, { FLOWS_MAX as usize }> = HashMap::new();

/// A flow without anything, to begin rows with: one is too large for the stack.
#[btf_map]
pub(crate) static BLANK: Array<FlowRow, 1> = Array::new();

/// Flows that began or ended, for the host.
#[btf_map]
pub(crate) static FLOW_EVENTS: RingBuf<FlowRow, { FLOW_EVENTS_BYTES as usize }> = RingBuf::new();

/// Turns in the lives of agents' processes, for the host.
#[btf_map]
pub(crate) static TURNS: RingBuf<Turn, { TURNS_BYTES as usize }> = RingBuf::new();

/// Beginnings of requests that agents give to OpenSSL, for the host.
#[btf_map]
pub(crate) static CALLS: RingBuf<Call, { CALLS_BYTES as usize }> = RingBuf::new();

/// First payloads of agents, for the host.
#[btf_map]
pub(crate) static GLIMPSES: RingBuf<Glimpse, { GLIMPSES_BYTES as usize }> = RingBuf::new();

/// The ports that the gateway listens on: only there does it matter who connects. One byte each, which is
/// written at once: before 5.12 the verifier refuses a program that would set bits of a word atomically.
#[btf_map]
pub(crate) static GATE_PORTS: Array<u8, PORTS_COUNT> = Array::new();

/// Who listens on a port.
#[btf_map]
pub(crate) static LISTENERS: LruHashMap<ListenKey, Owner, LISTENERS_MAX> = LruHashMap::new();

/// What makes a process an agent's.
#[btf_map]
pub(crate) static MATCHES: HashMap<MatchKey, u32, MATCHES_MAX, { BPF_F_NO_PREALLOC as usize }> =
    HashMap::new();

/// The combinations of conditions in `MATCHES`, the most particular first; 0 ends them.
#[btf_map]
pub(crate) static SHAPES: Array<u32, SHAPES_MAX> = Array::new();

/// Agents of processes, by pid, that are older than the programs.
#[btf_map]
pub(crate) static OLDER: HashMap<u32, u32, LIVING_MAX, { BPF_F_NO_PREALLOC as usize }> =
    HashMap::new();

/// What is done about an agent's own ways out.
#[btf_map]
pub(crate) static MODES: HashMap<u32, u32, AGENTS_MAX, { BPF_F_NO_PREALLOC as usize }> =
    HashMap::new();

/// Where agents may go.
#[btf_map]
pub(crate) static ALLOWED: LpmTrie<Destination, Allowed, DESTINATIONS_MAX> = LpmTrie::new();

/// Where the gateway listens.
#[btf_map]
pub(crate) static GATES: HashMap<Gate, u32, GATES_MAX, { BPF_F_NO_PREALLOC as usize }> =
    HashMap::new();

/// What the gateway says about itself.
#[btf_map]
pub(crate) static CONFIG: Array<Config, 1> = Array::new();

/// See [`counter`].
#[btf_map]
pub(crate) static COUNTERS: PerCpuArray<u64, { counter::COUNT }> = PerCpuArray::new();

/// Adds one to a counter of this CPU and returns the sum.
#[inline(always)]
pub(crate) fn count(which: u32) -> u64 {
    add(which, 1)
}

/// Adds to a counter of this CPU and returns the sum.
#[inline(always)]
pub(crate) fn add(which: u32, amount: u64) -> u64 {
    let Some(sum) = COUNTERS.get_ptr_mut(which) else {
        return 0;
    };
    // SAFETY: the pointer is the map's, and this CPU's alone.
    unsafe {
        *sum = (*sum).wrapping_add(amount);
        *sum
    }
}

/// The owner that is kept with a socket, if there is one.
#[inline(always)]
pub(crate) fn owner_of(socket: *mut bpf_sock) -> Option<*mut Owner> {
    if socket.is_null() {
        return None;
    }
    // SAFETY: the pointers are this program's map and socket.
    let owner = unsafe {
        bpf_sk_storage_get(
            (&raw const OWNERS).cast_mut().cast(),
            socket.cast(),
            core::ptr::null_mut(),
            0,
        )
    }
    .cast::<Owner>();
    (!owner.is_null()).then_some(owner)
}
