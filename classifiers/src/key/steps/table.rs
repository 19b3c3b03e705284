//! The steps and contexts that are kept, by number.

use std::hash::{Hash, Hasher};

use super::super::cache::Packed;
use super::super::fold::Fold;
use super::super::written::Written;
use super::{Spot, Traits};
use crate::context::Context;
use crate::media::json::AHEAD_BYTES;

/// Contexts that are numbered; a power of two. Others are carried along.
const CONTEXTS_MAX: usize = 256;
/// Steps that are kept; a power of two.
const STEPS_KEPT: usize = 512;
/// What values told that is kept; a power of two.
const HEARD_KEPT: usize = 64;
/// The number of a context that has none.
pub(super) const OWN: u16 = u16::MAX;
/// The number of [`Context::ROOT`]: the outermost array of a document leads to its every member.
pub(super) const ROOT: u16 = 0;
/// The number of no context, from which no step leads.
const NOWHERE: u16 = OWN - 1;
/// Where what follows the root is kept, to which no step leads.
pub(super) const BEGIN: u16 = 0;

/// What is known of a [`Spot`] whose context has a number, in one machine word.
#[derive(Clone, Copy, Debug)]
#[repr(align(8))]
pub struct Mark {
    pub(super) id: u16,
    /// The step that led here: a hint, which tells what may come next.
    pub(super) step: u16,
    pub(super) traits: Traits,
}

/// What a member tells the object around it.
#[derive(Clone, Copy)]
pub(super) struct Telling {
    value: Packed,
    from: u16,
    member: u16,
}

/// What was told, and where that led.
#[derive(Clone, Copy)]
pub(super) struct Heard {
    pub(super) telling: Telling,
    pub(super) to: u16,
    pub(super) traits: Traits,
}

impl Telling {
    /// What a short value tells, if the contexts of the object and of the member have a number.
    #[inline]
    pub(super) fn of(from: u16, member: u16, value: &[u8]) -> Option<Self> {
        let value = Packed::of(value).filter(|_| from != OWN && member != OWN)?;
        Some(Self {
            value,
            from,
            member,
        })
    }

    /// Whether it is told there with the first `length` of these bytes.
    #[inline(always)]
    #[expect(
        clippy::inline_always,
        reason = "done for many values, and with vectors only where it is part of the lane"
    )]
    pub(super) fn is_said(
        &self,
        from: u16,
        member: u16,
        length: usize,
        ahead: &[u8; AHEAD_BYTES],
    ) -> bool {
        self.from == from && self.member == member && self.value.leads(length, ahead)
    }

    #[inline]
    fn is(&self, other: &Self) -> bool {
        self.from == other.from && self.member == other.member && self.value.is(&other.value)
    }

    #[inline]
    fn place(&self) -> usize {
        let contexts = usize::from(self.from) << 4 ^ usize::from(self.member);
        (self.value.hash() ^ contexts.wrapping_mul(0x9E37_79B1)) & (HEARD_KEPT - 1)
    }
}

/// From one context by a name to another. What followed are numbers of steps: hints, since others may
/// have come to their places.
#[derive(Clone, Copy)]
pub(super) struct Step {
    pub(super) name: Written,
    pub(super) to: Mark,
    pub(super) from: u16,
    /// The first member of the last object that stood here.
    pub(super) first: u16,
    /// The member that followed this one last time, and another that did before.
    pub(super) next: u16,
    pub(super) before: u16,
    /// Where it is kept what the value here told last, and before.
    pub(super) said: [u16; 2],
}

impl Step {
    pub(super) fn new(name: Written, from: u16, to: Mark) -> Self {
        Self {
            name,
            to,
            from,
            first: 0,
            next: 0,
            before: 0,
            said: [0; 2],
        }
    }
}

/// The steps that were taken, and the contexts they lead to.
pub(in crate::key) struct Steps {
    contexts: Vec<Context>,
    /// For each hash of a context its number.
    numbers: Box<[u16]>,
    kept: Box<[Step; STEPS_KEPT]>,
    /// What values told last: a document says of its records that they are records one by one.
    heard: Box<[Heard; HEARD_KEPT]>,
}

impl Steps {
    #[expect(clippy::large_stack_arrays, reason = "once for a cache, which is kept")]
    pub(in crate::key) fn new() -> Self {
        let nowhere = Mark {
            id: OWN,
            step: BEGIN,
            traits: Traits::default(),
        };
        let none = Step::new(Written::default(), NOWHERE, nowhere);
        let nothing = Heard {
            telling: Telling {
                value: Packed::default(),
                from: NOWHERE,
                member: NOWHERE,
            },
            to: OWN,
            traits: Traits::default(),
        };
        let mut steps = Self {
            contexts: Vec::new(),
            numbers: vec![OWN; 2 * CONTEXTS_MAX].into_boxed_slice(),
            kept: Box::new([none; STEPS_KEPT]),
            heard: Box::new([nothing; HEARD_KEPT]),
        };
        let root = steps.number(&Context::ROOT);
        debug_assert_eq!(root, Some(ROOT));
        steps
    }

