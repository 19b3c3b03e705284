//! The root: what it may vouch for, its key, and the one that follows it.

use std::net::IpAddr;

use jiff::{SignedDuration, Timestamp};
use rcgen::{
    BasicConstraints, Certificate, CertificateParams, CidrSubnet, DistinguishedName, DnType,
    GeneralSubtree, IsCa, Issuer, KeyUsagePurpose, NameConstraints, PKCS_ECDSA_P256_SHA256,
    PublicKeyData, SignatureAlgorithm,
};
use serde::{Deserialize, Serialize};
use time::OffsetDateTime;
use vault::{KeyProvider, SignerFile, SigningKey};

use crate::AuthorityError;

/// What the vault keeps the root's key for.
pub const PURPOSE: &str = "certificate authority";

/// How long a root is good for.
pub const ROOT_LIFETIME: SignedDuration = SignedDuration::from_hours(365 * 24);

/// How far clocks of clients may run behind.
pub(crate) const CLOCK_SKEW: SignedDuration = SignedDuration::from_hours(1);

/// Hexadecimal digits of the key's id in the root's name: two roots are told apart by it.
const NAME_DIGITS: usize = 8;

/// What is no secret of a root.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct About {
    /// Its certificate, PEM.
    pub certificate: String,
    /// The same name and key, vouched for by the root before it: who trusts only that one believes
    /// this one by it. PEM.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bridge: Option<String>,
    /// The names that it may vouch for, and what is below them.
    pub names: Vec<String>,
    /// From when on.
    pub not_before: Timestamp,
    /// Until when.
    pub not_after: Timestamp,
}

/// A root with its key.
#[derive(Debug)]
pub struct Root {
    /// What is no secret of it.
    pub about: About,
    key: SigningKey,
}

impl Root {
    /// A fresh one for `names`: hosts and IP addresses.
    pub fn generate(names: &[String], now: Timestamp) -> Result<Self, AuthorityError> {
        let key = SigningKey::generate()?;
        let (not_before, not_after) = (now - CLOCK_SKEW, now + ROOT_LIFETIME);
        let params = params(&key, names, not_before, not_after)?;
        let certificate = params.self_signed(&Signs(&key));
        Ok(Self {
            about: About {
                certificate: certificate.map_err(AuthorityError::Certificate)?.pem(),
                bridge: None,
                names: names.to_vec(),
                not_before,
                not_after,
            },
            key,
        })
    }

    /// The one that follows this one. Who trusts this one believes that one too, as far and as long as
    /// this one may vouch; its key is not needed any more.
    pub fn succeed(&self, names: &[String], now: Timestamp) -> Result<Self, AuthorityError> {
        let mut next = Self::generate(names, now)?;
        let until = next.about.not_after.min(self.about.not_after);
        let bridge = params(&next.key, names, next.about.not_before, until)?;
        next.about.bridge = Some(self.sign(&bridge, &Signs(&next.key))?.pem());
        Ok(next)
    }

    /// Opens the one that was sealed.
    pub fn open(
        file: &SignerFile<About>,
        provider: &dyn KeyProvider,
    ) -> Result<Self, AuthorityError> {
        Ok(Self {
            about: file.about.clone(),
            key: file.key(PURPOSE, provider)?,
        })
    }

    /// Seals it.
    pub fn seal(&self, provider: &dyn KeyProvider) -> Result<SignerFile<About>, AuthorityError> {
        let about = self.about.clone();
        Ok(SignerFile::seal(about, &self.key, PURPOSE, provider)?)
    }

    /// Whether it may vouch for a host.
    pub fn covers(&self, host: &str) -> bool {
        let mut names = self.about.names.iter();
        names.any(|name| name.eq_ignore_ascii_case(host))
    }

    /// Signs a certificate.
    pub(crate) fn sign(
        &self,
        params: &CertificateParams,
        public: &impl PublicKeyData,
    ) -> Result<Certificate, AuthorityError> {
        let (not_before, not_after) = (self.about.not_before, self.about.not_after);
        let own = self::params(&self.key, &self.about.names, not_before, not_after)?;
        let issuer = Issuer::from_params(&own, Signs(&self.key));
        let signed = params.signed_by(public, &issuer);
        signed.map_err(AuthorityError::Certificate)
    }
}

/// What a root's certificate says.
fn params(
    key: &SigningKey,
    names: &[String],
    not_before: Timestamp,
    not_after: Timestamp,
) -> Result<CertificateParams, AuthorityError> {
    let mut params = CertificateParams::default();
    let id: String = key.id().chars().take(NAME_DIGITS).collect();
    let mut name = DistinguishedName::new();
    name.push(DnType::OrganizationName, "Tidegate");
    name.push(DnType::CommonName, format!("Tidegate CA {id}"));
    params.distinguished_name = name;
    // One below it may sign as well: the bridge.
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(1));
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    params.name_constraints = Some(constraints(names)?);
    (params.not_before, params.not_after) = (instant(not_before), instant(not_after));
    Ok(params)
}

/// The names that a root may vouch for. A form of name that is not spoken of would be free (RFC 5280
/// section 4.2.1.10), so each is.
fn constraints(names: &[String]) -> Result<NameConstraints, AuthorityError> {
    if names.is_empty() {
        return Err(AuthorityError::NoNames);
    }
    let address = |name: &String| name.parse::<IpAddr>().ok();
    let permitted: Vec<GeneralSubtree> = names
        .iter()
        .map(|name| match address(name) {
            Some(IpAddr::V4(it)) => {
                GeneralSubtree::IpAddress(CidrSubnet::from_addr_prefix(it.into(), 32))
            }
            Some(IpAddr::V6(it)) => {
                GeneralSubtree::IpAddress(CidrSubnet::from_addr_prefix(it.into(), 128))
            }
            None => GeneralSubtree::DnsName(name.clone()),
        })
        .collect();
    let mut excluded = Vec::new();
    if names.iter().all(|name| address(name).is_some()) {
        excluded.push(GeneralSubtree::DnsName(String::new()));
    }
    if names.iter().all(|name| address(name).is_none()) {
        let nowhere: [IpAddr; 2] = [[0; 4].into(), [0_u16; 8].into()];
        let all = nowhere.map(|it| GeneralSubtree::IpAddress(CidrSubnet::from_addr_prefix(it, 0)));
        excluded.extend(all);
    }
    Ok(NameConstraints {
        permitted_subtrees: permitted,
        excluded_subtrees: excluded,
    })
}

/// As certificates have it, in whole seconds.
pub(crate) fn instant(at: Timestamp) -> OffsetDateTime {
    OffsetDateTime::from_unix_timestamp(at.as_second()).unwrap_or(OffsetDateTime::UNIX_EPOCH)
}

/// The vault's key, to the library that writes certificates.
struct Signs<'a>(&'a SigningKey);

impl PublicKeyData for Signs<'_> {
    fn der_bytes(&self) -> &[u8] {
        self.0.public()
    }

    fn algorithm(&self) -> &'static SignatureAlgorithm {
        &PKCS_ECDSA_P256_SHA256
    }
}

impl rcgen::SigningKey for Signs<'_> {
    fn sign(&self, message: &[u8]) -> Result<Vec<u8>, rcgen::Error> {
        self.0
            .sign(message)
            .map_err(|_| rcgen::Error::RemoteKeyError)
    }
}
