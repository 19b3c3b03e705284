//! What is known at one nesting level of a document: names above, siblings so far, FHIR element.

use crate::DataClass;
use crate::declared::{Declared, Place, Says};
use crate::fhir::{self, Element};
use crate::jurisdiction::{self, Country};
use crate::key::{KeyCache, KeyClass, Tells, inherit, may_be_known};

/// Longest value that is asked what it tells of its siblings, in bytes. The longest that matters is
/// FHIR's `http://hl7.org/fhir/us/core/StructureDefinition/us-core-ethnicity`, 65.
pub const DISCRIMINATOR_BYTES_MAX: usize = 128;

/// What the classifier knows at one nesting level. Small and `Copy`: a walker keeps a stack.
///
/// A FHIR resource is known by its `resourceType`, which the format puts first. Members that come
/// before it are judged by the generic rules, and so is every element the FHIR table is silent on:
/// FHIR only ever adds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Context {
    /// The class of this value's own name, joined with what is above.
    key: KeyClass,
    /// What siblings said this object is about.
    subject: KeyClass,
    /// What the value under this name tells of its siblings.
    tells: Tells,
    /// Whether nothing hides in the name itself.
    clean: bool,
    /// Whose papers and numbers these are, as far as the document says.
    country: Country,
    /// Which FHIR element this is.
    element: Element,
    /// Which place of the operation's declared schema this is.
    place: Option<Place>,
    /// What is declared of the values here.
    says: Says,
    /// Which of an operator's detectors look under this name; 0 for none.
    scope: u16,
}

const _: () = assert!(size_of::<Context>() <= 48);

impl Context {
    /// The context of a document's outermost value.
    pub const ROOT: Self = Self {
        key: KeyClass::None,
        subject: KeyClass::None,
        tells: Tells::Nothing,
        clean: true,
        country: Country::NONE,
        element: Element::None,
        place: None,
        says: Says::Nothing,
        scope: 0,
    };

    /// [`Context::ROOT`], to start a walk with.
    pub fn root() -> Self {
        Self::ROOT
    }

    /// The context of the outermost value of a response that the API's owner has described: the cache
    /// must be one made [`KeyCache::with`] the same declarations.
    #[must_use]
    pub fn declared(place: Place, declared: &Declared) -> Self {
        Self {
            place: Some(place),
            says: declared.says(place),
            ..Self::ROOT
        }
    }

    /// The context of the value under member `name` of an object with this context.
    #[must_use]
    pub fn member(&self, name: &[u8], cache: &mut KeyCache) -> Self {
        let mut child = Self::ROOT;
        self.move_to(&mut child, name, cache);
        child
    }

    /// Makes `child` what [`Context::member`] returns, in its place: a walker does this for every
    /// name, and reading back what was just written to copy it takes longer than the rest.
    #[inline]
    pub fn move_to(&self, child: &mut Self, name: &[u8], cache: &mut KeyCache) {
        let key = cache.key(name);
        child.key = self.joined(key.class);
        child.subject = KeyClass::None;
        child.tells = key.tells;
        child.clean = key.clean;
        child.country = self.country;
        child.element = self.element.member(name);
        child.place = None;
        child.says = Says::Nothing;
        if let Some(place) = self.place {
            (child.place, child.says) = cache.declared(place, name);
        }
        child.scope = cache.scope(name);
    }

    /// The context of the elements of an array with this context.
    #[must_use]
    #[inline]
    pub fn element(&self) -> Self {
        Self {
            subject: KeyClass::None,
            ..*self
        }
    }

    /// Begins an object with this context: what the type of a FHIR Identifier says holds for the
    /// Identifier that it is in, not for the next.
    #[inline]
    pub fn begin(&self, cache: &mut KeyCache) {
        if self.is_identifier() {
            cache.begin_identifier();
        }
    }

    /// Whether an object here is a FHIR Identifier.
    pub(crate) fn is_identifier(&self) -> bool {
        self.element.is_identifier()
    }

    /// Whether the name that led here holds nothing that [`crate::classify_key`] finds, so that a
    /// name seen before need not be looked at again.
    #[inline]
    pub fn is_name_clean(&self) -> bool {
        self.clean
    }

    /// Whether this value's text tells what its siblings are: see [`Context::observe`].
    #[inline]
    pub fn is_discriminator(&self) -> bool {
        self.tells != Tells::Nothing
    }

