//! Where names led when they were last seen: a document repeats its few members record by record.
//!
//! What a member means depends on its name and on the context around it, and both are mostly known.
//! So contexts are numbered, and a step from one by a name to another is kept whole: taking it again
//! costs the comparison of the name, since the step that followed the last one is tried first.

use std::hash::{Hash, Hasher};

use super::KeyCache;
use super::cache::{KEPT_BYTES_MAX, Packed};
use super::fold::Fold;
use crate::context::Context;
use crate::declared::Place;
use crate::media::json::AHEAD_BYTES;
use crate::scan;

/// Contexts that are numbered; a power of two. Others are carried along.
const CONTEXTS_MAX: usize = 256;
/// Steps that are kept; a power of two.
const STEPS_KEPT: usize = 512;
/// What values told that is kept; a power of two.
const HEARD_KEPT: usize = 64;
/// The number of a context that has none.
const OWN: u16 = u16::MAX;
/// The number of [`Context::ROOT`]: the outermost array of a document leads to its every member.
const ROOT: u16 = 0;
/// The number of no context, from which no step leads.
const NOWHERE: u16 = OWN - 1;

const _: () = assert!(AHEAD_BYTES == KEPT_BYTES_MAX);

/// A place in a document, as far as its context is known by number.
///
/// Like a [`Context`], but cheap to move by names seen before. All spots of one document, and the
/// cache they were made with, belong together.
#[derive(Clone, Copy, Debug)]
pub struct Spot {
    id: u16,
    traits: Traits,
    /// The context, if it has no number.
    own: Context,
}

/// What is asked most often of a context.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Traits(u8);

impl Traits {
    /// Nothing is told of the value, and it tells nothing of its siblings.
    const QUIET: u8 = 1;
    /// Nothing hides in the name.
    const CLEAN: u8 = 2;
    /// The elements of an array here have the same context.
    const ALONE: u8 = 4;
    /// Nothing is told of the value.
    const UNTOLD: u8 = 8;
    /// An object here is a FHIR Identifier.
    const IDENTIFIER: u8 = 16;

    /// The traits of a context. Where an operator's detectors look, even the blandest value may be
    /// what they are there for.
    fn of(context: &Context, operated: bool) -> Self {
        let untold = !operated && scan::is_untold(context);
        let quiet = untold && !context.is_discriminator();
        let clean = context.is_name_clean();
        let alone = context.element() == *context;
        let traits = [
            (quiet, Self::QUIET),
            (clean, Self::CLEAN),
            (alone, Self::ALONE),
            (untold, Self::UNTOLD),
            (context.is_identifier(), Self::IDENTIFIER),
        ];
        let traits = traits.into_iter().filter(|(holds, _)| *holds);
        Self(traits.fold(0, |all, (_, one)| all | one))
    }
}

/// A member name, packed to be compared.
#[derive(Clone, Copy)]
pub struct Name<'a> {
    text: &'a [u8],
    packed: Option<Packed>,
}

impl<'a> Name<'a> {
    /// The name, as meant.
    #[inline]
    pub fn of(text: &'a [u8]) -> Self {
        Self {
            text,
            packed: Packed::of(text),
        }
    }
}

impl Spot {
    /// A document's outermost value.
    pub fn root() -> Self {
        Self {
            id: ROOT,
            traits: Traits::of(&Context::ROOT, false),
            own: Context::ROOT,
        }
    }

    /// The outermost value of a body that the API's owner has described; the root, if the cache is for
    /// no such API.
    pub fn declared(place: Place, cache: &mut KeyCache) -> Self {
        let context = cache
            .declarations()
            .map_or(Context::ROOT, |declared| Context::declared(place, declared));
        Self::root().changed(context, cache)
    }

    /// The outermost value of a document that stands at a place with this context.
    pub fn at(context: Context, cache: &mut KeyCache) -> Self {
        Self::root().changed(context, cache)
    }

    /// The context here.
    #[inline]
    pub fn context<'a>(&'a self, cache: &'a KeyCache) -> &'a Context {
        cache.steps.context(self)
    }

