//! JSON that can be read in one way only, or is refused.
//!
//! Parsers differ over a member that comes twice (RFC 8259 section 4 leaves it open), and some find
//! `Method` where they look for `method`. What is decided here must be what the service will read, so
//! both are refused: the first everywhere, the second wherever a decision looks.

use std::{cell::Cell, fmt};

use serde::de::{DeserializeSeed, Deserializer, Error as _, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Value};

use crate::{message::Unclear, route::folded};

/// The document, if no object in it has a member twice. Its depth is what `serde_json` allows: 128.
pub(crate) fn parse(bytes: &[u8]) -> Result<Value, Unclear> {
    let twice = Cell::new(false);
    let mut reader = serde_json::Deserializer::from_slice(bytes);
    let value = Strict(&twice).deserialize(&mut reader);
    let value = value.and_then(|value| reader.end().map(|()| value));
    value.map_err(|_| {
        if twice.get() {
            Unclear::Ambiguous
        } else {
            Unclear::NotJson
        }
    })
}

/// The member `name` of an object in which no other member may be taken for it.
pub(crate) fn member<'v>(
    object: &'v Map<String, Value>,
    name: &str,
) -> Result<Option<&'v Value>, Unclear> {
    let known = folded(name);
    let alike = |key: &String| key != name && folded(key) == known;
    if object.keys().any(alike) {
        return Err(Unclear::Ambiguous);
    }
    Ok(object.get(name))
}

/// Makes a value, and notes if a member came twice.
#[derive(Clone, Copy)]
struct Strict<'a>(&'a Cell<bool>);

impl<'de> DeserializeSeed<'de> for Strict<'_> {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Strict<'_> {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_f64<E>(self, value: f64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut elements: A) -> Result<Value, A::Error> {
        let mut all = Vec::new();
        while let Some(element) = elements.next_element_seed(self)? {
            all.push(element);
        }
        Ok(all.into())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Value, A::Error> {
        let mut all = Map::new();
        while let Some(name) = members.next_key::<String>()? {
            let value = members.next_value_seed(self)?;
            if all.insert(name, value).is_some() {
                self.0.set(true);
                return Err(A::Error::custom("a member twice"));
            }
        }
        Ok(all.into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_reads_in_two_ways_is_refused() {
        for twice in [
            r#"{"a":1,"a":1}"#,
            r#"{"a":{"b":1,"b":2}}"#,
            r#"[{"a":1,"\u0061":2}]"#,
        ] {
            assert_eq!(parse(twice.as_bytes()), Err(Unclear::Ambiguous), "{twice}");
        }
        for broken in ["", "{", "{}{}", "\u{feff}{}", "{'a':1}", &"[".repeat(1000)] {
            assert_eq!(parse(broken.as_bytes()), Err(Unclear::NotJson), "{broken}");
        }
        assert_eq!(parse(b"\xff"), Err(Unclear::NotJson));
    }

    #[test]
    fn what_some_parser_takes_for_a_name_is_refused_where_it_is_looked_for() {
        let object = |text: &str| match parse(text.as_bytes()) {
            Ok(Value::Object(object)) => object,
            other => panic!("{other:?}"),
        };
        for alike in ["Params", "PARAMS", "paramſ", "params ", "\u{feff}params"] {
            let text = format!("{{\"params\":1,\"{alike}\":2}}");
            assert_eq!(
                member(&object(&text), "params"),
                Err(Unclear::Ambiguous),
                "{alike}"
            );
            let text = format!("{{\"{alike}\":2}}");
            assert_eq!(member(&object(&text), "params"), Err(Unclear::Ambiguous));
        }
        let plain = object(r#"{"params":1,"param":2,"x":3}"#);
        assert_eq!(member(&plain, "params"), Ok(Some(&1.into())));
        assert_eq!(member(&plain, "id"), Ok(None));
    }
}
