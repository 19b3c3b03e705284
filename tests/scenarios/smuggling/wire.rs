//! Bytes to the gateway and back, as no library would send them.

use std::{
    io::{BufReader, ErrorKind, Read, Write},
    net::{SocketAddr, TcpStream},
    sync::Arc,
    time::Duration,
};

use anyhow::{Context as _, Result, bail, ensure};
use rustls::{
    ClientConfig, ClientConnection, RootCertStore, StreamOwned,
    crypto::aws_lc_rs,
    pki_types::{CertificateDer, pem::PemObject as _},
};
use serde_json::Value;

use super::front::{Front, HOST};

/// How long an answer may take on a busy machine.
const ANSWER_MAX: Duration = Duration::from_mins(1);

/// How the gateway is reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Way {
    /// As the service.
    Reverse,
    /// As a proxy, in absolute form.
    Forward,
    /// As a proxy, in a tunnel that ends there.
    Intercepted,
}

pub(super) const WAYS: [Way; 3] = [Way::Reverse, Way::Forward, Way::Intercepted];

impl Way {
    /// What a request has for a target, for this path.
    pub(super) fn target(self, path: &str) -> String {
        match self {
            Self::Reverse | Self::Intercepted => path.to_owned(),
            Self::Forward => format!("http://{HOST}{path}"),
        }
    }
}

pub(super) trait Both: Read + Write {}
impl<S: Read + Write> Both for S {}

/// A connection to the gateway on which requests of HTTP/1.1, or with `h2` of HTTP/2, are read next.
pub(super) fn open(front: &Front, way: Way, h2: bool) -> Result<Box<dyn Both>> {
    let mut stream = plain(front, usize::from(way != Way::Reverse))?;
    if way != Way::Intercepted {
        return Ok(Box::new(stream));
    }
    write!(
        stream,
        "CONNECT {HOST}:443 HTTP/1.1\r\nHost: {HOST}:443\r\n\r\n"
    )?;
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        stream.read_exact(&mut byte)?;
        head.extend(byte);
    }
    ensure!(head.starts_with(b"HTTP/1.1 200"), "{}", text(&head));
    let mut roots = RootCertStore::empty();
    for root in CertificateDer::pem_reader_iter(BufReader::new(front.authority.as_bytes())) {
        roots.add(root?)?;
    }
    let mut config = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()?
        .with_root_certificates(roots)
        .with_no_client_auth();
    config.alpn_protocols = vec![if h2 {
        b"h2".to_vec()
    } else {
        b"http/1.1".to_vec()
    }];
    let client = ClientConnection::new(Arc::new(config), HOST.try_into()?)?;
    Ok(Box::new(StreamOwned::new(client, stream)))
}

/// A connection to this listener.
pub(super) fn plain(front: &Front, listener: usize) -> Result<TcpStream> {
    connect(front.gateway.listen(listener)?)
}

/// A connection that waits so long and no longer.
pub(super) fn connect(address: SocketAddr) -> Result<TcpStream> {
    let stream = TcpStream::connect(address)?;
    stream.set_read_timeout(Some(ANSWER_MAX))?;
    stream.set_write_timeout(Some(ANSWER_MAX))?;
    stream.set_nodelay(true)?;
    Ok(stream)
}

/// An answer of HTTP/1.1.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) head: String,
    pub(super) body: String,
}

impl Answer {
    /// What the service says that it was asked for.
    pub(super) fn asked(&self) -> Option<String> {
        let body: Value = serde_json::from_str(&self.body).ok()?;
        Some(body.get("asked")?.as_str()?.to_owned())
    }

    /// Why the gateway refused.
    pub(super) fn reason(&self) -> String {
        let body: Value = serde_json::from_str(&self.body).unwrap_or_default();
        let reason = body.get("reason").and_then(Value::as_str);
        reason.unwrap_or_default().to_owned()
    }
}

