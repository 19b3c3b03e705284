//! Rows in XML: a rule's array names the elements that are rows (`/Bundle/entry`), its member the element
//! or attribute in which one says whose it is. What may not go on leaves as a whole element, attribute or
//! text; space around it stays. Comments and instructions for a processor are no rows, and nobody can name
//! them: they stay behind, save the declaration that begins the document.
//!
//! Where no rule names rows, records are elements that repeat: that have the name of one before them in
//! the same element.

use std::collections::HashMap;

use classifiers::media::xml::{self, DEPTH_MAX, Piece};

use super::walk::{Attribute, Repeats, Walk};
use super::{HELD_BYTES_MAX, Plan, Withheld};
use crate::Interrupted;

const TOO_LONG: Interrupted =
    Interrupted::Form("a tag or a text is too long to be told from others' rows");
const TOO_MANY: Interrupted = Interrupted::Form("an element has more names than may be told apart");
const NO_DOCUMENT: Interrupted =
    Interrupted::Form("the answer is no XML document that one may read in rows");
const OTHERS: Interrupted = Interrupted::Form("a row says that it is another's, too late");

/// The most names of the elements of one element, where those that repeat are counted.
const NAMES_MAX: usize = 1024;

/// The most bytes of such names, of all elements that are open.
const NAMES_BYTES_MAX: usize = 256 * 1024;

/// The declaration of XML (section 2.8) is shorter, in bytes.
const DECLARATION_BYTES_MAX: usize = 128;

/// Shapes one document as it comes.
pub(super) struct Xml {
    walk: Walk,
    /// What came and is no whole piece, how much of it was looked at, and the quote that is open there.
    open: Vec<u8>,
    seen: usize,
    quote: u8,
    elements: Vec<Element>,
    /// The bytes of the names of their children.
    names: usize,
    /// Whether anything was read.
    begun: bool,
    /// The text since the last tag: as written, and as it means.
    written: Vec<u8>,
    text: String,
}

/// An open element.
struct Element {
    name: Vec<u8>,
    /// How many records went on before it.
    records: u64,
    /// The elements that stood in it, by name: how many records were counted in the first, until there
    /// is a second.
    children: HashMap<String, Option<u64>>,
}

impl Xml {
    pub(super) fn new(plan: Plan) -> Self {
        Self {
            walk: Walk::named(plan),
            open: Vec::new(),
            seen: 0,
            quote: 0,
            elements: Vec::new(),
            names: 0,
            begun: false,
            written: Vec::new(),
            text: String::new(),
        }
    }

    pub(super) fn withheld(&self) -> Withheld {
        self.walk.withheld()
    }

    pub(super) fn held(&self) -> usize {
        self.open.len() + self.written.len() + self.names + self.walk.held.len()
    }

    pub(super) fn push(&mut self, chunk: &[u8], out: &mut Vec<u8>) -> Result<(), Interrupted> {
        self.open.extend_from_slice(chunk);
        let open = std::mem::take(&mut self.open);
        let mut at = 0;
        while let Some(rest) = open.get(at..).filter(|rest| !rest.is_empty()) {
            let Some(end) = xml::piece_end(rest, self.seen, &mut self.quote) else {
                self.seen = rest.len();
                break;
            };
            (self.seen, self.quote) = (0, 0);
            self.piece(rest.get(..end).unwrap_or_default(), out)?;
            at += end;
        }
        self.open = open.get(at..).unwrap_or_default().to_vec();
        if self.open.len() + self.written.len() > HELD_BYTES_MAX {
            return Err(TOO_LONG);
        }
        Ok(())
    }

    pub(super) fn finish(&mut self, out: &mut Vec<u8>) -> Result<(), Interrupted> {
        let rest = std::mem::take(&mut self.open);
        if rest.first() == Some(&b'<') || !self.elements.is_empty() {
            return Err(NO_DOCUMENT);
        }
        self.add(&rest, &rest)?;
        self.flush(out)
    }

    fn piece(&mut self, raw: &[u8], out: &mut Vec<u8>) -> Result<(), Interrupted> {
        // A mark of the order of bytes stands before everything.
        let begun = self.begun;
        self.begun |= raw != b"\xEF\xBB\xBF";
        match xml::piece(raw) {
            Piece::Text => self.add(raw, raw),
            Piece::Verbatim(inside) => {
                self.written.extend_from_slice(raw);
                let inside = raw.get(inside).unwrap_or_default();
                let text = std::str::from_utf8(inside).map_err(|_| NO_DOCUMENT)?;
                self.text.push_str(text);
                self.bounded()
            }
            Piece::Aside(_) if !begun && is_declaration(raw) => {
                self.written.extend_from_slice(raw);
                Ok(())
            }
            Piece::Aside(_) => {
                self.walk.aside();
                Ok(())
            }
            Piece::Start {
                name,
                attributes,
                empty,
            } => {
                self.flush(out)?;
                let read = attributes_of(raw, attributes)?;
                let name = raw.get(name).unwrap_or_default();
                self.start(name, (raw, &read), out)?;
                if empty {
                    let ended = self.walk.element_end(b"", out);
                    ended.map_err(|_| self.stopped())?;
                    self.leave();
                }
                Ok(())
            }
            Piece::End(name) => {
                self.flush(out)?;
                let name = raw.get(name).unwrap_or_default();
                if self.elements.last().is_none_or(|open| open.name != name) {
                    return Err(NO_DOCUMENT);
                }
                let ended = self.walk.element_end(raw, out);
                ended.map_err(|_| self.stopped())?;
                self.leave();
                Ok(())
            }
            Piece::DocumentType | Piece::Broken => Err(NO_DOCUMENT),
        }
    }

