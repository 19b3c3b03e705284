//! Where names led when they were last seen: a document repeats its few members record by record.
//!
//! What a member means depends on its name and on the context around it, and both are mostly known.
//! So contexts are numbered, and a step from one by a name to another is kept whole: taking it again
//! costs the comparison of the name, since the step that followed the last one is tried first.

mod table;

use super::KeyCache;
use super::written::Written;
use crate::context::Context;
use crate::declared::Place;
use crate::media::json::AHEAD_BYTES;
use crate::scan;
pub use table::Mark;
pub(super) use table::Steps;
use table::{BEGIN, OWN, ROOT, Telling};

/// A place in a document, as far as its context is known by number.
///
/// Like a [`Context`], but cheap to move by names seen before. All spots of one document, and the
/// cache they were made with, belong together.
#[derive(Clone, Copy, Debug)]
pub struct Spot {
    mark: Mark,
    /// The context, if it has no number.
    own: Context,
}

/// What is asked most often of a context.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Traits(u8);

impl Traits {
    #[inline]
    fn has(self, trait_: u8) -> bool {
        self.0 & trait_ != 0
    }

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
    /// A value tells the same of its siblings whatever it is.
    const SAME: u8 = 32;

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
            (context.tells_by_itself(), Self::SAME),
        ];
        let traits = traits.into_iter().filter(|(holds, _)| *holds);
        Self(traits.fold(0, |all, (_, one)| all | one))
    }
}

/// A member name, brought to the form in which names are compared.
#[derive(Clone, Copy)]
pub struct Name<'a> {
    text: &'a [u8],
    written: Option<Written>,
}

impl<'a> Name<'a> {
    /// The name, as meant.
    #[inline]
    pub fn of(text: &'a [u8]) -> Self {
        Self {
            text,
            written: Written::of(text),
        }
    }
}

