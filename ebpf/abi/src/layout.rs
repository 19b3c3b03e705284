//! The layouts, asserted while compiling.

use core::mem::{offset_of, size_of};

use crate::{Event, Image, Owner, ProcessKey, SequenceKey, TupleKey};

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
    Owner: 72 { cookie: 0, process: 8, cgroup: 24, netns: 32, uid: 40, gid: 44, role: 48, reserved: 52, comm: 56 }
    TupleKey: 48 { netns: 0, source: 8, destination: 24, source_port: 40, destination_port: 44 }
    SequenceKey: 8 { client: 0, server: 4 }
    Image: 864 {
        process: 0, parent: 16, inode: 32, bytes: 40, changed_s: 48, changed_ns: 56, device: 60,
        mount_ns: 64, path_state: 68, path_bytes: 72, reserved: 76, comm: 80, path: 96, slack: 608,
    }
    Event: 40 { sequence: 0, process: 8, cgroup: 24, kind: 32, cpu: 36 }
}

// SAFETY: as above; `Offsets` is nothing but `u32`.
#[cfg(feature = "user")]
#[expect(unsafe_code, reason = "the promise that aya asks for")]
unsafe impl aya::Pod for crate::Offsets {}
