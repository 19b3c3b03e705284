//! Identifiers that are known by their digits: national numbers, cards, accounts, wallets, devices.
//!
//! One pass goes from digit to digit. The run of letters and digits that holds one, and the runs
//! joined to it by single separators, are walked through a tree of all printed forms (`layout`). What
//! fits one in form is judged by the row's check, then by what stands around it: a number that is
//! part of something longer is none, a layout that many numbers share counts only where a word tells
//! it (`nearby`). Of several that fit, the one whose word stands nearest wins, then the surer one.

mod layout;
pub(super) mod lone;
mod nearby;
mod rows;
mod special;
mod words;

use super::profile::WALLET_BYTES_MIN;
use super::{before, byte, finding};
use crate::DataClass;
use crate::finding::Finding;
use crate::key::KeyClass;
use crate::packed;
use layout::{ALONE, GROUPS_MAX, Layout, Needs, ROOT, Separators, TEXT_BYTES_MAX, TREE};
pub(super) use nearby::{Entries, Words};
use nearby::{Nearby, Signs};

/// Longest run of letters and digits that is looked at: a wallet's address in Bech32.
const RUN_BYTES_MAX: usize = 90;
/// Longest word of letters that begins an identifier: `HRB 123456`, `QQ 12 34 56 C`, `X-1234567-L`.
const HEAD_BYTES_MAX: usize = 3;
/// Fewest characters of an identifier.
const TEXT_BYTES_MIN: usize = 7;

/// Finds identifiers in a value under a name of class `key`.
pub(super) fn scan(key: KeyClass, value: &[u8], findings: &mut Vec<Finding>) {
    if is_plain(value) {
        return;
    }
    let place = Place {
        key,
        value,
        signs: Signs::of(value),
    };
    if place.is_bare_id() {
        return;
    }
    let mut from = 0;
    while let Some(digit) = packed::next(value, from, b'0', b'9') {
        let start = digit - back(value, from, digit);
        let end = digit + run(value, digit);
        from = end;
        if let Some((start, end)) = special::track(value, start) {
            from = end;
            findings.push(finding(
                DataClass::TRACK_DATA,
                start,
                end,
                97,
                "magnetic stripe",
            ));
            continue;
        }
        let head = place.head(start);
        let found = head
            .and_then(|head| place.head(head))
            .and_then(|head| place.at(head, end))
            .or_else(|| head.and_then(|head| place.at(head, end)))
            .or_else(|| place.at(start, end));
        if let Some(found) = found {
            from = from.max(found.end);
            findings.push(finding(
                found.class,
                found.start,
                found.end,
                found.confidence,
                found.detector,
            ));
        }
    }
}

/// Whether a value passes one of the checks of its class; none if the class has none.
pub(super) fn passes(class: DataClass, value: &[u8]) -> Option<bool> {
    let text: Vec<u8> = value
        .iter()
        .filter(|byte| byte.is_ascii_alphanumeric())
        .map(u8::to_ascii_uppercase)
        .collect();
    let rows = rows::ROWS.iter().copied().flatten();
    rows.filter(|row| row.class == class && !row.form)
        .map(|row| (row.check)(&text))
        .reduce(|one, other| one || other)
}

/// The class of which a whole value is under a name of class `name`, which may be that of many
/// countries, if the checks of just one class hold.
pub(super) fn narrowed(name: DataClass, value: &[u8]) -> Option<DataClass> {
    let plain = Plain::of(value)?;
    let mut classes = TREE
        .all()
        .iter()
        .filter(|layout| !layout.row.form && words::admits(name, layout.row.class))
        .filter(|layout| layout.fits_plain(plain.length, plain.digits))
        .filter(|layout| (layout.row.check)(plain.text()))
        .map(|layout| layout.row.class);
    let first = classes.next()?;
    classes.all(|class| class == first).then_some(first)
}

/// A match.
struct Match {
    class: DataClass,
    start: usize,
    end: usize,
    confidence: u8,
    /// How near the word stands that tells it.
    rank: Option<usize>,
    detector: &'static str,
}