    /// Tells an object that its discriminating member has this text, of at most
    /// [`DISCRIMINATOR_BYTES_MAX`] bytes. Siblings that follow are read in its light.
    pub fn observe(&mut self, member: &Self, value: &[u8], cache: &mut KeyCache) {
        match member.tells {
            Tells::Nothing => {}
            Tells::Resource => self.element = fhir::resource(value).unwrap_or(self.element),
            Tells::System => {
                let typed = cache.identified(self.element);
                self.element = self.element.system(value, typed);
                self.label_is(cache.value(value));
            }
            Tells::Code => cache.identify(self.element.identified(value)),
            Tells::Subject => match cache.value(value) {
                about @ (KeyClass::Someone | KeyClass::Patient | KeyClass::Card) => {
                    self.subject = about;
                }
                other => self.label_is(other),
            },
            // A person's name is no label.
            Tells::Label if matches!(self.subject, KeyClass::Someone | KeyClass::Patient) => {}
            Tells::Label => self.label_is(cache.value(value)),
            Tells::Person => self.about(KeyClass::Someone),
            Tells::Patient => self.about(KeyClass::Patient),
            Tells::Measured => self.about(KeyClass::Leaf(DataClass::OBSERVATION)),
            Tells::Country => self.country = jurisdiction::of(value),
        }
    }

    /// Whether this value of a member that only names something names nothing that is known, so that
    /// [`Context::observe`] would change nothing.
    pub(crate) fn says_nothing(&self, value: &[u8]) -> bool {
        matches!(self.tells, Tells::Label | Tells::Subject) && !may_be_known(value)
    }

    /// Whether what a value of this member says hangs on nothing but the object's context, nor leaves
    /// anything behind for members to come.
    pub(crate) fn is_heard_alone(&self) -> bool {
        !matches!(self.tells, Tells::System | Tells::Code)
    }

    /// Whether a value of this member tells the same whatever it is.
    pub(crate) fn tells_by_itself(&self) -> bool {
        matches!(self.tells, Tells::Person | Tells::Patient | Tells::Measured)
    }

    /// What a sibling says of the value beside it, unless it says nothing.
    fn label_is(&mut self, class: KeyClass) {
        if let KeyClass::Leaf(_) | KeyClass::Hint(DataClass::NATIONAL_ID) = class {
            self.subject = class;
        }
    }

    /// Whom a sibling shows the object to be about, unless it was said already.
    fn about(&mut self, subject: KeyClass) {
        let said = match self.subject {
            KeyClass::None => false,
            KeyClass::Someone => subject == KeyClass::Someone,
            _ => true,
        };
        // A company has an e-mail address too.
        if !said && self.key != KeyClass::Thing {
            self.subject = subject;
        }
    }

    #[inline]
    fn joined(&self, child: KeyClass) -> KeyClass {
        let silent = match self.subject {
            KeyClass::Hint(class) if child == KeyClass::Number => return KeyClass::Leaf(class),
            KeyClass::None | KeyClass::Hint(_) => true,
            KeyClass::Leaf(_) => {
                !matches!(child, KeyClass::Value | KeyClass::Number | KeyClass::Id)
            }
            // A record beside an e-mail address has a number of its own; it is not the person's.
            KeyClass::Someone => matches!(child, KeyClass::Id | KeyClass::Number),
            _ => false,
        };
        if silent {
            return inherit(self.key, child);
        }
        let by_sibling = inherit(self.subject, child);
        if by_sibling == child {
            inherit(self.key, child)
        } else {
            by_sibling
        }
    }

    /// The class of this value's name, joined with what is above.
    #[inline]
    pub fn key(&self) -> KeyClass {
        self.key
    }

    /// What the API's owner says of the values here.
    #[inline]
    pub(crate) fn says(&self) -> Says {
        self.says
    }

    /// Which of an operator's detectors look here.
    pub(crate) fn scope(&self) -> u16 {
        self.scope
    }

    /// Whose papers and numbers these are.
    pub(crate) fn country(&self) -> Country {
        self.country
    }

    /// Whether FHIR says nothing of any value at this place.
    #[inline]
    pub(crate) fn is_silent_in_fhir(&self) -> bool {
        self.element.is_silent()
    }

    /// What FHIR says of a value at this place.
    #[inline]
    pub(crate) fn fhir(&self, value: &[u8]) -> Option<DataClass> {
        self.element.class_of(value)
    }
}

#[cfg(test)]
mod tests;
