//! What a connection begins with, whose first bytes are read and then given to whoever serves it.

use std::{
    io::{self, Cursor},
    pin::Pin,
    task::{Context, Poll, ready},
};

use rustls::server::Acceptor;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, ReadBuf};

use crate::limits;

/// The first byte of a TLS record that holds a handshake (RFC 8446 section 5.1).
const TLS_HANDSHAKE: u8 = 22;

/// How HTTP/2 begins (RFC 9113 section 3.4).
const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// How much is read at once.
const PIECE_BYTES: usize = 2 * 1024;

/// What a connection begins with.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Beginning {
    /// A method of HTTP/1.
    Http1,
    /// The preface of HTTP/2.
    Http2,
    /// TLS, and the host that it asks for.
    Tls(Option<String>),
    /// Something that the gateway does not speak.
    Other,
}

/// A connection whose first bytes were read already: they are read again first.
pub(crate) struct Rewound<S> {
    first: Cursor<Vec<u8>>,
    stream: S,
}

/// Reads the first bytes of `stream`, [`limits::HELLO_BYTES_MAX`] at most.
pub(crate) async fn read<S: AsyncRead + Unpin>(
    mut stream: S,
) -> io::Result<(Beginning, Rewound<S>)> {
    let mut first = Vec::new();
    loop {
        if first.len() >= limits::HELLO_BYTES_MAX {
            return Ok((Beginning::Other, Rewound::new(first, stream)));
        }
        let mut piece = [0; PIECE_BYTES];
        let read = stream.read(&mut piece).await?;
        if read == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        first.extend_from_slice(piece.get(..read).unwrap_or_default());
        if let Some(beginning) = told(&first) {
            return Ok((beginning, Rewound::new(first, stream)));
        }
    }
}

/// What these bytes begin, if they say.
fn told(first: &[u8]) -> Option<Beginning> {
    match first.first()? {
        &TLS_HANDSHAKE => hello(first),
        byte if byte.is_ascii_uppercase() => {
            let common = first.len().min(PREFACE.len());
            if first.get(..common) != PREFACE.get(..common) {
                return Some(Beginning::Http1);
            }
            (common == PREFACE.len()).then_some(Beginning::Http2)
        }
        _ => Some(Beginning::Other),
    }
}

fn hello(mut first: &[u8]) -> Option<Beginning> {
    let mut acceptor = Acceptor::default();
    while !first.is_empty() {
        if acceptor.read_tls(&mut first).is_err() {
            return Some(Beginning::Other);
        }
    }
    match acceptor.accept() {
        Ok(Some(accepted)) => {
            let hello = accepted.client_hello();
            Some(Beginning::Tls(hello.server_name().map(str::to_owned)))
        }
        Ok(None) => None,
        Err(_) => Some(Beginning::Other),
    }
}

impl<S> Rewound<S> {
    fn new(first: Vec<u8>, stream: S) -> Self {
        let first = Cursor::new(first);
        Self { first, stream }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Rewound<S> {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        out: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let left = this.first.get_ref().len() as u64 > this.first.position();
        if left {
            let before = out.filled().len();
            ready!(Pin::new(&mut this.first).poll_read(cx, out))?;
            if out.filled().len() > before {
                return Poll::Ready(Ok(()));
            }
        }
        Pin::new(&mut this.stream).poll_read(cx, out)
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Rewound<S> {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.get_mut().stream).poll_write(cx, bytes)
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use rustls::{ClientConfig, ClientConnection, RootCertStore, crypto::aws_lc_rs};
    use tokio::io::AsyncWriteExt as _;

    use super::*;

    fn greeting(host: &str) -> Vec<u8> {
        let config = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(RootCertStore::empty())
            .with_no_client_auth();
        let name = host.to_owned().try_into().unwrap();
        let mut client = ClientConnection::new(Arc::new(config), name).unwrap();
        let mut wire = Vec::new();
        client.write_tls(&mut wire).unwrap();
        wire
    }

    #[tokio::test]
    async fn a_beginning_is_told_however_it_is_cut_and_read_again() {
        let named = Beginning::Tls(Some("api.example".to_owned()));
        for (bytes, expected) in [
            (b"GET / HTTP/1.1\r\n\r\n".to_vec(), Beginning::Http1),
            (
                b"PRI".iter().chain(b"NT / HTTP/1.1").copied().collect(),
                Beginning::Http1,
            ),
            ([PREFACE, b"more"].concat(), Beginning::Http2),
            (greeting("api.example"), named),
            (greeting("192.0.2.7"), Beginning::Tls(None)),
            (b"SSH-2.0".to_vec(), Beginning::Http1),
            (b"\x16not a greeting".to_vec(), Beginning::Other),
            (b"\0\0".to_vec(), Beginning::Other),
        ] {
            for size in [1, 7, bytes.len()] {
                let (mut agent, gateway) = tokio::io::duplex(64 * 1024);
                let all = bytes.clone();
                let write = async move {
                    for piece in all.chunks(size) {
                        agent.write_all(piece).await.unwrap();
                        tokio::task::yield_now().await;
                    }
                };
                let read = async {
                    let (beginning, mut again) = read(gateway).await.unwrap();
                    let mut text = Vec::new();
                    again.read_to_end(&mut text).await.unwrap();
                    (beginning, text)
                };
                let ((), (beginning, text)) = tokio::join!(write, read);
                assert_eq!((&beginning, &text), (&expected, &bytes), "cut by {size}");
            }
        }
    }

    #[tokio::test]
    async fn a_greeting_that_does_not_end_is_given_up() {
        let (mut agent, gateway) = tokio::io::duplex(64 * 1024);
        // A handshake of 16 MiB, in records that say so.
        let mut endless = vec![1, 255, 255, 255];
        endless.resize(16 * 1024, 0);
        let record = [&[22, 3, 1, 0x40, 0][..], &endless].concat();
        agent.write_all(&record).await.unwrap();
        agent.write_all(&record).await.unwrap();
        let (beginning, _) = read(gateway).await.unwrap();
        assert_eq!(beginning, Beginning::Other);
    }
}
