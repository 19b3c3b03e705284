//! What cannot be inspected, where that may pass; and who does not read.

use std::io::ErrorKind;

use anyhow::{Result, ensure};
use serde_json::json;

use super::{
    Talk,
    raw::{Raw, TEXT, frame},
};

const BINARY: u8 = 2;

/// How much the daemon may grow while nobody reads.
const GROWTH_KIB_MAX: u64 = 48 * 1024;
/// Messages that would be written, if all were taken.
const MESSAGES_MAX: usize = 300;

#[test]
fn bytes_pass_where_that_may_be_with_their_gap() -> Result<()> {
    let talk = Talk::start(None, |setup, _| setup.set("uninspected", "record".into()))?;
    let mut raw = Raw::open(talk.gateway.listen(0)?, "/talk/talk", "")?;
    raw.send(&frame(BINARY, b"\x00\xff\x01"))?;
    let came = raw.next()?;
    assert_eq!(
        (came.opcode, came.payload.as_slice()),
        (BINARY, &b"\x00\xff\x01"[..])
    );
    drop(raw);
    let last = talk.last()?.0.to_string();
    let gaps = last.matches("message_binary").count();
    ensure!(gaps == 2, "{last}");
    talk.finish()
}

#[test]
fn who_reads_nothing_is_not_read_for_ever() -> Result<()> {
    let talk = Talk::start(None, |setup, _| setup)?;
    let address = talk.gateway.listen(0)?;
    let mut first = Raw::open(address, "/talk/talk", "")?;
    let text = json!(vec!["green"; 100_000]).to_string();
    first.text(&text)?;
    ensure!(first.next_text()? == text, "another text came");
    let before = talk.gateway.memory_peak_kib()?;
    let mut raw = Raw::open(address, "/talk/talk", "")?;
    raw.gives_up_writing()?;
    let bytes = frame(TEXT, text.as_bytes());
    let mut taken = 0;
    while taken < MESSAGES_MAX {
        match raw.send(&bytes) {
            Ok(()) => taken += 1,
            Err(error) => {
                let kind = error
                    .downcast_ref::<std::io::Error>()
                    .map(std::io::Error::kind);
                let full = [Some(ErrorKind::WouldBlock), Some(ErrorKind::TimedOut)];
                ensure!(full.contains(&kind), "{error:#}");
                break;
            }
        }
    }
    ensure!(taken < MESSAGES_MAX, "all was taken");
    // Nobody else waits for it.
    first.text("[1]")?;
    assert_eq!(first.next_text()?, "[1]");
    let growth = talk.gateway.memory_peak_kib()?.saturating_sub(before);
    ensure!(growth < GROWTH_KIB_MAX, "{growth} KiB more");
    talk.finish()
}
