//! On whose behalf an agent acts: the nested `act` claims of a token (RFC 8693, 4.1).

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{TokenError, spiffe::SCHEME as SPIFFE};

/// The most actors that a token may name, one within the other.
pub const ACTORS_MAX: usize = 8;

/// The longest name of one, in bytes.
pub const PARTY_BYTES_MAX: usize = 256;

/// Who acts for whom, as a token says. Each name is a `sub`; one that another issuer than the token's
/// gave, by the claim beside it, follows that issuer and a space. SPIFFE ids are the same everywhere.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Delegation {
    /// Whom the token is about, on whose behalf everybody else acts: often a person.
    pub subject: Arc<str>,
    /// Who acts: first who does now, then who did before, the last of them for the subject itself.
    pub actors: Arc<[Arc<str>]>,
}

impl Delegation {
    /// What `sub` and `act` of a token by `issuer` say.
    pub(crate) fn read(sub: &str, act: &Value, issuer: &str) -> Result<Self, TokenError> {
        let mut actors = Vec::new();
        let mut next = Some(act);
        while let Some(actor) = next {
            if actors.len() == ACTORS_MAX {
                return Err(TokenError::ActorsNested);
            }
            let text = |name: &str| match actor.get(name) {
                None => Ok(None),
                Some(Value::String(text)) => Ok(Some(text.as_str())),
                Some(_) => Err(TokenError::Actor),
            };
            let sub = text("sub")?.ok_or(TokenError::Actor)?;
            actors.push(party(sub, text("iss")?, issuer)?);
            next = actor.get("act");
        }
        Ok(Self {
            subject: party(sub, None, issuer)?,
            actors: actors.into(),
        })
    }

    /// The same as it was read once, with its limits held again.
    pub(crate) fn check(self) -> Result<Self, TokenError> {
        let plain = |name: &Arc<str>| is_plain(name, 2 * PARTY_BYTES_MAX + 1);
        if self.actors.len() > ACTORS_MAX {
            return Err(TokenError::ActorsNested);
        }
        let all = self.actors.iter().chain([&self.subject]).all(plain);
        (all && !self.actors.is_empty())
            .then_some(self)
            .ok_or(TokenError::Actor)
    }
}

/// What a party is called here.
fn party(sub: &str, iss: Option<&str>, issuer: &str) -> Result<Arc<str>, TokenError> {
    if !is_plain(sub, PARTY_BYTES_MAX) {
        return Err(TokenError::Actor);
    }
    let foreign = iss.filter(|iss| *iss != issuer && !sub.starts_with(SPIFFE));
    let Some(iss) = foreign else {
        // It must not pass for one that another issuer gave.
        let first = sub.split_once(' ').map(|(first, _)| first);
        return if first.is_some_and(|first| first.contains(':')) {
            Err(TokenError::Actor)
        } else {
            Ok(sub.into())
        };
    };
    // RFC 7519, 2: a name with a colon is a URI, and a URI has no space.
    if !is_plain(iss, PARTY_BYTES_MAX) || !iss.contains(':') || iss.contains(' ') {
        return Err(TokenError::Actor);
    }
    Ok(format!("{iss} {sub}").into())
}

fn is_plain(name: &str, bytes_max: usize) -> bool {
    (1..=bytes_max).contains(&name.len()) && !name.chars().any(char::is_control)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const ISSUER: &str = "https://issuer.example";

    fn read(act: &Value) -> Result<Vec<String>, TokenError> {
        let delegation = Delegation::read("alice", act, ISSUER)?;
        assert_eq!(&*delegation.subject, "alice");
        Ok(delegation.actors.iter().map(ToString::to_string).collect())
    }

    fn nested(depth: usize) -> Value {
        (1..depth).fold(
            json!({ "sub": "a" }),
            |within, _| json!({ "sub": "a", "act": within }),
        )
    }

    #[test]
    fn who_acts_comes_first() {
        let act = json!({ "sub": "spiffe://a.example/one", "iss": "https://other.example", "act": {
            "sub": "bob", "iss": ISSUER, "act": { "sub": "carol", "iss": "https://other.example" } } });
        let expected = [
            "spiffe://a.example/one",
            "bob",
            "https://other.example carol",
        ];
        assert_eq!(read(&act).unwrap(), expected);
    }

    #[test]
    fn it_is_as_deep_as_it_may_be_and_no_deeper() {
        assert_eq!(read(&nested(ACTORS_MAX)).unwrap().len(), ACTORS_MAX);
        let deeper = read(&nested(ACTORS_MAX + 1));
        assert_eq!(deeper, Err(TokenError::ActorsNested));
    }

    #[test]
    fn an_actor_without_a_plain_name_is_none() {
        for act in [
            json!("bob"),
            json!(null),
            json!({}),
            json!({ "sub": "" }),
            json!({ "sub": 7 }),
            json!({ "sub": "a\nb" }),
            json!({ "sub": "a".repeat(PARTY_BYTES_MAX + 1) }),
            json!({ "sub": "bob", "iss": 7 }),
            json!({ "sub": "bob", "iss": "other" }),
            json!({ "sub": "bob", "iss": "https://o.example x" }),
            json!({ "sub": "https://other.example carol" }),
            json!({ "sub": "bob", "act": { "client_id": "x" } }),
        ] {
            assert_eq!(read(&act), Err(TokenError::Actor), "{act}");
        }
        assert_eq!(read(&json!({ "sub": "CN=Bob B, O=A" })).unwrap().len(), 1);
    }
}
