//! People who show a certificate: an authority vouches for it, and has not revoked it since.
//!
//! A list of what is revoked is good for days, so its file is read again when it is another one. While it cannot be
//! read no certificate is taken: it might be one of those.

use std::{
    fs,
    io::Read as _,
    os::unix::fs::MetadataExt as _,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
};

use rustls::{
    DigitallySignedStruct, DistinguishedName, RootCertStore, SignatureScheme,
    client::danger::HandshakeSignatureValid,
    pki_types::{
        CertificateDer, CertificateRevocationListDer, UnixTime,
        pem::{self, PemObject},
    },
    server::{
        WebPkiClientVerifier,
        danger::{ClientCertVerified, ClientCertVerifier},
    },
};

use super::TlsFault;

/// The longest file of certificates, or of what is revoked, in bytes.
const FILE_BYTES_MAX: u64 = 16 * 1024 * 1024;

/// Who vouches for people.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct People {
    /// Certificates of authorities, PEM.
    pub ca: PathBuf,
    /// What each of them revoked, PEM; certificates are not held against any list if absent.
    pub crl: Option<PathBuf>,
}

impl People {
    pub(super) fn verifier(&self) -> Result<Arc<dyn ClientCertVerifier>, TlsFault> {
        let mut roots = RootCertStore::empty();
        for certificate in objects::<CertificateDer<'static>>(&self.ca, "certificate")? {
            let path = || self.ca.clone();
            let added = roots.add(certificate);
            added.map_err(|source| TlsFault::NoAuthority {
                path: path(),
                source,
            })?;
        }
        let (roots, crl) = (Arc::new(roots), self.crl.as_deref());
        let Some(crl) = crl else {
            let built = built(&roots, Vec::new());
            return built.map_err(|source| unfit(&self.ca, source));
        };
        let read = Listed::of(crl, &roots)?;
        Ok(Arc::new(Current {
            first: Arc::clone(&read.verifier),
            crl: crl.to_owned(),
            roots,
            read: Mutex::new(Some(read)),
        }))
    }
}

fn unfit(path: &Path, source: rustls::server::VerifierBuilderError) -> TlsFault {
    let path = path.to_owned();
    TlsFault::Unfit { path, source }
}

/// Whoever shows none comes in without; a list that is out of date vouches for nobody.
fn built(
    roots: &Arc<RootCertStore>,
    revoked: Vec<CertificateRevocationListDer<'static>>,
) -> Result<Arc<dyn ClientCertVerifier>, rustls::server::VerifierBuilderError> {
    WebPkiClientVerifier::builder(Arc::clone(roots))
        .with_crls(revoked)
        .enforce_revocation_expiration()
        .allow_unauthenticated()
        .build()
}

/// All of a kind in a file, at least one.
fn objects<T: PemObject>(path: &Path, what: &'static str) -> Result<Vec<T>, TlsFault> {
    let fault = |source| TlsFault::Pem {
        path: path.to_owned(),
        source,
    };
    let read = || {
        let mut text = Vec::new();
        let file = fs::File::open(path)?;
        file.take(FILE_BYTES_MAX + 1).read_to_end(&mut text)?;
        Ok(text)
    };
    let empty = || TlsFault::Empty {
        path: path.to_owned(),
        what,
    };
    let text = read().map_err(|error| fault(pem::Error::Io(error)))?;
    if u64::try_from(text.len()).is_ok_and(|bytes| bytes > FILE_BYTES_MAX) {
        return Err(empty());
    }
    let all = T::pem_slice_iter(&text).collect::<Result<Vec<T>, _>>();
    let all = all.map_err(fault)?;
    // Or certificates would be held against no list where one was meant.
    if all.is_empty() {
        return Err(empty());
    }
    Ok(all)
}

/// What a file is told by: another one has another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Stamp {
    inode: u64,
    bytes: u64,
    changed: (i64, i64),
}

impl Stamp {
    fn of(path: &Path) -> Option<Self> {
        let metadata = fs::metadata(path).ok()?;
        Some(Self {
            inode: metadata.ino(),
            bytes: metadata.len(),
            changed: (metadata.ctime(), metadata.ctime_nsec()),
        })
    }
}

/// A list, as it was read.
#[derive(Debug)]
struct Listed {
    of: Option<Stamp>,
    verifier: Arc<dyn ClientCertVerifier>,
}

impl Listed {
    fn of(crl: &Path, roots: &Arc<RootCertStore>) -> Result<Self, TlsFault> {
        // Before it is read: what comes meanwhile is read the next time.
        let of = Stamp::of(crl);
        let revoked = objects(crl, "list of what is revoked")?;
        let verifier = built(roots, revoked).map_err(|source| unfit(crl, source))?;
        Ok(Self { of, verifier })
    }
}

/// Judges by the list as it is now.
#[derive(Debug)]
struct Current {
    crl: PathBuf,
    roots: Arc<RootCertStore>,
    /// What does not depend on the list.
    first: Arc<dyn ClientCertVerifier>,
    /// None since it could not be read.
    read: Mutex<Option<Listed>>,
}

impl Current {
    fn now(&self) -> Result<Arc<dyn ClientCertVerifier>, rustls::Error> {
        let mut read = self.read.lock().unwrap_or_else(PoisonError::into_inner);
        let stamp = Stamp::of(&self.crl);
        if let Some(read) = read.as_ref().filter(|it| stamp.is_some() && it.of == stamp) {
            return Ok(Arc::clone(&read.verifier));
        }
        *read = None;
        match Listed::of(&self.crl, &self.roots) {
            Ok(fresh) => {
                let verifier = Arc::clone(&fresh.verifier);
                *read = Some(fresh);
                Ok(verifier)
            }
            Err(error) => {
                tracing::error!(%error, "no certificate is taken: what is revoked is not known");
                let why = rustls::CertificateError::UnknownRevocationStatus;
                Err(rustls::Error::InvalidCertificate(why))
            }
        }
    }
}

impl ClientCertVerifier for Current {
    fn client_auth_mandatory(&self) -> bool {
        self.first.client_auth_mandatory()
    }

    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        self.first.root_hint_subjects()
    }

    fn verify_client_cert(
        &self,
        certificate: &CertificateDer<'_>,
        between: &[CertificateDer<'_>],
        now: UnixTime,
    ) -> Result<ClientCertVerified, rustls::Error> {
        self.now()?.verify_client_cert(certificate, between, now)
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let first = &self.first;
        first.verify_tls12_signature(message, certificate, signature)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let first = &self.first;
        first.verify_tls13_signature(message, certificate, signature)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.first.supported_verify_schemes()
    }
}
