//! One state machine per kind of document.

use super::csv::Csv;
use super::desk::Raw;
use super::form::Form;
use super::html::Html;
use super::json::{Levels, Reader};
use super::prose::{self, Text};
use super::sse::Sse;
use super::units::{Cut, Judge, Out, Seen, Units};
use super::xml::Xml;
use super::{Media, Notation, Unreadable};
use crate::Context;
use crate::media::json::Walker;

/// A document on its way.
pub(crate) enum Stream {
    Json(Walker, Levels),
    Ndjson(Units, Lines),
    Sse(Units, Box<Sse>),
    Csv(Units, Csv),
    Xml(Units, Xml),
    Form(Units, Form),
    Html(Units, Html),
    Text(Units, Text),
}

impl Stream {
    pub(crate) fn new(media: Media) -> Self {
        let units = Units::default();
        match media {
            Media::Json => Self::Json(Walker::new(), Levels::new(Context::ROOT)),
            Media::Ndjson => Self::Ndjson(units, Lines::new()),
            Media::Sse => Self::Sse(units, Box::new(Sse::new())),
            Media::Csv => Self::Csv(units, Csv::new()),
            Media::Xml => Self::Xml(units, Xml::new()),
            Media::Form => Self::Form(units, Form::new()),
            Media::Html => Self::Html(units, Html::new()),
            Media::Text => Self::Text(units, Text::default()),
        }
    }

    /// A text under a name.
    pub(crate) fn named(name: &[u8]) -> Self {
        Self::Text(Units::default(), Text::named(name))
    }

    /// Says that the outermost value of each event is in this context: of a stream of events.
    pub(crate) fn within(&mut self, context: Context) {
        if let Self::Sse(_, sse) = self {
            sse.within(context);
        }
    }

    pub(crate) fn push(&mut self, chunk: &[u8], out: Out<'_>) -> Result<(), Unreadable> {
        match self {
            Self::Json(walker, levels) => {
                Ok(walker.push(chunk, &mut Reader::new(out.desk, levels, out.sink))?)
            }
            Self::Ndjson(units, lines) => units.push(chunk, lines, out),
            Self::Sse(units, sse) => units.push(chunk, &mut **sse, out),
            Self::Csv(units, csv) => units.push(chunk, csv, out),
            Self::Xml(units, xml) => units.push(chunk, xml, out),
            Self::Form(units, form) => units.push(chunk, form, out),
            Self::Html(units, html) => units.push(chunk, html, out),
            Self::Text(units, text) => units.push(chunk, text, out),
        }
    }

    /// Where the part begins that may still hold what was not told, after so many bytes.
    pub(crate) fn open(&self, pushed: u64) -> u64 {
        match self {
            Self::Json(walker, _) => pushed.saturating_sub(walker.held() as u64),
            Self::Ndjson(units, _)
            | Self::Csv(units, _)
            | Self::Form(units, _)
            | Self::Text(units, _) => units.end(),
            Self::Sse(units, sse) => sse.open().unwrap_or(u64::MAX).min(units.end()),
            Self::Xml(units, xml) => xml.open().unwrap_or(u64::MAX).min(units.end()),
            Self::Html(units, html) => html.open().unwrap_or(u64::MAX).min(units.end()),
        }
    }

    /// Judges what could only grow.
    pub(crate) fn flush(&mut self, out: Out<'_>) {
        if let Self::Sse(_, sse) = self {
            sse.flush(out);
        }
    }

    pub(crate) fn finish(&mut self, mut out: Out<'_>) -> Result<(), Unreadable> {
        match self {
            Self::Json(walker, levels) => {
                Ok(walker.finish(&mut Reader::new(out.desk, levels, out.sink))?)
            }
            Self::Ndjson(units, lines) => units.finish(lines, out),
            Self::Sse(units, sse) => {
                units.finish(&mut **sse, out.again())?;
                sse.finish(out)
            }
            Self::Csv(units, csv) => units.finish(csv, out),
            Self::Xml(units, xml) => {
                units.finish(xml, out.again())?;
                xml.finish(units.end(), out)
            }
            Self::Form(units, form) => units.finish(form, out),
            Self::Html(units, html) => {
                units.finish(html, out.again())?;
                html.flush(&mut out);
                Ok(())
            }
            Self::Text(units, text) => units.finish(text, out),
        }
    }
}

/// A line without the byte order mark of the first or the record separator (RFC 7464) of any.
fn without_mark(line: &[u8], start: u64) -> (&[u8], u64) {
    let rest = if start == 0 {
        line.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(line)
    } else {
        line
    };
    let rest = rest.strip_prefix(b"\x1E").unwrap_or(rest);
    (rest, start + (line.len() - rest.len()) as u64)
}

/// Lines of JSON. A document may go on over several: some write them so, and some read them so.
pub(crate) struct Lines {
    walker: Walker,
    levels: Levels,
    count: u64,
    /// Whether the last line left its document open.
    is_open: bool,
}

impl Lines {
    fn new() -> Self {
        Self {
            walker: Walker::new(),
            levels: Levels::new(Context::ROOT),
            count: 0,
            is_open: false,
        }
    }
}

impl Judge for Lines {
    fn cut(&self, bytes: &[u8], seen: Seen) -> Cut {
        let rest = bytes.get(seen.bytes..).unwrap_or_default();
        memchr::memchr(b'\n', rest)
            .map_or(Cut::later(bytes.len()), |at| Cut::At(seen.bytes + at + 1))
    }

    /// Judges one line; what of it is no JSON is judged as text.
    fn unit(&mut self, line: &[u8], start: u64, out: Out<'_>) -> Result<(), Unreadable> {
        // A record separator (RFC 7464) begins a document, whatever came before it.
        let goes_on = self.is_open && !line.starts_with(b"\x1E");
        if !goes_on && line.trim_ascii().is_empty() {
            return Ok(());
        }
        let (line, start) = if goes_on {
            (line, start)
        } else {
            without_mark(line, start)
        };
        let Out { desk, sink } = out;
        if !goes_on {
            desk.path.truncate(0);
            desk.path.enter();
            desk.path.index(self.count);
            self.count += 1;
            self.walker.reset_at(start);
            self.levels.clear();
        }
        let mut reader = Reader::new(desk, &mut self.levels, sink);
        reader.end = start;
        let walked = self.walker.push(line, &mut reader);
        self.is_open = walked.is_ok() && line.ends_with(b"\n") && self.walker.is_within();
        if self.is_open {
            return Ok(());
        }
        let walked = walked.and_then(|()| self.walker.finish(&mut reader));
        let end = reader.end;
        if walked.is_err() && goes_on {
            // A document that was cut short: this line is one of its own.
            return self.unit(line, start, Out { desk, sink });
        }
        if walked.is_err() {
            let read = usize::try_from(end - start).unwrap_or(line.len());
            desk.path.truncate(1);
            desk.notation = Notation::Plain;
            let rest = line.get(read..).unwrap_or_default();
            let out = Out {
                desk: &mut *desk,
                sink: &mut *sink,
            };
            prose::paragraph(rest, Raw::At(end), out);
        }
        desk.path.truncate(0);
        Ok(())
    }
}
