//! Clients that show a certificate of their own: a pool for each, since a connection is of whoever made it.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError, Weak},
};

use rustls::{
    ClientConfig,
    client::Resumption,
    crypto::aws_lc_rs,
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject as _},
    sign::{CertifiedKey, SingleCertAndKey},
};
use vault::Credential;

use super::{Clients, Upstream};
use crate::refusal::Interruption;

/// Clients by the name of what they show; there are as many as the configuration names.
pub(super) type Certified = Arc<Mutex<HashMap<Arc<str>, Known>>>;

/// Clients that show one version of a certificate.
pub(super) struct Known {
    of: Weak<Credential>,
    clients: Clients,
}

impl Upstream {
    /// Clients that show `credential`, a certificate chain and its key. Once it is another one, its
    /// connections are made anew; calls on those of before go on to their end.
    pub(crate) fn certified(
        &self,
        name: &Arc<str>,
        credential: &Arc<Credential>,
    ) -> Result<Clients, Interruption> {
        let of = Arc::downgrade(credential);
        let mut certified = self
            .certified
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = certified.get(name).filter(|it| it.of.ptr_eq(&of)) {
            return Ok(known.clients.clone());
        }
        let key = certified_key(credential.expose()).ok_or_else(|| {
            tracing::error!(credential = &**name, "no certificate chain with its key");
            Interruption::certificate_unusable()
        })?;
        let mut tls = ClientConfig::clone(&self.tls);
        tls.client_auth_cert_resolver = Arc::new(SingleCertAndKey::from(key));
        // A session of before would be resumed as whoever began it.
        tls.resumption = Resumption::default();
        let clients = Clients::new(&tls, &self.connector);
        let known = Known {
            of,
            clients: clients.clone(),
        };
        certified.insert(Arc::clone(name), known);
        Ok(clients)
    }
}

/// A chain and the key of its first certificate, PEM in any order.
fn certified_key(text: &[u8]) -> Option<CertifiedKey> {
    let chain = CertificateDer::pem_slice_iter(text);
    let chain = chain.collect::<Result<Vec<_>, _>>().ok()?;
    let key = PrivateKeyDer::from_pem_slice(text).ok()?;
    if chain.is_empty() {
        return None;
    }
    CertifiedKey::from_der(chain, key, &aws_lc_rs::default_provider()).ok()
}
