//! Some lines of a file at a time, in memory with a limit.

use std::io::{self, BufRead, Read as _};

use super::LINE_BYTES_MAX;

/// A batch ends once it has so many bytes; one more line may follow.
const BATCH_BYTES: usize = 4 * 1024 * 1024;

/// Lines that were read together.
#[derive(Default)]
pub(super) struct Batch {
    bytes: Vec<u8>,
    /// Where each ends, its line feed left out, and what is wrong with it as a line.
    lines: Vec<(usize, Option<&'static str>)>,
    /// How many bytes of the file they were.
    pub(super) length: u64,
}

/// A line without its line feed, or why it is none.
pub(super) type Line<'a> = Result<&'a [u8], &'static str>;

impl Batch {
    /// Reads some lines, at most `count`. Without a line there are no more.
    pub(super) fn read(&mut self, export: &mut impl BufRead, count: usize) -> io::Result<()> {
        self.bytes.clear();
        self.lines.clear();
        self.length = 0;
        while self.lines.len() < count && self.bytes.len() < BATCH_BYTES {
            let limit = LINE_BYTES_MAX as u64 + 1;
            let read = export
                .by_ref()
                .take(limit)
                .read_until(b'\n', &mut self.bytes)?;
            if read == 0 {
                break;
            }
            self.length += read as u64;
            let fault = match self.bytes.last() {
                Some(b'\n') => {
                    self.bytes.pop();
                    None
                }
                _ if read > LINE_BYTES_MAX => {
                    self.length += skip_line(export)?;
                    Some("longer than any record")
                }
                _ => Some("it does not end"),
            };
            self.lines.push((self.bytes.len(), fault));
        }
        Ok(())
    }

    /// They, in their order.
    pub(super) fn lines(&self) -> Vec<Line<'_>> {
        let mut start = 0;
        let lines = self.lines.iter().map(|(end, fault)| {
            let line = self.bytes.get(start..*end).unwrap_or_default();
            start = *end;
            fault.map_or(Ok(line), Err)
        });
        lines.collect()
    }
}

/// Reads on to the end of the line without keeping it; gives how many bytes that were.
fn skip_line(export: &mut impl BufRead) -> io::Result<u64> {
    let mut skipped = 0;
    loop {
        let buffer = export.fill_buf()?;
        let end = buffer.iter().position(|byte| *byte == b'\n');
        let length = end.map_or(buffer.len(), |end| end + 1);
        export.consume(length);
        skipped += length as u64;
        if end.is_some() || length == 0 {
            return Ok(skipped);
        }
    }
}
