//! Who answers questions of DNS over HTTPS (RFC 8484): who asks there hides names from whoever watches port 53.
//!
//! Public resolvers that browsers and systems have built in, by name and by address, as their operators publish
//! them. Anybody may run another: one that is not here is a way past the gateway like any other.

use std::net::IpAddr;

/// Names, and what is below them.
const NAMES: [&str; 14] = [
    "dns.google",
    "dns64.dns.google",
    "cloudflare-dns.com",
    "one.one.one.one",
    "1dot1dot1dot1.cloudflare-dns.com",
    "dns.quad9.net",
    "dns.nextdns.io",
    "doh.opendns.com",
    "dns.umbrella.com",
    "dns.adguard-dns.com",
    "dns.mullvad.net",
    "doh.cleanbrowsing.org",
    "dns.controld.com",
    "doh.dns.apple.com",
];

/// Addresses that are asked without a name.
const ADDRESSES: [&str; 16] = [
    "8.8.8.8",
    "8.8.4.4",
    "2001:4860:4860::8888",
    "2001:4860:4860::8844",
    "1.1.1.1",
    "1.0.0.1",
    "2606:4700:4700::1111",
    "2606:4700:4700::1001",
    "9.9.9.9",
    "149.112.112.112",
    "2620:fe::fe",
    "2620:fe::9",
    "208.67.222.222",
    "208.67.220.220",
    "94.140.14.14",
    "94.140.15.15",
];

/// Whether a resolver is known by this name or at this address.
pub fn answers(name: Option<&str>, address: IpAddr) -> bool {
    let by_name = name.is_some_and(|name| {
        NAMES.iter().any(|known| {
            name.strip_suffix(known)
                .is_some_and(|above| above.is_empty() || above.ends_with('.'))
        })
    });
    let address = address.to_canonical();
    let is = |known: &str| known.parse() == Ok(address);
    by_name || ADDRESSES.iter().any(|known| is(known))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn resolvers_are_known_by_name_and_address() {
        let elsewhere: IpAddr = [192, 0, 2, 7].into();
        assert!(answers(Some("dns.google"), elsewhere));
        assert!(answers(Some("mozilla.cloudflare-dns.com"), elsewhere));
        assert!(answers(None, "::ffff:1.1.1.1".parse().unwrap()));
        assert!(answers(None, "2620:fe::fe".parse().unwrap()));
        assert!(!answers(Some("notdns.google.example"), elsewhere));
        assert!(!answers(Some("mydns.google"), elsewhere));
        assert!(!answers(None, elsewhere));
    }

    #[test]
    fn every_address_is_one() {
        for known in ADDRESSES {
            known.parse::<IpAddr>().unwrap();
        }
    }
}
