//! The first bytes of flows that go past the gateway.

use names::{NAME_CHARS_MAX, dns::ADDRESSES_MAX};

fn is_shown(name: &str) -> bool {
    let plain = |letter: u8| {
        letter.is_ascii_lowercase() || letter.is_ascii_digit() || b"-_.?".contains(&letter)
    };
    name.len() <= NAME_CHARS_MAX && name.bytes().all(plain)
}

/// A datagram or a segment of DNS.
pub fn dns(data: &[u8]) {
    for message in [data, names::dns::of_segment(data)] {
        if let Ok(message) = names::dns::read(message) {
            assert!(is_shown(&message.name), "{}", message.name);
            assert!(message.addresses.len() <= ADDRESSES_MAX);
            assert!(message.addresses.iter().all(|it| *it == it.to_canonical()));
        }
    }
}

/// A client's first message of TLS.
pub fn hello(data: &[u8]) {
    if let Ok(Some(name)) = names::tls::name(data) {
        assert!(is_shown(&name), "{name}");
    }
}

/// The beginning of a request of HTTP/1.1.
pub fn request(data: &[u8]) {
    if let Some(asked) = names::request::asked(data) {
        assert!(!asked.method.is_empty());
        assert!(!asked.path.contains(['?', '#', ' ', '\r', '\n']));
        assert!(!asked.host.is_some_and(|host| host.contains(['\r', '\n'])));
    }
}
