//! The layouts, asserted while compiling.

use core::mem::{offset_of, size_of};

use crate::{
    Allowed, Call, Config, Credentials, Destination, Event, FlowKey, FlowRow, Gate, Glimpse, Image,
    ListenKey, MatchKey, Owner, ProcessKey, SequenceKey, TupleKey, Turn,
};

macro_rules! layout {
    ($($record:ident: $size:literal { $($field:ident: $offset:literal),+ $(,)? })+) => {
        $(
            const _: () = assert!(size_of::<$record>() == $size);
            $(const _: () = assert!(offset_of!($record, $field) == $offset);)+

            // SAFETY: the record is `repr(C)` and `Copy`, the assertions above leave no padding,
            // and every bit pattern is valid for its integers.
            #[cfg(feature = "user")]
            #[expect(unsafe_code, reason = "the promise that aya asks for")]
            unsafe impl aya::Pod for $record {}
        )+
    };
}

layout! {
    ProcessKey: 16 { start_ns: 0, pid: 8, exec: 12 }
    Owner: 96 {
        cookie: 0, process: 8, cgroup: 24, netns: 32, uid: 40, gid: 44, role: 48, agent: 52,
        comm: 56, original: 72, original_port: 88, verdict: 92,
    }
    TupleKey: 48 { netns: 0, source: 8, destination: 24, source_port: 40, destination_port: 44 }
    SequenceKey: 8 { client: 0, server: 4 }
    Credentials: 24 { capabilities: 0, uid: 8, gid: 12, euid: 16, egid: 20 }
    Image: 888 {
        process: 0, parent: 16, inode: 32, bytes: 40, changed_s: 48, changed_ns: 56, device: 60,
        mount_ns: 64, path_state: 68, path_bytes: 72, agent: 76, comm: 80, credentials: 96,
        path: 120, slack: 632,
    }
    FlowKey: 32 { cookie: 0, remote: 8, remote_port: 24, protocol: 28 }
    FlowRow: 232 {
        sequence: 0, cpu: 8, kind: 12, cookie: 16, process: 24, cgroup: 40, netns: 48,
        opened_ns: 56, changed_ns: 64, sent_bytes: 72, received_bytes: 80, sent_packets: 88,
        received_packets: 96, local: 104, remote: 120, original: 136, local_port: 152,
        remote_port: 156, original_port: 160, protocol: 164, uid: 168, gid: 172, agent: 176,
        state: 180, direction: 184, verdict: 188, retransmits: 192, rtt_us: 196,
        kind_of_socket: 200,
        mode: 204, established_ns: 208, comm: 216,
    }
    ListenKey: 32 { netns: 0, address: 8, port: 24, reserved: 28 }
    MatchKey: 32 { inode: 0, cgroup: 8, device: 16, uid: 20, gid: 24, shape: 28 }
    Gate: 32 { netns: 0, address: 8, port: 24, reserved: 28 }
    Destination: 20 { agent: 0, address: 4 }
    Allowed: 32 { ports: 0 }
    Config: 48 {
        heartbeat_ns: 0, start_ns: 8, netns: 16, cgroup: 24, port4: 32, port6: 36, fail_open: 40,
        quiet: 44,
    }
    Event: 40 { sequence: 0, process: 8, cgroup: 24, kind: 32, cpu: 36 }
    Turn: 152 {
        sequence: 0, process: 8, parent: 24, at_ns: 40, cgroup: 48, credentials: 56, before: 80,
        kind: 104, cpu: 108, agent: 112, exit: 116, user_ns: 120, mount_ns: 124, pid_ns: 128,
        net_ns: 132, comm: 136,
    }
    Call: 288 { process: 0, at_ns: 16, agent: 24, captured: 28, bytes: 32 }
    Glimpse: 2112 {
        cookie: 0, at_ns: 8, remote: 16, remote_port: 32, protocol: 36, agent: 40, verdict: 44,
        kind: 48, length: 52, captured: 56, reserved: 60, bytes: 64,
    }
}

// SAFETY: as above; `Offsets` is nothing but `u32`.
#[cfg(feature = "user")]
#[expect(unsafe_code, reason = "the promise that aya asks for")]
unsafe impl aya::Pod for crate::Offsets {}
