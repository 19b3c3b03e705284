//! Text that arrives in pieces: what a language model streams is one text, of which every event
//! holds a few letters.
//!
//! A piece is known by its place. OpenAI's chat chunks and Anthropic's and Bedrock's blocks have it
//! under `delta`; OpenAI's response events and its function calls are `delta` themselves; legacy
//! completions are `choices[].text`, Gemini's `candidates[].content.parts[].text`. Pieces belong
//! together that stand at the same place and whose events agree on the members that number blocks.

use std::ops::Range;

use super::arguments::{Arguments, Read};
use super::desk::Raw;
use super::growing::{self, RUN_BYTES_MAX};
use super::map::Map;
use super::units::Out;
use super::{Found, HELD_BYTES_MAX, Notation, Sink, prose};
use crate::{Context, Finding, ValueKind};

/// Texts that are open at once: twice the choices that a model gives. One that was judged makes room
/// for another; more that wait for what follows cannot be judged.
const TEXTS_MAX: usize = 256;
/// How much of what was judged is kept to be judged again with what follows.
const KEPT_BYTES: usize = 1024;
/// Pieces of one event that are followed.
const PIECES_MAX: usize = 256;
/// A text that is not continued within so many bytes of the stream is judged as it is.
const IDLE_BYTES_MAX: u64 = 64 * 1024;
/// The events of what is held of one text may span so many bytes of the stream.
const SPAN_BYTES_MAX: u64 = HELD_BYTES_MAX / 4;

/// The pieces that one event holds.
#[derive(Default)]
pub(crate) struct Pieces {
    all: Vec<Piece>,
    /// Which object said which number of the block it is about.
    numbers: Vec<(u32, u64)>,
    /// The open containers, by number.
    open: Vec<u32>,
    /// Containers so far.
    count: u32,
    /// Whether the event ends the texts that it is about.
    ends: bool,
}

struct Piece {
    /// Its place without the numbers of events and elements.
    place: u64,
    /// The containers around it.
    around: Vec<u32>,
    text: Vec<u8>,
    /// Within the event's data.
    map: Map,
    pointer: String,
}

impl Pieces {
    pub(crate) fn enter(&mut self) {
        self.open.push(self.count);
        self.count += 1;
    }

    pub(crate) fn leave(&mut self) {
        self.open.pop();
    }

    /// The event ends the texts that it is about: all, if it names none.
    pub(crate) fn end(&mut self) {
        self.ends = true;
    }

    /// Notes a member that numbers blocks or ends them.
    pub(crate) fn member(&mut self, name: &[u8], kind: ValueKind, value: &[u8]) {
        self.ends |= kind == ValueKind::Text && is_end(name, value);
        let numbers: [&[u8]; 5] = [
            b"index",
            b"output_index",
            b"content_index",
            b"item_id",
            b"contentBlockIndex",
        ];
        if let Some(object) = self.open.last()
            && numbers.contains(&name)
            && self.numbers.len() < PIECES_MAX
        {
            let hash = mix(mix(FIRST, name), value);
            self.numbers.push((*object, hash));
        }
    }

    /// Notes a piece. Returns whether there was room.
    pub(crate) fn add(&mut self, place: u64, text: &[u8], raw: Raw<'_>, pointer: &str) -> bool {
        let room = self.all.len() < PIECES_MAX;
        if room {
            self.all.push(Piece {
                place,
                around: self.open.clone(),
                text: text.to_vec(),
                map: raw.to_map(text.len()),
                pointer: pointer.to_owned(),
            });
        }
        room
    }

    /// Whether the event says something of a text of these numbers.
    fn is_about(&self, numbers: &[u64]) -> bool {
        self.numbers.is_empty() || self.numbers.iter().any(|(_, hash)| numbers.contains(hash))
    }

    /// Which text a piece belongs to.
    fn text_of(&self, piece: &Piece) -> u64 {
        let told = |(object, _): &&(u32, u64)| piece.around.contains(object);
        let numbers = self.numbers.iter().filter(told);
        numbers.fold(piece.place, |all, (_, hash)| mix(all, &hash.to_le_bytes()))
    }
}

