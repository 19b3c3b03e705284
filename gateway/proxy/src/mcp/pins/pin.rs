//! What is known of one tool, prompt or template of resources: what was approved, and what its server says
//! now. Once it said something else, only an operator lets it on again, even if it goes back.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::Digest;

/// A longer element is neither offered nor approved, in bytes of RFC 8785: nobody could read it, since its
/// digest alone is kept.
pub const TEXT_BYTES_MAX: usize = 64 * 1024;

/// What a server said at one time.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Version {
    /// What it is known by.
    pub digest: Digest,
    /// When it was first seen.
    pub at: Timestamp,
    /// The element (RFC 8785), for people; none if it was never seen, or is longer than [`TEXT_BYTES_MAX`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
}

/// Who approved.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum By {
    /// Nobody: it was the first that was seen.
    FirstUse,
    /// `tidegate mcp approve`.
    Operator,
    /// `digest` in the configuration.
    Configuration,
}

/// What is known of one operation.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Pin {
    /// What was approved, if anything was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub approved: Option<Version>,
    /// By whom.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by: Option<By>,
    /// What the server said last that was not approved.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seen: Option<Version>,
    /// Whether it said that after something was approved.
    #[serde(default)]
    pub changed: bool,
    /// Whether somebody approved it since, which is not on record yet.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub unrecorded: bool,
}

/// Why an operation may not be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Bar {
    /// It is not what was approved.
    Changed,
    /// Nobody approved it.
    Unapproved,
}

/// What became of a sight of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Sight {
    /// Why it may not be used, if it may not.
    pub(crate) bar: Option<Bar>,
    /// Whether that is news.
    pub(crate) is_news: bool,
    /// Whether there is something to be written down.
    pub(crate) moved: bool,
}

impl Pin {
    /// Why it may not be used; none if it may.
    pub fn bar(&self) -> Option<Bar> {
        match &self.approved {
            _ if self.changed => Some(Bar::Changed),
            None if self.seen.is_some() => Some(Bar::Unapproved),
            _ => None,
        }
    }

    /// The server says this of it. The first is taken for good if `is_first_approved`.
    pub(crate) fn observe(&mut self, version: Version, is_first_approved: bool) -> Sight {
        let before = self.bar();
        let moved = match &mut self.approved {
            Some(approved) if approved.digest == version.digest => {
                let learns = approved.text.is_none() && version.text.is_some();
                if learns {
                    *approved = version;
                }
                learns
            }
            None if is_first_approved && self.seen.is_none() && version.text.is_some() => {
                self.approved = Some(version);
                self.by = Some(By::FirstUse);
                true
            }
            approved => {
                self.changed |= approved.is_some();
                let moved = self.seen.as_ref().map(|seen| seen.digest) != Some(version.digest);
                if moved {
                    self.seen = Some(version);
                }
                moved
            }
        };
        let bar = self.bar();
        Sight {
            bar,
            is_news: bar != before && bar.is_some(),
            moved: moved || bar != before,
        }
    }

    /// Approves what has this digest, if that is what was approved before or seen last, and can be read.
    pub fn approve(&mut self, digest: Digest) -> bool {
        let is = |version: &Option<Version>| version.as_ref().is_some_and(|it| it.digest == digest);
        let is_read = |version: &Version| version.text.is_some();
        if is(&self.seen) && self.seen.as_ref().is_some_and(is_read) {
            self.approved = self.seen.take();
        } else if !is(&self.approved) {
            return false;
        }
        self.by = Some(By::Operator);
        self.seen = None;
        self.changed = false;
        self.unrecorded = true;
        true
    }

    /// What is written down takes up what was seen since. Somebody else may have approved meanwhile, so that it
    /// is seen anew.
    pub fn follow(&mut self, since: Self) {
        match (since.approved, since.by) {
            (Some(approved), Some(By::Configuration)) => {
                self.configure(approved.digest, approved.at);
                self.observe(approved, false);
            }
            (Some(approved), by) if self.approved.is_none() && self.seen.is_none() => {
                (self.approved, self.by) = (Some(approved), by);
            }
            (Some(approved), _) if since.seen.is_none() => {
                self.observe(approved, false);
            }
            _ => {}
        }
        if let Some(seen) = since.seen {
            self.observe(seen, false);
        }
    }

    /// The configuration approves this digest and no other. It says nothing of what the server says: where that
    /// is known to be something else, it stays out until an operator approves.
    pub(crate) fn configure(&mut self, digest: Digest, now: Timestamp) {
        let is = |version: &Option<Version>| version.as_ref().is_some_and(|it| it.digest == digest);
        let is_approved = is(&self.approved);
        let lifts = is(&self.seen) && self.approve(digest);
        if !lifts && !is_approved {
            let before = self.approved.replace(Version {
                digest,
                at: now,
                text: None,
            });
            // What was never seen has no text.
            let said = before.filter(|before| before.text.is_some());
            self.seen = self.seen.take().or(said);
            self.changed = self.seen.is_some();
        }
        self.by = Some(By::Configuration);
    }
}

#[cfg(test)]
mod tests {
    use super::{super::Element, *};

