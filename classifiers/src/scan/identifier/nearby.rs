//! The words around a number, and which classes they tell.
//!
//! Words are compared in lower-case ASCII, whatever their script: `ЕГН`, `fødselsnummer` and `身份证`
//! become `egn`, `fodselsnummer` and `shenfenzheng`. Up to four words that follow one another are
//! looked up as one, so that `tax id` and `taxId` have one entry. Only whole words count.

use std::sync::LazyLock;

use super::words::{ENDINGS, TELLING, VETOING, admits};
use crate::DataClass;

/// How far before a number a word may stand, in bytes.
const BEFORE_BYTES_MAX: usize = 64;
/// How far behind it, in bytes.
const AFTER_BYTES_MAX: usize = 64;
/// Most words looked at before a number.
const WORDS_MAX: usize = 8;
/// Most words looked at behind it.
const WORDS_AFTER_MAX: usize = 6;
/// Most words that make one entry.
const ENTRY_WORDS_MAX: usize = 4;
/// How near a word must stand to say that a number is no identifier.
const VETO_WORDS_MAX: usize = 3;
/// Most entries that are kept for one number.
const TOLD_MAX: usize = 4;
/// Most bytes of words in ASCII.
const ASCII_BYTES_MAX: usize = 192;
/// Most words read at once.
const READ_WORDS_MAX: usize = 40;
/// Digits of a number that ends what the words before it say.
const NUMBER_DIGITS_MIN: usize = 4;

/// What the words around a number tell.
#[derive(Default)]
pub(super) struct Nearby {
    /// The classes of each entry, the nearest first.
    told: [&'static [DataClass]; TOLD_MAX],
    count: usize,
    /// What the name of the value says.
    name: Option<DataClass>,
    /// Whether a word right before says that this is an order, a part, a build.
    pub(super) vetoed: bool,
}

impl Nearby {
    /// Reads the words before `start`, and if they tell nothing those behind `end`.
    pub(super) fn read(name: Option<DataClass>, value: &[u8], start: usize, end: usize) -> Self {
        let mut nearby = Self {
            name,
            ..Self::default()
        };
        if start > 0 {
            nearby.before(value, start);
        }
        if nearby.count == 0 && end < value.len() {
            nearby.after(value, end);
        }
        nearby
    }

    /// How near the word stands that tells this class: 0 for the nearest.
    pub(super) fn rank(&self, class: DataClass) -> Option<usize> {
        self.told
            .iter()
            .take(self.count)
            .position(|classes| classes.contains(&class))
            .or_else(|| {
                self.name
                    .filter(|name| admits(*name, class))
                    .map(|_| TOLD_MAX)
            })
    }

    fn tell(&mut self, classes: &'static [DataClass]) {
        if let Some(slot) = self.told.get_mut(self.count) {
            *slot = classes;
            self.count += 1;
        }
    }

    fn before(&mut self, value: &[u8], start: usize) {
        let near = start.saturating_sub(BEFORE_BYTES_MAX);
        // A letter of most scripts takes two bytes or three.
        let from = match value.get(near..start) {
            Some(text) if !text.is_ascii() => start.saturating_sub(BEFORE_BYTES_MAX * 2),
            _ => near,
        };
        let words = Words::read(value.get(from..start).unwrap_or_default(), from > 0);
        let mut end = words.count;
        while end > words.count.saturating_sub(WORDS_MAX) {
            let Some((classes, first)) = words.entry(end) else {
                let near = words.count - end < VETO_WORDS_MAX && self.count == 0;
                self.vetoed |= near && vetoes(words.joined(end - 1, end));
                end -= 1;
                continue;
            };
            self.tell(classes);
            end = first;
        }
    }

