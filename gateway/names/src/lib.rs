//! By which names agents go past the gateway, from the first bytes that the kernel hands up.
//!
//! [`dns`] reads a question or an answer, [`tls`] the name in a client's first message; [`Book`] remembers
//! which address an agent was told for which name, [`request`] reads what a request asks for, [`doh`] knows who answers questions over HTTPS, and [`Tunnels`] sees who carries data out in names.
//! All of it is hostile bytes, read by libraries that are kept for that; what cannot be read is
//! [`Unread`], counted by whoever asks, and no name.
//!
//! Names are hints for people: an agent may say any name, and answer its own questions. No rule is
//! decided by them.

mod book;
pub mod dns;
pub mod doh;
pub mod request;
pub mod tls;
mod tunnels;

pub use book::{Book, NAMES_MAX};
pub use dns::Message;
pub use tunnels::{Tunnel, Tunnels, VOLUME_BYTES_MAX, WINDOW};

/// Bytes that are not what they should be, or not all of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("it cannot be read")]
pub struct Unread;

/// The longest name (RFC 1035 section 2.3.4), without its closing dot.
pub const NAME_CHARS_MAX: usize = 253;

/// A name as it is shown: in small letters; anything but letters, digits, `-`, `_` and dots is `?`.
fn shown(name: &str) -> String {
    let kept = |letter: char| {
        let plain = letter.is_ascii_alphanumeric() || matches!(letter, '-' | '_' | '.');
        if plain {
            letter.to_ascii_lowercase()
        } else {
            '?'
        }
    };
    let name = name.trim_end_matches('.');
    name.chars().take(NAME_CHARS_MAX).map(kept).collect()
}
