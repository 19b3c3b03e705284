//! A part of a record that many records repeat: the caller of a connection, to name the largest.

use std::{
    fmt,
    ops::Deref,
    sync::{Arc, OnceLock},
};

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::value::RawValue;

/// A value whose JSON is made once and copied from then on. Clones share it.
#[derive(Clone)]
pub struct Written<T>(Arc<Inner<T>>);

struct Inner<T> {
    value: T,
    json: OnceLock<Option<Box<RawValue>>>,
}

impl<T> From<T> for Written<T> {
    fn from(value: T) -> Self {
        Self(Arc::new(Inner {
            value,
            json: OnceLock::new(),
        }))
    }
}

impl<T> Deref for Written<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.0.value
    }
}

impl<T: Default> Default for Written<T> {
    fn default() -> Self {
        T::default().into()
    }
}

impl<T: PartialEq> PartialEq for Written<T> {
    fn eq(&self, other: &Self) -> bool {
        **self == **other
    }
}

impl<T: fmt::Debug> fmt::Debug for Written<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (**self).fmt(f)
    }
}

impl<T: Serialize> Serialize for Written<T> {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        let written = || serde_json::value::to_raw_value(&self.0.value).ok();
        match self.0.json.get_or_init(written) {
            Some(json) => json.serialize(to),
            // What has no JSON says so itself, with the cause.
            None => self.0.value.serialize(to),
        }
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Written<T> {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        T::deserialize(from).map(Self::from)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_written_as_what_it_holds_every_time() {
        let written = Written::from(vec!["a", "b"]);
        for _ in 0..2 {
            assert_eq!(serde_json::to_string(&written).unwrap(), r#"["a","b"]"#);
            assert_eq!(
                serde_json::to_value(&written).unwrap(),
                serde_json::json!(["a", "b"])
            );
        }
        let read: Written<Vec<String>> = serde_json::from_str(r#"["a","b"]"#).unwrap();
        assert_eq!(*read, ["a", "b"]);
    }
}
