//! Connections that hardly say anything: each meets a deadline, and nobody else waits for them.

use std::{io::Write as _, thread};

use anyhow::{Result, anyhow, ensure};

use super::{
    front::{Front, HOST},
    wire::{self, Way},
};

/// Connections of each kind.
const OF_EACH: usize = 16;

/// What begins and does not go on: the listener, and the bytes.
fn beginnings() -> Vec<(usize, Vec<u8>)> {
    let bytes = |text: &str| text.as_bytes().to_vec();
    vec![
        (0, Vec::new()),
        (0, bytes("GET /things/s HTTP/1.1\r\nHost:")),
        (0, bytes("PRI * HTTP/2.0\r\n\r\nSM")),
        (1, Vec::new()),
        (1, bytes(&format!("CONNECT {HOST}:443 HTTP/1.1\r\nX-A:"))),
        (1, bytes(&format!("CONNECT {HOST}:443 HTTP/1.1\r\n\r\n"))),
        (
            1,
            bytes(&format!(
                "CONNECT {HOST}:443 HTTP/1.1\r\n\r\n\x16\x03\x01\x02"
            )),
        ),
        (
            1,
            bytes(&format!("CONNECT {HOST}:443 HTTP/1.1\r\n\r\nGET /thi")),
        ),
    ]
}

#[test]
fn who_does_not_go_on_is_left_and_nobody_waits_for_them() -> Result<()> {
    let front = Front::new()?;
    let mut held = Vec::new();
    for (listener, bytes) in beginnings() {
        for _ in 0..OF_EACH {
            let mut stream = wire::plain(&front, listener)?;
            stream.write_all(&bytes)?;
            held.push((bytes.clone(), stream));
        }
    }
    // In the meantime, and while the last of them says a byte now and then, in vain.
    front.serves("meanwhile")?;
    let ended = thread::scope(|scope| {
        let waits: Vec<_> = held
            .into_iter()
            .map(|(bytes, mut stream)| (bytes, scope.spawn(move || wire::rest(&mut stream))))
            .collect();
        let ended = waits.into_iter().map(|(bytes, wait)| {
            let said = wait.join().map_err(|_| anyhow!("a reader panicked"))?;
            Ok((bytes, said?))
        });
        ended.collect::<Result<Vec<_>>>()
    })?;
    for (bytes, said) in ended {
        let said = String::from_utf8_lossy(&said).into_owned();
        let begun = String::from_utf8_lossy(&bytes).into_owned();
        let answers = said.matches("HTTP/1.1 ").count();
        ensure!(
            answers <= 1 && !said.contains("asked"),
            "{begun:?}: {said:?}"
        );
    }
    front.serves("after")?;
    ensure!(front.tap.taken().len() == 2, "{:?}", front.tap.taken());
    front.finish()
}

#[test]
fn a_head_that_drips_is_not_waited_for() -> Result<()> {
    let front = Front::new()?;
    let mut stream = wire::open(&front, Way::Reverse, false)?;
    write!(stream, "GET /things/s HTTP/1.1\r\nHost: {HOST}\r\n")?;
    // Each byte comes well before any pause would be too long.
    let mut bytes = 0;
    loop {
        let dripped = stream
            .write_all(b"X-A: b\r\n")
            .and_then(|()| stream.flush());
        if dripped.is_err() {
            break;
        }
        bytes += 8;
        ensure!(bytes < 64 * 1024, "it was listened to for {bytes} bytes");
        thread::sleep(std::time::Duration::from_millis(100));
    }
    front.serves("after")?;
    front.finish()
}