/// Whether pieces of a text stand under these names, outermost first, and a hash of them.
pub(crate) fn place<'a>(names: impl Iterator<Item = &'a [u8]>) -> Option<u64> {
    let mut hash = FIRST;
    let mut delta = false;
    let (mut parent, mut name): (&[u8], &[u8]) = (b"", b"");
    for next in names {
        hash = mix(mix(hash, next), b"/");
        delta |= next == b"delta";
        (parent, name) = (name, next);
    }
    let text = matches!(
        name,
        b"content"
            | b"text"
            | b"delta"
            | b"arguments"
            | b"partial_json"
            | b"thinking"
            | b"refusal"
            | b"reasoning"
            | b"reasoning_content"
            | b"input"
            | b"transcript"
    );
    let elsewhere = name == b"text" && matches!(parent, b"choices" | b"parts");
    ((delta && text) || elsewhere).then_some(hash)
}

/// The texts that are open.
#[derive(Default)]
pub(crate) struct Joined {
    texts: Vec<Text>,
}

struct Text {
    id: u64,
    /// The bytes of it that are still needed.
    bytes: Vec<u8>,
    map: Map,
    /// How many bytes were before them.
    gone: u64,
    /// What it is, if it is a document.
    document: Option<Box<Arguments>>,
    /// Whether it was looked at as a document and is none.
    is_prose: bool,
    /// Decoded bytes that were judged before and are kept for what follows.
    judged: usize,
    pointer: String,
    /// Of the block that it is.
    numbers: Vec<u64>,
}

impl Joined {
    /// Adds the pieces of an event whose data stand in the document as `map` says. Returns whether there
    /// was room.
    pub(crate) fn add(&mut self, pieces: Pieces, map: &Map, mut out: Out<'_>) -> bool {
        for piece in &pieces.all {
            let id = pieces.text_of(piece);
            let at = self.texts.iter().position(|text| text.id == id);
            if at.is_none() && self.texts.len() == TEXTS_MAX {
                // To judge one that may still grow would part a value.
                let settled = self.texts.iter().position(|text| text.last().is_none());
                let Some(settled) = settled else {
                    return false;
                };
                self.texts.remove(settled);
            }
            let at = at.unwrap_or_else(|| {
                self.texts.push(Text::new(id, &piece.pointer, &pieces));
                self.texts.len() - 1
            });
            if let Some(text) = self.texts.get_mut(at) {
                text.bytes.extend_from_slice(&piece.text);
                text.map.append(&piece.map.through(map));
                text.judge(false, out.again());
            }
        }
        if pieces.ends {
            for text in &mut self.texts {
                if pieces.is_about(&text.numbers) {
                    text.judge(true, out.again());
                }
            }
        }
        true
    }

    /// Judges the texts that nothing continued for long, at byte `end` of the stream.
    pub(crate) fn settle(&mut self, end: u64, mut out: Out<'_>) {
        for text in &mut self.texts {
            let idle = |from: u64| end.saturating_sub(from);
            let stale = text.last().is_some_and(|last| idle(last) > IDLE_BYTES_MAX)
                || text
                    .open()
                    .is_some_and(|first| idle(first) > SPAN_BYTES_MAX);
            if stale {
                text.judge(true, out.again());
            }
        }
    }

    /// Where the first byte stands that was not judged for good.
    pub(crate) fn open(&self) -> Option<u64> {
        self.texts.iter().filter_map(Text::open).min()
    }

    /// Judges what there is, and goes on.
    pub(crate) fn flush(&mut self, mut out: Out<'_>) {
        for text in &mut self.texts {
            text.judge(true, out.again());
        }
    }

    /// Judges what is left.
    pub(crate) fn finish(&mut self, out: Out<'_>) {
        self.flush(out);
        self.texts.clear();
    }
}

impl Text {
    fn new(id: u64, pointer: &str, pieces: &Pieces) -> Self {
        Self {
            id,
            bytes: Vec::new(),
            map: Map::default(),
            gone: 0,
            document: None,
            is_prose: false,
            judged: 0,
            pointer: pointer.to_owned(),
            numbers: pieces.numbers.iter().map(|(_, hash)| *hash).collect(),
        }
    }

