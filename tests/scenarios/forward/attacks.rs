//! What a proxy is attacked with, as bytes: each is refused, and the service sees nothing of it.

use std::{
    io::{ErrorKind, Read as _, Write as _},
    net::{SocketAddr, TcpStream},
    time::Duration,
};

use anyhow::{Context as _, Result, ensure};

use super::Shop;

/// How long an answer may take on a busy machine.
const ANSWER_MAX: Duration = Duration::from_mins(1);

/// The first thing that the proxy answers to `bytes`, all of it if it closes the connection then.
fn answers(shop: &Shop, bytes: &[u8]) -> Result<String> {
    let mut stream = TcpStream::connect(shop.gateway.listen(1)?)?;
    stream.set_read_timeout(Some(ANSWER_MAX))?;
    // It may have been refused before the last byte went.
    stream.write_all(bytes).ok();
    let mut answer = Vec::new();
    let mut piece = [0; 4096];
    while !is_whole(&answer) {
        match stream.read(&mut piece) {
            Ok(0) => break,
            Ok(read) => answer.extend_from_slice(piece.get(..read).unwrap_or_default()),
            Err(error) if error.kind() == ErrorKind::ConnectionReset => break,
            Err(error) => return Err(error).context(String::from_utf8_lossy(&answer).into_owned()),
        }
    }
    Ok(String::from_utf8_lossy(&answer).into_owned())
}

/// Whether it is an answer after which the connection stays open, with its body.
fn is_whole(answer: &[u8]) -> bool {
    let text = String::from_utf8_lossy(answer).to_ascii_lowercase();
    let Some((head, body)) = text.split_once("\r\n\r\n") else {
        return false;
    };
    let length = head.split("content-length: ").nth(1);
    let length = length.and_then(|rest| rest.lines().next()?.parse::<usize>().ok());
    !head.contains("connection: close") && length.is_some_and(|length| body.len() >= length)
}

fn get(lines: &str) -> String {
    format!("GET http://shop.example/things/7 HTTP/1.1\r\n{lines}\r\n\r\n")
}

fn connect(target: &str, lines: &str) -> String {
    format!("CONNECT {target} HTTP/1.1\r\n{lines}\r\n\r\n")
}

/// The one host that is asked for.
const HOST: &str = "Host: shop.example";

/// Requests whose target, host or fields can be read in two ways.
fn targets() -> Vec<(&'static str, String)> {
    let host = HOST;
    vec![
        ("two hosts", get(&format!("{host}\r\n{host}"))),
        ("another host", get("Host: other.example")),
        (
            "no reading of the host",
            get("Host: shop.example, other.example"),
        ),
        (
            "user in the target",
            get(host).replace("//shop", "//u@shop"),
        ),
        (
            "user that looks like the host",
            get("Host: other.example").replace("//shop.example", "//shop.example@other.example"),
        ),
        (
            "dots",
            get(host).replace("/things/7", "/things/../things/7"),
        ),
        (
            "encoded slash",
            get(host).replace("/things/7", "/things%2f7"),
        ),
        ("two slashes", get(host).replace("/things/7", "//things/7")),
        (
            "origin form to a prefix",
            "GET /shop/things/7 HTTP/1.1\r\nHost: x\r\n\r\n".to_owned(),
        ),
        ("bare CR", get(&format!("{host}\r\nX-A: b\rX-C: d"))),
        ("folded line", get(&format!("{host}\r\nX-A: b\r\n c"))),
        ("space before the colon", get(&format!("{host}\r\nX-A : b"))),
        ("no name", get(&format!("{host}\r\n: b"))),
        ("nul", get(&format!("{host}\r\nX-A: b\0c"))),
    ]
}

/// Requests whose end can be read in two ways, and those of other sizes and versions.
fn frames() -> Vec<(&'static str, String)> {
    let host = HOST;
    let (long, many) = ("a".repeat(100_000), "X-A: b\r\n".repeat(9_000));
    vec![
        (
            "two lengths",
            get(&format!("{host}\r\nContent-Length: 1\r\nContent-Length: 2")),
        ),
        (
            "signed length",
            get(&format!("{host}\r\nContent-Length: +1")),
        ),
        (
            "length of hex",
            get(&format!("{host}\r\nContent-Length: 0x1")),
        ),
        (
            "unknown coding",
            get(&format!("{host}\r\nTransfer-Encoding: xchunked")),
        ),
        (
            "chunked is not last",
            get(&format!("{host}\r\nTransfer-Encoding: chunked, identity")),
        ),
        ("long field", get(&format!("{host}\r\nX-A: {long}"))),
        ("many fields", get(&format!("{host}\r\n{many}"))),
        (
            "long target",
            get(host).replace("/things/7", &format!("/things/{long}")),
        ),
        (
            "no version",
            "GET http://shop.example/things/7\r\n\r\n".to_owned(),
        ),
        ("newer version", get(host).replace("HTTP/1.1", "HTTP/3.0")),
        ("HTTP/2", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_owned()),
    ]
}