    fn start(
        &mut self,
        name: &[u8],
        tag: (&[u8], &[Attribute]),
        out: &mut Vec<u8>,
    ) -> Result<(), Interrupted> {
        if self.elements.len() >= DEPTH_MAX {
            return Err(NO_DOCUMENT);
        }
        let local = local(name)?;
        let repeats = self.repeats(local)?;
        self.elements.push(Element {
            name: name.to_vec(),
            records: self.walk.records(),
            children: HashMap::new(),
        });
        let begun = self.walk.element(local, repeats, tag, out);
        begun.map_err(|_| self.stopped())
    }

    /// Why nothing more goes on.
    fn stopped(&self) -> Interrupted {
        self.walk.stopped.clone().unwrap_or(OTHERS)
    }

    /// Whether an element of this name stood before in the same element.
    fn repeats(&mut self, local: &str) -> Result<Repeats, Interrupted> {
        let around = self.elements.last_mut();
        let Some(around) = around.filter(|_| self.walk.counts_records()) else {
            return Ok(Repeats::No);
        };
        if let Some(first) = around.children.get_mut(local) {
            return Ok(first.take().map_or(Repeats::Again, Repeats::Second));
        }
        if around.children.len() >= NAMES_MAX || self.names + local.len() > NAMES_BYTES_MAX {
            return Err(TOO_MANY);
        }
        self.names += local.len();
        around.children.insert(local.to_owned(), Some(0));
        Ok(Repeats::No)
    }

    /// Forgets the innermost element, which ended.
    fn leave(&mut self) {
        let ended = self.elements.pop();
        let children = ended.iter().flat_map(|ended| ended.children.keys());
        self.names -= children.map(String::len).sum::<usize>();
        if let (Some(ended), Some(around)) = (ended, self.elements.last_mut())
            && let Ok(local) = local(&ended.name)
            && let Some(Some(first)) = around.children.get_mut(local)
        {
            *first = self.walk.records().saturating_sub(ended.records);
        }
    }

    /// Takes text whose entities are not decoded.
    fn add(&mut self, written: &[u8], raw: &[u8]) -> Result<(), Interrupted> {
        self.written.extend_from_slice(written);
        self.text.push_str(&decoded(raw)?);
        self.bounded()
    }

    fn bounded(&self) -> Result<(), Interrupted> {
        if self.written.len() > HELD_BYTES_MAX {
            return Err(TOO_LONG);
        }
        Ok(())
    }

    /// Judges the text that a tag ends.
    fn flush(&mut self, out: &mut Vec<u8>) -> Result<(), Interrupted> {
        let written = std::mem::take(&mut self.written);
        let text = std::mem::take(&mut self.text);
        let is_blank = text.trim_ascii().is_empty();
        // A mark of the order of bytes stands before everything.
        if is_blank || self.elements.is_empty() && text.trim_ascii() == "\u{feff}" {
            let went = self.walk.space(&written, out);
            return went.map_err(|_| self.stopped());
        }
        if self.elements.is_empty() {
            return Err(NO_DOCUMENT);
        }
        let judged = self.walk.text(&text, &written, out);
        judged.map_err(|_| self.stopped())
    }
}

/// Whether a piece is the declaration of XML.
fn is_declaration(piece: &[u8]) -> bool {
    piece.starts_with(b"<?xml ") && piece.len() <= DECLARATION_BYTES_MAX
}

/// What the entities of a text mean; those of a document type are none.
fn decoded(raw: &[u8]) -> Result<String, Interrupted> {
    let text = std::str::from_utf8(raw).map_err(|_| NO_DOCUMENT)?;
    let meant = quick_xml::escape::unescape(text).map_err(|_| NO_DOCUMENT)?;
    Ok(meant.into_owned())
}

/// A name without the prefix of its namespace.
fn local(name: &[u8]) -> Result<&str, Interrupted> {
    let name = std::str::from_utf8(name).map_err(|_| NO_DOCUMENT)?;
    Ok(name.rsplit(':').next().unwrap_or(name))
}

fn attributes_of(tag: &[u8], part: std::ops::Range<usize>) -> Result<Vec<Attribute>, Interrupted> {
    let mut from = part.start;
    let read = xml::attributes(tag, part.clone()).map(|attribute| {
        let name = tag.get(attribute.name.clone()).unwrap_or_default();
        let value = tag.get(attribute.value.clone()).unwrap_or_default();
        // Readers differ over what stands in no quotes, and parsers of XML take none of it.
        let quotes = [
            tag.get(attribute.value.start - 1),
            tag.get(attribute.value.end),
        ];
        if !matches!(
            quotes,
            [Some(b'"'), Some(b'"')] | [Some(b'\''), Some(b'\'')]
        ) {
            return Err(NO_DOCUMENT);
        }
        let is_space = name == b"xmlns" || name.starts_with(b"xmlns:");
        // A quote stands behind the value.
        let end = (attribute.value.end + 1).min(part.end);
        let written = from..end;
        from = end;
        Ok(Attribute {
            name: (!is_space)
                .then(|| Ok::<_, Interrupted>(format!("@{}", local(name)?)))
                .transpose()?,
            value: decoded(value)?.trim_ascii().to_owned(),
            written,
        })
    });
    read.collect()
}
