use std::{net::Ipv4Addr, path::Path, time::Duration};

use rustix::process::{Pid, test_kill_process};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    sync::oneshot,
    task::JoinHandle,
};

use super::*;

const KEY: &[u8] = b"a key of the tests";
const HELLO: &str = r#"{"jsonrpc":"2.0","id":1,"method":"initialize"}"#;

/// A server that serves until it is told to stop.
struct Serving {
    address: SocketAddr,
    stop: oneshot::Sender<()>,
    served: JoinHandle<()>,
}

fn serving(script: &str, limits: Limits) -> Serving {
    let listener = listen((Ipv4Addr::LOCALHOST, 0).into()).expect("a socket");
    let program = ["sh", "-c", script].map(OsString::from).to_vec();
    let started = serve_within(listener, KEY, program, limits).expect("it listens");
    let address = started.address().expect("an address");
    let (stop, stopped) = oneshot::channel();
    let until = started.until(async { drop(stopped.await) });
    let served = tokio::spawn(until);
    Serving {
        address,
        stop,
        served,
    }
}

/// A head that has the key or not.
fn head(method: &str, more: &str, has_key: bool) -> String {
    let key = String::from_utf8_lossy(KEY);
    let key = if has_key { &*key } else { "another" };
    format!("{method} /mcp HTTP/1.1\r\nhost: a\r\nauthorization: Bearer {key}\r\n{more}\r\n")
}

fn hello() -> String {
    head(
        "POST",
        &format!("content-length: {}\r\n", HELLO.len()),
        true,
    ) + HELLO
}

async fn said(address: SocketAddr, text: &str) -> TcpStream {
    let mut stream = TcpStream::connect(address).await.expect("it listens");
    stream
        .write_all(text.as_bytes())
        .await
        .expect("it takes it");
    stream
}

/// All that comes until the server hangs up.
async fn told(mut stream: TcpStream) -> String {
    let mut text = Vec::new();
    // A connection that is reset has ended too.
    stream.read_to_end(&mut text).await.ok();
    String::from_utf8_lossy(&text).into_owned()
}

/// Waits until the head of the answer has come.
async fn answered(stream: &mut TcpStream) -> String {
    let mut text = Vec::new();
    while !text.windows(4).any(|it| it == b"\r\n\r\n") {
        text.push(stream.read_u8().await.expect("an answer"));
    }
    String::from_utf8_lossy(&text).into_owned()
}

/// The number in a file, once somebody wrote it there.
async fn number(file: &Path) -> Pid {
    loop {
        let text = std::fs::read_to_string(file).unwrap_or_default();
        if let Some(pid) = text.strip_suffix('\n').and_then(|it| it.parse().ok()) {
            return Pid::from_raw(pid).expect("a process");
        }
        sleep(Duration::from_millis(5)).await;
    }
}

/// Waits until a process has ended, whoever waits for it.
async fn ended(pid: Pid) {
    let state = |text: String| {
        text.rsplit_once(") ")
            .is_some_and(|it| it.1.starts_with('Z'))
    };
    let stat = format!("/proc/{}/stat", pid.as_raw_nonzero());
    while test_kill_process(pid).is_ok() && !std::fs::read_to_string(&stat).is_ok_and(state) {
        sleep(Duration::from_millis(5)).await;
    }
}

#[tokio::test]
async fn of_who_has_no_key_no_body_is_read() {
    let serving = serving("cat", LIMITS);
    // The body never comes, and is not waited for.
    let stranger = head("POST", "content-length: 4194304\r\n", false);
    let answer = told(said(serving.address, &stranger).await).await;
    assert!(answer.starts_with("HTTP/1.1 401"), "{answer}");
}

#[tokio::test]
async fn who_is_slow_is_not_waited_for() {
    let limits = Limits {
        connections: 1,
        head: Duration::from_millis(100),
        body: Duration::from_millis(100),
        ..LIMITS
    };
    let serving = serving("cat", limits);
    // One connection is open at a time: each of these would keep out the next.
    let silent = said(serving.address, "").await;
    let slow = said(serving.address, "POST /mcp").await;
    let body = head("POST", "content-length: 10\r\n", true);
    let unfinished = said(serving.address, &body).await;
    assert_eq!(told(silent).await, "");
    told(slow).await;
    let answer = told(unfinished).await;
    assert!(answer.starts_with("HTTP/1.1 408"), "{answer}");
}

#[tokio::test]
async fn what_a_server_started_ends_with_its_session_and_with_it_all() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("pid");
    // Its leader ends at once, and what it started keeps the output open.
    let script = format!("sleep 1000 & echo $! > '{}'", file.display());
    let serving = serving(&script, LIMITS);
    for ends_by_itself in [false, true] {
        let mut stream = said(serving.address, &hello()).await;
        let answer = answered(&mut stream).await;
        let started = number(&file).await;
        std::fs::remove_file(&file).expect("it is there");
        assert!(test_kill_process(started).is_ok());
        if ends_by_itself {
            serving.stop.send(()).expect("it serves");
            serving.served.await.expect("it ends well");
            ended(started).await;
            return;
        }
        let session = answer.lines().find(|it| it.starts_with("mcp-session-id"));
        let named = format!("{}\r\n", session.expect("a session"));
        let mut gone = said(serving.address, &head("DELETE", &named, true)).await;
        assert!(answered(&mut gone).await.starts_with("HTTP/1.1 204"));
        ended(started).await;
    }
}

#[test]
fn only_this_host_is_served() {
    for elsewhere in ["0.0.0.0:0", "[::]:0", "192.0.2.1:0"] {
        let refused = listen(elsewhere.parse().expect("an address"));
        assert!(matches!(refused, Err(NotServed::Address(_))), "{elsewhere}");
    }
}
