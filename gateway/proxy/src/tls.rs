//! The gateway's own certificate: TLS 1.2 and 1.3, HTTP/2 and HTTP/1.1 by ALPN.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

use rustls::{
    ServerConfig,
    pki_types::{
        CertificateDer, PrivateKeyDer,
        pem::{self, PemObject},
    },
};

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
}

/// A server configuration from a PEM chain and key.
pub fn server(certificate: &Path, key: &Path) -> Result<Arc<ServerConfig>, TlsFault> {
    let fault = |path: &Path| {
        let path = path.to_owned();
        move |source| TlsFault::Pem { path, source }
    };
    let chain = CertificateDer::pem_file_iter(certificate).map_err(fault(certificate))?;
    let chain = chain
        .collect::<Result<Vec<_>, _>>()
        .map_err(fault(certificate))?;
    let key = PrivateKeyDer::from_pem_file(key).map_err(fault(key))?;
    let config = ServerConfig::builder()
        .with_no_client_auth()
        .with_single_cert(chain, key);
    let mut config = config.map_err(|source| TlsFault::Unusable {
        certificate: certificate.to_owned(),
        source,
    })?;
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok(Arc::new(config))
}