/// Sends `bytes` and reads all that is answered until the gateway closes the connection.
pub(super) fn exchange(stream: &mut dyn Both, bytes: &[u8]) -> Result<Vec<Answer>> {
    // It may have been refused before the last byte went.
    stream.write_all(bytes).and_then(|()| stream.flush()).ok();
    let all = rest(stream)?;
    let mut answers = Vec::new();
    let mut left = &all[..];
    while !left.is_empty() {
        let Some((answer, behind)) = answer(left)? else {
            break;
        };
        answers.push(answer);
        left = behind;
    }
    Ok(answers)
}

/// All that comes until the connection is closed, however that is.
pub(super) fn rest(stream: &mut dyn Both) -> Result<Vec<u8>> {
    let mut all = Vec::new();
    let mut piece = [0; 16 * 1024];
    loop {
        match stream.read(&mut piece) {
            Ok(0) => return Ok(all),
            Ok(read) => all.extend_from_slice(piece.get(..read).unwrap_or_default()),
            Err(error) if is_end(error.kind()) => return Ok(all),
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return Err(error).context(format!("after {:?}", text(&all))),
        }
    }
}

/// Whether a connection was closed without good manners.
pub(super) fn is_end(kind: ErrorKind) -> bool {
    use ErrorKind::{BrokenPipe, ConnectionAborted, ConnectionReset, UnexpectedEof};
    matches!(
        kind,
        ConnectionReset | ConnectionAborted | BrokenPipe | UnexpectedEof
    )
}

/// The first answer, and what is behind it; none if it is cut off.
fn answer(bytes: &[u8]) -> Result<Option<(Answer, &[u8])>> {
    let Some(end) = bytes.windows(4).position(|it| it == b"\r\n\r\n") else {
        return Ok(None);
    };
    let (head, behind) = bytes.split_at(end + 4);
    let head = text(head);
    let status = head.strip_prefix("HTTP/1.1 ").and_then(|it| it.get(..3));
    let status: u16 = status
        .and_then(|it| it.parse().ok())
        .context(head.clone())?;
    let field = |name: &str| {
        let mut lines = head.lines().filter_map(|line| line.split_once(": "));
        lines
            .find(|(it, _)| it.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.to_owned())
    };
    let (body, behind) = match (field("content-length"), field("transfer-encoding")) {
        _ if status < 200 || status == 204 || status == 304 => (Vec::new(), behind),
        (Some(length), None) => {
            let Some((body, behind)) = behind.split_at_checked(length.parse()?) else {
                return Ok(None);
            };
            (body.to_vec(), behind)
        }
        (None, Some(_)) => match chunks(behind)? {
            Some(chunks) => chunks,
            None => return Ok(None),
        },
        (None, None) => (behind.to_vec(), &[][..]),
        both @ (Some(_), Some(_)) => bail!("an answer is framed in two ways: {both:?}"),
    };
    let body = text(&body);
    Ok(Some((Answer { status, head, body }, behind)))
}

fn chunks(mut bytes: &[u8]) -> Result<Option<(Vec<u8>, &[u8])>> {
    let mut body = Vec::new();
    loop {
        let Some(end) = bytes.windows(2).position(|it| it == b"\r\n") else {
            return Ok(None);
        };
        let (size, behind) = bytes.split_at(end);
        let size = usize::from_str_radix(&text(size), 16)?;
        let Some((chunk, behind)) = behind.get(2..).and_then(|it| it.split_at_checked(size + 2))
        else {
            return Ok(None);
        };
        body.extend_from_slice(chunk.get(..size).unwrap_or_default());
        bytes = behind;
        if size == 0 {
            return Ok(Some((body, bytes)));
        }
    }
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// Puts what a row names into its bytes.
pub(super) fn fill(send: &str, way: Way, path: &str) -> String {
    let leak = format!(
        "GET {} HTTP/1.1\r\nHost: {HOST}\r\n\r\n",
        way.target("/leak")
    );
    send.replace("{leak}", &leak)
        .replace("{leak-length}", &leak.len().to_string())
        .replace("{target}", &way.target(path))
        .replace("{path}", path)
        .replace("{host}", HOST)
        .replace("{long}", &"a".repeat(200_000))
        .replace("{many}", &"X-A: b\r\n".repeat(9_000))
}
