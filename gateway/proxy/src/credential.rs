//! The credential of a service, put on a request in the last moment: the agent never holds it.
//!
//! It is asked for only once the call is admitted, debited and durably on record, and its body was
//! screened. Whatever the agent sent where a credential stands does not go on.

mod oauth;
mod sigv4;

use std::{borrow::Cow, sync::Arc, time::SystemTime};

use base64::{Engine as _, prelude::BASE64_STANDARD};
use http::{HeaderMap, HeaderName, HeaderValue, Request, Uri, header};
use vault::Credential;
use zeroize::Zeroizing;

pub(crate) use self::oauth::{Access, Fault};
pub use self::{
    oauth::{Grant, Registration, ShownAs},
    sigv4::SigV4,
};
use crate::{
    body::Outbound,
    clock,
    headers::{self, KEY_FIELDS, SESSION_TOKEN},
    refusal::Interruption,
    upstream::Upstream,
    veil::Veil,
    webhook::{self, Key, Scheme},
};

/// How a service wants its credential.
#[derive(Clone, Debug)]
pub enum Form {
    /// `Authorization: Bearer …` (RFC 6750 section 2.1).
    Bearer,
    /// As the whole of a field, `x-api-key`.
    Header(HeaderName),
    /// As the password of this user (RFC 7617).
    Basic(String),
    /// As this parameter of the query.
    Query(String),
    /// As a signature of the request (AWS Signature Version 4).
    SigV4(SigV4),
    /// As the secret of a client, for the access tokens that it is given (RFC 6749 section 4.4).
    OAuth(Arc<Grant>),
    /// As the secret of a signature of each message.
    Signature(Scheme),
    /// In the handshake of TLS: a certificate chain and its key, PEM (RFC 8446 section 4.4.2).
    Certificate,
}

/// The credential of a service.
#[derive(Clone, Debug)]
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

    /// A service did not take the credential of this name: it may be another one where it comes from.
    fn was_refused(&self, _name: &str) {}
}

/// Takes out whatever the agent sent where a credential stands.
pub(crate) fn take_keys(fields: &mut HeaderMap) {
    for name in KEY_FIELDS.iter().chain([&SESSION_TOKEN]) {
        fields.remove(name);
    }
}

impl Presented {
    /// Puts the credential on a request that is otherwise as it will be sent; `veil` is what keeps it from
    /// coming back, and says on record that it was read, whatever comes of it. Gives the access token that
    /// stands for it, if one does.
    pub(crate) async fn present(
        &self,
        source: &dyn CredentialSource,
        client: &Upstream,
        now: SystemTime,
        request: &mut Request<Outbound>,
        veil: &mut Option<Veil>,
    ) -> Result<Option<Arc<Access>>, Interruption> {
        let unavailable = Interruption::credential_unavailable;
        let credential = source.credential(&self.name).ok_or_else(unavailable)?;
        if credential.is_pem() != matches!(self.form, Form::Certificate) {
            let name = &*self.name;
            tracing::error!(credential = name, "is PEM, or is not, other than `as` says");
            return Err(unavailable());
        }
        let veil = veil.insert(Veil::over(&self.name, &credential));
        let secret = credential.expose();
        match &self.form {
            Form::Bearer => {
                let value = [b"Bearer ", secret].concat();
                put(request, header::AUTHORIZATION, value)?;
            }
            Form::Header(name) => put(request, name.clone(), secret.to_vec())?,
            Form::Basic(user) => {
                let pair = Zeroizing::new([user.as_bytes(), b":", secret].concat());
                let encoded = Zeroizing::new(BASE64_STANDARD.encode(&*pair));
                let value = [b"Basic ", encoded.as_bytes()].concat();
                put(request, header::AUTHORIZATION, value)?;
                veil.and(encoded.as_bytes());
            }
            Form::Query(name) => {
                let target = with_parameter(request.uri(), name, secret).ok_or_else(unavailable)?;
                *request.uri_mut() = target;
            }
            Form::SigV4(signer) => signer.sign(&credential, now, request, veil)?,
            Form::OAuth(grant) => {
                let access = Box::pin(grant.access(client, &credential)).await?;
                let value = [b"Bearer ", access.expose()].concat();
                put(request, header::AUTHORIZATION, value)?;
                veil.and(access.expose());
                return Ok(Some(access));
            }
            Form::Signature(scheme) => sign(*scheme, &credential, now, request, veil)?,
            Form::Certificate => {
                let clients = client.certified(&self.name, &credential);
                request.extensions_mut().insert(clients?);
            }
        }
        Ok(None)
    }

