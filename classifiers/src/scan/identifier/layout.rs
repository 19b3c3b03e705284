//! How numbers are printed, compiled into a tree by the lengths of their groups.
//!
//! A layout is written as it looks: `9` for a digit, `A` for a letter, `*` for either; between the
//! groups a space, `-`, `.` or `/` for itself, `_` for a space or a hyphen, one kind throughout.
//! Walking the tree while groups are read ends as soon as no layout goes on, so that a candidate
//! costs little more than its own bytes.

use std::ops::Range;
use std::sync::LazyLock;

use super::rows::{ROWS, Row};

/// Most characters of a layout without separators.
pub(super) const TEXT_BYTES_MAX: usize = 24;
/// Most groups of a layout.
pub(super) const GROUPS_MAX: usize = 8;

/// The separators behind each group.
pub(super) type Separators = [u8; GROUPS_MAX];

/// What a layout needs to count without a word that tells.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Needs {
    /// Nothing.
    Nothing,
    /// To be the whole value.
    Whole,
    /// A word.
    Word,
}

/// One layout of one row.
pub(super) struct Layout {
    pub(super) row: &'static Row,
    pub(super) needs: Needs,
    pub(super) groups: usize,
    length: usize,
    /// What stands between the groups, as bytes of a word, and of which places that is the rule.
    separators: u64,
    exact: u64,
    /// The places of which the first separator is the rule.
    alike: u64,
    /// Places that must be digits, and that must be letters: a bit each, the first lowest.
    digits: u32,
    letters: u32,
}

impl Layout {
    fn read(row: &'static Row, form: &str, needs: Needs) -> (Self, Vec<usize>) {
        let mut lengths = vec![0];
        let mut layout = Self {
            row,
            needs,
            groups: 1,
            length: 0,
            separators: 0,
            exact: 0,
            alike: 0,
            digits: 0,
            letters: 0,
        };
        for byte in form.bytes() {
            let place = 1 << layout.length;
            match byte {
                b'9' => layout.digits |= place,
                b'A' => layout.letters |= place,
                b'*' => {}
                _ => {
                    let shift = 8 * (layout.groups - 1);
                    if byte == b'_' {
                        layout.alike |= 0xFF << shift;
                    } else {
                        layout.exact |= 0xFF << shift;
                        layout.separators |= u64::from(byte) << shift;
                    }
                    layout.groups += 1;
                    lengths.push(0);
                    continue;
                }
            }
            layout.length += 1;
            if let Some(last) = lengths.last_mut() {
                *last += 1;
            }
        }
        (layout, lengths)
    }

    /// Whether the groups are separated as this layout has it, and digits and letters are in place.
    pub(super) fn fits(&self, digits: u32, separators: Separators) -> bool {
        const EACH: u64 = 0x0101_0101_0101_0101;
        let found = u64::from_le_bytes(separators);
        let [first, ..] = separators;
        self.in_place(digits)
            && (found ^ self.separators) & self.exact == 0
            && (self.alike == 0
                || matches!(first, b' ' | b'-')
                    && (found ^ EACH.wrapping_mul(u64::from(first))) & self.alike == 0)
    }

    /// Whether a text without separators fits.
    pub(super) fn fits_plain(&self, length: usize, digits: u32) -> bool {
        length == self.length && self.in_place(digits)
    }

    fn in_place(&self, digits: u32) -> bool {
        digits & self.digits == self.digits && digits & self.letters == 0
    }
}

/// Where the layouts lead whose first groups have the same lengths.
struct Node {
    /// The next node by the length of the next group; 0 for none.
    next: [u16; TEXT_BYTES_MAX + 1],
    /// The layouts that end here.
    layouts: Range<usize>,
}

/// Layouts, by the lengths of their groups.
pub(super) struct Tree {
    nodes: Vec<Node>,
    layouts: Vec<Layout>,
}

/// The root of the tree.
pub(super) const ROOT: usize = 0;

pub(super) static TREE: LazyLock<Tree> = LazyLock::new(|| Tree::grow(|_| true));

/// The layouts that may count where no word tells.
pub(super) static ALONE: LazyLock<Tree> =
    LazyLock::new(|| Tree::grow(|needs| needs != Needs::Word));

impl Tree {
    fn grow(takes: impl Fn(Needs) -> bool) -> Self {
        let mut tree = Self {
            nodes: vec![Node::leaf()],
            layouts: Vec::new(),
        };
        let mut ended = Vec::new();
        for row in ROWS.iter().copied().flatten() {
            let forms = [
                (row.strong, Needs::Nothing),
                (row.whole, Needs::Whole),
                (row.weak, Needs::Word),
            ];
            for (forms, needs) in forms.into_iter().filter(|(_, needs)| takes(*needs)) {
                for form in forms {
                    let (layout, lengths) = Layout::read(row, form, needs);
                    let node = lengths
                        .iter()
                        .fold(ROOT, |node, length| tree.branch(node, *length));
                    ended.push((node, layout));
                }
            }
        }
        ended.sort_by_key(|(node, _)| *node);
        for (node, layout) in ended {
            let end = tree.layouts.len() + 1;
            if let Some(node) = tree.nodes.get_mut(node) {
                if node.layouts.is_empty() {
                    node.layouts = end - 1..end;
                }
                node.layouts.end = end;
            }
            tree.layouts.push(layout);
        }
        tree
    }

    fn branch(&mut self, node: usize, length: usize) -> usize {
        if let Some(next) = self.step(node, length) {
            return next;
        }
        let new = self.nodes.len();
        let slot = self
            .nodes
            .get_mut(node)
            .and_then(|node| node.next.get_mut(length));
        if let (Some(slot), Ok(number)) = (slot, u16::try_from(new)) {
            *slot = number;
        }
        self.nodes.push(Node::leaf());
        new
    }

    /// The node behind a group of this length.
    pub(super) fn step(&self, node: usize, length: usize) -> Option<usize> {
        let next = *self.nodes.get(node)?.next.get(length)?;
        (next > 0).then_some(usize::from(next))
    }

    /// The layouts that end at a node.
    pub(super) fn ending(&self, node: usize) -> &[Layout] {
        self.nodes
            .get(node)
            .and_then(|node| self.layouts.get(node.layouts.clone()))
            .unwrap_or_default()
    }

    /// Every layout.
    pub(super) fn all(&self) -> &[Layout] {
        &self.layouts
    }
}

impl Node {
    const fn leaf() -> Self {
        Self {
            next: [0; TEXT_BYTES_MAX + 1],
            layouts: 0..0,
        }
    }
}
