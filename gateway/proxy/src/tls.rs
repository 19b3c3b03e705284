//! The gateway's own certificate: TLS 1.2 and 1.3, HTTP/2 and HTTP/1.1 by ALPN.

mod people;

use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

pub use people::People;
use rustls::{
    CertificateError, DigitallySignedStruct, DistinguishedName, ServerConfig, SignatureScheme,
    client::danger::HandshakeSignatureValid,
    crypto::{WebPkiSupportedAlgorithms, verify_tls12_signature, verify_tls13_signature},
    pki_types::{
        CertificateDer, PrivateKeyDer, UnixTime,
        pem::{self, PemObject},
    },
    server::{
        NoServerSessionStorage, VerifierBuilderError,
        danger::{ClientCertVerified, ClientCertVerifier},
    },
};
use x509_parser::parse_x509_certificate;

/// Why a certificate and key cannot serve.
#[derive(Debug, thiserror::Error)]
pub enum TlsFault {
    /// A file cannot be read as PEM.
    #[error("`{path}` cannot be read as PEM")]
    Pem {
        /// The file.
        path: PathBuf,
        /// The cause.
        #[source]
        source: pem::Error,
    },
    /// The key does not fit the certificate, or either is unusable.
    #[error("certificate `{certificate}` and its key do not work together")]
    Unusable {
        /// The certificate's file.
        certificate: PathBuf,
        /// The cause.
        #[source]
        source: rustls::Error,
    },
    /// A file that should hold certificates, or lists of what is revoked, holds none or is too long.
    #[error("`{path}` holds no {what} as PEM, or is too long")]
    Empty {
        /// The file.
        path: PathBuf,
        /// What it should hold.
        what: &'static str,
    },
    /// An authority's certificate, or its list of what is revoked, cannot be used.
    #[error("`{path}` cannot be used to judge certificates")]
    Unfit {
        /// The file.
        path: PathBuf,
        /// The cause.
        #[source]
        source: VerifierBuilderError,
    },
    /// The same of one certificate in it.
    #[error("`{path}` holds what is no authority's certificate")]
    NoAuthority {
        /// The file.
        path: PathBuf,
        /// The cause.
        #[source]
        source: rustls::Error,
    },
}

/// What the gateway shows, and asks for, where it ends TLS.
#[derive(Clone, Debug)]
pub struct Files {
    /// The chain, PEM.
    pub certificate: PathBuf,
    /// Its key, PEM.
    pub key: PathBuf,
    /// Whether clients are asked for a certificate of theirs.
    pub ask_certificate: bool,
}

/// A server configuration from a PEM chain and key.
pub fn server(files: &Files) -> Result<Arc<ServerConfig>, TlsFault> {
    let asked = files.ask_certificate.then(|| {
        let algorithms = ServerConfig::builder()
            .crypto_provider()
            .signature_verification_algorithms;
        Arc::new(Possessed(algorithms)) as Arc<dyn ClientCertVerifier>
    });
    Ok(Arc::new(asking(files, asked)?))
}

/// The same where people come, by HTTP/1.1: they may show a certificate that an authority of `people` vouches for, and
/// none that it does not.
pub fn server_for(files: &Files, people: Option<&People>) -> Result<Arc<ServerConfig>, TlsFault> {
    let asked = people.map(People::verifier).transpose()?;
    let mut config = asking(files, asked)?;
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    if people.is_some() {
        // Whoever resumes a session is not asked again, and may be revoked since.
        config.session_storage = Arc::new(NoServerSessionStorage {});
        config.send_tls13_tickets = 0;
    }
    Ok(Arc::new(config))
}

fn asking(
    files: &Files,
    asked: Option<Arc<dyn ClientCertVerifier>>,
) -> Result<ServerConfig, TlsFault> {
    let Files {
        certificate, key, ..
    } = files;
    let fault = |path: &Path| {
        let path = path.to_owned();
        move |source| TlsFault::Pem { path, source }
    };
    let chain = CertificateDer::pem_file_iter(certificate).map_err(fault(certificate))?;
    let chain = chain
        .collect::<Result<Vec<_>, _>>()
        .map_err(fault(certificate))?;
    let key = PrivateKeyDer::from_pem_file(key).map_err(fault(key))?;
    let builder = ServerConfig::builder();
    let builder = match asked {
        Some(verifier) => builder.with_client_cert_verifier(verifier),
        None => builder.with_no_client_auth(),
    };
    let config = builder.with_single_cert(chain, key);
    let mut config = config.map_err(|source| TlsFault::Unusable {
        certificate: certificate.to_owned(),
        source,
    })?;
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok(config)
}

/// When the certificate in this file ends, in seconds since 1970.
///
/// # Errors
/// If there is none.
pub fn ends(certificate: &Path) -> Result<i64, TlsFault> {
    let read = CertificateDer::from_pem_file(certificate);
    let read = read.map_err(|source| TlsFault::Pem {
        path: certificate.to_owned(),
        source,
    })?;
    let parsed = parse_x509_certificate(&read);
    let (_, parsed) = parsed.map_err(|_| TlsFault::Unusable {
        certificate: certificate.to_owned(),
        source: CertificateError::BadEncoding.into(),
    })?;
    Ok(parsed.validity().not_after.timestamp())
}

/// Takes any certificate of a client that proves to hold its key, and none. Who that is the token
/// says which is bound to it (RFC 8705, section 3): by whom it was issued does not matter (section 7.2
/// there speaks of this), so no chain is built.
#[derive(Debug)]
struct Possessed(WebPkiSupportedAlgorithms);

impl ClientCertVerifier for Possessed {
    fn client_auth_mandatory(&self) -> bool {
        false
    }

    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        &[]
    }

    fn verify_client_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: UnixTime,
    ) -> Result<ClientCertVerified, rustls::Error> {
        Ok(ClientCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls12_signature(message, certificate, signature, &self.0)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls13_signature(message, certificate, signature, &self.0)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.supported_schemes()
    }
}
