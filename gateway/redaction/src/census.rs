//! How many records a JSON document shows, which ones, and whose they are.
//!
//! It stands between the [`crate::shape::Shaper`] and the redactor: what stays behind is not counted,
//! and what names a record is still as it came. Names leave as keyed digests, never as themselves.

use std::sync::Arc;

use classifiers::DataClass;
use json_event_parser::JsonEvent;

use crate::{
    Interrupted, Pseudonyms,
    shape::{Path, Step, Tokens},
};

/// What keys the digests of records.
const RECORD: &str = "budget-record";
/// What keys the digests of people.
const SUBJECT: &str = "budget-subject";

/// Which parts of an answer are records.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Records {
    /// The array whose elements they are.
    pub array: Path,
    /// Where in an element stands what names it; empty if the element is it.
    pub id: Path,
    /// Where in an element it says whose it is.
    pub subject: Option<Path>,
}

/// What was counted since it was asked last.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Counted {
    /// Digests of the names of records, each as often as it came.
    pub records: Vec<u64>,
    /// Records that nothing names.
    pub unnamed: u64,
    /// Digests of whom they are about.
    pub subjects: Vec<u64>,
}

/// The digest of what names a record of this API, or none if there are no keys.
pub fn record_digest(keys: &dyn Pseudonyms, service: &str, name: &str) -> Option<u64> {
    digest(keys, RECORD, &format!("{service}\n{name}"))
}

/// The digest of a person, or none if there are no keys.
pub fn subject_digest(keys: &dyn Pseudonyms, name: &str) -> Option<u64> {
    digest(keys, SUBJECT, name)
}

fn digest(keys: &dyn Pseudonyms, usage: &'static str, name: &str) -> Option<u64> {
    let mut digest = [0; 8];
    keys.fill(usage, DataClass::CUSTOMER_ID, name.as_bytes(), &mut digest)
        .then(|| u64::from_be_bytes(digest))
}

/// Counts the records of one JSON document as it streams.
pub(crate) struct Census {
    tokens: Tokens,
    state: State,
}

struct State {
    /// Which parts are records; the outermost objects in arrays if nothing is said.
    records: Option<Records>,
    keys: Arc<dyn Pseudonyms>,
    /// The API whose records they are.
    service: Arc<str>,
    /// For each open container, whether it is an array.
    frames: Vec<bool>,
    place: Vec<Step>,
    name: Option<String>,
    /// How many containers are open around the record that is open.
    record: Option<usize>,
    /// Whether the open record was named.
    is_named: bool,
    counted: Counted,
}

impl Census {
    pub(crate) fn new(
        records: Option<Records>,
        service: Arc<str>,
        keys: Arc<dyn Pseudonyms>,
    ) -> Self {
        Self {
            tokens: Tokens::new(),
            state: State {
                records,
                keys,
                service,
                frames: Vec::new(),
                place: Vec::new(),
                name: None,
                record: None,
                is_named: false,
                counted: Counted::default(),
            },
        }
    }

    pub(crate) fn push(&mut self, chunk: &[u8]) -> Result<(), Interrupted> {
        let state = &mut self.state;
        self.tokens.push(chunk, false, |event, _| {
            state.event(event);
            Ok(())
        })
    }

    pub(crate) fn finish(&mut self) -> Result<(), Interrupted> {
        let state = &mut self.state;
        self.tokens.push(&[], true, |event, _| {
            state.event(event);
            Ok(())
        })
    }

    pub(crate) fn take(&mut self) -> Counted {
        std::mem::take(&mut self.state.counted)
    }
}

impl State {
    fn event(&mut self, event: &JsonEvent<'_>) {
        match event {
            JsonEvent::ObjectKey(name) => self.name = Some(name.to_string()),
            JsonEvent::StartObject => self.begin(false),
            JsonEvent::StartArray => self.begin(true),
            JsonEvent::EndObject | JsonEvent::EndArray => {
                self.frames.pop();
                self.leave();
            }
            JsonEvent::String(text) | JsonEvent::Number(text) => self.scalar(Some(text)),
            JsonEvent::Boolean(_) | JsonEvent::Null => self.scalar(None),
            JsonEvent::Eof => {}
        }
    }

    fn begin(&mut self, is_array: bool) {
        self.arrive(is_array);
        self.frames.push(is_array);
    }

    fn scalar(&mut self, text: Option<&str>) {
        self.arrive(true);
        if let (Some(text), Some(depth)) = (text, self.record) {
            self.hear(text, depth);
        }
        self.leave();
    }