impl Match {
    /// Whether it says more than another: a nearer word, then more confidence, then more bytes.
    fn beats(&self, other: &Self) -> bool {
        let weight = |found: &Self| {
            (
                found.rank.map_or(0, |rank| usize::MAX - rank),
                found.confidence,
                found.end,
            )
        };
        weight(self) > weight(other)
    }
}

/// A value and what its name says.
struct Place<'value> {
    key: KeyClass,
    value: &'value [u8],
    signs: Signs<'value>,
}

impl Place<'_> {
    /// Where an identifier starts whose letters are a word of their own before `start`.
    fn head(&self, start: usize) -> Option<usize> {
        if !matches!(before(self.value, start, 1), b' ' | b'-') {
            return None;
        }
        let length = back(self.value, 0, start - 1);
        let head = start - 1 - length;
        let letters = self.value.get(head..start - 1)?;
        ((1..=HEAD_BYTES_MAX).contains(&length) && letters.iter().all(u8::is_ascii_uppercase))
            .then_some(head)
    }

    /// The best match that starts at `start`; the run that holds its first digit ends at `run_end`.
    fn at(&self, start: usize, run_end: usize) -> Option<Match> {
        let edge = Edge::before(self.value, start);
        if edge == Edge::Inside {
            return None;
        }
        if let Some((class, end, detector)) = special::at(self.value, start, run_end) {
            let confidence = 99;
            return Some(Match {
                class,
                start,
                end,
                confidence,
                rank: None,
                detector,
            });
        }
        if self
            .value
            .get(start..run_end)
            .is_some_and(special::is_wallet_form)
        {
            let nearby = self.nearby(start, run_end);
            return nearby.rank(DataClass::CRYPTO_WALLET).map(|rank| Match {
                class: DataClass::CRYPTO_WALLET,
                start,
                end: run_end,
                confidence: 90,
                rank: Some(rank),
                detector: "wallet and word",
            });
        }
        self.walk(start, edge)
    }

    /// Reads groups from `start` on, as long as the tree goes on.
    fn walk(&self, start: usize, edge: Edge) -> Option<Match> {
        let untold = self.name().is_none() && self.signs.are_none_about(start);
        let tree = if untold { &*ALONE } else { &*TREE };
        let mut groups = Groups::new(start);
        let mut node = ROOT;
        let mut nearby = None;
        let mut best: Option<Match> = None;
        loop {
            let next = groups
                .push(self.value)
                .and_then(|length| tree.step(node, length));
            let Some(next) = next else {
                return best;
            };
            node = next;
            for layout in tree.ending(node) {
                let found = self.judge(layout, &groups, edge, &mut nearby);
                if let Some(found) =
                    found.filter(|found| best.as_ref().is_none_or(|best| found.beats(best)))
                {
                    best = Some(found);
                }
            }
            if !groups.separate(self.value) {
                return best;
            }
        }
    }

    /// Whether the groups are this layout's, and how sure that is.
    fn judge(
        &self,
        layout: &Layout,
        groups: &Groups,
        edge: Edge,
        nearby: &mut Option<Nearby>,
    ) -> Option<Match> {
        let untold = layout.needs == Needs::Word && nearby.as_ref().is_some_and(Nearby::is_silent);
        if untold || !layout.fits(groups.digits, groups.separators) {
            return None;
        }
        let edge = edge.max(Edge::behind(self.value, groups.end));
        let whole = groups.start == 0 && groups.end == self.value.len();
        let stands = edge == Edge::Free && !self.is_id() && groups.reads_alone(layout, whole);
        let alone = match layout.needs {
            Needs::Nothing => stands && !self.continues(layout, groups),
            Needs::Whole => stands && whole,
            Needs::Word => false,
        };
        if edge == Edge::Inside || (!alone && whole && self.name().is_none()) {
            return None;
        }
        // A check costs less than reading words, where not many layouts share the form.
        let checked = layout.needs != Needs::Word;
        if checked && !(layout.row.check)(groups.text()) {
            return None;
        }
        let nearby = nearby.get_or_insert_with(|| self.nearby(groups.start, groups.end));
        let rank = nearby.rank(layout.row.class);
        // Nobody writes the number of a lot as a card's is printed.
        let printed = layout.groups > 1 && layout.row.class == DataClass::PAN;
        let tells = rank.is_some() || (alone && (printed || !nearby.vetoed));
        if !tells || !(checked || (layout.row.check)(groups.text())) {
            return None;
        }
        let confidence = if rank.is_some() {
            layout.row.told
        } else {
            layout.row.alone
        };
        Some(Match {
            class: layout.row.class,
            start: groups.start,
            end: groups.end,
            confidence,
            rank,
            detector: if rank.is_some() {
                "number and word"
            } else {
                "number"
            },
        })
    }

    /// What the words tell that stand around a number.
    fn nearby(&self, start: usize, end: usize) -> Nearby {
        if self.signs.are_none_about(start) {
            Nearby::silent(self.name())
        } else {
            Nearby::read(self.name(), self.value, start, end)
        }
    }

    /// The class of the value's name, which did not decide alone.
    fn name(&self) -> Option<DataClass> {
        self.key.data_class()
    }

    /// Whether the name says that this is the number of a record or a thing.
    fn is_id(&self) -> bool {
        matches!(self.key, KeyClass::Veto | KeyClass::Id)
    }

    /// Whether the whole value is the digits of a record's or a thing's number, or of an instant: no
    /// word stands beside them, and no layout counts without one under such a name.
    fn is_bare_id(&self) -> bool {
        self.is_id()
            && self.value.len() < WALLET_BYTES_MIN
            && self.value.iter().all(u8::is_ascii_digit)
    }

    /// Whether more groups follow or precede than the layout has: `1 234 567 890 123`.
    fn continues(&self, layout: &Layout, groups: &Groups) -> bool {
        let spaced = layout.groups > 1 && groups.separators.first() == Some(&b' ');
        let follows = byte(self.value, groups.end) == b' '
            && byte(self.value, groups.end + 1).is_ascii_digit();
        let precedes = before(self.value, groups.start, 1) == b' '
            && before(self.value, groups.start, 2).is_ascii_digit();
        spaced && layout.row.class != DataClass::PAN && (follows || precedes)
    }
}

