//! One state machine per kind of document.

use super::desk::{Desk, Raw};
use super::json::{Levels, Reader};
use super::units::{Cut, Units};
use super::{Media, Sink, Unreadable, prose};
use crate::media::json::Walker;
use crate::{Context, ValueKind};

/// A document on its way.
pub(crate) enum Stream {
    Json(Walker, Levels),
    Ndjson(Units, Lines),
    Text(Units),
}

/// Lines of JSON.
pub(crate) struct Lines {
    walker: Walker,
    levels: Levels,
    count: u64,
}

impl Stream {
    pub(crate) fn new(media: Media) -> Self {
        match media {
            Media::Json => Self::Json(Walker::new(), Levels::new(Context::ROOT)),
            Media::Ndjson => Self::Ndjson(Units::default(), Lines::new()),
            Media::Text => Self::Text(Units::default()),
        }
    }

    pub(crate) fn push(
        &mut self,
        chunk: &[u8],
        desk: &mut Desk,
        sink: &mut dyn Sink,
    ) -> Result<(), Unreadable> {
        match self {
            Self::Json(walker, levels) => {
                Ok(walker.push(chunk, &mut Reader::new(desk, levels, sink))?)
            }
            Self::Ndjson(units, lines) => units.push(chunk, line, |text, start| {
                lines.line(text, start, desk, sink);
                Ok(())
            }),
            Self::Text(units) => units.push(chunk, prose::cut, |text, start| {
                prose::paragraph(text, start, desk, sink);
                Ok(())
            }),
        }
    }

    pub(crate) fn finish(
        &mut self,
        desk: &mut Desk,
        sink: &mut dyn Sink,
    ) -> Result<(), Unreadable> {
        match self {
            Self::Json(walker, levels) => Ok(walker.finish(&mut Reader::new(desk, levels, sink))?),
            Self::Ndjson(units, lines) => units.finish(|text, start| {
                lines.line(text, start, desk, sink);
                Ok(())
            }),
            Self::Text(units) => units.finish(|text, start| {
                prose::paragraph(text, start, desk, sink);
                Ok(())
            }),
        }
    }
}

/// Cuts behind every line feed.
fn line(bytes: &[u8], from: usize) -> Cut {
    memchr::memchr(b'\n', bytes.get(from..).unwrap_or_default())
        .map_or(Cut::Later(bytes.len()), |at| Cut::At(from + at + 1))
}

impl Lines {
    fn new() -> Self {
        Self {
            walker: Walker::new(),
            levels: Levels::new(Context::ROOT),
            count: 0,
        }
    }

    /// Judges one line; what of it is no JSON is judged as text.
    fn line(&mut self, text: &[u8], start: u64, desk: &mut Desk, sink: &mut dyn Sink) {
        if text.trim_ascii().is_empty() {
            return;
        }
        desk.path.truncate(0);
        desk.path.enter();
        desk.path.index(self.count);
        self.count += 1;
        self.walker.reset_at(start);
        self.levels.clear();
        let mut reader = Reader::new(desk, &mut self.levels, sink);
        reader.end = start;
        let walked = self
            .walker
            .push(text, &mut reader)
            .and_then(|()| self.walker.finish(&mut reader));
        if walked.is_err() {
            let end = reader.end;
            let read = usize::try_from(end - start).unwrap_or(text.len());
            desk.path.truncate(1);
            let rest = text.get(read..).unwrap_or_default();
            desk.value(&Context::ROOT, ValueKind::Text, rest, Raw::At(end), sink);
        }
        desk.path.truncate(0);
    }
}
