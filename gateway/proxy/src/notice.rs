//! What the gateway noticed of an exchange: findings that refuse nothing by themselves.

use behaviour::Detector;

/// A finding of one exchange.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Notice {
    /// A client says otherwise than its agent is known as, in this way.
    DeclaredConflict(&'static str),
    /// All that was shown is a static key, or a pass that was got with one.
    StaticKey,
}

impl Notice {
    /// Its name in records.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::DeclaredConflict(_) => audit::DECLARED_CONFLICT,
            Self::StaticKey => "static_key",
        }
    }

    /// The detector that tells it, and what it is about.
    pub(crate) fn told(self) -> (Detector, &'static str) {
        match self {
            Self::DeclaredConflict(by) => (Detector::Declared, by),
            Self::StaticKey => (Detector::StaticKey, "key"),
        }
    }

    /// As records have them.
    pub(crate) fn names(notices: impl IntoIterator<Item = Self>) -> Vec<String> {
        let names = notices.into_iter().map(|it| it.name().to_owned());
        names.collect()
    }
}