    /// Whether a value here holds only what [`crate::classify_value`] finds by its look, and tells
    /// nothing of its siblings.
    #[inline]
    pub fn is_quiet(&self) -> bool {
        self.traits.0 & Traits::QUIET != 0
    }

    /// Whether a value here holds only what [`crate::classify_value`] finds by its look.
    #[inline]
    pub fn is_untold(&self) -> bool {
        self.traits.0 & Traits::UNTOLD != 0
    }

    /// See [`Context::is_name_clean`].
    #[inline]
    pub fn is_name_clean(&self) -> bool {
        self.traits.0 & Traits::CLEAN != 0
    }

    /// See [`Context::begin`].
    #[inline]
    pub fn begin(&self, cache: &mut KeyCache) {
        if self.traits.0 & Traits::IDENTIFIER != 0 {
            self.begin_identifier(cache);
        }
    }

    #[cold]
    fn begin_identifier(&self, cache: &mut KeyCache) {
        let context = *self.context(cache);
        context.begin(cache);
    }

    /// Makes `child` the place of the member `name` of the object that is here.
    #[inline]
    pub fn move_to(&self, child: &mut Self, name: &Name<'_>, cache: &mut KeyCache) {
        if let Some(packed) = &name.packed
            && let Some((id, traits)) = cache.steps.foresee(self.id, packed)
        {
            child.id = id;
            child.traits = traits;
            return;
        }
        self.search(child, name, cache);
    }

    /// Makes `child` the place of the member whose name is the first `length` bytes of `ahead`, if
    /// this name followed the last one before, and nothing hides in it.
    #[inline(always)]
    #[expect(
        clippy::inline_always,
        reason = "done for every name, and with vectors only where it is part of the lane"
    )]
    pub fn foresees(
        &self,
        child: &mut Self,
        length: usize,
        ahead: &[u8; AHEAD_BYTES],
        cache: &mut KeyCache,
    ) -> bool {
        let Some((id, traits)) = cache.steps.foresee_ahead(self.id, length, ahead) else {
            return false;
        };
        child.id = id;
        child.traits = traits;
        true
    }

    /// The place of the elements of the array that is here.
    #[must_use]
    #[inline]
    pub fn element(&self, cache: &mut KeyCache) -> Self {
        if self.traits.0 & Traits::ALONE != 0 {
            let mut element = *self;
            if cache.operator().is_some() {
                // A document's outermost array is entered without a name.
                element.traits = Traits::of(self.context(cache), true);
            }
            return element;
        }
        // What siblings said is known only of objects and what stands in them.
        let context = self.context(cache).element();
        self.changed(context, cache)
    }

    /// See [`Context::observe`].
    pub fn observe(&mut self, member: &Self, value: &[u8], cache: &mut KeyCache) {
        let telling = Telling::of(self.id, member.id, value);
        if let Some(telling) = &telling
            && let Some((id, traits)) = cache.steps.heard(telling)
        {
            if id != self.id {
                (self.id, self.traits) = (id, traits);
            }
            return;
        }
        let (here, said) = (*self.context(cache), *member.context(cache));
        if !said.says_nothing(value) {
            let mut context = here;
            context.observe(&said, value, cache);
            *self = self.changed(context, cache);
        }
        if let Some(telling) = telling.filter(|_| said.is_heard_alone()) {
            cache.steps.hear(telling, self.id, self.traits);
        }
    }

    /// Whether [`Spot::observe`] is known to change nothing for the value that is the first `length`
    /// bytes of `ahead`.
    #[inline(always)]
    #[expect(
        clippy::inline_always,
        reason = "done for many values, and with vectors only where it is part of the lane"
    )]
    pub fn has_heard(
        &self,
        member: &Self,
        length: usize,
        ahead: &[u8; AHEAD_BYTES],
        cache: &KeyCache,
    ) -> bool {
        let Some(value) = Packed::ahead(length, ahead) else {
            return false;
        };
        let telling = Telling {
            value,
            from: self.id,
            member: member.id,
        };
        let heard = cache.steps.heard(&telling);
        // What has no number was never kept.
        heard.is_some_and(|(to, _)| to == self.id)
    }

    /// Here, with another context.
    fn changed(&self, context: Context, cache: &mut KeyCache) -> Self {
        if *self.context(cache) == context {
            return *self;
        }
        Self {
            id: cache.steps.number(&context).unwrap_or(OWN),
            traits: Traits::of(&context, cache.operator().is_some()),
            own: context,
        }
    }

    /// Takes a step that was not foreseen.
    #[inline(never)]
    fn search(&self, child: &mut Self, name: &Name<'_>, cache: &mut KeyCache) {
        let packed = name.packed.filter(|_| self.id != OWN);
        if let Some(packed) = &packed
            && let Some((id, traits)) = cache.steps.recall(self.id, packed)
        {
            child.id = id;
            child.traits = traits;
            return;
        }
        self.learn(child, name, packed, cache);
    }

    #[cold]
    fn learn(
        &self,
        child: &mut Self,
        name: &Name<'_>,
        packed: Option<Packed>,
        cache: &mut KeyCache,
    ) {
        let context = *self.context(cache);
        let context = context.member(name.text, cache);
        let traits = Traits::of(&context, cache.operator().is_some());
        let id = cache.steps.number(&context);
        *child = Self {
            id: id.unwrap_or(OWN),
            traits,
            own: context,
        };
        // Names in which something hides are looked at each time. One that means a backslash is
        // written in another way; what is written like it means something else, or nothing.
        let is_plain = child.is_name_clean() && !name.text.contains(&b'\\');
        if let (Some(text), Some(to)) = (packed.filter(|_| is_plain), id) {
            cache.steps.keep(Step {
                text,
                from: self.id,
                to,
                next: 0,
                before: 0,
                traits,
            });
        }
    }
}

