//! Static keys, where an operator says that there may be any.

use std::collections::HashSet;

use identity::{KEYS_MAX_OF_AGENT, KeyDigest, StaticKey};
use jiff::{Timestamp, civil::Date, tz::TimeZone};
use miette::Result;
use serde_saphyr::Spanned;

use super::{
    budgets::is_name,
    file::{self, File},
    resolve::Resolver,
};

impl Resolver<'_> {
    /// Whether no agent has a key, or may have one and use it; and no key has the name or the digest of another.
    pub(super) fn keys_are_meant(&self, file: &File) -> Result<()> {
        let (mut names, mut digests) = (HashSet::new(), HashSet::new());
        for agent in &file.agents {
            for key in &agent.keys {
                if !file.static_keys {
                    let message = format!(
                        "`{}` would prove itself by a static key, which whoever copies it has for good",
                        agent.id.value
                    );
                    let help = "give it tokens (`tokens`), or say `static_keys: true` at the top \
                                until it has some; each use is a finding then";
                    return Err(self.fault(&key.name, message, help));
                }
                if matches!(agent.token, file::Token::Bound) {
                    let message = format!(
                        "`{}` must show bound tokens, which a static key is not",
                        agent.id.value
                    );
                    let help =
                        "take its `keys` off, or say `token: required`, for which a key stands";
                    return Err(self.fault(&key.name, message, help));
                }
                let is_new_name = names.insert(&key.name.value);
                let is_new = digests.insert(key.sha256.value.to_ascii_lowercase());
                if !(is_new_name && is_new) {
                    let message = format!("the key `{}` is there twice", key.name.value);
                    let help = "give each key a name and an agent of its own";
                    return Err(self.fault(&key.name, message, help));
                }
            }
        }
        Ok(())
    }

    pub(super) fn keys(&self, agent: &file::Agent) -> Result<Vec<StaticKey>> {
        if let Some(key) = agent.keys.get(KEYS_MAX_OF_AGENT) {
            let message = format!("an agent has at most {KEYS_MAX_OF_AGENT} keys");
            let help = "take those off that are no longer used";
            return Err(self.fault(&key.name, message, help));
        }
        agent.keys.iter().map(|key| self.key(key)).collect()
    }

    fn key(&self, typed: &file::StaticKey) -> Result<StaticKey> {
        let name = typed.name.value.as_str();
        if !is_name(name) {
            let message = format!("`{}` is no name of a key", name.escape_debug());
            let help = "letters, digits, `-`, `_` and `.`, up to 64";
            return Err(self.fault(&typed.name, message, help));
        }
        let digest: KeyDigest = typed.sha256.value.parse().map_err(|error| {
            let message = format!("the digest of key `{name}`: {error}");
            let help = "`tidegate static-key --to FILE` makes a key and prints this";
            self.fault(&typed.sha256, message, help)
        })?;
        Ok(StaticKey {
            name: name.into(),
            digest,
            expires_at: self.until(&typed.until)?,
        })
    }

    /// A moment, or the beginning of a day (UTC).
    fn until(&self, typed: &Spanned<String>) -> Result<Timestamp> {
        let day = || {
            let day: Date = typed.value.parse().ok()?;
            let begins = day.to_zoned(TimeZone::UTC).ok()?;
            Some(begins.timestamp())
        };
        let until = typed.value.parse().ok().or_else(day);
        until.ok_or_else(|| {
            let message = format!("`{}` is no date", typed.value);
            let help = "a key must end: `until: \"2027-01-01\"`, or with a time, in RFC 3339";
            self.fault(typed, message, help)
        })
    }
}
