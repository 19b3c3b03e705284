//! Where a call may go.

use abi::{
    Config, Destination, FlowKey, Gate, HEARTBEAT_MAX_NS, Owner, ProcessKey, counter, direction,
    feature, kind, mode, state, verdict,
};
use aya_ebpf::{helpers::bpf_get_current_pid_tgid, maps::lpm_trie::Key};

use crate::{
    address::{End, MAPPED, TCP},
    flow, image,
    maps::{ALLOWED, CONFIG, FLOWS, GATE_PORTS, GATES, MODES, count},
    task,
};

/// The gateway's own process; written by the host and frozen before loading.
#[unsafe(no_mangle)]
static GATEWAY_PID: u32 = 0;

const WHOLE_KEY_BITS: u32 = 32 + 128;
const LOCALHOST4: [u32; 4] = [0, 0, MAPPED, u32::from_ne_bytes([127, 0, 0, 1])];
const LOCALHOST6: [u32; 4] = [0, 0, 0, u32::from_ne_bytes([0, 0, 0, 1])];

/// Whether the current process has the gateway's number. Enough for a program that ends with the gateway.
#[inline(always)]
pub(crate) fn is_numbered_as_gateway() -> bool {
    if task::has(feature::OPTION_PROCESS) {
        return is_pid_of_gateway((bpf_get_current_pid_tgid() >> 32) as u32);
    }
    is_pid_of_gateway(task::process(task::current_leader()).pid)
}

/// The same for programs that may not ask for the current process, or ask before the gateway has said when it
/// began.
#[inline(always)]
pub(crate) fn is_pid_of_gateway(pid: u32) -> bool {
    // SAFETY: the program's own constant; volatile, because the host has changed it.
    pid == unsafe { core::ptr::read_volatile(&raw const GATEWAY_PID) }
}

/// Whether this process, in this cgroup, is the gateway's: the one that serves, or its keeper, which that one has
/// forked, as the kernel saw it, and which still runs the same: who calls `exec` is somebody else.
///
/// The cgroup alone would exempt whoever is put into it, the process alone whatever is made of it elsewhere: both
/// must hold. Where the gateway has no cgroup to itself only the process that serves is exempt, by its number and its
/// start: programs that are pinned outlive it, and an agent could wait for its number to come round.
#[inline(always)]
pub(crate) fn is_gateway(process: &ProcessKey, cgroup: u64) -> bool {
    let Some(config) = CONFIG.get(0) else {
        return false;
    };
    if config.cgroup == 0 {
        return is_serving(process, config);
    }
    // First, because it settles it for nearly everybody.
    config.cgroup == cgroup && (is_serving(process, config) || is_keeper(process, config))
}

#[inline(always)]
fn is_serving(process: &ProcessKey, config: &Config) -> bool {
    is_pid_of_gateway(process.pid) && process.start_ns == config.start_ns
}

#[inline(always)]
fn is_keeper(process: &ProcessKey, config: &Config) -> bool {
    let parent = image::parent_of(process);
    is_serving(&parent, config) && parent.exec == process.exec
}

/// Whether the gateway listens on this port, in whichever namespace.
#[inline(always)]
pub(crate) fn is_gate_port(port: u32) -> bool {
    GATE_PORTS.get(port & 0xffff).is_some_and(|is| *is != 0)
}

/// The gateway listens on this port.
#[inline(always)]
pub(crate) fn open_gate_port(port: u32) {
    if let Some(is) = GATE_PORTS.get_ptr_mut(port & 0xffff) {
        // SAFETY: the pointer is the map's; whoever else writes there writes the same.
        unsafe { is.write_volatile(1) };
    }
}

/// What is decided about a call of a process that is no agent's.
#[inline(always)]
pub(crate) fn verdict_of_others(process: &ProcessKey, cgroup: u64) -> u32 {
    if is_gateway(process, cgroup) {
        verdict::EXEMPT
    } else {
        verdict::NONE
    }
}