    fn after(&mut self, value: &[u8], end: usize) {
        let to = value.len().min(end + AFTER_BYTES_MAX);
        let text = value.get(end..to).unwrap_or_default();
        // What a colon follows names something else, and a sentence's end is one.
        let stop = text
            .iter()
            .position(|byte| matches!(byte, b':' | b'=' | b';' | b'\n'))
            .map(|stop| {
                if text.get(stop) == Some(&b';') {
                    stop
                } else {
                    0
                }
            });
        let text = text.get(..stop.unwrap_or(text.len())).unwrap_or_default();
        let words = Words::read(text, false);
        let most = words.count.min(WORDS_AFTER_MAX);
        for end in 1..=most {
            if let Some((classes, _)) = words.entry(end) {
                self.tell(classes);
            }
        }
    }
}

/// Where the reading of words stands.
struct Reading {
    /// Inside a word.
    inside: bool,
    /// Inside one that does not count.
    skipping: bool,
    /// Digits of the word so far.
    digits: usize,
}

/// Words in lower-case ASCII, one behind the other, and where each starts.
pub(in super::super) struct Words {
    bytes: [u8; ASCII_BYTES_MAX],
    starts: [usize; READ_WORDS_MAX],
    count: usize,
    length: usize,
}

impl Words {
    /// Reads the words of a text; the first may have been cut through.
    pub(in super::super) fn read(text: &[u8], is_cut: bool) -> Self {
        let mut words = Self {
            bytes: [0; ASCII_BYTES_MAX],
            starts: [0; READ_WORDS_MAX],
            count: 0,
            length: 0,
        };
        let mut state = Reading {
            inside: is_cut,
            skipping: is_cut,
            digits: 0,
        };
        if text.is_ascii() {
            for letter in text {
                words.take_ascii(*letter, &mut state);
            }
        } else if let Some(chunk) = text.utf8_chunks().last() {
            for letter in chunk.valid().chars() {
                words.take(letter, &mut state);
            }
        }
        words
    }

    /// Does what [`Words::take`] does, which asks more than a letter of ASCII needs.
    #[inline]
    fn take_ascii(&mut self, letter: u8, state: &mut Reading) {
        if !letter.is_ascii_alphanumeric() {
            state.inside = false;
            state.skipping = false;
            return;
        }
        if state.skipping {
            return;
        }
        if !state.inside {
            state.digits = 0;
            state.inside = true;
            self.start();
        }
        state.digits += usize::from(letter.is_ascii_digit());
        if state.digits == NUMBER_DIGITS_MIN {
            self.forget(state);
        } else {
            self.push_ascii(letter);
        }
    }

    #[inline]
    fn take(&mut self, letter: char, state: &mut Reading) {
        if !letter.is_alphanumeric() {
            state.inside = false;
            state.skipping = false;
            return;
        }
        let ideograph = ('\u{4E00}'..='\u{9FFF}').contains(&letter);
        if state.skipping && !ideograph {
            return;
        }
        if !state.inside || ideograph {
            state.digits = 0;
            self.start();
        }
        state.inside = !ideograph;
        state.digits += usize::from(letter.is_ascii_digit());
        if state.digits == NUMBER_DIGITS_MIN {
            self.forget(state);
            return;
        }
        self.push(letter);
    }

    /// Begins anew behind another number: what stood before it told that one.
    fn forget(&mut self, state: &mut Reading) {
        self.count = 0;
        self.length = 0;
        state.skipping = true;
    }

    /// How many words there are.
    pub(in super::super) fn count(&self) -> usize {
        self.count
    }

    fn start(&mut self) {
        if let Some(slot) = self.starts.get_mut(self.count) {
            *slot = self.length;
            self.count += 1;
        }
    }

    #[inline]
    fn push(&mut self, letter: char) {
        if let Ok(letter) = u8::try_from(letter)
            && letter.is_ascii()
        {
            self.push_ascii(letter);
            return;
        }
        let plain = any_ascii::any_ascii_char(letter);
        let end = self.length + plain.len();
        if let Some(target) = self.bytes.get_mut(self.length..end) {
            target.copy_from_slice(plain.as_bytes());
            target.make_ascii_lowercase();
            self.length = end;
        }
    }

    #[inline]
    fn push_ascii(&mut self, letter: u8) {
        if let Some(slot) = self.bytes.get_mut(self.length) {
            *slot = letter.to_ascii_lowercase();
            self.length += 1;
        }
    }

    /// The longest entry that ends before word `end`: its classes and its first word.
    fn entry(&self, end: usize) -> Option<(&'static [DataClass], usize)> {
        // All that end here end alike, and most as no entry does.
        let longest = self.joined(end.saturating_sub(ENTRY_WORDS_MAX), end);
        let tail = longest.last_chunk::<TAIL_BYTES>();
        let held = tail.is_some_and(|tail| TAILS.may_hold(tail));
        let entries = &*ENTRIES;
        (end.saturating_sub(ENTRY_WORDS_MAX)..end).find_map(|first| {
            let text = self.joined(first, end);
            if !held && text.len() >= TAIL_BYTES {
                return None;
            }
            let plain = || {
                let mut endings = ENDINGS.iter();
                endings.find_map(|ending| text.strip_suffix(ending.as_bytes()))
            };
            let found = entries
                .get(text)
                .or_else(|| entries.get(plain().filter(|plain| plain.len() > 1)?))?;
            Some((found, first))
        })
    }