    /// Where the first byte stands in the stream that was not judged for good.
    fn open(&self) -> Option<u64> {
        self.map.raw_at(self.judged as u64)
    }

    /// Where the last byte stands, if it was not judged for good.
    fn last(&self) -> Option<u64> {
        let last = self.bytes.len().checked_sub(1)?;
        (last >= self.judged).then(|| self.map.raw_at(last as u64))?
    }

    /// Judges the text: all of it, or all but an end that may still grow.
    fn judge(&mut self, whole: bool, mut out: Out<'_>) {
        self.begin();
        if let Some(document) = self.document.take() {
            self.document = self.judge_document(document, whole, out.again());
        }
        if self.document.is_none() {
            self.judge_prose(whole, out);
        }
        let end = self.judged;
        let gone = boundary(&self.bytes, end.saturating_sub(KEPT_BYTES));
        self.bytes.drain(..gone);
        self.map.forget(gone as u64);
        self.gone += gone as u64;
        self.judged = end - gone;
    }

    /// Sees whether the text is a document, once it has begun.
    fn begin(&mut self) {
        let begins = self.bytes.iter().any(|byte| !byte.is_ascii_whitespace());
        if self.document.is_none() && !self.is_prose && begins {
            let document = Arguments::begin(&self.bytes).filter(|_| self.gone == 0);
            self.document = document.map(Box::new);
            self.is_prose = self.document.is_none();
        }
    }

    /// Judges what is whole in a document. Returns it, unless it turns out to be none.
    fn judge_document(
        &mut self,
        mut document: Box<Arguments>,
        whole: bool,
        mut out: Out<'_>,
    ) -> Option<Box<Arguments>> {
        let mut finds = Vec::new();
        let Out { desk, sink } = out.again();
        let mut gather = |found: &Found<'_>| finds.extend(Find::of(found));
        let read = self.place(document.read());
        let within = Out {
            desk,
            sink: &mut gather,
        };
        let read = document.push(self.bytes.get(read..).unwrap_or_default(), within);
        for find in &mut finds {
            find.move_back(self.gone);
            self.tell(find, sink);
        }
        let (until, goes_on) = match read {
            Read::Until(until) => (self.place(until), true),
            Read::Broken(end) => (self.place(end), false),
        };
        self.is_prose = !goes_on;
        self.judged = self.judged.max(until);
        if whole && goes_on {
            // A value that may still go on is judged as far as it came.
            self.judge_open(until, out);
        }
        goes_on.then_some(document)
    }

    /// Judges the value that is open from here on, as text.
    fn judge_open(&mut self, from: usize, out: Out<'_>) {
        let Out { desk, sink } = out;
        let mut finds = Vec::new();
        let mut gather = |found: &Found<'_>| finds.extend(Find::of(found));
        desk.notation = Notation::Json;
        let within = Out {
            desk,
            sink: &mut gather,
        };
        let open = self.bytes.get(from..).unwrap_or_default();
        prose::paragraph(open, Raw::At(from as u64), within);
        for find in &finds {
            self.tell(find, sink);
        }
        self.judged = self.bytes.len();
    }

    /// Where among the bytes that are left this one stands.
    fn place(&self, at: u64) -> usize {
        size(at.saturating_sub(self.gone))
    }

    fn judge_prose(&mut self, whole: bool, out: Out<'_>) {
        let mut end = match (whole, out.desk.seek) {
            (true, _) => self.bytes.len(),
            (false, None) => growing::settled(&self.bytes, self.judged),
            (false, Some(seek)) => self.bytes.len().saturating_sub((seek.growing)(&self.bytes)),
        };
        if end <= self.judged {
            return;
        }
        let Out { desk, sink } = out;
        let mut finds = Vec::new();
        let mut gather = |found: &Found<'_>| finds.extend(Find::of(found));
        desk.notation = Notation::Json;
        let within = Out {
            desk,
            sink: &mut gather,
        };
        prose::paragraph(&self.bytes, Raw::At(0), within);
        if !whole {
            end = self.without_reaching(end, &finds);
        }
        for find in finds.iter().filter(|find| find.end() <= end as u64) {
            self.tell(find, sink);
        }
        self.judged = end;
    }

