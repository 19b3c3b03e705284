//! What names meant when they were last seen: a document repeats its few names record by record.

use std::sync::Arc;

use super::steps::Steps;
use super::{KeyClass, Tells, endings, key_class};
use crate::DataClass;
use crate::declared::{Declared, Place, Says};
use crate::fhir::Element;
use crate::operator::Operator;
use crate::packed::{PACK_BYTES_MAX, pack};
use crate::scan;

/// What the names seen so far mean, and what values said of their siblings: two bounded caches, one pair per connection or thread.
///
/// Names are compared whole, so that no upstream can make one name pass for another.
pub struct KeyCache {
    names: Box<[Slot<Key>]>,
    /// Apart from the names, which they would push out: most values are never seen again.
    values: Box<[Slot<KeyClass>]>,
    operator: Option<Arc<Operator>>,
    /// What the type of a FHIR Identifier said it is, until its system comes.
    identifier: Option<DataClass>,
    /// What the API's owner says of its members.
    declared: Option<Arc<Declared>>,
    pub(super) steps: Steps,
}

/// Names that are kept; a power of two.
const NAMES_KEPT: usize = 256;
/// Values that are kept; a power of two.
const VALUES_KEPT: usize = 64;
/// Most words of a label that is not kept.
const LABEL_WORDS_MAX: usize = 6;
/// Longest name or value that is kept, in bytes.
const KEPT_BYTES_MAX: usize = 2 * PACK_BYTES_MAX;

#[derive(Clone, Copy)]
struct Slot<T> {
    text: Packed,
    means: T,
}

/// All that is known of a name by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Key {
    pub(crate) class: KeyClass,
    pub(crate) tells: Tells,
    /// Whether nothing hides in the name itself.
    pub(crate) clean: bool,
}

impl Key {
    pub(super) fn of(name: &[u8]) -> Self {
        let class = key_class(name);
        let tells = Tells::of(name, class);
        Self {
            class,
            tells,
            clean: scan::is_clean(name),
        }
    }
}

impl KeyCache {
    /// An empty cache.
    pub fn new() -> Self {
        let name = Slot {
            text: Packed::default(),
            means: Key::of(b""),
        };
        let value = Slot {
            text: Packed::default(),
            means: key_class(b""),
        };
        Self {
            names: vec![name; NAMES_KEPT].into_boxed_slice(),
            values: vec![value; VALUES_KEPT].into_boxed_slice(),
            identifier: None,
            declared: None,
            steps: Steps::new(),
            operator: None,
        }
    }

    /// Begins a document. Where earlier ones brought more contexts than are numbered, what is known
    /// of them is let go, so that this one's are.
    pub fn begin(&mut self) {
        if self.steps.is_full() {
            self.steps = Steps::new();
        }
    }

    /// An empty cache that also knows an operator's field names.
    pub fn with_operator(operator: Arc<Operator>) -> Self {
        Self {
            operator: Some(operator),
            ..Self::new()
        }
    }

    /// The operator's detectors, for [`crate::classify_value_with`].
    #[inline]
    pub fn operator(&self) -> Option<&Arc<Operator>> {
        self.operator.as_ref()
    }

    /// Which of the operator's detectors look under this name; 0 for none.
    #[inline]
    pub(crate) fn scope(&self, name: &[u8]) -> u16 {
        match &self.operator {
            Some(operator) => operator.scope(name),
            None => 0,
        }
    }

    /// What this name means.
    #[inline]
    pub(crate) fn key(&mut self, name: &[u8]) -> Key {
        recall(&mut self.names, name, Key::of)
    }

    /// An empty cache for bodies of an API whose owner has described them.
    pub fn with(declared: Arc<Declared>) -> Self {
        Self::new().declaring(declared)
    }

    /// This cache, for bodies of an API whose owner has described them.
    #[must_use]
    pub fn declaring(self, declared: Arc<Declared>) -> Self {
        Self {
            declared: Some(declared),
            ..self
        }
    }

    /// What the API's owner says, if it is for one API.
    pub fn declarations(&self) -> Option<&Arc<Declared>> {
        self.declared.as_ref()
    }

    /// The declared place of a member, and what is said of its values.
    pub(crate) fn declared(&self, place: Place, name: &[u8]) -> (Option<Place>, Says) {
        let Some(declared) = &self.declared else {
            return (None, Says::Nothing);
        };
        let below = declared.member(place, name);
        let says = below.map_or(Says::Nothing, |below| declared.says(below));
        (below, says)
    }

    /// Keeps what the type of a FHIR Identifier says it is until its system comes, which follows: a
    /// context knows what is above it and beside it, but not what is below.
    pub(crate) fn identify(&mut self, class: Option<DataClass>) {
        self.identifier = class.or(self.identifier);
    }

    /// Forgets the type of an Identifier whose system never came.
    pub(crate) fn begin_identifier(&mut self) {
        self.identifier = None;
    }

    /// What the type of the Identifier here said it is.
    pub(crate) fn identified(&mut self, here: Element) -> Option<DataClass> {
        if here.is_identifier() {
            self.identifier.take()
        } else {
            None
        }
    }