    /// Whether a scalar names the record that is open, or says whose it is.
    fn hear(&mut self, text: &str, depth: usize) {
        let Some(records) = &self.records else { return };
        let within = self.place.get(depth..).unwrap_or_default();
        if !self.is_named && records.id.is(within) {
            self.is_named = true;
            let digest = record_digest(&*self.keys, &self.service, text);
            // Without a key each counts by itself.
            self.counted.unnamed += u64::from(digest.is_none());
            self.counted.records.extend(digest);
        }
        if records.subject.as_ref().is_some_and(|it| it.is(within)) {
            self.counted
                .subjects
                .extend(subject_digest(&*self.keys, text));
        }
    }

    /// Moves on to the next value.
    fn arrive(&mut self, is_no_object: bool) {
        let step = match (self.name.take(), self.frames.is_empty()) {
            (Some(name), _) => Step::Member(name),
            (None, false) => Step::Element,
            (None, true) => return,
        };
        self.place.push(step);
        if self.record.is_some() {
            return;
        }
        let begins = match (&self.records, self.place.split_last()) {
            (Some(records), Some((Step::Element, array))) => records.array.is(array),
            (None, Some((Step::Element, _))) => !is_no_object,
            _ => false,
        };
        if begins {
            self.record = Some(self.place.len());
            self.is_named = false;
        }
    }

    fn leave(&mut self) {
        if self.record.is_some_and(|record| record == self.place.len()) {
            self.record = None;
            self.counted.unnamed += u64::from(!self.is_named);
        }
        self.place.pop();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Keys;

    impl Pseudonyms for Keys {
        fn pseudonym(&self, _: DataClass, _: &[u8]) -> [u8; 16] {
            [0; 16]
        }

        fn fill(&self, usage: &'static str, _: DataClass, value: &[u8], out: &mut [u8]) -> bool {
            let sum = value
                .iter()
                .fold(usage.len(), |sum, byte| sum * 31 + usize::from(*byte));
            out.copy_from_slice(&(sum as u64).to_be_bytes());
            true
        }
    }

    fn count(document: &str, cuts: &[usize], records: Option<&Records>) -> Counted {
        let mut census = Census::new(records.cloned(), "crm".into(), Arc::new(Keys));
        let mut from = 0;
        for &cut in cuts.iter().chain(&[document.len()]) {
            census.push(&document.as_bytes()[from..cut]).unwrap();
            from = cut;
        }
        census.finish().unwrap();
        census.take()
    }

    fn check(document: &str, records: Option<&Records>, ids: &[&str], unnamed: u64, of: &[&str]) {
        let record = |name: &&str| record_digest(&Keys, "crm", name);
        let subject = |name: &&str| subject_digest(&Keys, name);
        let expected = Counted {
            records: ids.iter().filter_map(record).collect(),
            unnamed,
            subjects: of.iter().filter_map(subject).collect(),
        };
        for cut in 0..document.len() {
            assert_eq!(
                count(document, &[cut], records),
                expected,
                "{document} cut at {cut}"
            );
        }
    }

    fn records(array: &str, id: &str, subject: Option<&str>) -> Records {
        Records {
            array: Path::parse(array).unwrap(),
            id: Path::parse(id).unwrap(),
            subject: subject.map(|path| Path::parse(path).unwrap()),
        }
    }

    #[test]
    fn records_are_named_where_the_operator_says() {
        let listed = records("/customers", "/id", Some("/owner/id"));
        let document = r#"{"id":"x","customers":[{"id":"C-1","owner":{"id":7}},
            {"owner":{"id":"7"},"name":"n"},{"id":2},[{"id":"C-3"}],5],"more":[{"id":"C-4"}]}"#;
        check(document, Some(&listed), &["C-1", "2"], 3, &["7", "7"]);
        let plain = records("", "", None);
        check(r#"["a", 2, null]"#, Some(&plain), &["a", "2"], 1, &[]);
        // A name that comes twice is one record all the same.
        check(
            r#"[{"id":1,"id":2}]"#,
            Some(&records("", "/id", None)),
            &["1"],
            0,
            &[],
        );
    }

    #[test]
    fn where_nothing_is_said_the_outermost_objects_in_arrays_count() {
        check(
            r#"{"a":[{"b":[{},{}]},{}],"c":[1,[{}]]}"#,
            None,
            &[],
            3,
            &[],
        );
        check(r#"{"a":{"b":1}}"#, None, &[], 0, &[]);
    }
}
