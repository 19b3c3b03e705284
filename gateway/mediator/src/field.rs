//! Places within a row or a document, and what of a value lies there.

use std::{collections::BTreeMap, fmt};

use serde_json::{Map, Value};

/// The most steps of a place.
const STEPS_MAX: usize = 16;

/// A JSON Pointer (RFC 6901) in which `*` stands for every element of an array: `/orders/*/total`.
/// It stands for all that is in it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Field {
    text: String,
    steps: Vec<String>,
}

/// Why a text is no place.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no field: write it as `/name` or `/orders/*/total`, as seen from a row")]
pub struct NoField(String);

impl Field {
    /// Reads `/orders/*/total`.
    ///
    /// # Errors
    /// [`NoField`] where it does not begin with a slash, has an empty step, or too many.
    pub fn parse(text: &str) -> Result<Self, NoField> {
        let none = || NoField(text.escape_debug().to_string());
        let steps = text.strip_prefix('/').ok_or_else(none)?.split('/');
        let steps: Vec<String> = steps
            .map(|step| step.replace("~1", "/").replace("~0", "~"))
            .collect();
        if steps.len() > STEPS_MAX || steps.iter().any(String::is_empty) {
            return Err(none());
        }
        Ok(Self {
            text: text.to_owned(),
            steps,
        })
    }

    /// As it was written.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// What a client calls it: its last name.
    pub fn name(&self) -> &str {
        self.steps.last().map_or("", String::as_str)
    }

    /// Whether it leads through no array, so that there is one value at most.
    pub fn is_single(&self) -> bool {
        !self.steps.iter().any(|step| step == ANY)
    }

    /// The value there, where it leads to one.
    pub(crate) fn find<'v>(&self, within: &'v Value) -> Option<&'v Value> {
        let mut steps = self.steps.iter();
        steps.try_fold(within, |value, step| value.as_object()?.get(step))
    }

    /// `inner`, as it stands at this place in an otherwise empty document.
    pub(crate) fn wrap(&self, inner: Value) -> Value {
        let steps = self.steps.iter().rev();
        steps.fold(inner, |inner, step| {
            Value::Object(Map::from_iter([(step.clone(), inner)]))
        })
    }
}

impl fmt::Display for Field {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// Any element.
const ANY: &str = "*";

/// Several places at once.
#[derive(Debug, Default)]
pub(crate) struct Places<'f> {
    within: BTreeMap<&'f str, Places<'f>>,
    /// All that is here.
    whole: bool,
}

impl<'f> Places<'f> {
    pub(crate) fn of(fields: impl IntoIterator<Item = &'f Field>) -> Self {
        let mut all = Self::default();
        for field in fields {
            let mut place = &mut all;
            for step in &field.steps {
                place = place.within.entry(step).or_default();
            }
            place.whole = true;
        }
        all
    }

    /// What of `value` lies at these places; none if nothing does.
    pub(crate) fn project(&self, value: &Value) -> Option<Value> {
        if self.whole {
            return Some(value.clone());
        }
        match value {
            Value::Object(members) => {
                let each = self.within.iter().filter_map(|(name, place)| {
                    let member = members.get(*name)?;
                    Some(((*name).to_owned(), place.project(member)?))
                });
                Some(Value::Object(each.collect()))
            }
            Value::Array(elements) => {
                let place = self.within.get(ANY)?;
                let each = elements.iter().filter_map(|element| place.project(element));
                Some(Value::Array(each.collect()))
            }
            // A field was declared within it, and nothing is there.
            _ => None,
        }
    }

    /// Covers every text that lies at these places, and takes every other value out.
    pub(crate) fn mask(&self, value: &mut Value) {
        if self.whole {
            return cover(value);
        }
        match value {
            Value::Object(members) => {
                for (name, place) in &self.within {
                    if let Some(member) = members.get_mut(*name) {
                        place.mask(member);
                    }
                }
            }
            Value::Array(elements) => {
                if let Some(place) = self.within.get(ANY) {
                    for element in elements {
                        place.mask(element);
                    }
                }
            }
            _ => {}
        }
    }
}

/// A text keeps its length and punctuation, as elsewhere in this gateway; nothing else has such a form, and
/// the names of an object's members may say as much as a text.
fn cover(value: &mut Value) {
    match value {
        Value::String(text) => {
            let covered = text.chars().map(|c| match c {
                c if c.is_ascii_punctuation() || c == ' ' => c,
                _ => '*',
            });
            *text = covered.collect();
        }
        other => *other = Value::Null,
    }
}