    /// Where to end so that no finding reaches over it: one that reaches into what may still grow may
    /// grow itself. One that is too long to be waited for ends where it does now.
    fn without_reaching(&self, end: usize, finds: &[Find]) -> usize {
        let is_full = self.bytes.len() - self.judged > RUN_BYTES_MAX;
        let reaches = |find: &&Find| find.start() < end as u64 && find.end() > end as u64;
        let reaching = finds.iter().filter(reaches);
        if is_full {
            let last = reaching.map(Find::end).max();
            last.map_or(end, |last| size(last).min(self.bytes.len()))
        } else {
            let first = reaching.map(Find::start).min();
            first.map_or(end, |first| size(first).max(self.judged))
        }
    }

    /// Tells a finding, or the part of it that was not released before it grew to one.
    fn tell(&self, find: &Find, sink: &mut dyn Sink) {
        if find.end() <= self.judged as u64 {
            return;
        }
        let (mut ranges, mut token) = (Vec::new(), Vec::new());
        for range in &find.ranges {
            let open = range.start.max(self.judged as u64)..range.end;
            if !open.is_empty() {
                self.map.resolve(&open, &mut ranges);
            }
        }
        let released = |range: &Range<u64>| range.start < self.judged as u64;
        if !find.token.iter().any(released) {
            for range in &find.token {
                self.map.resolve(range, &mut token);
            }
        }
        sink.found(&Found {
            finding: &find.finding,
            path: &self.pointer,
            inner: &find.path,
            in_name: find.in_name,
            kind: find.kind,
            ranges: &ranges,
            token: &token,
            notations: &find.notations,
            context: &find.context,
            text: &find.text,
        });
    }
}

/// A finding in the joined text, with its ranges there.
struct Find {
    finding: Finding,
    ranges: Vec<Range<u64>>,
    token: Vec<Range<u64>>,
    notations: Vec<Notation>,
    path: String,
    in_name: bool,
    kind: ValueKind,
    context: Context,
    text: Vec<u8>,
}

impl Find {
    fn of(found: &Found<'_>) -> Option<Self> {
        (!found.ranges.is_empty()).then(|| Self {
            finding: found.finding.clone(),
            ranges: found.ranges.to_vec(),
            token: found.token.to_vec(),
            notations: found.notations.to_vec(),
            path: [found.path, found.inner].concat(),
            in_name: found.in_name,
            kind: found.kind,
            context: *found.context,
            text: found.text.to_vec(),
        })
    }

    /// Leaves out the first `gone` bytes, of which nothing is told any more.
    fn move_back(&mut self, gone: u64) {
        for range in self.ranges.iter_mut().chain(&mut self.token) {
            *range = range.start.saturating_sub(gone)..range.end.saturating_sub(gone);
        }
    }

    fn start(&self) -> u64 {
        self.ranges.first().map_or(0, |range| range.start)
    }

    fn end(&self) -> u64 {
        self.ranges.last().map_or(0, |range| range.end)
    }
}

/// Whether a member says that the texts of its event are complete: OpenAI's `finish_reason` and
/// `response.output_text.done`, Anthropic's `content_block_stop`, Gemini's `finishReason`.
fn is_end(name: &[u8], value: &[u8]) -> bool {
    match name {
        b"finish_reason" | b"finishReason" | b"stop_reason" | b"stopReason" => true,
        b"type" => [".done", "_stop", ".completed", ".failed", ".incomplete"]
            .iter()
            .any(|end| value.ends_with(end.as_bytes())),
        _ => false,
    }
}

fn size(length: u64) -> usize {
    usize::try_from(length).unwrap_or(usize::MAX)
}

/// The start of the character that byte `at` belongs to.
fn boundary(text: &[u8], at: usize) -> usize {
    let at = at.min(text.len());
    let head = text.get(..=at).unwrap_or(text);
    if at == text.len() {
        return at;
    }
    head.iter()
        .rposition(|byte| !(0x80..0xC0).contains(byte))
        .unwrap_or(0)
}

const FIRST: u64 = 0xCBF2_9CE4_8422_2325;

/// FNV-1a: only told apart, never trusted.
fn mix(hash: u64, bytes: &[u8]) -> u64 {
    bytes.iter().fold(hash, |hash, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01B3)
    })
}