    /// Whether the whole of a body must be there before it is presented.
    pub(crate) fn covers_body(&self) -> bool {
        matches!(self.form, Form::SigV4(_) | Form::Signature(_))
    }

    /// The service did not take what was presented: the credential, or this token for it.
    pub(crate) fn was_refused(&self, source: &dyn CredentialSource, access: Option<&Arc<Access>>) {
        source.was_refused(&self.name);
        if let (Form::OAuth(grant), Some(access)) = (&self.form, access) {
            grant.was_refused(access);
        }
    }
}

/// Signs a message whose body is whole, as it is from now on.
fn sign(
    scheme: Scheme,
    secret: &Credential,
    now: SystemTime,
    request: &mut Request<Outbound>,
    veil: &mut Veil,
) -> Result<(), Interruption> {
    let unavailable = Interruption::credential_unavailable;
    let key = Key::of(scheme, secret.expose()).ok_or_else(unavailable)?;
    // What still comes was refused before.
    let Outbound::Whole(pieces) = request.body() else {
        return Err(Interruption::unsignable());
    };
    let body = pieces.iter().flatten().copied().collect::<Vec<u8>>();
    let id = message_id(request.headers(), &body);
    let at = clock::timestamp(now).as_second();
    let signed = key.sign(&id, at, &body);
    let signed = signed.map_err(|_| Interruption::unsignable())?;
    // Whoever has it can send the same message again, past the gateway, for minutes.
    veil.and(signed.signature.as_bytes());
    for name in scheme.fields() {
        request.headers_mut().remove(name);
    }
    for (name, value) in signed.fields {
        request.headers_mut().insert(name, value);
    }
    Ok(())
}

/// The id that a message has, or else one that it has whenever it is sent.
fn message_id(headers: &HeaderMap, body: &[u8]) -> String {
    let own = headers::only(headers, &webhook::ID).map(str::to_owned);
    own.unwrap_or_else(|| webhook::id(body))
}

fn put(
    request: &mut Request<Outbound>,
    name: HeaderName,
    value: Vec<u8>,
) -> Result<(), Interruption> {
    let value = Zeroizing::new(value);
    let mut value =
        HeaderValue::from_bytes(&value).map_err(|_| Interruption::credential_unavailable())?;
    value.set_sensitive(true);
    request.headers_mut().insert(name, value);
    Ok(())
}

/// The same address whose query has this parameter once, whatever it had before.
fn with_parameter(uri: &Uri, name: &str, secret: &[u8]) -> Option<Uri> {
    let is_it = |pair: &&str| decoded(pair.split('=').next().unwrap_or_default()) == name;
    let kept: Vec<&str> = uri
        .query()
        .unwrap_or_default()
        .split('&')
        .filter(|pair| !pair.is_empty() && !is_it(pair))
        .collect();
    let secret = percent_encoding::percent_encode(secret, percent_encoding::NON_ALPHANUMERIC);
    let own = format!("{name}={secret}");
    let query: Vec<&str> = kept.into_iter().chain([own.as_str()]).collect();
    let target = format!("{}?{}", uri.path(), query.join("&"));
    let mut parts = uri.clone().into_parts();
    parts.path_and_query = Some(target.parse().ok()?);
    Uri::from_parts(parts).ok()
}

fn decoded(name: &str) -> Cow<'_, str> {
    percent_encoding::percent_decode_str(name).decode_utf8_lossy()
}

#[cfg(test)]
mod tests;
