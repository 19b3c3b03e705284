//! Leaf certificates, made when a client first asks for a host.

use std::{
    collections::HashMap,
    fmt,
    sync::{Arc, PoisonError, RwLock},
};

use jiff::{SignedDuration, Timestamp};
use rcgen::{
    CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, KeyPair, KeyUsagePurpose,
};
use rustls::{
    ServerConfig,
    crypto::aws_lc_rs::sign::any_ecdsa_type,
    pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer, pem::PemObject as _},
    server::{ClientHello, ResolvesServerCert},
    sign::CertifiedKey,
};

use crate::{
    AuthorityError, Root,
    root::{CLOCK_SKEW, instant},
};

/// How long a leaf is good for. One that has less than a third of that left is made anew.
pub const LEAF_LIFETIME: SignedDuration = SignedDuration::from_hours(24);

/// The most leaves that are kept; there are no more hosts than services.
const LEAVES_MAX: usize = 4096;

/// Mints leaves under the present root.
pub struct Authority {
    present: RwLock<Present>,
    clock: fn() -> Timestamp,
}

/// A root, and the leaves that it has vouched for so far.
struct Present {
    root: Arc<Root>,
    leaves: HashMap<Box<str>, Leaf>,
}

#[derive(Clone)]
struct Leaf {
    key: Arc<CertifiedKey>,
    not_after: Timestamp,
}

impl Authority {
    /// One that vouches by `root`, and reads the time from `clock`.
    pub fn new(root: Root, clock: fn() -> Timestamp) -> Self {
        let present = Present {
            root: Arc::new(root),
            leaves: HashMap::new(),
        };
        Self {
            present: RwLock::new(present),
            clock,
        }
    }

    /// Vouches by another root from now on.
    pub fn replace(&self, root: Root) {
        let mut present = self.present.write().unwrap_or_else(PoisonError::into_inner);
        *present = Present {
            root: Arc::new(root),
            leaves: HashMap::new(),
        };
    }

    /// The present root.
    pub fn root(&self) -> Arc<Root> {
        let present = self.present.read().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(&present.root)
    }

    /// TLS 1.2 and 1.3 with a leaf for whichever host is asked for, HTTP/2 and HTTP/1.1 by ALPN.
    pub fn server(self: &Arc<Self>) -> Arc<ServerConfig> {
        let resolver: Arc<dyn ResolvesServerCert> = Arc::<Self>::clone(self);
        let mut config = ServerConfig::builder()
            .with_no_client_auth()
            .with_cert_resolver(resolver);
        config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        Arc::new(config)
    }

    /// The leaf for a host, if the root may vouch for it.
    fn leaf(&self, host: &str) -> Result<Option<Arc<CertifiedKey>>, AuthorityError> {
        let now = (self.clock)();
        let host = host.to_ascii_lowercase();
        let root = {
            let present = self.present.read().unwrap_or_else(PoisonError::into_inner);
            let kept = present.leaves.get(host.as_str());
            if let Some(leaf) =
                kept.filter(|leaf| leaf.not_after.duration_since(now) > LEAF_LIFETIME / 3)
            {
                return Ok(Some(Arc::clone(&leaf.key)));
            }
            Arc::clone(&present.root)
        };
        if !root.covers(&host) {
            return Ok(None);
        }
        let leaf = mint(&root, &host, now)?;
        let mut present = self.present.write().unwrap_or_else(PoisonError::into_inner);
        // Whatever another root vouched for meanwhile is not this one's.
        if Arc::ptr_eq(&root, &present.root) && present.leaves.len() < LEAVES_MAX {
            present.leaves.insert(host.into(), leaf.clone());
        }
        Ok(Some(leaf.key))
    }
}

impl ResolvesServerCert for Authority {
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        match self.leaf(hello.server_name()?) {
            Ok(leaf) => leaf,
            Err(error) => {
                tracing::error!(%error, "no certificate could be made");
                None
            }
        }
    }
}

impl fmt::Debug for Authority {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Authority")
            .field(&self.root().about.names)
            .finish()
    }
}

fn mint(root: &Root, host: &str, now: Timestamp) -> Result<Leaf, AuthorityError> {
    let params = CertificateParams::new(vec![host.to_owned()]);
    let mut params = params.map_err(|_| AuthorityError::Name(host.to_owned()))?;
    let mut name = DistinguishedName::new();
    name.push(DnType::OrganizationName, "Tidegate");
    // At most 64 characters (RFC 5280, `ub-common-name`); clients read the other name.
    name.push(DnType::CommonName, "intercepted by Tidegate");
    params.distinguished_name = name;
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    params.use_authority_key_identifier_extension = true;
    let not_after = (now + LEAF_LIFETIME).min(root.about.not_after);
    params.not_before = instant((now - CLOCK_SKEW).max(root.about.not_before));
    params.not_after = instant(not_after);
    let pair = KeyPair::generate().map_err(AuthorityError::Certificate)?;
    let leaf = root.sign(&params, &pair)?;
    let mut chain = vec![leaf.der().clone()];
    if let Some(bridge) = &root.about.bridge {
        let bridge = CertificateDer::from_pem_slice(bridge.as_bytes());
        chain.extend(bridge.ok());
    }
    let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(pair.serialize_der()));
    let key = any_ecdsa_type(&key).map_err(AuthorityError::Tls)?;
    Ok(Leaf {
        key: Arc::new(CertifiedKey::new(chain, key)),
        not_after,
    })
}

#[cfg(test)]
mod tests;
