//! FHIR R4 by element (to come with the table).

use crate::DataClass;

#[derive(Clone, Copy, Debug)]
pub(crate) enum Element {
    None,
}
impl Element {
    pub(crate) fn member(self, _name: &[u8]) -> Self {
        self
    }
    pub(crate) fn system(self, _value: &[u8]) -> Self {
        self
    }
    pub(crate) fn class_of(self, _value: &[u8]) -> Option<DataClass> {
        None
    }
}
pub(crate) fn resource(_name: &[u8]) -> Option<Element> {
    None
}
