//! A service that believes nothing: it takes each request in the one way that RFC 9112 allows a sender to write
//! it, and notes whatever is written otherwise. What it answers are bytes that the test chooses.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};

use anyhow::{Context as _, Result, bail, ensure};
use tokio::{
    io::{AsyncRead, AsyncReadExt as _, AsyncWriteExt as _, BufReader},
    net::{TcpListener, TcpStream},
};

use super::Peer;

/// The most bytes of a line that are read.
const LINE_BYTES_MAX: usize = 256 * 1024;

/// A request, as it came.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Taken {
    /// The method.
    pub method: String,
    /// The target.
    pub target: String,
    /// The fields, names as they were written.
    pub fields: Vec<(String, String)>,
    /// The body, without its chunks.
    pub body: Vec<u8>,
    /// Fields behind the body.
    pub trailers: Vec<(String, String)>,
    /// Which connection it came on, counted from none.
    pub connection: usize,
}

impl Taken {
    /// What a field says, if it is there.
    pub fn field(&self, name: &str) -> Option<&str> {
        let mut fields = self.fields.iter();
        let (_, value) = fields.find(|(it, _)| it.eq_ignore_ascii_case(name))?;
        Some(value)
    }
}

/// What came, and what is to be answered.
#[derive(Clone, Default)]
pub struct Wiretap(Arc<Known>);

#[derive(Default)]
struct Known {
    taken: Mutex<Vec<Taken>>,
    malformed: Mutex<Vec<String>>,
    answers: HashMap<String, Vec<u8>>,
}

impl Wiretap {
    /// One that answers these paths with these bytes, and any other with its path.
    pub fn answering(answers: HashMap<String, Vec<u8>>) -> Self {
        Self(Arc::new(Known {
            answers,
            ..Known::default()
        }))
    }

    /// Serves it on loopback.
    pub fn serve(&self) -> Result<Peer> {
        self.serve_at("127.0.0.1:0")
    }

    /// Serves it at `address`.
    pub fn serve_at(&self, address: &str) -> Result<Peer> {
        let tap = self.clone();
        Peer::run(address, move |listener| accept_all(tap, listener))
    }

    /// The requests that came whole, in the order in which they came.
    pub fn taken(&self) -> Vec<Taken> {
        lock(&self.0.taken).clone()
    }