    fn version(text: &str) -> Version {
        let digest = Element::read(format!(r#"{{"d":"{text}"}}"#).as_bytes());
        let digest = digest.and_then(|element| element.digest(false));
        let (digest, text) = digest.expect("an element");
        Version {
            digest,
            at: Timestamp::UNIX_EPOCH,
            text: Some(text),
        }
    }

    fn sight(bar: Option<Bar>, is_news: bool, moved: bool) -> Sight {
        Sight {
            bar,
            is_news,
            moved,
        }
    }

    #[test]
    fn the_first_is_kept_and_another_stays_out_until_it_is_approved() {
        let mut pin = Pin::default();
        let (one, two) = (version("one"), version("two"));
        assert_eq!(pin.observe(one.clone(), true), sight(None, false, true));
        assert_eq!(pin.observe(one.clone(), true), sight(None, false, false));
        let changed = Some(Bar::Changed);
        assert_eq!(pin.observe(two.clone(), true), sight(changed, true, true));
        assert_eq!(pin.observe(two.clone(), true), sight(changed, false, false));
        // Going back does not help.
        assert_eq!(pin.observe(one.clone(), true), sight(changed, false, false));
        assert!(!pin.approve(version("three").digest));
        assert_eq!(pin.bar(), changed);
        assert!(pin.approve(two.digest));
        assert_eq!(pin.observe(two.clone(), true), sight(None, false, false));
        assert_eq!(pin.observe(one.clone(), true), sight(changed, true, true));
        // What was approved may be approved again.
        assert!(pin.approve(two.digest));
        assert_eq!((pin.bar(), pin.by), (None, Some(By::Operator)));
    }

    #[test]
    fn where_nobody_approves_the_first_it_waits() {
        let mut pin = Pin::default();
        let (one, two) = (version("one"), version("two"));
        let waits = Some(Bar::Unapproved);
        assert_eq!(pin.bar(), None);
        assert_eq!(pin.observe(one.clone(), false), sight(waits, true, true));
        assert_eq!(pin.observe(two.clone(), false), sight(waits, false, true));
        // It was not seen by anybody else meanwhile.
        assert_eq!(pin.observe(two.clone(), true), sight(waits, false, false));
        assert!(!pin.approve(one.digest));
        assert!(pin.approve(two.digest));
        assert_eq!(pin.bar(), None);
    }

    #[test]
    fn who_approves_meanwhile_is_heard() {
        let (one, two, three) = (version("one"), version("two"), version("three"));
        let mut written = Pin::default();
        let mut known = Pin::default();
        known.observe(one.clone(), true);
        written.follow(known.clone());
        assert_eq!(written, known);
        known.observe(two.clone(), true);
        written.follow(known.clone());
        assert_eq!(written, known);
        // An operator approves what was seen, and then it is seen again, or something else is.
        written.approve(two.digest);
        let mut again = written.clone();
        again.follow(known.clone());
        assert_eq!(again, written);
        known.observe(three.clone(), true);
        written.follow(known);
        assert_eq!(written.bar(), Some(Bar::Changed));
        assert_eq!(written.seen, Some(three));
        assert_eq!(written.approved, Some(two));
    }

    #[test]
    fn another_digest_in_the_configuration_lifts_nothing() {
        let (one, two, three) = (version("one"), version("two"), version("three"));
        let changed = Some(Bar::Changed);
        let mut pin = Pin::default();
        pin.observe(one.clone(), true);
        pin.observe(two.clone(), true);
        pin.configure(three.digest, Timestamp::UNIX_EPOCH);
        assert_eq!((pin.bar(), &pin.seen), (changed, &Some(two)));
        // Neither does it where nobody had approved anything.
        let mut pin = Pin::default();
        pin.observe(one, false);
        pin.configure(three.digest, Timestamp::UNIX_EPOCH);
        assert_eq!(pin.bar(), changed);
        assert!(pin.approve(three.digest));
        assert_eq!(pin.bar(), None);
    }

    #[test]
    fn what_nobody_can_read_is_approved_by_nobody() {
        let mut long = version("long");
        long.text = None;
        let mut pin = Pin::default();
        let waits = Some(Bar::Unapproved);
        assert_eq!(pin.observe(long.clone(), true), sight(waits, true, true));
        assert!(!pin.approve(long.digest));
        assert_eq!(pin.bar(), waits);
        let mut pin = Pin::default();
        pin.observe(version("one"), true);
        pin.observe(long.clone(), true);
        assert!(!pin.approve(long.digest));
        assert_eq!(pin.bar(), Some(Bar::Changed));
    }

    #[test]
    fn the_configuration_has_the_word_over_what_was_seen_first() {
        let (one, two) = (version("one"), version("two"));
        let mut pin = Pin::default();
        pin.observe(one.clone(), true);
        pin.configure(two.digest, Timestamp::UNIX_EPOCH);
        assert_eq!(pin.bar(), Some(Bar::Changed), "{pin:?}");
        assert_eq!(pin.seen, Some(one.clone()));
        pin.configure(one.digest, Timestamp::UNIX_EPOCH);
        assert_eq!((pin.bar(), pin.by), (None, Some(By::Configuration)));
        // What it says of the text is learnt at the first sight.
        let mut pin = Pin::default();
        pin.configure(one.digest, Timestamp::UNIX_EPOCH);
        assert_eq!(pin.observe(one.clone(), false), sight(None, false, true));
        assert_eq!(pin.approved, Some(one));
    }
}