    /// What this value means, read as a name: `ssn` in `{"name": "ssn", "value": ...}`.
    pub(crate) fn value(&mut self, value: &[u8]) -> KeyClass {
        if endings::may_end_a_noun(value) && !is_sentence(value) {
            recall(&mut self.values, value, key_class)
        } else {
            KeyClass::None
        }
    }
}

/// Whether a text is too long to be kept, and has too many words to be a label.
#[inline]
fn is_sentence(value: &[u8]) -> bool {
    value.len() > KEPT_BYTES_MAX && memchr::memchr_iter(b' ', value).count() >= LABEL_WORDS_MAX
}

impl Default for KeyCache {
    fn default() -> Self {
        Self::new()
    }
}

/// What the text means, from its slots if it is there, which it is afterwards.
#[inline]
fn recall<T: Copy>(slots: &mut [Slot<T>], text: &[u8], read: fn(&[u8]) -> T) -> T {
    let Some(packed) = Packed::of(text) else {
        return read(text);
    };
    // A pair of slots, so that two names of one document do not turn each other out.
    let place = packed.hash() & slots.len().saturating_sub(2);
    match slots.get_mut(place..).unwrap_or_default() {
        [slot, ..] | [_, slot, ..] if slot.text.is(&packed) => slot.means,
        slots => learn(slots, text, packed, read),
    }
}

/// Reads a text that is not in its slots, and puts it there. The one seen longer ago goes.
#[cold]
fn learn<T: Copy>(slots: &mut [Slot<T>], text: &[u8], packed: Packed, read: fn(&[u8]) -> T) -> T {
    let means = read(text);
    if let [first, second, ..] = slots {
        *second = *first;
        *first = Slot {
            text: packed,
            means,
        };
    }
    means
}

/// A text of at most [`KEPT_BYTES_MAX`] bytes: its bytes with zeros behind them, and its length.
#[derive(Clone, Copy, Default)]
pub(super) struct Packed {
    words: [u64; 4],
    length: u64,
}

impl Packed {
    #[inline]
    pub(super) fn of(text: &[u8]) -> Option<Self> {
        let [first, second, third, fourth] = match text.split_at_checked(PACK_BYTES_MAX) {
            None => {
                let [first, second] = pack(text);
                [first, second, 0, 0]
            }
            Some(_) if text.len() > KEPT_BYTES_MAX => return None,
            Some((head, tail)) => {
                let ([first, second], [third, fourth]) = (pack(head), pack(tail));
                [first, second, third, fourth]
            }
        };
        Some(Self {
            words: [first, second, third, fourth],
            length: text.len() as u64,
        })
    }

    /// Whether this is the first `length` of these bytes.
    #[inline(always)]
    #[expect(
        clippy::inline_always,
        reason = "done for every name, and with vectors only where it is part of the lane"
    )]
    pub(super) fn leads(&self, length: usize, bytes: &[u8; KEPT_BYTES_MAX]) -> bool {
        // The same of one that is no longer than what is kept.
        let Some(keep) = KEEP.get(length % KEEP.len()) else {
            return false;
        };
        let (words, _) = bytes.as_chunks::<8>();
        let mut other = 0;
        for ((known, word), keep) in self.words.iter().zip(words).zip(keep) {
            other |= (u64::from_le_bytes(*word) ^ known) & keep;
        }
        other == 0 && self.length == length as u64
    }

    /// Whether both are the same text. Word by word: compared as memory, the words just computed
    /// would have to be stored first, and the wait for that is longer than all the rest.
    #[inline]
    pub(super) fn is(&self, other: &Self) -> bool {
        let [first, second, third, fourth] = self.words;
        let [other_first, other_second, other_third, other_fourth] = other.words;
        self.length == other.length
            && first == other_first
            && second == other_second
            && third == other_third
            && fourth == other_fourth
    }

    /// Only speed hangs on its spread.
    #[inline]
    pub(super) fn hash(&self) -> usize {
        spread(self.words, self.length)
    }
}

/// Fourteen bits that stand for a text: the high ones of a product, which all bytes reach.
#[inline]
pub(super) fn spread(words: [u64; 4], length: u64) -> usize {
    let [first, second, third, fourth] = words;
    let mixed = first ^ second.rotate_left(23) ^ third.rotate_left(11) ^ fourth.rotate_left(41);
    let product = (mixed ^ length).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    (product >> 50) as usize
}

/// For each length, which bits of four words its bytes fill; all, for those beyond.
pub(super) static KEEP: [[u64; 4]; 2 * KEPT_BYTES_MAX] = keep();

#[expect(
    clippy::indexing_slicing,
    reason = "runs when compiled: out of bounds is a build error"
)]
const fn keep() -> [[u64; 4]; 2 * KEPT_BYTES_MAX] {
    let mut keep = [[0; 4]; 2 * KEPT_BYTES_MAX];
    let mut length = 0;
    while length < keep.len() {
        let mut byte = 0;
        while byte < length && byte < KEPT_BYTES_MAX {
            keep[length][byte / 8] |= 0xFF << (8 * (byte % 8));
            byte += 1;
        }
        length += 1;
    }
    keep
}
