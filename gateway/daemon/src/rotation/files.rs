//! The files beside the keyring that have keys which it wraps: credentials, and keys that sign.

use std::path::Path;

use authority::About;
use miette::{IntoDiagnostic as _, Result};
use serde::{Serialize, de::DeserializeOwned};
use vault::{CREDENTIALS_FILE, Credentials, KeyProvider, SignerFile};

use super::Tally;
use crate::{authority as certificates, passes};

/// Wraps what `key` does not wrap by it. Whoever calls holds the keyring.
pub(super) fn rewrap(data: &Path, key: u32, provider: &dyn KeyProvider) -> Result<Tally> {
    let path = data.join(CREDENTIALS_FILE);
    let credentials = Credentials::open(&path).into_diagnostic()?;
    let mut tally = Tally::default();
    if credentials.wrapped_by().any(|by| by != Some(key)) {
        let rewrapped = Credentials::change(&path, |credentials| credentials.rewrap(provider));
        tally.credentials = rewrapped.into_diagnostic()?;
    }
    let authority = data.join(certificates::FILE);
    tally.signing_keys += signer::<About>(&authority, ::authority::PURPOSE, provider)?;
    tally.signing_keys += signer::<()>(&data.join(passes::FILE), passes::PURPOSE, provider)?;
    Ok(tally)
}

fn signer<T: Serialize + DeserializeOwned>(
    path: &Path,
    purpose: &str,
    provider: &dyn KeyProvider,
) -> Result<u64> {
    let Some(mut file) = SignerFile::<T>::open(path).into_diagnostic()? else {
        return Ok(0);
    };
    let is_other = file.rewrap(purpose, provider).into_diagnostic()?;
    if is_other {
        file.save(path).into_diagnostic()?;
    }
    Ok(is_other.into())
}

/// The ids of the keys that wrap credentials, and of those that wrap keys that sign, one for each.
pub(crate) fn wrapped_by(data: &Path) -> Result<[Vec<Option<u32>>; 2]> {
    let credentials = Credentials::open(&data.join(CREDENTIALS_FILE)).into_diagnostic()?;
    let authority = SignerFile::<About>::open(&data.join(certificates::FILE)).into_diagnostic()?;
    let passes = SignerFile::<()>::open(&data.join(passes::FILE)).into_diagnostic()?;
    let authority = authority.map(|it| it.wrapped_by());
    let passes = passes.map(|it| it.wrapped_by());
    let signers = authority.into_iter().chain(passes);
    Ok([credentials.wrapped_by().collect(), signers.collect()])
}

#[cfg(test)]
mod tests {
    use identity::KeySet;
    use vault::{KEYRING_FILE, Keyring};

    use super::*;

    #[test]
    fn every_file_goes_to_the_newest_key() {
        let folder = tempfile::tempdir().unwrap();
        let data = folder.path();
        let keyring = Keyring::open_or_create(&data.join(KEYRING_FILE)).unwrap();
        let provider = keyring.provider();
        assert_eq!(rewrap(data, 1, &provider).unwrap(), Tally::default());
        passes::open(data, &provider, &KeySet::empty()).unwrap();
        Credentials::change(&data.join(CREDENTIALS_FILE), |it| {
            it.put("shop", b"a-credential", &provider)
        })
        .unwrap();
        let by = |key| [vec![Some(key)], vec![Some(key)]];
        assert_eq!(wrapped_by(data).unwrap(), by(1));
        let next = keyring.rotated().unwrap();
        provider.adopt(&next).unwrap();
        let tally = Tally {
            credentials: 1,
            signing_keys: 1,
            ..Tally::default()
        };
        assert_eq!(rewrap(data, 2, &provider).unwrap(), tally);
        assert_eq!(rewrap(data, 2, &provider).unwrap(), Tally::default());
        assert_eq!(wrapped_by(data).unwrap(), by(2));
        provider.adopt(&next.retired().unwrap()).unwrap();
        passes::open(data, &provider, &KeySet::empty()).unwrap();
    }
}
