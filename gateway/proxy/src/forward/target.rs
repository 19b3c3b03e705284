//! Where a tunnel is asked to: `CONNECT host:port`, in one reading.

use std::net::{IpAddr, Ipv6Addr};

use http::{HeaderMap, Uri, header};

/// The longest name of a host (RFC 1035 section 2.3.4).
const HOST_BYTES_MAX: usize = 253;

/// A host and a port.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Target {
    /// In lower case, without a dot at its end, without brackets.
    pub(crate) host: String,
    pub(crate) port: u16,
    /// Whether the host is an address, which no name stands for.
    pub(crate) address: Option<IpAddr>,
}

impl Target {
    /// What a request asks for, if it says so in one way: the target names host and port (RFC 9110
    /// section 9.3.6), `Host` says the same, and nothing is to be read behind the head.
    pub(crate) fn of(uri: &Uri, fields: &HeaderMap) -> Option<Self> {
        let authority = uri.authority()?.as_str();
        if uri.scheme().is_some() || uri.path_and_query().is_some() {
            return None;
        }
        let framed = [header::CONTENT_LENGTH, header::TRANSFER_ENCODING];
        if framed.iter().any(|name| fields.contains_key(name)) {
            return None;
        }
        let target = Self::parse(authority)?;
        let mut hosts = fields.get_all(header::HOST).iter();
        match (hosts.next(), hosts.next()) {
            (None, _) => Some(target),
            (Some(host), None) => {
                let host = host.to_str().ok()?;
                let same = Self::parse(host).is_some_and(|named| named == target)
                    // Some clients leave out the port.
                    || Self::parse(&format!("{host}:{}", target.port)).is_some_and(|it| it == target);
                same.then_some(target)
            }
            (Some(_), Some(_)) => None,
        }
    }

    fn parse(authority: &str) -> Option<Self> {
        let (host, port) = authority.rsplit_once(':')?;
        let digits = !port.is_empty() && port.bytes().all(|byte| byte.is_ascii_digit());
        let port = port.parse().ok().filter(|port| digits && *port != 0)?;
        if let Some(host) = host.strip_prefix('[') {
            let address: Ipv6Addr = host.strip_suffix(']')?.parse().ok()?;
            return Some(Self {
                host: address.to_string(),
                port,
                address: Some(address.into()),
            });
        }
        let host = host.strip_suffix('.').unwrap_or(host).to_ascii_lowercase();
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_".contains(&byte);
        let label = |label: &str| !label.is_empty() && label.bytes().all(plain);
        if host.len() > HOST_BYTES_MAX || !host.split('.').all(label) {
            return None;
        }
        let address = host.parse().ok();
        if address.is_none() && ends_in_number(&host) {
            return None;
        }
        Some(Self {
            host,
            port,
            address,
        })
    }
}

/// Whether resolvers take a host for an address that does not look like one (WHATWG URL section 3.5, `inet_aton`):
/// `2130706433`, `0x7f.1`. No name ends so (RFC 3696 section 2), and an address that is not seen for one would be
/// judged as a name.
fn ends_in_number(host: &str) -> bool {
    let last = host.rsplit('.').next().unwrap_or(host);
    let hex = last.strip_prefix("0x");
    last.bytes().all(|byte| byte.is_ascii_digit())
        || hex.is_some_and(|digits| digits.bytes().all(|byte| byte.is_ascii_hexdigit()))
}

#[cfg(test)]
mod tests {
    use http::{HeaderName, HeaderValue};

    use super::*;

    fn of(authority: &str, fields: &[(&str, &str)]) -> Option<Target> {
        let uri = Uri::builder().authority(authority).build().ok()?;
        let fields = fields.iter().map(|(name, value)| {
            let name = HeaderName::try_from(*name).unwrap();
            (name, HeaderValue::try_from(*value).unwrap())
        });
        Target::of(&uri, &fields.collect())
    }

    #[test]
    fn a_target_has_one_reading_or_none() {
        for (authority, host, port) in [
            ("api.example:443", "api.example", 443),
            ("API.example.:8443", "api.example", 8443),
            ("192.0.2.7:443", "192.0.2.7", 443),
            ("[2001:db8::7]:443", "2001:db8::7", 443),
            ("[2001:DB8:0::7]:443", "2001:db8::7", 443),
        ] {
            let target = of(authority, &[]).unwrap();
            assert_eq!((target.host.as_str(), target.port), (host, port));
            assert_eq!(target.address.is_some(), host.parse::<IpAddr>().is_ok());
        }
        let same = [("host", "api.example:443")];
        assert!(of("api.example:443", &same).is_some());
        assert!(of("api.example:443", &[("host", "Api.Example")]).is_some());
        for wrong in [
            "api.example",
            "api.example:",
            "api.example:0",
            "api.example:99999",
            "user@api.example:443",
            "api..example:443",
            ".:443",
            ":443",
            "[::1:443",
            "[api.example]:443",
            "[192.0.2.7]:443",
            // Addresses as resolvers read them, and no URL.
            "2130706433:443",
            "0x7f000001:443",
            "0X7F.1:443",
            "0177.0.0.1:443",
            "127.1:443",
            "0x:443",
            "api.example.7:443",
        ] {
            assert_eq!(of(wrong, &[]), None, "{wrong}");
        }
        for fields in [
            &[("host", "other.example:443")][..],
            &[("host", "api.example:80")],
            &[("host", "api.example:443"), ("host", "api.example:443")],
            &[("content-length", "5")],
            &[("transfer-encoding", "chunked")],
        ] {
            assert_eq!(of("api.example:443", fields), None, "{fields:?}");
        }
    }
}
