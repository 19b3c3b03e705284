//! Text that arrives in pieces: what a language model streams is one text, of which every event
//! holds a few letters.
//!
//! A piece is known by its place. OpenAI's chat chunks and Anthropic's and Bedrock's blocks have it
//! under `delta`; OpenAI's response events and its function calls are `delta` themselves; legacy
//! completions are `choices[].text`, Gemini's `candidates[].content.parts[].text`. Pieces belong
//! together that stand at the same place and whose events agree on the members that number blocks.

use std::ops::Range;

use super::desk::Raw;
use super::map::Map;
use super::units::Out;
use super::{Found, Sink, prose};
use crate::{Context, Finding};

/// Texts that are open at once; the one that was opened first is judged when another opens.
const TEXTS_MAX: usize = 64;
/// A text is judged when it has grown to this.
pub(crate) const TEXT_BYTES_MAX: usize = 8 * 1024;
/// How much of it is kept to be judged again with what follows.
const KEPT_BYTES: usize = 1024;
/// Pieces of one event that are followed.
const PIECES_MAX: usize = 256;

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

    /// Notes a member that numbers blocks.
    pub(crate) fn number(&mut self, name: &[u8], value: &[u8]) {
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
    bytes: Vec<u8>,
    map: Map,
    /// Decoded bytes that were judged before and are kept for what follows.
    judged: usize,
    pointer: String,
}

impl Joined {
    /// Adds the pieces of an event whose data stand in the document as `map` says.
    pub(crate) fn add(&mut self, pieces: Pieces, map: &Map, mut out: Out<'_>) {
        for piece in &pieces.all {
            let id = pieces.text_of(piece);
            let at = self.texts.iter().position(|text| text.id == id);
            if at.is_none() && self.texts.len() == TEXTS_MAX {
                self.texts.remove(0).judge(true, out.again());
            }
            let at = at.unwrap_or_else(|| {
                self.texts.push(Text::new(id, &piece.pointer));
                self.texts.len() - 1
            });
            if let Some(text) = self.texts.get_mut(at) {
                text.bytes.extend_from_slice(&piece.text);
                text.map.append(&piece.map.through(map));
                if text.bytes.len() >= TEXT_BYTES_MAX {
                    text.judge(false, out.again());
                }
            }
        }
    }

    /// Judges what is left.
    pub(crate) fn finish(&mut self, mut out: Out<'_>) {
        for text in &mut self.texts {
            text.judge(true, out.again());
        }
        self.texts.clear();
    }
}

impl Text {
    fn new(id: u64, pointer: &str) -> Self {
        Self {
            id,
            bytes: Vec::new(),
            map: Map::default(),
            judged: 0,
            pointer: pointer.to_owned(),
        }
    }

    /// Judges the text: all of it, or all but an end that may still grow.
    fn judge(&mut self, whole: bool, out: Out<'_>) {
        let kept = if whole { 0 } else { KEPT_BYTES };
        let end = self.bytes.len().saturating_sub(kept);
        let mut next = end;
        let Out { desk, sink } = out;
        let mut finds = Vec::new();
        let mut gather = |found: &Found<'_>| {
            for range in found.ranges {
                finds.push(Find::of(found, range));
            }
        };
        let within = Out {
            desk,
            sink: &mut gather,
        };
        prose::paragraph(&self.bytes, Raw::At(0), within);
        for find in finds {
            // What begins in the part that is kept is found again with what follows.
            if find.start >= self.judged as u64 && find.start < end as u64 {
                next = next.max(usize::try_from(find.end).unwrap_or(usize::MAX));
                self.tell(&find, sink);
            }
        }
        let gone = boundary(&self.bytes, next.saturating_sub(kept));
        self.bytes.drain(..gone);
        self.map.forget(gone as u64);
        self.judged = next - gone;
    }

    fn tell(&self, find: &Find, sink: &mut dyn Sink) {
        let mut ranges = Vec::new();
        self.map.resolve(&(find.start..find.end), &mut ranges);
        sink.found(&Found {
            finding: &find.finding,
            path: &self.pointer,
            inner: &find.path,
            in_name: find.in_name,
            ranges: &ranges,
            context: &find.context,
            text: &find.text,
        });
    }
}

/// A finding in the joined text.
struct Find {
    finding: Finding,
    start: u64,
    end: u64,
    path: String,
    in_name: bool,
    context: Context,
    text: Vec<u8>,
}

impl Find {
    fn of(found: &Found<'_>, range: &Range<u64>) -> Self {
        Self {
            finding: found.finding.clone(),
            start: range.start,
            end: range.end,
            path: [found.path, found.inner].concat(),
            in_name: found.in_name,
            context: *found.context,
            text: found.text.to_vec(),
        }
    }
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
