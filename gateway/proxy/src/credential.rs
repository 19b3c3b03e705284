//! The credential of a service, put on a request in the last moment: the agent never holds it.
//!
//! It is asked for only once the call is admitted, debited and durably on record, and its body was
//! screened. Whatever the agent sent where a credential stands does not go on.

use std::{borrow::Cow, sync::Arc};

use base64::{Engine as _, prelude::BASE64_STANDARD};
use http::{HeaderMap, HeaderName, HeaderValue, header};
use vault::Credential;
use zeroize::Zeroizing;

use crate::{headers::KEY_FIELDS, refusal::Interruption, veil::Veil};

/// How a service wants its credential.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Form {
    /// `Authorization: Bearer …` (RFC 6750 section 2.1).
    Bearer,
    /// As the whole of a field, `x-api-key`.
    Header(HeaderName),
    /// As the password of this user (RFC 7617).
    Basic(String),
    /// As this parameter of the query.
    Query(String),
}

/// The credential of a service.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Presented {
    /// Which one.
    pub name: Arc<str>,
    /// How it is presented.
    pub form: Form,
}

/// Who has the credentials.
pub trait CredentialSource: Send + Sync {
    /// The credential of this name as it is now; none if there is none, or it cannot be opened.
    fn credential(&self, name: &str) -> Option<Arc<Credential>>;
}

impl Presented {
    /// Puts the credential on a request, and gives what keeps it from coming back.
    pub(crate) fn present(
        &self,
        source: &dyn CredentialSource,
        fields: &mut HeaderMap,
        target: &mut String,
    ) -> Result<Veil, Interruption> {
        for name in &KEY_FIELDS {
            fields.remove(name);
        }
        let unavailable = Interruption::credential_unavailable;
        let credential = source.credential(&self.name).ok_or_else(unavailable)?;
        let secret = credential.expose();
        let (name, value) = match &self.form {
            Form::Bearer => (header::AUTHORIZATION, [b"Bearer ", secret].concat()),
            Form::Header(name) => (name.clone(), secret.to_vec()),
            Form::Basic(user) => {
                let pair = Zeroizing::new([user.as_bytes(), b":", secret].concat());
                let encoded = Zeroizing::new(BASE64_STANDARD.encode(&*pair));
                let value = [b"Basic ", encoded.as_bytes()].concat();
                let veil = Veil::over(&self.name, &credential).and(encoded.as_bytes());
                put(fields, header::AUTHORIZATION, value)?;
                return Ok(veil);
            }
            Form::Query(name) => {
                set_parameter(target, name, secret);
                return Ok(Veil::over(&self.name, &credential));
            }
        };
        put(fields, name, value)?;
        Ok(Veil::over(&self.name, &credential))
    }
}

fn put(fields: &mut HeaderMap, name: HeaderName, value: Vec<u8>) -> Result<(), Interruption> {
    let value = Zeroizing::new(value);
    let mut value =
        HeaderValue::from_bytes(&value).map_err(|_| Interruption::credential_unavailable())?;
    value.set_sensitive(true);
    fields.insert(name, value);
    Ok(())
}

/// Makes a query have this parameter once, whatever it had before.
fn set_parameter(target: &mut String, name: &str, secret: &[u8]) {
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    let is_it = |pair: &&str| decoded(pair.split('=').next().unwrap_or_default()) == name;
    let kept: Vec<&str> = query
        .split('&')
        .filter(|pair| !pair.is_empty() && !is_it(pair))
        .collect();
    let secret = percent_encoding::percent_encode(secret, percent_encoding::NON_ALPHANUMERIC);
    let own = format!("{name}={secret}");
    let query: Vec<&str> = kept.into_iter().chain([own.as_str()]).collect();
    *target = format!("{path}?{}", query.join("&"));
}

fn decoded(name: &str) -> Cow<'_, str> {
    percent_encoding::percent_decode_str(name).decode_utf8_lossy()
}

#[cfg(test)]
mod tests {
    use super::*;

    struct One(Arc<Credential>);

    impl CredentialSource for One {
        fn credential(&self, name: &str) -> Option<Arc<Credential>> {
            (name == "one").then(|| Arc::clone(&self.0))
        }
    }

    fn source() -> One {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("key");
        let mut options = std::fs::OpenOptions::new();
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let file = options.write(true).create_new(true).open(&path).unwrap();
        std::io::Write::write_all(&mut &file, b"real+key/of-one").unwrap();
        One(Arc::new(Credential::from_file(&path).unwrap()))
    }

    fn check(form: Form, target: &str, field: Option<(&str, &str)>, expected: &str) {
        let presented = Presented {
            name: "one".into(),
            form,
        };
        let mut fields = HeaderMap::new();
        for name in &KEY_FIELDS {
            fields.insert(name.clone(), HeaderValue::from_static("agents-own"));
        }
        let mut target = target.to_owned();
        assert!(
            presented
                .present(&source(), &mut fields, &mut target)
                .is_ok()
        );
        assert_eq!(target, expected);
        let left: Vec<_> = fields
            .iter()
            .map(|(name, value)| {
                assert!(value.is_sensitive());
                (name.as_str(), value.to_str().unwrap())
            })
            .collect();
        assert_eq!(left, Vec::from_iter(field));
    }

    #[test]
    fn a_service_gets_its_credential_and_nothing_that_the_agent_sent_for_one() {
        let bearer = Some(("authorization", "Bearer real+key/of-one"));
        check(Form::Bearer, "/v1?key=k", bearer, "/v1?key=k");
        let name = HeaderName::from_static("x-api-key");
        check(
            Form::Header(name),
            "/",
            Some(("x-api-key", "real+key/of-one")),
            "/",
        );
        let pair = BASE64_STANDARD.encode("AC1:real+key/of-one");
        let basic = format!("Basic {pair}");
        check(
            Form::Basic("AC1".into()),
            "/",
            Some(("authorization", &basic)),
            "/",
        );
        let query = || Form::Query("key".into());
        check(query(), "/a", None, "/a?key=real%2Bkey%2Fof%2Done");
        check(
            query(),
            "/a?key=x&b=1&%6Bey=y&&c",
            None,
            "/a?b=1&c&key=real%2Bkey%2Fof%2Done",
        );
    }

    #[test]
    fn without_a_credential_nothing_is_sent() {
        let presented = Presented {
            name: "two".into(),
            form: Form::Bearer,
        };
        let mut target = String::new();
        let refused = presented.present(&source(), &mut HeaderMap::new(), &mut target);
        assert_eq!(refused.err().unwrap().reason, "credential_unavailable");
    }
}