    /// The words from `first` to before `end`, as one.
    #[inline]
    pub(in super::super) fn joined(&self, first: usize, end: usize) -> &[u8] {
        let from = self.starts.get(first).copied().unwrap_or(self.length);
        let to = match self.starts.get(end) {
            Some(start) if end < self.count => *start,
            _ => self.length,
        };
        self.bytes.get(from..to).unwrap_or_default()
    }
}

/// Letters of a tail.
const TAIL_BYTES: usize = 3;

/// How entries end, with and without an ending.
static TAILS: LazyLock<Filter> = LazyLock::new(|| {
    let mut tails = Filter::empty();
    for entry in TELLING.keys() {
        for ending in ENDINGS.iter().chain([&""]) {
            let text = [*entry, *ending].concat();
            if let Some(tail) = text.as_bytes().last_chunk::<TAIL_BYTES>() {
                tails.add(tail);
            }
        }
    }
    tails
});

/// Whether a word says that the number behind it is no identifier.
fn vetoes(word: &[u8]) -> bool {
    static FILTER: LazyLock<Filter> = LazyLock::new(|| Filter::of(VETOING.iter()));
    FILTER.may_hold(word) && std::str::from_utf8(word).is_ok_and(|word| VETOING.contains(word))
}

/// A table of entries behind a filter, since most words are none and hashing one costs more than
/// the rest.
pub(in super::super) struct Entries<T: 'static> {
    table: &'static phf::Map<&'static str, T>,
    filter: Filter,
}

static ENTRIES: LazyLock<Entries<&'static [DataClass]>> = LazyLock::new(|| Entries::of(&TELLING));

impl<T: Copy> Entries<T> {
    pub(in super::super) fn of(table: &'static phf::Map<&'static str, T>) -> Self {
        Self {
            table,
            filter: Filter::of(table.keys()),
        }
    }

    #[inline]
    pub(in super::super) fn get(&self, text: &[u8]) -> Option<T> {
        if !self.filter.may_hold(text) {
            return None;
        }
        self.table.get(std::str::from_utf8(text).ok()?).copied()
    }
}

/// A bit for the first and last two letters and the length of each word.
struct Filter {
    bits: Box<[u64; FILTER_WORDS]>,
}

/// Words of 64 bits of a filter: with a thousand entries one bit in sixty-four is set.
const FILTER_WORDS: usize = 1024;

impl Filter {
    fn empty() -> Self {
        Self {
            bits: Box::new([0; FILTER_WORDS]),
        }
    }

    fn of(words: impl Iterator<Item = &'static &'static str>) -> Self {
        let mut filter = Self::empty();
        words.for_each(|word| filter.add(word.as_bytes()));
        filter
    }

    fn add(&mut self, text: &[u8]) {
        if let Some((place, bit)) = Self::place(text)
            && let Some(slot) = self.bits.get_mut(place)
        {
            *slot |= 1 << bit;
        }
    }

    #[inline]
    fn may_hold(&self, text: &[u8]) -> bool {
        Self::place(text).is_some_and(|(place, bit)| {
            self.bits
                .get(place)
                .is_some_and(|word| word >> bit & 1 == 1)
        })
    }

    /// The high bits of a product, which all letters reach.
    #[inline]
    fn place(text: &[u8]) -> Option<(usize, usize)> {
        let (first, last) = match text {
            [only] => ([*only, 0], [0, *only]),
            _ => (*text.first_chunk::<2>()?, *text.last_chunk::<2>()?),
        };
        let ends = u64::from(u16::from_le_bytes(first)) << 16 | u64::from(u16::from_le_bytes(last));
        let mixed = (ends | (text.len() as u64) << 32).wrapping_mul(0x9E37_79B9_7F4A_7C15);
        let place = (mixed >> 48) as usize;
        Some((place / 64, place % 64))
    }
}
