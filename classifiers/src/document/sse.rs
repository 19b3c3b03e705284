//! Server-sent events: JSON in each, and text that a model sends word by word joined again.

use std::collections::VecDeque;

use super::desk::Raw;
use super::joined::{Joined, Pieces};
use super::json::{Levels, Reader};
use super::map::Map;
use super::units::{Cut, Judge, Out, Seen};
use super::{HELD_BYTES_MAX, Notation, UNIT_BYTES_MAX, Unreadable, prose};
use crate::media::json::Walker;
use crate::media::sse::{self, Line};
use crate::{Context, ValueKind};

/// An event may span so many bytes of the stream, its comments included.
const EVENT_SPAN_BYTES_MAX: u64 = HELD_BYTES_MAX / 4;

/// The fields beside `data` that mean something.
const FIELDS: [&[u8]; 3] = [b"event", b"id", b"retry"];

/// A stream on its way.
pub(crate) struct Sse {
    /// The data of the open event, lines joined by line feeds.
    data: Vec<u8>,
    map: Map,
    /// Whether the open event has data.
    has_data: bool,
    /// Where the open event begins, if it has any field.
    open: Option<u64>,
    /// Where the events begin that hold pieces of texts which are not judged for good, in order.
    starts: VecDeque<u64>,
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
            has_data: false,
            open: None,
            starts: VecDeque::new(),
            events: 0,
            returned: false,
            begun: false,
            walker: Walker::new(),
            levels: Levels::new(Context::ROOT),
            joined: Joined::default(),
        }
    }

    /// Says that the outermost value of each event is in this context.
    pub(crate) fn within(&mut self, context: Context) {
        self.levels = Levels::new(context);
    }

    fn line(&mut self, line: &[u8], start: u64, mut out: Out<'_>) -> Result<(), Unreadable> {
        let at = |range: &std::ops::Range<usize>| start + range.start as u64;
        if start - self.open.unwrap_or(start) > EVENT_SPAN_BYTES_MAX {
            return Err(Unreadable::TooLong { offset: start });
        }
        out.desk.notation = Notation::Plain;
        match sse::line(line) {
            Line::Empty => self.dispatch(start, out.again())?,
            Line::Comment(text) => {
                let raw = Raw::At(at(&text));
                let text = line.get(text).unwrap_or_default();
                out.desk
                    .value(&Context::ROOT, ValueKind::Text, text, raw, out.sink);
            }
            Line::Field(name, value) => {
                self.open.get_or_insert(start);
                let raw = at(&value);
                let value = line.get(value).unwrap_or_default();
                let name = line.get(name).unwrap_or_default();
                if name == b"data" {
                    return self.data(value, raw);
                }
                if !FIELDS.contains(&name) {
                    // Who reads events passes over it; who reads lines does not.
                    out.desk.value(
                        &Context::ROOT,
                        ValueKind::Text,
                        name,
                        Raw::At(start),
                        out.sink,
                    );
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
        if self.has_data {
            self.data.push(b'\n');
            // The line feed stands between the lines; no finding is only that.
            self.map.escaped(start, 0, 1);
        }
        self.has_data = true;
        self.data.extend_from_slice(value);
        self.map.copied(start, value.len());
        Ok(())
    }

    /// Judges the event that an empty line ends.
    fn dispatch(&mut self, end: u64, mut out: Out<'_>) -> Result<(), Unreadable> {
        let open = self.open.take();
        if !std::mem::take(&mut self.has_data) {
            // A comment between events is no reason to hold a text longer.
            self.joined.settle(end, out.again());
            self.forget();
            return Ok(());
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
            desk.notation = Notation::Plain;
            let rest = data.get(read..).unwrap_or_default();
            let out = Out {
                desk: &mut *desk,
                sink: &mut *sink,
            };
            prose::paragraph(rest, Raw::At(read as u64), out);
        }
        let map = desk.layers.pop().unwrap_or_default();
        desk.path.truncate(0);
        if data == DONE {
            pieces.end();
        }
        let mut out = Out { desk, sink };
        if !self.joined.add(pieces, &map, out.again()) {
            let offset = open.unwrap_or_default();
            return Err(Unreadable::TooLong { offset });
        }
        self.joined.settle(end, out);
        self.starts.extend(open);
        self.forget();
        Ok(())
    }

    /// Where the first event begins that may still hold what was not told: events stay whole.
    pub(crate) fn open(&self) -> Option<u64> {
        self.starts.front().copied().or(self.open)
    }

    /// Forgets the events before the first that holds a piece of a text that is not judged.
    fn forget(&mut self) {
        let open = self.joined.open().unwrap_or(u64::MAX);
        let last = self.starts.partition_point(|start| *start <= open);
        let gone = if open == u64::MAX {
            last
        } else {
            last.saturating_sub(1)
        };
        self.starts.drain(..gone);
    }

    /// Judges the texts that are open as if they had ended.
    pub(crate) fn flush(&mut self, out: Out<'_>) {
        self.joined.flush(out);
        self.forget();
    }

    /// Ends the stream. An event that no empty line ended is judged too: it was sent.
    pub(crate) fn finish(&mut self, mut out: Out<'_>) -> Result<(), Unreadable> {
        self.dispatch(u64::MAX, out.again())?;
        self.joined.finish(out);
        Ok(())
    }
}

/// What OpenAI's streams end with.
const DONE: &[u8] = b"[DONE]";

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