    /// Where this led when it was told last.
    #[inline]
    pub(super) fn heard(&self, telling: &Telling) -> Option<(u16, Traits)> {
        let known = self.heard.get(telling.place())?;
        known
            .telling
            .is(telling)
            .then_some((known.to, known.traits))
    }

    /// Keeps where it led, if that has a number.
    pub(super) fn hear(&mut self, telling: Telling, to: u16, traits: Traits) {
        let place = telling.place();
        if let Some(slot) = self.heard.get_mut(place).filter(|_| to != OWN) {
            *slot = Heard {
                telling,
                to,
                traits,
            };
        }
    }

    /// Whether no further context gets a number, so that places new to it are slow from now on.
    pub(in crate::key) fn is_full(&self) -> bool {
        self.contexts.len() >= CONTEXTS_MAX
    }

    #[inline]
    pub(super) fn context<'a>(&'a self, spot: &'a Spot) -> &'a Context {
        self.contexts
            .get(usize::from(spot.mark.id))
            .unwrap_or(&spot.own)
    }

    /// The number of this context, if it has or gets one.
    pub(super) fn number(&mut self, context: &Context) -> Option<u16> {
        let mut fold = Fold::default();
        context.hash(&mut fold);
        let places = self.numbers.len();
        let first = usize::try_from(fold.finish()).unwrap_or_default();
        for probe in 0..places {
            let place = (first + probe) % places;
            let slot = self.numbers.get_mut(place)?;
            match self.contexts.get(usize::from(*slot)) {
                Some(known) if known == context => return Some(*slot),
                Some(_) => {}
                None if self.contexts.len() < CONTEXTS_MAX => {
                    *slot = u16::try_from(self.contexts.len()).ok()?;
                    self.contexts.push(*context);
                    return Some(*slot);
                }
                None => return None,
            }
        }
        None
    }

    /// The step with this number.
    #[inline(always)]
    #[expect(
        clippy::inline_always,
        reason = "done for every name, and with vectors only where it is part of the lane"
    )]
    pub(super) fn step(&self, number: u16) -> Option<&Step> {
        // Every number is within the table; this way it is also seen to be.
        self.kept.get(usize::from(number) % STEPS_KEPT)
    }

    /// What is kept here of what was told.
    #[inline(always)]
    #[expect(
        clippy::inline_always,
        reason = "done for many values, and with vectors only where it is part of the lane"
    )]
    pub(super) fn heard_at(&self, place: u16) -> Option<&Heard> {
        // Every place is within the table; this way it is also seen to be.
        self.heard.get(usize::from(place) % HEARD_KEPT)
    }

    /// Notes at the step that leads to a member where it is kept what that told.
    #[expect(
        clippy::cast_possible_truncation,
        reason = "a place below `HEARD_KEPT`"
    )]
    pub(super) fn hint(&mut self, step: u16, telling: &Telling) {
        if let Some(step) = self.kept.get_mut(usize::from(step)) {
            step.said = [telling.place() as u16, step.said[0]];
        }
    }

    /// Where this step leads, if it is kept.
    pub(super) fn find(&self, from: u16, name: &Written) -> Option<Mark> {
        let place = place(from, name);
        let found = |step: &&Step| step.from == from && step.name.is(name);
        [place, place | 1].into_iter().find_map(|number| {
            let step = self.step(number).filter(found)?;
            Some(Mark {
                step: number,
                ..step.to
            })
        })
    }

    /// Keeps a step, and returns where it leads. Of a pair, the one seen longer ago goes.
    pub(super) fn keep(&mut self, name: Written, from: u16, to: Mark) -> Mark {
        let place = place(from, &name);
        let to = Mark { step: place, ..to };
        if let Some([first, second, ..]) = self.kept.get_mut(usize::from(place)..) {
            *second = *first;
            second.to.step = place | 1;
            *first = Step::new(name, from, to);
        }
        to
    }

    /// Remembers that a step was taken behind the one to the member before; or as the first, if that
    /// is the one to the object itself.
    pub(super) fn link(&mut self, object: u16, last: u16, found: u16) {
        let Some(step) = self.kept.get_mut(usize::from(last)) else {
            return;
        };
        if last == object {
            step.first = found;
        } else {
            step.before = step.next;
            step.next = found;
        }
    }
}

/// Where the pair begins that may hold this step.
#[inline]
#[expect(
    clippy::cast_possible_truncation,
    reason = "a place below `STEPS_KEPT`"
)]
fn place(from: u16, name: &Written) -> u16 {
    let place = name.hash() ^ usize::from(from).wrapping_mul(0x9E37_79B1);
    // The first pair is that of the begin.
    (place & (STEPS_KEPT - 2)).max(2) as u16
}