/// What a member tells the object around it.
#[derive(Clone, Copy)]
struct Telling {
    value: Packed,
    from: u16,
    member: u16,
}

/// What was told, and where that led.
#[derive(Clone, Copy)]
struct Heard {
    telling: Telling,
    to: u16,
    traits: Traits,
}

impl Telling {
    /// What a short value tells, if the contexts of the object and of the member have a number.
    #[inline]
    fn of(from: u16, member: u16, value: &[u8]) -> Option<Self> {
        let value = Packed::of(value).filter(|_| from != OWN && member != OWN)?;
        Some(Self {
            value,
            from,
            member,
        })
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

/// From one context by a name to another.
#[derive(Clone, Copy)]
struct Step {
    text: Packed,
    from: u16,
    to: u16,
    /// The step that was taken after this one last time, and the time before.
    next: u16,
    before: u16,
    traits: Traits,
}

impl Step {
    #[inline(always)]
    #[expect(
        clippy::inline_always,
        reason = "done for every name, and with vectors only where it is part of the lane"
    )]
    fn is(&self, from: u16, length: usize, ahead: &[u8; AHEAD_BYTES]) -> bool {
        self.from == from && self.text.leads(length, ahead)
    }
}

/// The steps that were taken, and the contexts they lead to.
pub(super) struct Steps {
    contexts: Vec<Context>,
    /// For each hash of a context its number.
    numbers: Box<[u16]>,
    kept: Box<[Step]>,
    /// What values told last: a document says of its records that they are records one by one.
    heard: Box<[Heard]>,
    /// The step taken last.
    last: u16,
    /// The step that comes next if it comes as last time.
    next: u16,
}