    /// What came and is no request that a sender may write.
    pub fn malformed(&self) -> Vec<String> {
        lock(&self.0.malformed).clone()
    }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

async fn accept_all(tap: Wiretap, listener: TcpListener) {
    let mut count = 0;
    while let Ok((stream, _)) = listener.accept().await {
        let (tap, connection) = (tap.clone(), count);
        count += 1;
        tokio::spawn(async move {
            if let Err(error) = serve(&tap, stream, connection).await {
                lock(&tap.0.malformed).push(format!("{error:#}"));
            }
        });
    }
}

async fn serve(tap: &Wiretap, stream: TcpStream, connection: usize) -> Result<()> {
    let mut stream = BufReader::new(stream);
    while let Some(taken) = take(&mut stream, connection).await? {
        let path = taken.target.clone();
        let last = taken.field("connection") == Some("close");
        lock(&tap.0.taken).push(taken);
        let odd = tap.0.answers.get(&path);
        let answer = odd.cloned().unwrap_or_else(|| echo(&path));
        // Who asked may be gone.
        if stream.write_all(&answer).await.is_err() || last {
            return Ok(());
        }
    }
    Ok(())
}

/// An answer that says what was asked for.
fn echo(path: &str) -> Vec<u8> {
    let body = serde_json::json!({ "asked": path }).to_string();
    let length = body.len();
    format!("HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {length}\r\n\r\n{body}")
        .into_bytes()
}

/// The next request; none if the connection ends before one begins, or breaks off.
async fn take<S: AsyncRead + Unpin>(stream: &mut S, connection: usize) -> Result<Option<Taken>> {
    let Some(first) = line(stream).await? else {
        return Ok(None);
    };
    let mut words = first.split(' ');
    let (method, target, version) = (words.next(), words.next(), words.next());
    let (Some(method), Some(target), Some("HTTP/1.1"), None) =
        (method, target, version, words.next())
    else {
        bail!("no request line: {first:?}");
    };
    ensure!(
        method.bytes().all(is_token) && target.starts_with('/'),
        "no request line: {first:?}"
    );
    let Some(fields) = fields(stream).await? else {
        return Ok(None);
    };
    let all = |name: &str| -> Vec<&str> {
        let named = fields
            .iter()
            .filter(|(it, _)| it.eq_ignore_ascii_case(name));
        named.map(|(_, value)| value.as_str()).collect()
    };
    ensure!(all("host").len() == 1, "hosts: {fields:?}");
    let (lengths, codings) = (all("content-length"), all("transfer-encoding"));
    let (body, trailers) = match (&lengths[..], &codings[..]) {
        ([], []) => (Vec::new(), Vec::new()),
        ([length], []) => {
            ensure!(is_number(length, 10), "length: {length:?}");
            let mut body = vec![0; length.parse()?];
            if stream.read_exact(&mut body).await.is_err() {
                return Ok(None);
            }
            (body, Vec::new())
        }
        ([], ["chunked"]) => match chunks(stream).await? {
            Some(body) => body,
            None => return Ok(None),
        },
        _ => bail!("framed in two ways: {fields:?}"),
    };
    Ok(Some(Taken {
        method: method.to_owned(),
        target: target.to_owned(),
        fields,
        body,
        trailers,
        connection,
    }))
}

type Fields = Vec<(String, String)>;

async fn fields<S: AsyncRead + Unpin>(stream: &mut S) -> Result<Option<Fields>> {
    let mut fields = Vec::new();
    loop {
        let Some(line) = line(stream).await? else {
            return Ok(None);
        };
        if line.is_empty() {
            return Ok(Some(fields));
        }
        let (name, value) = line.split_once(':').context("a field without a colon")?;
        ensure!(
            !name.is_empty() && name.bytes().all(is_token),
            "no name of a field: {line:?}"
        );
        fields.push((name.to_owned(), value.trim_matches([' ', '\t']).to_owned()));
    }
}

async fn chunks<S: AsyncRead + Unpin>(stream: &mut S) -> Result<Option<(Vec<u8>, Fields)>> {
    let mut body = Vec::new();
    loop {
        let Some(size) = line(stream).await? else {
            return Ok(None);
        };
        ensure!(is_number(&size, 16), "no size of a chunk: {size:?}");
        let size = usize::from_str_radix(&size, 16)?;
        if size == 0 {
            let trailers = fields(stream).await?;
            return Ok(trailers.map(|trailers| (body, trailers)));
        }
        let mut chunk = vec![0; size];
        if stream.read_exact(&mut chunk).await.is_err() {
            return Ok(None);
        }
        body.extend(chunk);
        let Some(end) = line(stream).await? else {
            return Ok(None);
        };
        ensure!(end.is_empty(), "behind a chunk: {end:?}");
    }
}

/// A line without its end, which is CRLF and nothing else.
async fn line<S: AsyncRead + Unpin>(stream: &mut S) -> Result<Option<String>> {
    let mut line = Vec::new();
    while !line.ends_with(b"\r\n") {
        ensure!(line.len() < LINE_BYTES_MAX, "a line without end");
        let mut byte = [0];
        if !matches!(stream.read(&mut byte).await, Ok(1)) {
            return Ok(None);
        }
        line.extend(byte);
    }
    line.truncate(line.len() - 2);
    let odd = |byte: &u8| matches!(byte, 0..=8 | 10..=31 | 127);
    ensure!(
        !line.iter().any(odd),
        "a control character: {:?}",
        String::from_utf8_lossy(&line)
    );
    Ok(Some(String::from_utf8_lossy(&line).into_owned()))
}

fn is_number(text: &str, radix: u32) -> bool {
    !text.is_empty() && text.chars().all(|digit| digit.is_digit(radix))
}

/// RFC 9110 section 5.6.2.
fn is_token(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte)
}