/// How a number meets what stands beside it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Edge {
    /// As a word of its own.
    Free,
    /// As part of a path or the like: only a word can tell it.
    Joined,
    /// As part of something longer.
    Inside,
}

impl Edge {
    fn before(value: &[u8], start: usize) -> Self {
        let second = before(value, start, 2);
        match before(value, start, 1) {
            b'-' if second.is_ascii_alphanumeric() => Self::Inside,
            b'.' if second.is_ascii_digit() => Self::Inside,
            b'_' | b'$' | b'@' | b'%' | b'+' | b'~' | b'\\' => Self::Inside,
            b'/' | b'#' => Self::Joined,
            _ => Self::Free,
        }
    }

    fn behind(value: &[u8], end: usize) -> Self {
        let second = byte(value, end + 1);
        match byte(value, end) {
            b'-' | b'.' | b':' | b'+' if second.is_ascii_alphanumeric() => Self::Inside,
            b'_' | b'@' | b'%' | b'\\' => Self::Inside,
            b'=' | b'/' => Self::Joined,
            _ => Self::Free,
        }
    }
}

/// The groups of a candidate, and its text without what separates them.
struct Groups {
    text: [u8; TEXT_BYTES_MAX],
    length: usize,
    digits: u32,
    separators: Separators,
    count: usize,
    start: usize,
    end: usize,
    lower: bool,
    upper: bool,
}

impl Groups {
    fn new(start: usize) -> Self {
        Self {
            text: [0; TEXT_BYTES_MAX],
            length: 0,
            digits: 0,
            separators: [0; GROUPS_MAX],
            count: 0,
            start,
            end: start,
            lower: false,
            upper: false,
        }
    }

    /// Adds the group that starts at the end; none if it is too long. Its length.
    fn push(&mut self, value: &[u8]) -> Option<usize> {
        let from = self.length;
        for letter in value.get(self.end..).unwrap_or_default() {
            let capital = capital(*letter);
            if capital == 0 {
                break;
            }
            *self.text.get_mut(self.length)? = capital;
            let digit = capital <= b'9';
            self.digits |= u32::from(digit) << self.length;
            self.lower |= capital != *letter;
            self.upper |= capital == *letter && !digit;
            self.length += 1;
        }
        self.count += 1;
        self.end += self.length - from;
        Some(self.length - from)
    }