impl Steps {
    pub(super) fn new() -> Self {
        let none = Step {
            text: Packed::default(),
            from: NOWHERE,
            to: OWN,
            next: 0,
            before: 0,
            traits: Traits::default(),
        };
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
            kept: vec![none; STEPS_KEPT].into_boxed_slice(),
            heard: vec![nothing; HEARD_KEPT].into_boxed_slice(),
            last: 0,
            next: 0,
        };
        let root = steps.number(&Context::ROOT);
        debug_assert_eq!(root, Some(ROOT));
        steps
    }

    /// Where this led when it was told last.
    #[inline]
    fn heard(&self, telling: &Telling) -> Option<(u16, Traits)> {
        let known = self.heard.get(telling.place())?;
        known
            .telling
            .is(telling)
            .then_some((known.to, known.traits))
    }

    /// Keeps where it led, if that has a number.
    fn hear(&mut self, telling: Telling, to: u16, traits: Traits) {
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
    pub(super) fn is_full(&self) -> bool {
        self.contexts.len() >= CONTEXTS_MAX
    }

    #[inline]
    fn context<'a>(&'a self, spot: &'a Spot) -> &'a Context {
        self.contexts.get(usize::from(spot.id)).unwrap_or(&spot.own)
    }

    /// The number of this context, if it has or gets one.
    fn number(&mut self, context: &Context) -> Option<u16> {
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

    /// Takes the step that comes next if it comes as last time.
    #[inline]
    fn foresee(&mut self, from: u16, text: &Packed) -> Option<(u16, Traits)> {
        let step = self.kept.get(usize::from(self.next))?;
        if step.from != from || !step.text.is(text) {
            return None;
        }
        self.last = self.next;
        self.next = step.next;
        Some((step.to, step.traits))
    }

    /// The same for a text whose bytes are the first of `ahead`, if nothing hides in it.
    #[inline(always)]
    #[expect(
        clippy::inline_always,
        reason = "done for every name, and with vectors only where it is part of the lane"
    )]
    fn foresee_ahead(
        &mut self,
        from: u16,
        length: usize,
        ahead: &[u8; AHEAD_BYTES],
    ) -> Option<(u16, Traits)> {
        let found = self.next;
        let step = self.kept.get(usize::from(found))?;
        if !step.is(from, length, ahead) {
            return self.second_guess(from, length, ahead);
        }
        self.last = found;
        self.next = step.next;
        Some((step.to, step.traits))
    }

    /// Whether it comes as the time before last: behind the last element of an array, or the last
    /// but one.
    #[inline(never)]
    fn second_guess(
        &mut self,
        from: u16,
        length: usize,
        ahead: &[u8; AHEAD_BYTES],
    ) -> Option<(u16, Traits)> {
        let found = self.kept.get(usize::from(self.last))?.before;
        let step = self.kept.get(usize::from(found))?;
        if !step.is(from, length, ahead) {
            return None;
        }
        let told = (step.to, step.traits);
        self.follow(usize::from(found));
        Some(told)
    }

    /// Takes a step by where its kind is kept, and remembers that it followed the last.
    fn recall(&mut self, from: u16, text: &Packed) -> Option<(u16, Traits)> {
        let place = self.place(from, text);
        let found = (place..place + 2).find(|at| {
            self.kept
                .get(*at)
                .is_some_and(|step| step.from == from && step.text.is(text))
        })?;
        self.follow(found);
        self.kept.get(found).map(|step| (step.to, step.traits))
    }

    /// Keeps a step. Of a pair, the one seen longer ago goes.
    fn keep(&mut self, step: Step) {
        let place = self.place(step.from, &step.text);
        if let Some([first, second, ..]) = self.kept.get_mut(place..) {
            *second = *first;
            *first = step;
        }
        self.follow(place);
    }

    fn follow(&mut self, found: usize) {
        let found = u16::try_from(found).unwrap_or_default();
        if let Some(last) = self.kept.get_mut(usize::from(self.last)) {
            last.before = last.next;
            last.next = found;
        }
        self.last = found;
        self.next = self
            .kept
            .get(usize::from(found))
            .map_or(0, |step| step.next);
    }

    /// Where the pair begins that may hold this step.
    #[inline]
    fn place(&self, from: u16, text: &Packed) -> usize {
        (text.hash() ^ usize::from(from).wrapping_mul(0x9E37_79B1)) & (self.kept.len() - 2)
    }
}
