//! Aliases rename the members of an answer, and what a member is called says what it is. So an alias
//! may stand only where it changes nothing: where the classifiers, what the API's owner declared and
//! the operator's own detectors know the same of both names, in this place.

use std::sync::Arc;

use classifiers::{
    Context, KeyCache,
    declared::{Declared, Place},
};

use super::document::Field;
use crate::message::Unclear;

/// A member whose value makes FHIR elements of its siblings, which is known only in the answer.
const RESOURCE_TYPE: &str = "resourceType";

/// Checks every alias among the root fields.
pub(super) fn check(
    fields: &[Field],
    described: Option<(&Arc<Declared>, Place)>,
    mut keys: KeyCache,
) -> Result<(), Unclear> {
    let root = described.map_or(Context::ROOT, |(declared, place)| {
        Context::declared(place, declared)
    });
    let data = root.member(b"data", &mut keys);
    if fields.iter().any(is_resource) {
        return Err(Unclear::AliasHides);
    }
    let mut open: Vec<(&Field, Context)> = fields.iter().map(|field| (field, data)).collect();
    while let Some((field, around)) = open.pop() {
        let meant = around.member(field.name.as_bytes(), &mut keys);
        if let Some(alias) = &field.alias
            && around.member(alias.as_bytes(), &mut keys) != meant
        {
            return Err(Unclear::AliasHides);
        }
        // What is known of a list is known of its elements.
        let within = meant.element();
        open.extend(field.fields.iter().map(|inner| (inner, within)));
    }
    Ok(())
}

fn is_resource(field: &Field) -> bool {
    field.name == RESOURCE_TYPE || field.fields.iter().any(is_resource)
}
