//! Which rules an answer is held to where many stand on one stream, by the id of the request that it
//! answers (JSON-RPC 2.0 section 5): each as its operation says, caps counted for each anew.

use std::{fmt, sync::Arc};

use json_event_parser::JsonEvent;
use serde_json::Value;

use super::{Bound, Plan, Rows, Tokens};

/// So many who say which rows of one array may go on are asked for each row; of more, none goes on.
const ADMITS_MAX: usize = 16;

/// Knows what was asked.
pub trait Answers: fmt::Debug + Send + Sync {
    /// What the answer to the request of this id is held to, the id as JSON writes it: `7`, `"a"`; none if
    /// nobody asked with it.
    fn plan(&self, id: &str) -> Option<Plan>;
}

/// What a message is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Message {
    /// An answer, with its id; none where it has none that all readers share.
    Answer(Option<String>),
    /// A request or a notification.
    Call,
}

impl Message {
    /// Reads which of both a document is. What could be an answer to some reader is one.
    pub(super) fn of(document: &[u8]) -> Self {
        let mut envelope = Envelope::default();
        let read = Tokens::new().push(document, true, |event, _| {
            envelope.event(event);
            Ok(())
        });
        match envelope.id {
            _ if read.is_ok() && envelope.calls && !envelope.answers => Self::Call,
            Id::One(id) if read.is_ok() => Self::Answer(Some(id)),
            Id::None | Id::One(_) | Id::Unclear => Self::Answer(None),
        }
    }
}

#[derive(Debug, Default)]
struct Envelope {
    depth: usize,
    /// Whether the value that comes is the message's id.
    is_id: bool,
    id: Id,
    calls: bool,
    answers: bool,
}

#[derive(Debug, Default)]
enum Id {
    #[default]
    None,
    One(String),
    Unclear,
}

impl Envelope {
    fn event(&mut self, event: &JsonEvent<'_>) {
        let text = match event {
            JsonEvent::ObjectKey(name) if self.depth == 1 => {
                self.is_id = name.eq_ignore_ascii_case("id");
                self.calls |= name == "method";
                self.answers |= ["result", "error"]
                    .iter()
                    .any(|told| name.eq_ignore_ascii_case(told));
                return;
            }
            JsonEvent::StartObject | JsonEvent::StartArray => {
                self.depth += 1;
                None
            }
            JsonEvent::EndObject | JsonEvent::EndArray => {
                self.depth = self.depth.saturating_sub(1);
                return;
            }
            JsonEvent::String(text) => Some(Value::from(&**text).to_string()),
            JsonEvent::Number(text) => Some(text.to_string()),
            _ => None,
        };
        if std::mem::take(&mut self.is_id) {
            let is_first = matches!(self.id, Id::None);
            self.id = text.filter(|_| is_first).map_or(Id::Unclear, Id::One);
        }
    }
}

impl Plan {
    /// What may go on of what is held to both. Rules that both have are kept once, so that it stays as large
    /// as there are different ones.
    #[must_use]
    pub fn and(mut self, other: &Self) -> Self {
        let least = |one: Option<u64>, two: Option<u64>| one.into_iter().chain(two).min();
        other.rows.iter().for_each(|rule| self.add(rule));
        for fields in &other.fields {
            if !self.fields.contains(fields) {
                self.fields.push(Arc::clone(fields));
            }
        }
        self.records_max = least(self.records_max, other.records_max);
        self.fields_max = least(self.fields_max, other.fields_max);
        self.twin = self.twin.or_else(|| other.twin.clone());
        self
    }

    fn add(&mut self, rule: &Rows) {
        let mut admitted = 0;
        for known in self.rows.iter_mut().filter(|known| known.is_at(rule)) {
            let joined = match (&known.bound, &rule.bound) {
                (Bound::Admitted(one), Bound::Admitted(two)) => {
                    admitted += 1;
                    let is_same = one.is(&**two);
                    is_same.then(|| known.bound.clone())
                }
                (Bound::Admitted(_), Bound::One(_)) | (Bound::One(_), Bound::Admitted(_)) => None,
                (Bound::One(one), Bound::One(two)) if one == two => Some(known.bound.clone()),
                // No row is bound to two values.
                (Bound::One(_), Bound::One(_)) | (Bound::Nobody, _) | (_, Bound::Nobody) => {
                    Some(Bound::Nobody)
                }
            };
            let joined = joined.or((admitted >= ADMITS_MAX).then_some(Bound::Nobody));
            if let Some(joined) = joined {
                known.bound = joined;
                return;
            }
        }
        self.rows.push(rule.clone());
    }
}