    /// Passes one separator, if another group stands behind it.
    fn separate(&mut self, value: &[u8]) -> bool {
        let separator = byte(value, self.end);
        let joins = matches!(separator, b' ' | b'-' | b'.' | b'/')
            && byte(value, self.end + 1).is_ascii_alphanumeric();
        let slot = self.separators.get_mut(self.count - 1).filter(|_| joins);
        let Some(slot) = slot.filter(|_| self.count < GROUPS_MAX) else {
            return false;
        };
        *slot = separator;
        self.end += 1;
        true
    }

    fn text(&self) -> &[u8] {
        self.text.get(..self.length).unwrap_or_default()
    }

    /// Whether the letters are written as those of an identifier: capitals, or small ones where the
    /// groups or the ends of the value set it apart.
    fn reads_alone(&self, layout: &Layout, whole: bool) -> bool {
        !self.lower || (!self.upper && (whole || layout.groups > 1))
    }
}

/// A whole value without its separators.
struct Plain {
    text: [u8; TEXT_BYTES_MAX],
    length: usize,
    digits: u32,
}

impl Plain {
    fn of(value: &[u8]) -> Option<Self> {
        let mut plain = Self {
            text: [0; TEXT_BYTES_MAX],
            length: 0,
            digits: 0,
        };
        for letter in value {
            match letter {
                b' ' | b'-' | b'.' | b'/' => {}
                _ if letter.is_ascii_alphanumeric() => {
                    *plain.text.get_mut(plain.length)? = letter.to_ascii_uppercase();
                    plain.digits |= u32::from(letter.is_ascii_digit()) << plain.length;
                    plain.length += 1;
                }
                _ => return None,
            }
        }
        Some(plain)
    }

    fn text(&self) -> &[u8] {
        self.text.get(..self.length).unwrap_or_default()
    }
}

/// Whether the value is an instant, a UUID or a hash in hexadecimal: by far the most values with so
/// many digits, and known by a few bytes.
fn is_plain(value: &[u8]) -> bool {
    let at = |place| byte(value, place);
    match value.len() {
        ..TEXT_BYTES_MIN => true,
        36 if at(8) == b'-' && at(13) == b'-' && at(18) == b'-' && at(23) == b'-' => true,
        10..=35 if at(4) == b'-' && at(7) == b'-' => {
            value
                .first_chunk::<4>()
                .is_some_and(|year| year.iter().all(u8::is_ascii_digit))
                && matches!(at(10), 0 | b'T' | b't' | b' ')
        }
        32 | 40 | 64 | 128 => value
            .iter()
            .all(|letter| letter.is_ascii_digit() || matches!(letter, b'a'..=b'f')),
        _ => false,
    }
}

/// How many letters and digits end at `end`, not before `floor`.
fn back(value: &[u8], floor: usize, end: usize) -> usize {
    value
        .get(floor..end)
        .unwrap_or_default()
        .iter()
        .rev()
        .take(RUN_BYTES_MAX)
        .take_while(|letter| capital(**letter) != 0)
        .count()
}

/// How many letters and digits start at `start`.
fn run(value: &[u8], start: usize) -> usize {
    value
        .get(start..)
        .unwrap_or_default()
        .iter()
        .take_while(|letter| capital(**letter) != 0)
        .count()
}

/// A letter as a capital, a digit as it is, and nothing for other bytes.
#[inline]
fn capital(byte: u8) -> u8 {
    CAPITAL.get(usize::from(byte)).copied().unwrap_or(0)
}

static CAPITAL: [u8; 256] = capitals();

#[expect(
    clippy::indexing_slicing,
    reason = "runs when compiled: out of bounds is a build error"
)]
const fn capitals() -> [u8; 256] {
    let mut capitals = [0; 256];
    let mut byte = 0u8;
    while byte < 128 {
        if byte.is_ascii_alphanumeric() {
            capitals[byte as usize] = byte.to_ascii_uppercase();
        }
        byte += 1;
    }
    capitals
}

#[cfg(test)]
mod tests;