impl Spot {
    /// A document's outermost value.
    pub fn root() -> Self {
        Self {
            mark: Mark {
                id: ROOT,
                step: BEGIN,
                traits: Traits::of(&Context::ROOT, false),
            },
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
        self.mark.traits.has(Traits::QUIET)
    }

    /// Whether a value here holds only what [`crate::classify_value`] finds by its look.
    #[inline]
    pub fn is_untold(&self) -> bool {
        self.mark.traits.has(Traits::UNTOLD)
    }

    /// See [`Context::is_name_clean`].
    #[inline]
    pub fn is_name_clean(&self) -> bool {
        self.mark.traits.has(Traits::CLEAN)
    }

    /// See [`Context::begin`].
    #[inline]
    pub fn begin(&self, cache: &mut KeyCache) {
        if self.mark.traits.has(Traits::IDENTIFIER) {
            self.begin_identifier(cache);
        }
    }

    #[cold]
    fn begin_identifier(&self, cache: &mut KeyCache) {
        let context = *self.context(cache);
        context.begin(cache);
    }

    /// Makes this the same place as another. The context is copied only where it has no number.
    #[inline]
    pub fn set(&mut self, other: &Self) {
        self.mark = other.mark;
        if !other.is_numbered() {
            self.own = other.own;
        }
    }

    /// Whether [`Spot::mark`] is all there is to know of it.
    #[inline]
    pub fn is_numbered(&self) -> bool {
        self.mark.id != OWN
    }

    /// The place, if its context has a number.
    #[inline]
    pub fn mark(&self) -> Mark {
        self.mark
    }

    /// Makes this the place with this mark, whose context has a number.
    #[inline]
    pub fn return_to(&mut self, mark: Mark) {
        self.mark = mark;
    }

    /// Makes `child`, the place of the last member of the object that is here if there was one, that
    /// of the member `name`.
    #[inline]
    pub fn move_to(&self, child: &mut Self, name: &Name<'_>, cache: &mut KeyCache) {
        let written = name.written.filter(|_| self.mark.id != OWN);
        if let Some(written) = &written
            && let Some(mark) = cache.steps.find(self.mark.id, written)
        {
            cache.steps.link(self.mark.step, child.mark.step, mark.step);
            child.mark = mark;
            return;
        }
        self.learn(child, name.text, written, cache);
    }

    /// Makes `child` the place of the member whose name `written` begins with, if this name followed
    /// that of the last member before and nothing hides in it. Its length.
    #[inline(always)]
    #[expect(
        clippy::inline_always,
        reason = "done for every name, and with vectors only where it is part of the lane"
    )]
    pub fn foresees(
        &self,
        child: &mut Self,
        written: &[u8; AHEAD_BYTES],
        cache: &KeyCache,
    ) -> Option<usize> {
        let last = cache.steps.step(child.mark.step)?;
        let next = if child.mark.step == self.mark.step {
            last.first
        } else {
            last.next
        };
        match self.tries(child, next, written, cache) {
            None => self.second_guess(child, written, cache),
            length => length,
        }
    }

    /// Whether it comes as the time before last: behind a member that some objects have.
    #[cold]
    #[inline(never)]
    fn second_guess(
        &self,
        child: &mut Self,
        written: &[u8; AHEAD_BYTES],
        cache: &KeyCache,
    ) -> Option<usize> {
        let next = cache.steps.step(child.mark.step)?.before;
        self.tries(child, next, written, cache)
    }

    /// Takes this step if it leads from here by that name.
    #[inline(always)]
    #[expect(
        clippy::inline_always,
        reason = "done for every name, and with vectors only where it is part of the lane"
    )]
    fn tries(
        &self,
        child: &mut Self,
        next: u16,
        written: &[u8; AHEAD_BYTES],
        cache: &KeyCache,
    ) -> Option<usize> {
        let step = cache.steps.step(next)?;
        if step.from != self.mark.id || !step.name.begins(written) {
            return None;
        }
        child.mark = step.to;
        Some(step.name.length())
    }

    /// Makes `element` the place of the elements of the array that is here.
    #[inline]
    pub fn move_to_element(&self, element: &mut Self, cache: &mut KeyCache) {
        element.set(self);
        if self.mark.traits.has(Traits::ALONE) && cache.operator().is_none() {
            return;
        }
        self.find_element(element, cache);
    }

    #[inline(never)]
    fn find_element(&self, element: &mut Self, cache: &mut KeyCache) {
        if self.mark.traits.has(Traits::ALONE) {
            // A document's outermost array is entered without a name.
            element.mark.traits = Traits::of(self.context(cache), cache.operator().is_some());
        } else {
            // What siblings said is known only of objects and what stands in them.
            let context = self.context(cache).element();
            *element = self.changed(context, cache);
        }
    }

    /// See [`Context::observe`].
    pub fn observe(&mut self, member: &Self, value: &[u8], cache: &mut KeyCache) {
        let said = if member.mark.traits.has(Traits::SAME) {
            b""
        } else {
            value
        };
        let telling = Telling::of(self.mark.id, member.mark.id, said);
        if let Some(telling) = &telling
            && let Some((id, traits)) = cache.steps.heard(telling)
        {
            self.turn(id, traits);
            cache.steps.hint(member.mark.step, telling);
            return;
        }
        let (here, said) = (*self.context(cache), *member.context(cache));
        if !said.says_nothing(value) {
            let mut context = here;
            context.observe(&said, value, cache);
            *self = self.changed(context, cache);
        }
        if let Some(telling) = telling.filter(|_| said.is_heard_alone()) {
            cache.steps.hear(telling, self.mark.id, self.mark.traits);
            cache.steps.hint(member.mark.step, &telling);
        }
    }

    /// Does what [`Spot::observe`] does with the value that is the first `length` bytes of `ahead`, if
    /// that is what the member said last. Returns whether it is.
    #[inline(always)]
    #[expect(
        clippy::inline_always,
        reason = "done for many values, and with vectors only where it is part of the lane"
    )]
    pub fn hears(
        &mut self,
        member: &Self,
        length: usize,
        ahead: &[u8; AHEAD_BYTES],
        cache: &KeyCache,
    ) -> bool {
        let length = if member.mark.traits.has(Traits::SAME) {
            0
        } else {
            length
        };
        let steps = &cache.steps;
        let Some([last, before]) = steps.step(member.mark.step).map(|step| step.said) else {
            return false;
        };
        self.recalls(steps, last, member, length, ahead)
            || self.recalls(steps, before, member, length, ahead)
    }

    /// Whether that is what is kept here, and takes it as heard.
    #[inline(always)]
    #[expect(
        clippy::inline_always,
        reason = "done for many values, and with vectors only where it is part of the lane"
    )]
    fn recalls(
        &mut self,
        steps: &Steps,
        place: u16,
        member: &Self,
        length: usize,
        ahead: &[u8; AHEAD_BYTES],
    ) -> bool {
        let (from, member) = (self.mark.id, member.mark.id);
        match steps.heard_at(place) {
            Some(heard) if heard.telling.is_said(from, member, length, ahead) => {
                self.turn(heard.to, heard.traits);
                true
            }
            _ => false,
        }
    }

    /// Gives this place another context, which has a number.
    #[inline]
    fn turn(&mut self, id: u16, traits: Traits) {
        (self.mark.id, self.mark.traits) = (id, traits);
    }

    /// Here, with another context.
    fn changed(&self, context: Context, cache: &mut KeyCache) -> Self {
        if *self.context(cache) == context {
            return *self;
        }
        let mark = Mark {
            id: cache.steps.number(&context).unwrap_or(OWN),
            step: self.mark.step,
            traits: Traits::of(&context, cache.operator().is_some()),
        };
        Self { mark, own: context }
    }

    /// Takes a step that is not kept, and keeps it.
    #[cold]
    fn learn(&self, child: &mut Self, name: &[u8], written: Option<Written>, cache: &mut KeyCache) {
        let context = *self.context(cache);
        let context = context.member(name, cache);
        let mark = Mark {
            id: cache.steps.number(&context).unwrap_or(OWN),
            step: BEGIN,
            traits: Traits::of(&context, cache.operator().is_some()),
        };
        // Names in which something hides are looked at each time.
        let is_kept = mark.id != OWN && mark.traits.has(Traits::CLEAN);
        let kept = written.filter(|_| is_kept).map(|name| {
            let kept = cache.steps.keep(name, self.mark.id, mark);
            cache.steps.link(self.mark.step, child.mark.step, kept.step);
            kept
        });
        *child = Self {
            mark: kept.unwrap_or(mark),
            own: context,
        };
    }
}
