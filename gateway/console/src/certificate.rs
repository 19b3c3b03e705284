//! Certificates of people: by which of their names a user is known.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};
use x509_parser::{extensions::GeneralName, parse_x509_certificate};

/// The longest name, in bytes.
const NAME_BYTES_MAX: usize = 256;
/// Names of a certificate that are looked at; one with more is nobody's.
const NAMES_MAX: usize = 64;

/// A name that an authority vouches for in a certificate (RFC 5280, section 4.2.1.6): `email:`, `uri:` or `dns:` before
/// it says of which kind.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct CertificateName(String);

/// It is none.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{0}` is no name of a certificate: `email:eva@acme.example`, `uri:spiffe://acme.example/eva` or `dns:eva.acme.example`"
)]
pub struct NoCertificateName(String);

impl FromStr for CertificateName {
    type Err = NoCertificateName;

    fn from_str(text: &str) -> Result<Self, NoCertificateName> {
        let made = text.split_once(':').and_then(|(kind, name)| match kind {
            "email" => Self::email(name),
            "dns" => Self::dns(name),
            "uri" => Self::uri(name),
            _ => None,
        });
        made.ok_or_else(|| NoCertificateName(text.to_owned()))
    }
}

impl CertificateName {
    /// Section 7.5 there: the host is told in any case, who it is there in their own.
    fn email(name: &str) -> Option<Self> {
        let (local, host) = name.rsplit_once('@')?;
        let host = host.to_ascii_lowercase();
        (is_plain(local) && is_plain(&host)).then(|| Self(format!("email:{local}@{host}")))
    }

    /// A pattern of names is nobody's.
    fn dns(name: &str) -> Option<Self> {
        let name = name.to_ascii_lowercase();
        (is_plain(&name) && !name.contains('*')).then(|| Self(format!("dns:{name}")))
    }

    fn uri(name: &str) -> Option<Self> {
        (is_plain(name) && name.contains(':')).then(|| Self(format!("uri:{name}")))
    }

    /// With its kind before it.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Neither nothing nor too long, and nothing that a page or a terminal would not show.
fn is_plain(text: &str) -> bool {
    let fits = !text.is_empty() && text.len() <= NAME_BYTES_MAX;
    fits && text.bytes().all(|byte| byte.is_ascii_graphic())
}

impl fmt::Display for CertificateName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl TryFrom<String> for CertificateName {
    type Error = NoCertificateName;

    fn try_from(text: String) -> Result<Self, NoCertificateName> {
        text.parse()
    }
}

impl From<CertificateName> for String {
    fn from(CertificateName(text): CertificateName) -> Self {
        text
    }
}

/// The names in a certificate (DER) that was verified; none if it says nothing that could be a user's.
pub(crate) fn names(certificate: &[u8]) -> Vec<CertificateName> {
    let Ok((_, parsed)) = parse_x509_certificate(certificate) else {
        return Vec::new();
    };
    let Ok(Some(extension)) = parsed.subject_alternative_name() else {
        return Vec::new();
    };
    let all = &extension.value.general_names;
    if all.len() > NAMES_MAX {
        return Vec::new();
    }
    let told = all.iter().filter_map(|name| match name {
        GeneralName::RFC822Name(name) => CertificateName::email(name),
        GeneralName::DNSName(name) => CertificateName::dns(name),
        GeneralName::URI(name) => CertificateName::uri(name),
        _ => None,
    });
    told.collect()
}

/// Why a handshake ended, if that was for the certificate that was shown.
pub(crate) fn fault(error: &std::io::Error) -> Option<&'static str> {
    use rustls::CertificateError::{
        BadSignature, Expired, ExpiredContext, ExpiredRevocationList, ExpiredRevocationListContext,
        InvalidPurpose, InvalidPurposeContext, NotValidYet, NotValidYetContext, Revoked,
        UnknownIssuer, UnknownRevocationStatus,
    };
    let cause = error.get_ref()?.downcast_ref::<rustls::Error>()?;
    let fault = match cause {
        rustls::Error::InvalidCertificate(fault) => fault,
        // The list itself is not of the authority.
        rustls::Error::InvalidCertRevocationList(_) => return Some("revocation_unknown"),
        _ => return None,
    };
    Some(match fault {
        Expired | ExpiredContext { .. } => "expired",
        NotValidYet | NotValidYetContext { .. } => "not_yet_valid",
        Revoked => "revoked",
        UnknownIssuer => "unknown_issuer",
        UnknownRevocationStatus => "revocation_unknown",
        ExpiredRevocationList | ExpiredRevocationListContext { .. } => "revocation_outdated",
        InvalidPurpose | InvalidPurposeContext { .. } => "not_of_a_client",
        BadSignature => "signature",
        _ => "unusable",
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_of_a_kind_and_hosts_are_told_in_any_case() {
        let read = |text: &str| text.parse::<CertificateName>().map(|it| it.to_string());
        for (text, expected) in [
            ("email:Eva@Acme.Example", "email:Eva@acme.example"),
            ("dns:Eva.Acme.Example", "dns:eva.acme.example"),
            (
                "uri:spiffe://acme.example/Eva",
                "uri:spiffe://acme.example/Eva",
            ),
        ] {
            assert_eq!(read(text).unwrap(), expected);
        }
        for text in [
            "",
            "eva",
            "email:",
            "email:eva",
            "email:@acme.example",
            "email:eva@",
            "email:e va@acme.example",
            "dns:*.acme.example",
            "dns:",
            "uri:nothing",
            "ip:192.0.2.1",
            "email:eva@acme.example\0.evil.example",
            &format!("dns:{}", "x".repeat(257)),
        ] {
            assert!(read(text).is_err(), "{text}");
        }
    }

    #[test]
    fn what_is_no_certificate_has_no_names() {
        assert!(names(b"").is_empty());
        assert!(names(b"\x30\x03\x02\x01\x01").is_empty());
    }
}
