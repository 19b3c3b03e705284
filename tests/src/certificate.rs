//! Certificates for tests: one authority and one leaf, made at run time.

use std::sync::Arc;

use anyhow::{Context, Result};
use rcgen::{
    BasicConstraints, CertificateParams, CertificateRevocationListParams, DnType,
    ExtendedKeyUsagePurpose, IsCa, Issuer, KeyIdMethod, KeyPair, RevokedCertParams, SanType,
    date_time_ymd,
};
use rustls::{
    ServerConfig,
    crypto::aws_lc_rs,
    pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer},
};

/// An authority that vouches for clients.
pub struct Clients {
    root: String,
    issuer: Issuer<'static, KeyPair>,
}

impl Clients {
    /// One that nobody else knows.
    pub fn new() -> Result<Self> {
        let (root, issuer) = authority()?;
        Ok(Self { root, issuer })
    }

    /// Its own certificate, PEM.
    pub fn root(&self) -> &str {
        &self.root
    }

    /// A certificate of a client of this name, and its key, PEM.
    pub fn issue(&self, name: &str) -> Result<(String, String)> {
        self.issue_as(|leaf| {
            leaf.distinguished_name.push(DnType::CommonName, name);
            Ok(())
        })
    }

    /// One with these alternative names, and of this serial number.
    pub fn issue_to(&self, serial: u64, names: &[SanType]) -> Result<(String, String)> {
        self.issue_as(|leaf| {
            leaf.serial_number = Some(serial.into());
            leaf.subject_alt_names = names.to_vec();
            Ok(())
        })
    }

    /// One of this shape.
    pub fn issue_as(
        &self,
        shape: impl FnOnce(&mut CertificateParams) -> Result<()>,
    ) -> Result<(String, String)> {
        let key = KeyPair::generate()?;
        let mut leaf = CertificateParams::new(Vec::<String>::new())?;
        leaf.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
        shape(&mut leaf)?;
        let leaf = leaf.signed_by(&key, &self.issuer)?;
        Ok((leaf.pem(), key.serialize_pem()))
    }

    /// What it revoked, PEM: the certificates of these serial numbers, as it says until the end of year `until`.
    pub fn revoked(&self, serials: &[u64], until: i32) -> Result<String> {
        let begun = date_time_ymd(2020, 1, 1);
        let revoked = serials.iter().map(|serial| RevokedCertParams {
            serial_number: (*serial).into(),
            revocation_time: begun,
            reason_code: None,
            invalidity_date: None,
        });
        let list = CertificateRevocationListParams {
            this_update: begun,
            next_update: date_time_ymd(until, 12, 31),
            crl_number: 1.into(),
            issuing_distribution_point: None,
            revoked_certs: revoked.collect(),
            key_identifier_method: KeyIdMethod::Sha256,
        };
        Ok(list.signed_by(&self.issuer)?.pem()?)
    }
}

/// A leaf with its key, and the authority that signed it.
pub struct Certificate {
    /// The authority, PEM: what a client trusts.
    pub authority: String,
    /// The leaf, PEM.
    pub certificate: String,
    /// The leaf's key, PEM.
    pub key: String,
    leaf: CertificateDer<'static>,
    secret: Vec<u8>,
}

impl Certificate {
    /// A certificate for `localhost` and both loopback addresses.
    pub fn for_loopback() -> Result<Self> {
        Self::of(&["localhost", "127.0.0.1", "::1"])
    }

    /// A certificate for these names and addresses.
    pub fn of(names: &[&str]) -> Result<Self> {
        let (authority, issuer) = authority()?;
        let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
        let key = KeyPair::generate()?;
        let leaf = CertificateParams::new(names)?.signed_by(&key, &issuer)?;
        Ok(Self {
            authority,
            certificate: leaf.pem(),
            key: key.serialize_pem(),
            leaf: leaf.der().clone(),
            secret: key.serialize_der(),
        })
    }

    /// A TLS server's side of it, offering `protocols` by ALPN.
    pub fn server(&self, protocols: &[&str]) -> Result<Arc<ServerConfig>> {
        let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(self.secret.clone()));
        let mut config =
            ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
                .with_safe_default_protocol_versions()?
                .with_no_client_auth()
                .with_single_cert(vec![self.leaf.clone()], key)
                .context("the certificate just made does not fit its key")?;
        config.alpn_protocols = protocols
            .iter()
            .map(|name| name.as_bytes().to_vec())
            .collect();
        Ok(Arc::new(config))
    }
}

/// An authority: its certificate, PEM, and what signs for it.
fn authority() -> Result<(String, Issuer<'static, KeyPair>)> {
    let mut authority = CertificateParams::new(Vec::<String>::new())?;
    authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    // Another name than the leaf's, which some clients would else take for its own issuer.
    let name = &mut authority.distinguished_name;
    name.push(DnType::CommonName, "authority of the tests");
    let key = KeyPair::generate()?;
    let root = authority.self_signed(&key)?.pem();
    Ok((root, Issuer::new(authority, key)))
}