impl Rows {
    /// Whether both are about the same elements.
    fn is_at(&self, other: &Self) -> bool {
        self.array == other.array && self.member == other.member && self.unbound == other.unbound
    }
}

#[cfg(test)]
mod tests {
    use std::any::Any;

    use super::super::{Admits, Fields, Path, Unbound};
    use super::*;

    #[test]
    fn what_could_be_an_answer_is_one() {
        let answer = |id: Option<&str>| Message::Answer(id.map(str::to_owned));
        for (document, expected) in [
            (r#"{"id":7,"result":{"id":8}}"#, answer(Some("7"))),
            (
                r#"{"result":{"method":"x"},"id":"\u0061"}"#,
                answer(Some("\"a\"")),
            ),
            (r#"{"id":7,"error":{}}"#, answer(Some("7"))),
            (r#"{"id":7,"method":"ping"}"#, Message::Call),
            (r#"{"method":"n","params":{"result":1}}"#, Message::Call),
            (r#"{"id":7,"method":"ping","result":{}}"#, answer(Some("7"))),
            (r#"{"id":7,"id":7,"result":{}}"#, answer(None)),
            (r#"{"id":7,"ID":8,"result":{}}"#, answer(None)),
            (r#"{"id":null,"error":{}}"#, answer(None)),
            (r#"{"id":[7],"result":{}}"#, answer(None)),
            (r#"[{"id":7,"method":"ping"}]"#, answer(None)),
            (r#"{"structuredContent":{}}"#, answer(None)),
            (r#"{"id":7,"result":"#, answer(None)),
        ] {
            assert_eq!(Message::of(document.as_bytes()), expected, "{document}");
        }
    }

    #[derive(Debug)]
    struct Says(&'static str);

    impl Admits for Says {
        fn admits(&self, binding: &str) -> bool {
            self.0 == binding
        }

        fn is(&self, other: &dyn Admits) -> bool {
            (other as &dyn Any)
                .downcast_ref::<Self>()
                .is_some_and(|other| other.0 == self.0)
        }
    }

    fn rows(array: &str, bound: Bound) -> Plan {
        let path = |text| Path::parse(text).expect("a path");
        Plan {
            rows: vec![Rows {
                array: path(array),
                member: path("/id"),
                bound,
                unbound: Unbound::Drop,
            }],
            fields: vec![Arc::new(Fields::parse("/a /b").expect("fields"))],
            ..Plan::default()
        }
    }

    #[test]
    fn rules_that_say_the_same_are_one() {
        let mine = || rows("/rows", Bound::One("C-1".into()));
        let both = mine()
            .and(&mine())
            .and(&rows("/more", Bound::Nobody))
            .and(&mine());
        assert_eq!((both.rows.len(), both.fields.len()), (2, 1));
        assert!(matches!(&both.rows[0].bound, Bound::One(id) if **id == *"C-1"));
        // Nothing is bound to both.
        let nobody = both.and(&rows("/rows", Bound::One("C-2".into())));
        assert_eq!(nobody.rows.len(), 2);
        assert!(matches!(&nobody.rows[0].bound, Bound::Nobody));
        assert!(matches!(&nobody.and(&mine()).rows[0].bound, Bound::Nobody));
    }

    #[test]
    fn of_many_who_are_asked_none_is_believed() {
        let says = |who| rows("/tools", Bound::Admitted(Arc::new(Says(who))));
        let mut plan = says("a");
        for _ in 0..2 * ADMITS_MAX {
            plan = plan.and(&says("a")).and(&says("b"));
        }
        assert_eq!(plan.rows.len(), 2);
        for number in 0..2 * ADMITS_MAX {
            plan = plan.and(&says(format!("{number}").leak()));
        }
        assert_eq!(plan.rows.len(), ADMITS_MAX);
        assert!(
            plan.rows
                .iter()
                .any(|rule| matches!(rule.bound, Bound::Nobody))
        );
    }
}
