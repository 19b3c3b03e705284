//! AWS Secrets Manager: `GetSecretValue`, signed as every call of AWS is.

use std::time::SystemTime;

use bytes::Bytes;
use http::{HeaderName, HeaderValue, Method, Request, Uri, header};
use serde_json::{Value, json};
use vault::Credential;
use zeroize::Zeroizing;

use super::{Secret, StoreFault, document, escaped, text};
use crate::{Upstream, body::Outbound, credential::SigV4};

const TARGET: HeaderName = HeaderName::from_static("x-amz-target");
/// As which the service signs, and by which its errors are named.
const SERVICE: &str = "secretsmanager";

/// A secret.
#[derive(Clone, Debug, PartialEq)]
pub struct SecretsManager {
    /// Where the service is.
    pub endpoint: Uri,
    /// Its region.
    pub region: String,
    /// The secret's name or ARN.
    pub id: String,
    /// Which member of it, where it is a JSON object; else all of it.
    pub field: Option<String>,
}

impl SecretsManager {
    /// `shown` is `ID:SECRET` or `ID:SECRET:TOKEN`.
    pub(super) async fn ask(
        &self,
        client: &Upstream,
        shown: &Credential,
        now: SystemTime,
    ) -> Result<Secret, StoreFault> {
        let question = json!({ "SecretId": self.id, "VersionStage": "AWSCURRENT" });
        let call = Call {
            endpoint: &self.endpoint,
            region: &self.region,
            service: SERVICE,
            target: "secretsmanager.GetSecretValue",
        };
        let told = call.ask(client, shown, now, &question).await?;
        let whole = text(&told, "/SecretString")?;
        let value = match &self.field {
            None => whole,
            Some(field) => member(&whole, field)?,
        };
        // AWS names versions and does not number them.
        Ok(Secret { value, version: 0 })
    }
}

/// A call of a service that takes JSON.
pub(super) struct Call<'a> {
    pub(super) endpoint: &'a Uri,
    pub(super) region: &'a str,
    /// As which the service signs.
    pub(super) service: &'static str,
    /// What is called.
    pub(super) target: &'static str,
}

impl Call<'_> {
    pub(super) async fn ask(
        &self,
        client: &Upstream,
        shown: &Credential,
        now: SystemTime,
        question: &Value,
    ) -> Result<Value, StoreFault> {
        let question = Zeroizing::new(question.to_string());
        let body = Outbound::full(Bytes::copy_from_slice(question.as_bytes()));
        let mut request = Request::new(body);
        *request.method_mut() = Method::POST;
        *request.uri_mut() = self.endpoint.clone();
        let headers = request.headers_mut();
        let kind = HeaderValue::from_static("application/x-amz-json-1.1");
        headers.insert(header::CONTENT_TYPE, kind);
        headers.insert(TARGET, HeaderValue::from_static(self.target));
        let signer = SigV4 {
            region: self.region.to_owned(),
            service: self.service.to_owned(),
        };
        signer
            .sign_own(shown, now, &mut request)
            .ok_or(StoreFault::Unproven)?;
        let (status, body) = client.answered(request).await?;
        match document(status, &body) {
            Err(StoreFault::Unreadable(400)) => Err(refused(&body)),
            told => told,
        }
    }
}

fn member(whole: &[u8], field: &str) -> Result<Zeroizing<Vec<u8>>, StoreFault> {
    let members: Value = serde_json::from_slice(whole).map_err(|_| StoreFault::Missing)?;
    text(&members, &format!("/{}", escaped(field)))
}

/// What an error says: it has one status for all, and a name.
fn refused(body: &[u8]) -> StoreFault {
    let told: Value = serde_json::from_slice(body).unwrap_or_default();
    let kind = told
        .get("__type")
        .and_then(Value::as_str)
        .unwrap_or_default();
    match kind.rsplit('#').next().unwrap_or_default() {
        "ResourceNotFoundException" | "InvalidRequestException" | "NotFoundException" => {
            StoreFault::Missing
        }
        "AccessDeniedException"
        | "UnrecognizedClientException"
        | "InvalidSignatureException"
        | "ExpiredTokenException"
        | "InvalidClientTokenId"
        | "SignatureDoesNotMatch" => StoreFault::Denied,
        "DisabledException" | "KMSInvalidStateException" => StoreFault::Disabled,
        "InvalidCiphertextException" | "IncorrectKeyException" => StoreFault::Foreign,
        _ => StoreFault::Unreadable(400),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_member_is_taken_by_its_whole_name() {
        let whole = br#"{"a/b~c": "one\n", "a": {"b~c": "two"}, "n": 7}"#;
        assert_eq!(**member(whole, "a/b~c").expect("it is there"), *b"one");
        for none in ["a", "n", "b", ""] {
            assert_eq!(
                member(whole, none).err(),
                Some(StoreFault::Missing),
                "{none}"
            );
        }
        assert_eq!(member(b"plain", "a").err(), Some(StoreFault::Missing));
    }

    #[test]
    fn an_error_is_told_by_its_name() {
        let said = |kind: &str| refused(format!("{{\"__type\": \"{kind}\"}}").as_bytes());
        assert_eq!(
            said("com.amazon#ResourceNotFoundException"),
            StoreFault::Missing
        );
        assert_eq!(said("AccessDeniedException"), StoreFault::Denied);
        assert_eq!(said("ThrottlingException"), StoreFault::Unreadable(400));
        assert_eq!(refused(b"<html>"), StoreFault::Unreadable(400));
    }
}
