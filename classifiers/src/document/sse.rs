//! Server-sent events: JSON in each, and text that a model sends word by word joined again.

use super::desk::Raw;
use super::joined::{Joined, Pieces};
use super::json::{Levels, Reader};
use super::map::Map;
use super::units::{Cut, Judge, Out, Seen};
use super::{UNIT_BYTES_MAX, Unreadable, prose};
use crate::media::json::Walker;
use crate::media::sse::{self, Line};
use crate::{Context, ValueKind};

/// A stream on its way.
pub(crate) struct Sse {
    /// The data of the open event, lines joined by line feeds.
    data: Vec<u8>,
    map: Map,
    /// Whether the open event has data.
    open: bool,
    /// Events with data so far.
    events: u64,
    /// Whether the last line ended with a carriage return.
    returned: bool,
    begun: bool,
    walker: Walker,
    levels: Levels,
    joined: Joined,
}

impl Sse {
    pub(crate) fn new() -> Self {
        Self {
            data: Vec::new(),
            map: Map::default(),
            open: false,
            events: 0,
            returned: false,
            begun: false,
            walker: Walker::new(),
            levels: Levels::new(Context::ROOT),
            joined: Joined::default(),
        }
    }

    fn line(&mut self, line: &[u8], start: u64, mut out: Out<'_>) -> Result<(), Unreadable> {
        let at = |range: &std::ops::Range<usize>| start + range.start as u64;
        match sse::line(line) {
            Line::Empty => self.dispatch(out.again()),
            Line::Comment(text) => {
                let raw = Raw::At(at(&text));
                let text = line.get(text).unwrap_or_default();
                out.desk
                    .value(&Context::ROOT, ValueKind::Text, text, raw, out.sink);
            }
            Line::Field(name, value) => {
                let raw = at(&value);
                let value = line.get(value).unwrap_or_default();
                if line.get(name) == Some(b"data".as_slice()) {
                    return self.data(value, raw);
                }
                let raw = Raw::At(raw);
                out.desk
                    .value(&Context::ROOT, ValueKind::Text, value, raw, out.sink);
            }
        }
        Ok(())
    }

    fn data(&mut self, value: &[u8], start: u64) -> Result<(), Unreadable> {
        if self.data.len() + value.len() > UNIT_BYTES_MAX {
            return Err(Unreadable::TooLong { offset: start });
        }
        if self.open {
            self.data.push(b'\n');
            // The line feed stands between the lines; no finding is only that.
            self.map.escaped(start, 0, 1);
        }
        self.open = true;
        self.data.extend_from_slice(value);
        self.map.copied(start, value.len());
        Ok(())
    }

    /// Judges the event that an empty line ends.
    fn dispatch(&mut self, out: Out<'_>) {
        if !std::mem::take(&mut self.open) {
            return;
        }
        let data = std::mem::take(&mut self.data);
        let map = std::mem::take(&mut self.map);
        let Out { desk, sink } = out;
        desk.path.truncate(0);
        desk.path.enter();
        desk.path.index(self.events);
        self.events += 1;
        self.walker.reset();
        self.levels.clear();
        desk.layers.push(map);
        let mut pieces = Pieces::default();
        let mut reader = Reader::new(desk, &mut self.levels, sink);
        reader.pieces = Some(&mut pieces);
        let walked = self
            .walker
            .push(&data, &mut reader)
            .and_then(|()| self.walker.finish(&mut reader));
        let read = usize::try_from(reader.end).unwrap_or(0);
        if walked.is_err() {
            desk.path.truncate(1);
            let rest = data.get(read..).unwrap_or_default();
            let out = Out {
                desk: &mut *desk,
                sink: &mut *sink,
            };
            prose::paragraph(rest, Raw::At(read as u64), out);
        }
        let map = desk.layers.pop().unwrap_or_default();
        desk.path.truncate(0);
        self.joined.add(pieces, &map, Out { desk, sink });
    }

    /// Ends the stream. An event that no empty line ended is judged too: it was sent.
    pub(crate) fn finish(&mut self, mut out: Out<'_>) {
        self.dispatch(out.again());
        self.joined.finish(out);
    }
}

impl Judge for Sse {
    fn cut(&self, bytes: &[u8], seen: Seen) -> Cut {
        sse::line_end(bytes, seen.bytes).map_or(Cut::later(bytes.len()), Cut::At)
    }

    fn unit(&mut self, unit: &[u8], start: u64, out: Out<'_>) -> Result<(), Unreadable> {
        let returned = std::mem::replace(&mut self.returned, unit.ends_with(b"\r"));
        if returned && unit == b"\n" {
            return Ok(());
        }
        let mark: &[u8] = b"\xEF\xBB\xBF";
        let begun = std::mem::replace(&mut self.begun, true);
        let skipped = if !begun && unit.starts_with(mark) {
            mark.len()
        } else {
            0
        };
        let line = unit.get(skipped..).unwrap_or_default();
        let line = line
            .strip_suffix(b"\n")
            .or_else(|| line.strip_suffix(b"\r"))
            .unwrap_or(line);
        self.line(line, start + skipped as u64, out)
    }
}
