//! The vault's keys of stand-ins, as the redaction asks for them.

use classifiers::DataClass;
use jiff::tz::TimeZone;
use miette::{IntoDiagnostic as _, Result, WrapErr as _};
use redaction::Pseudonyms;
use vault::{Keyring, Pseudonymizer, TransformKeys, Transforms};

use crate::{cli::now, config::Config};

/// Stand-ins by the vault's keys, and the present year.
pub(crate) struct VaultKeys {
    pseudonyms: Pseudonymizer,
    transforms: Transforms,
}

impl VaultKeys {
    /// Shared keys where the configuration names them, else the log's own.
    pub(crate) fn open(config: &Config, keyring: &Keyring) -> Result<Self> {
        let transforms = match &config.transform_keys {
            None => keyring.transforms(&config.tenant),
            Some(path) => {
                TransformKeys::open(path).and_then(|keys| keys.transforms(&config.tenant))
            }
        };
        Ok(Self {
            pseudonyms: keyring.pseudonymizer(),
            transforms: transforms
                .into_diagnostic()
                .wrap_err("`tokenization` cannot be used")?,
        })
    }
}

impl Pseudonyms for VaultKeys {
    fn pseudonym(&self, class: DataClass, value: &[u8]) -> [u8; 16] {
        self.pseudonyms.pseudonym(class.name(), value)
    }

    fn seal(&self, class: DataClass, value: &[u8]) -> Option<Vec<u8>> {
        self.transforms.seal(class.name(), value)
    }

    fn open(&self, class: DataClass, sealed: &[u8]) -> Option<Vec<u8>> {
        let opened = self.transforms.open(class.name(), sealed)?;
        Some(opened.to_vec())
    }

    fn encipher(&self, class: DataClass, radix: u16, numerals: &mut [u16]) -> bool {
        self.transforms.encipher(class.name(), radix, numerals)
    }

    fn fill(&self, usage: &'static str, class: DataClass, value: &[u8], out: &mut [u8]) -> bool {
        self.transforms.fill(usage, class.name(), value, out)
    }

    fn year(&self) -> Option<i16> {
        Some(now().to_zoned(TimeZone::UTC).year())
    }
}
