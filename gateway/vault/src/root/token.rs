//! A root under an AES key that never leaves its token (PKCS #11, `CKM_AES_GCM`).

use std::{
    os::unix::fs::MetadataExt as _,
    path::{Path, PathBuf},
    sync::{Mutex, TryLockError},
};

use aws_lc_rs::rand;
use cryptoki::{
    context::{CInitializeArgs, CInitializeFlags, Pkcs11},
    error::{Error, RvError},
    mechanism::{Mechanism, aead::GcmParams},
    object::{Attribute, ObjectClass},
    session::{Session, UserType},
    types::AuthPin,
};
use zeroize::Zeroizing;

use super::{Root, bound};
use crate::{NONCE_BYTES, Place, TAG_BYTES, VaultError, material::KEY_BYTES};

/// The layout: this byte, nonce, ciphertext with tag.
const LAYOUT: u8 = 1;

/// A module that is loaded; one question at a time.
pub struct Module(Mutex<Pkcs11>);

impl Module {
    pub(super) fn load(path: &Path) -> Result<Self, VaultError> {
        Ok(Self(Mutex::new(Pkcs11::new(roots(path)?).map_err(failed)?)))
    }

    pub(super) fn wrap(
        &self,
        place: &Place,
        root: &Root,
        log: &str,
    ) -> Result<Vec<u8>, VaultError> {
        let mut nonce = [0; NONCE_BYTES];
        rand::fill(&mut nonce)?;
        let aad = bound(log);
        let sealed = self.with(place, |session| {
            let key = key(session, place)?;
            let params = GcmParams::new(&mut nonce, &aad, TAG_BITS.into()).map_err(failed)?;
            let sealed = session.encrypt(&Mechanism::AesGcm(params), key, root.expose());
            sealed.map_err(failed)
        })?;
        // Some tokens draw the nonce themselves, and put it where ours was.
        Ok([&[LAYOUT][..], &nonce, &sealed].concat())
    }

    pub(super) fn unwrap(
        &self,
        place: &Place,
        wrapped: &[u8],
        log: &str,
    ) -> Result<Root, VaultError> {
        let (&[layout], rest) = wrapped.split_first_chunk().ok_or(VaultError::Unopened)?;
        let (nonce, sealed) = rest
            .split_first_chunk::<NONCE_BYTES>()
            .ok_or(VaultError::Unopened)?;
        if layout != LAYOUT || sealed.len() != KEY_BYTES + TAG_BYTES {
            return Err(VaultError::Unopened);
        }
        let (mut nonce, aad) = (*nonce, bound(log));
        let opened = self.with(place, |session| {
            let key = key(session, place)?;
            let params = GcmParams::new(&mut nonce, &aad, TAG_BITS.into()).map_err(failed)?;
            let opened = session.decrypt(&Mechanism::AesGcm(params), key, sealed);
            opened.map(Zeroizing::new).map_err(failed)
        })?;
        Root::new(&opened).ok_or(VaultError::Unopened)
    }

    /// Works in a session of the token's user. The module begins anew each time: what it knew of a token that was gone,
    /// or of one that is, is forgotten.
    fn with<T>(
        &self,
        place: &Place,
        work: impl FnOnce(&Session) -> Result<T, VaultError>,
    ) -> Result<T, VaultError> {
        // Nobody queues behind a module that hangs.
        let module = match self.0.try_lock() {
            Ok(module) => module,
            Err(TryLockError::Poisoned(module)) => module.into_inner(),
            Err(TryLockError::WouldBlock) => {
                let why = "the module still works on the last question";
                return Err(away(why.to_owned()));
            }
        };
        let threads = CInitializeArgs::new(CInitializeFlags::OS_LOCKING_OK);
        match module.initialize(threads) {
            // It could not be ended last time.
            Ok(()) | Err(Error::Pkcs11(RvError::CryptokiAlreadyInitialized, _)) => {}
            Err(error) => return Err(failed(error)),
        }
        let done = session(&module, place).and_then(|session| work(&session));
        if let Err(error) = module.clone().finalize() {
            // The next question goes on with it as it is.
            return done.and(Err(failed(error)));
        }
        done
    }
}

const TAG_BITS: u64 = TAG_BYTES as u64 * 8;

fn session(module: &Pkcs11, place: &Place) -> Result<Session, VaultError> {
    let Place::Pkcs11 { token, secret, .. } = place else {
        return Err(VaultError::Module);
    };
    let slots = module.get_slots_with_initialized_token().map_err(failed)?;
    let named = slots.into_iter().find(|slot| {
        let told = module.get_token_info(*slot);
        told.is_ok_and(|told| told.label().trim_end() == token)
    });
    let slot = named.ok_or_else(|| away(format!("there is no token `{token}`")))?;
    let session = module.open_ro_session(slot).map_err(failed)?;
    let pin = secret.line()?;
    let pin = String::from_utf8(pin.to_vec()).map_err(|_| away("the PIN is no text".to_owned()))?;
    let login = session.login(UserType::User, Some(&AuthPin::from(pin)));
    login.map_err(failed)?;
    Ok(session)
}

fn key(session: &Session, place: &Place) -> Result<cryptoki::object::ObjectHandle, VaultError> {
    let Place::Pkcs11 { token, key, .. } = place else {
        return Err(VaultError::Module);
    };
    let wanted = [
        Attribute::Class(ObjectClass::SECRET_KEY),
        Attribute::Label(key.clone().into_bytes()),
    ];
    match *session.find_objects(&wanted).map_err(failed)? {
        [key] => Ok(key),
        [] => Err(away(format!("the token `{token}` has no key `{key}`"))),
        _ => Err(away(format!(
            "the token `{token}` has several keys `{key}`"
        ))),
    }
}

/// The module's own path, if nobody but root writes there: it is loaded before a gateway gives anything up, also by name
/// of a file that a gateway can write.
fn roots(module: &Path) -> Result<PathBuf, VaultError> {
    let told = |path: &Path, why: &dyn std::fmt::Display| {
        away(format!(
            "the module `{}`: `{}`: {why}",
            module.display(),
            path.display()
        ))
    };
    let real = module
        .canonicalize()
        .map_err(|error| told(module, &error))?;
    for part in real.ancestors() {
        let found = part.metadata().map_err(|error| told(part, &error))?;
        if found.uid() != 0 || found.mode() & 0o022 != 0 {
            return Err(told(part, &"others than root may write there"));
        }
    }
    Ok(real)
}

#[expect(clippy::needless_pass_by_value, reason = "for map_err")]
fn failed(error: Error) -> VaultError {
    away(error.to_string())
}

fn away(why: String) -> VaultError {
    VaultError::Away { why }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_module_is_roots_alone_all_the_way() {
        let folder = tempfile::tempdir().unwrap();
        let module = folder.path().join("x.so");
        std::fs::write(&module, b"").unwrap();
        // Somewhere on the way others may write: `/tmp`, or the whole of it is somebody's.
        let refused = roots(&module).unwrap_err();
        assert!(
            refused.to_string().contains("others than root"),
            "{refused}"
        );
        let missing = roots(&folder.path().join("y.so")).unwrap_err();
        assert!(missing.to_string().contains("y.so"), "{missing}");
        assert_eq!(
            roots(Path::new("/usr/bin/env")).unwrap().file_name(),
            Path::new("/usr/bin/env")
                .canonicalize()
                .unwrap()
                .file_name()
        );
    }
}
