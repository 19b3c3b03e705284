//! The vault's own keys, as the daemon hands them over.

use std::sync::{Arc, LazyLock};

use classifiers::DataClass;
use redaction::Pseudonyms;
use vault::{TransformKeys, Transforms};

/// One tenant's keys, of two hosts that share a file, and those of a stranger.
static KEYS: LazyLock<[Transforms; 3]> = LazyLock::new(|| {
    let folder = tempfile::tempdir().unwrap();
    let [ours, theirs] = ["ours", "theirs"].map(|name| folder.path().join(name));
    for path in [&ours, &theirs] {
        TransformKeys::create(path).unwrap();
    }
    [&ours, &ours, &theirs].map(|path| {
        let keys = TransformKeys::open(path).unwrap();
        keys.transforms("acme").unwrap()
    })
});

/// Keys of a host, and what is known of one message.
pub(crate) struct TestKeys {
    host: usize,
    subject: Option<&'static str>,
    year: Option<i16>,
}

impl TestKeys {
    /// Host 0 and 1 belong together, 2 does not.
    pub(crate) fn of(host: usize) -> Arc<Self> {
        Self::about(host, Some("C-771"), Some(2026))
    }

    pub(crate) fn about(
        host: usize,
        subject: Option<&'static str>,
        year: Option<i16>,
    ) -> Arc<Self> {
        Arc::new(Self {
            host,
            subject,
            year,
        })
    }
}

impl Pseudonyms for TestKeys {
    fn pseudonym(&self, class: DataClass, value: &[u8]) -> [u8; 16] {
        let mut id = [0; 16];
        KEYS[self.host].fill("pseudonym", class.name(), value, &mut id);
        id
    }

    fn seal(&self, class: DataClass, value: &[u8]) -> Option<Vec<u8>> {
        KEYS[self.host].seal(class.name(), value)
    }

    fn open(&self, class: DataClass, sealed: &[u8]) -> Option<Vec<u8>> {
        let opened = KEYS[self.host].open(class.name(), sealed)?;
        Some(opened.to_vec())
    }

    fn encipher(&self, class: DataClass, radix: u16, numerals: &mut [u16]) -> bool {
        KEYS[self.host].encipher(class.name(), radix, numerals)
    }

    fn fill(&self, usage: &'static str, class: DataClass, value: &[u8], out: &mut [u8]) -> bool {
        KEYS[self.host].fill(usage, class.name(), value, out)
    }

    fn subject(&self) -> Option<&str> {
        self.subject
    }

    fn year(&self) -> Option<i16> {
        self.year
    }
}
