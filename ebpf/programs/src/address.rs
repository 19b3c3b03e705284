//! Addresses in the context of `connect`, `sendmsg` and `getpeername`.

use aya_ebpf::bindings::bpf_sock_addr;

/// `::ffff:0:0/96` as the third word of an address, network order.
pub(crate) const MAPPED: u32 = 0xffff_u32.to_be();

/// TCP's number among the IP protocols.
pub(crate) const TCP: u32 = 6;
/// UDP's.
pub(crate) const UDP: u32 = 17;

/// An address and a port, in the order that `abi` has them.
#[derive(Clone, Copy)]
pub(crate) struct End {
    pub(crate) address: [u32; 4],
    pub(crate) port: u32,
}

impl End {
    pub(crate) const NONE: Self = Self {
        address: [0; 4],
        port: 0,
    };
}

/// Which family a hook is for. A hook knows it while compiling: one that chose while it ran would
/// make a computed address of the context, which the verifier refuses.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Family {
    V4,
    V6,
}

/// Where the call wants to go.
#[inline(always)]
pub(crate) fn wanted(ctx: *mut bpf_sock_addr, family: Family) -> End {
    // SAFETY: the context is the kernel's; each word is read by itself.
    unsafe {
        let port = u32::from(u16::from_be(
            (&raw const (*ctx).user_port).read_volatile() as u16
        ));
        let address = match family {
            Family::V4 => [0, 0, MAPPED, (&raw const (*ctx).user_ip4).read_volatile()],
            Family::V6 => {
                let words = (&raw const (*ctx).user_ip6).cast::<u32>();
                [
                    words.read_volatile(),
                    words.add(1).read_volatile(),
                    words.add(2).read_volatile(),
                    words.add(3).read_volatile(),
                ]
            }
        };
        End { address, port }
    }
}

/// Has the call go elsewhere, or say so; a v6 socket gets an IPv4 address in its mapped form.
#[inline(always)]
pub(crate) fn lead(ctx: *mut bpf_sock_addr, family: Family, end: End) {
    // SAFETY: as above; each word is written by itself.
    unsafe {
        match family {
            Family::V4 => (&raw mut (*ctx).user_ip4).write_volatile(end.address[3]),
            Family::V6 => {
                let words = (&raw mut (*ctx).user_ip6).cast::<u32>();
                words.write_volatile(end.address[0]);
                words.add(1).write_volatile(end.address[1]);
                words.add(2).write_volatile(end.address[2]);
                words.add(3).write_volatile(end.address[3]);
            }
        }
        (&raw mut (*ctx).user_port).write_volatile(u32::from((end.port as u16).to_be()));
    }
}