/// Decides where a call of `owner` to `wanted` goes: what is decided, and where else to lead it.
#[inline(always)]
pub(crate) fn decide(owner: &Owner, wanted: &End, protocol: u32) -> (u32, u32, End) {
    let stays = |verdict, mode| (verdict, mode, End::NONE);
    let Owner { agent, netns, .. } = *owner;
    let exempt = verdict_of_others(&owner.process, owner.cgroup);
    if agent == 0 || exempt == verdict::EXEMPT {
        return stays(exempt, mode::OBSERVE);
    }
    // SAFETY: a number, read at once.
    let mode = MODES
        .get_ptr(agent)
        .map_or(mode::OBSERVE, |mode| unsafe { *mode });
    let gate = Gate {
        netns,
        address: wanted.address,
        port: wanted.port,
        reserved: 0,
    };
    if protocol == TCP && GATES.get_ptr(gate).is_some() {
        return stays(verdict::GOVERNED, mode);
    }
    if is_allowed(agent, wanted) {
        return stays(verdict::ALLOWED, mode);
    }
    if mode == mode::OBSERVE {
        return stays(verdict::NONE, mode);
    }
    let Some(config) = CONFIG.get(0) else {
        return stays(verdict::DENIED, mode);
    };
    if flow::now().wrapping_sub(config.heartbeat_ns) as i64 > HEARTBEAT_MAX_NS as i64 {
        let verdict = if config.fail_open != 0 {
            verdict::FAILED_OPEN
        } else {
            verdict::DENIED
        };
        return stays(verdict, mode);
    }
    if mode == mode::REDIRECT && protocol == TCP && netns == config.netns {
        let to = gateway(config, wanted);
        if to.port != 0 {
            return (verdict::REDIRECTED, mode, to);
        }
    }
    stays(verdict::DENIED, mode)
}

/// Where the gateway takes what was redirected.
#[inline(always)]
fn gateway(config: &Config, wanted: &End) -> End {
    let [first, second, third, _] = wanted.address;
    if (first | second) == 0 && third == MAPPED {
        End {
            address: LOCALHOST4,
            port: config.port4,
        }
    } else {
        End {
            address: LOCALHOST6,
            port: config.port6,
        }
    }
}

#[inline(always)]
fn is_allowed(agent: u32, wanted: &End) -> bool {
    let key = Key::new(
        WHOLE_KEY_BITS,
        Destination {
            agent: agent.to_be(),
            address: wanted.address,
        },
    );
    let Some(allowed) = ALLOWED.get(&key) else {
        return false;
    };
    let port = wanted.port as u16;
    let mut hit = false;
    for range in &allowed.ports {
        hit |= range[0] <= port && port <= range[1];
    }
    hit
}

/// Counts what was decided, and puts a refusal into the table and the ring.
#[inline(always)]
pub(crate) fn note(owner: &Owner, wanted: &End, protocol: u32, mode: u32) {
    match owner.verdict {
        verdict::REDIRECTED => {
            count(counter::REDIRECTED);
        }
        verdict::DENIED => {
            count(counter::DENIED);
            refuse(owner, wanted, protocol, mode);
        }
        _ => {}
    }
}

/// Tells of a socket that is neither TCP nor UDP: nothing more of it will be seen, so its row goes as it came.
#[inline(always)]
pub(crate) fn odd_socket(
    owner: &Owner,
    protocol: u32,
    kind_of_socket: u32,
    mode: u32,
) -> Option<()> {
    let key = FlowKey {
        cookie: owner.cookie,
        remote: [0; 4],
        remote_port: 0,
        protocol,
    };
    let row = flow::open(&key)?;
    // Added up, not decided: the verifier walks through all that follows for each way.
    let denied = core::hint::black_box(u32::from(owner.verdict == verdict::DENIED));
    // SAFETY: nobody else knows the row yet.
    unsafe {
        own(row, owner);
        (*row).kind_of_socket = kind_of_socket;
        (*row).state = state::ESTABLISHED + denied * (state::DENIED - state::ESTABLISHED);
        (*row).direction = direction::OUT;
        (*row).mode = mode;
    }
    if flow::tell(row, kind::OPENED + denied * (kind::DENIED - kind::OPENED)) {
        let _ = FLOWS.remove(key);
    }
    Some(())
}

#[inline(always)]
fn refuse(owner: &Owner, wanted: &End, protocol: u32, mode: u32) -> Option<()> {
    let key = FlowKey {
        cookie: owner.cookie,
        remote: wanted.address,
        remote_port: wanted.port,
        protocol,
    };
    let row = flow::open(&key)?;
    // SAFETY: nobody else knows the row yet.
    unsafe {
        own(row, owner);
        (*row).state = state::DENIED;
        (*row).direction = direction::OUT;
        (*row).mode = mode;
    }
    if flow::tell(row, kind::DENIED) {
        let _ = FLOWS.remove(key);
    }
    Some(())
}

/// Writes into a row whose it is.
///
/// # Safety
/// `row` is a row of the table.
#[inline(always)]
pub(crate) unsafe fn own(row: *mut abi::FlowRow, owner: &Owner) {
    // SAFETY: the caller's promise.
    unsafe {
        (*row).process = owner.process;
        (*row).cgroup = owner.cgroup;
        (*row).netns = owner.netns;
        (*row).uid = owner.uid;
        (*row).gid = owner.gid;
        (*row).agent = owner.agent;
        (*row).verdict = owner.verdict;
        (*row).comm = owner.comm;
    }
}
