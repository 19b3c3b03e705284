//! Where a tunnel is asked to.

use std::net::IpAddr;

use http::{HeaderMap, HeaderValue, Uri, header};

use crate::target::Target;

/// Any text as the target of a `CONNECT`; behind a line feed, `Host`.
pub fn tunnel(data: &[u8]) {
    let mut lines = data.splitn(2, |byte| *byte == b'\n');
    let Some(uri) = lines.next().and_then(|it| Uri::try_from(it).ok()) else {
        return;
    };
    let mut fields = HeaderMap::new();
    if let Some(host) = lines.next().and_then(|it| HeaderValue::from_bytes(it).ok()) {
        fields.insert(header::HOST, host);
    }
    let Some(target) = Target::of(&uri, &fields) else {
        return;
    };
    let Target {
        host,
        port,
        address,
    } = &target;
    assert!(*port != 0 && !host.is_empty() && !host.ends_with('.'));
    assert_eq!(*host, host.to_ascii_lowercase());
    assert_eq!(host.parse::<IpAddr>().ok(), *address);
    // As resolvers read an address of IPv4, whose last part may be a number of any base.
    let last = host.rsplit('.').next().unwrap_or_default();
    let is_number = last.parse::<u64>().is_ok()
        || last
            .strip_prefix("0x")
            .is_some_and(|it| u64::from_str_radix(it, 16).is_ok());
    assert!(
        address.is_some() || !is_number,
        "{host} is an address to some"
    );
    let again = match address {
        Some(IpAddr::V6(_)) => format!("[{host}]:{port}"),
        _ => format!("{host}:{port}"),
    };
    let again = Uri::try_from(again).expect("an authority");
    assert_eq!(Target::of(&again, &HeaderMap::new()), Some(target));
}