/// Tunnels that are none.
fn tunnels(gateway: SocketAddr) -> Vec<(&'static str, String)> {
    let host = HOST;
    vec![
        ("no port", connect("shop.example", host)),
        ("port 0", connect("shop.example:0", host)),
        ("port beyond", connect("shop.example:70000", host)),
        (
            "user in a tunnel's target",
            connect("u@shop.example:443", host),
        ),
        (
            "path in a tunnel's target",
            connect("http://shop.example:443/", host),
        ),
        (
            "tunnel with a length",
            connect("shop.example:443", "Content-Length: 5"),
        ),
        (
            "tunnel in chunks",
            connect("shop.example:443", "Transfer-Encoding: chunked"),
        ),
        (
            "tunnel for another host",
            connect("shop.example:443", "Host: other.example:443"),
        ),
        (
            "tunnel for two hosts",
            connect("shop.example:443", &format!("{host}\r\n{host}")),
        ),
        (
            "two tokens",
            connect(
                "shop.example:443",
                "Proxy-Authorization: Bearer tidegate\r\nProxy-Authorization: Bearer x",
            ),
        ),
        (
            "not a token",
            connect("shop.example:443", "Proxy-Authorization: Bearer x.y.z"),
        ),
        (
            "no known scheme",
            connect("shop.example:443", "Proxy-Authorization: Digest x"),
        ),
        (
            "metadata",
            connect("169.254.169.254:80", "Host: 169.254.169.254:80"),
        ),
        ("loopback", connect("127.0.0.1:22", "Host: 127.0.0.1:22")),
        (
            "loopback as a number",
            connect("2130706433:443", "Host: 2130706433:443"),
        ),
        ("loopback in IPv6", connect("[::ffff:127.0.0.1]:443", "")),
        ("the gateway itself", connect(&gateway.to_string(), "")),
    ]
}

#[test]
fn what_has_two_readings_is_refused_and_reaches_nobody() -> Result<()> {
    let shop = Shop::new(|setup| setup)?;
    let tunnels = tunnels(shop.gateway.listen(0)?);
    for (name, request) in [targets(), frames(), tunnels].concat() {
        let answer = answers(&shop, request.as_bytes()).context(name)?;
        let status = answer.split(' ').nth(1).unwrap_or("none");
        ensure!(!matches!(status, "200" | "502" | "504"), "{name}: {answer}");
        assert_eq!(shop.keyed.asked(), 0, "{name}: {answer}");
    }
    // All of it is still there for who asks properly.
    let answer = answers(
        &shop,
        get(&format!("{HOST}\r\nConnection: close")).as_bytes(),
    )?;
    ensure!(
        answer.starts_with("HTTP/1.1 200") && shop.keyed.asked() == 1,
        "{answer}"
    );
    shop.finish()
}

#[test]
fn what_two_lengths_frame_is_read_in_one_way_and_written_anew() -> Result<()> {
    let shop = Shop::new(|setup| setup)?;
    // By its length the second request would be a body; by its chunks it is a request, and refused.
    let smuggled =
        "GET http://shop.example/leak HTTP/1.1\r\nHost: shop.example\r\nConnection: close\r\n\r\n";
    let request = format!(
        "GET http://shop.example/things/7 HTTP/1.1\r\nHost: shop.example\r\nContent-Length: {}\r\n\
         Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n{smuggled}",
        smuggled.len() + 5
    );
    let answer = answers(&shop, request.as_bytes())?;
    ensure!(!answer.contains("key "), "{answer}");
    ensure!(shop.keyed.asked() <= 1, "{answer}");
    let came = shop.keyed.came();
    let both = ["content-length", "transfer-encoding"];
    let framed = came
        .iter()
        .filter(|(name, _)| both.contains(&name.as_str()));
    ensure!(framed.count() <= 1, "{came:?}");
    shop.finish()
}

#[test]
fn what_is_no_greeting_ends_a_tunnel() -> Result<()> {
    let shop = Shop::new(|setup| setup)?;
    for garbage in [
        "\0\0\0\0",
        "\x16\x03\x01\0\x05hello",
        "\x16\x03\x01\0\x04\x02\0\0\0",
    ] {
        let request = connect("shop.example:443", "Host: shop.example:443") + garbage;
        let answer = answers(&shop, request.as_bytes())?;
        ensure!(
            answer.starts_with("HTTP/1.1 200") && answer.ends_with("\r\n\r\n"),
            "{answer:?}"
        );
    }
    assert_eq!(shop.refused()?, ["sni_mismatch"; 3]);
    assert_eq!(shop.keyed.asked(), 0);
    shop.finish()
}
