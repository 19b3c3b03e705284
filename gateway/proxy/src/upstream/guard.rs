//! Which addresses tunnels and the names of upstreams may lead to: those of the public Internet, and those
//! that the configuration lists. An agent must not reach by the gateway what only the gateway's host can reach: its loopback, its
//! networks, its cloud's metadata.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use flows::Network;

/// IPv4 that is not everybody's: network and bits (IANA's registry of special-purpose addresses, and
/// multicast), and the metadata address of Azure, which looks public.
const SPECIAL_V4: [([u8; 4], u32); 17] = [
    ([0, 0, 0, 0], 8),
    ([10, 0, 0, 0], 8),
    ([100, 64, 0, 0], 10),
    ([127, 0, 0, 0], 8),
    ([168, 63, 129, 16], 32),
    ([169, 254, 0, 0], 16),
    ([172, 16, 0, 0], 12),
    ([192, 0, 0, 0], 24),
    ([192, 0, 2, 0], 24),
    ([192, 31, 196, 0], 24),
    ([192, 88, 99, 0], 24),
    ([192, 168, 0, 0], 16),
    ([198, 18, 0, 0], 15),
    ([198, 51, 100, 0], 24),
    ([203, 0, 113, 0], 24),
    ([224, 0, 0, 0], 4),
    ([240, 0, 0, 0], 4),
];

/// IPv6 is public in `2000::/3`, but for these.
const PUBLIC_V6: (u128, u32) = (0x2000 << 112, 3);
const SPECIAL_V6: [(u128, u32); 5] = [
    // Protocol assignments, with Teredo among them, which holds an IPv4 address.
    (0x2001_0000 << 96, 23),
    (0x2001_0db8 << 96, 32),
    // 6to4 holds an IPv4 address.
    (0x2002 << 112, 16),
    (0x3fff << 112, 20),
    (0x2620_004f_8000 << 80, 48),
];

/// Whether one may lead there.
pub(crate) fn admits(listed: &[Network], address: SocketAddr) -> bool {
    listed.iter().any(|network| network.holds(address)) || is_public(address.ip())
}

/// Whether an address is one of the public Internet.
fn is_public(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => is_public_v4(address),
        // `::ffff:127.0.0.1` connects to 127.0.0.1.
        IpAddr::V6(address) => address
            .to_ipv4_mapped()
            .map_or_else(|| is_public_v6(address), is_public_v4),
    }
}

fn is_public_v4(address: Ipv4Addr) -> bool {
    let number = u32::from(address);
    let within = |(network, bits): &([u8; 4], u32)| {
        (number ^ u32::from_be_bytes(*network)) >> (32 - bits) == 0
    };
    !SPECIAL_V4.iter().any(within)
}

fn is_public_v6(address: Ipv6Addr) -> bool {
    let number = u128::from(address);
    let within = |(network, bits): &(u128, u32)| (number ^ network) >> (128 - bits) == 0;
    within(&PUBLIC_V6) && !SPECIAL_V6.iter().any(within)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_addresses_of_everybody_are_public() {
        for public in [
            "1.1.1.1",
            "104.18.7.192",
            "172.32.0.1",
            "2606:4700::1111",
            "2a00:1450::8a",
        ] {
            assert!(is_public(public.parse().unwrap()), "{public}");
        }
        for special in [
            "0.0.0.0",
            "10.1.2.3",
            "100.64.0.1",
            "100.100.100.200",
            "127.0.0.1",
            "127.255.255.254",
            "168.63.129.16",
            "169.254.169.254",
            "172.16.0.1",
            "172.31.255.255",
            "192.0.0.192",
            "192.168.1.1",
            "198.19.0.1",
            "224.0.0.1",
            "255.255.255.255",
            "::",
            "::1",
            "::ffff:127.0.0.1",
            "::ffff:169.254.169.254",
            "::127.0.0.1",
            "64:ff9b::7f00:1",
            "64:ff9b:1::1",
            "fe80::1",
            "fec0::1",
            "fc00::1",
            "fd00:ec2::254",
            "ff02::1",
            "2001::1",
            "2001:db8::1",
            "2002:7f00:1::1",
            "100::1",
        ] {
            assert!(!is_public(special.parse().unwrap()), "{special}");
        }
    }

    #[test]
    fn what_is_listed_is_admitted_at_its_ports() {
        let listed = ["127.0.0.0/8:8443".parse().unwrap()];
        let admitted = |address: &str| admits(&listed, address.parse().unwrap());
        assert!(admitted("127.0.0.1:8443") && admitted("1.1.1.1:443"));
        assert!(
            !admitted("127.0.0.1:443") && !admitted("10.0.0.1:8443") && !admitted("[::1]:8443")
        );
    }
}
