//! Puts objects into stores that speak as Amazon S3 does.
//!
//! Three questions of S3's API are all that is wanted of it: `PutObject` that writes nothing over (`If-None-Match`) and
//! may lock what it put, the same where one object is the newest, and `HeadObject`. They are signed and sent by what
//! signs and sends the gateway's other calls of AWS.

use std::time::{Duration, SystemTime};

use aws_lc_rs::digest::{SHA256, digest};
use base64::{Engine as _, prelude::BASE64_STANDARD};
use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, StatusCode, Uri, header};
use http_body_util::{BodyExt as _, Limited};
use jiff::{Timestamp, Unit};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use tokio::time::timeout;
use vault::Credential;

use crate::{Upstream, body::Outbound, clock, credential::SigV4};

/// The longest key of an object, in bytes ("Naming Amazon S3 objects").
pub const KEY_BYTES_MAX: usize = 1024;

/// For an object to be put and answered for: 64 MiB at 2 Mbit a second.
const OBJECT_DEADLINE: Duration = Duration::from_mins(5);

/// How much of an answer is read, so that the connection can be used again.
const ANSWER_BYTES_MAX: usize = 64 * 1024;

/// As which S3 signs.
const SERVICE: &str = "s3";

/// What stands in a key as it is; all else is encoded, as it is signed ("Create a canonical request").
const AS_IT_IS: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'/')
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~');

const ALGORITHM: HeaderName = HeaderName::from_static("x-amz-sdk-checksum-algorithm");
const CHECKSUM: HeaderName = HeaderName::from_static("x-amz-checksum-sha256");
const CHECKSUM_MODE: HeaderName = HeaderName::from_static("x-amz-checksum-mode");
const LOCK_MODE: HeaderName = HeaderName::from_static("x-amz-object-lock-mode");
const LOCK_UNTIL: HeaderName = HeaderName::from_static("x-amz-object-lock-retain-until-date");
/// What an object is, in words of the one who put it.
const LABEL: HeaderName = HeaderName::from_static("x-amz-meta-tidegate");

/// A bucket.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bucket {
    /// What stands before an object's key, without the slash between them.
    pub base: Uri,
    /// The region that requests are signed for.
    pub region: String,
}

/// How an object is put.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Manner<'a> {
    /// In the place of what may be there.
    Newest,
    /// If there is none. One that is there is the same if it has the same content.
    Once,
    /// If there is none. One that is there is the same if it was put with this label, of what an object is.
    Labelled(&'a str),
}

/// An object to be put.
#[derive(Clone, Debug)]
pub struct Object<'a> {
    /// Its key, as it reads.
    pub key: &'a str,
    /// Its media type.
    pub media_type: &'static str,
    /// What is in it.
    pub content: Bytes,
    /// Whether it may be there.
    pub manner: Manner<'a>,
    /// Until when nobody can delete this version or write over it (Object Lock, mode `COMPLIANCE`).
    pub locked_until: Option<SystemTime>,
}

/// What became of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stored {
    /// It was put.
    Put,
    /// The same was there.
    There,
}

/// Why it is not there. No variant holds what a store said.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ObjectFault {
    /// The keys are no `ID:SECRET` or `ID:SECRET:TOKEN`, or the object's key is too long.
    #[error("the request cannot be signed: the keys are `ID:SECRET` or `ID:SECRET:TOKEN`")]
    Unsigned,
    /// The store could not be reached, or broke off.
    #[error("the store could not be reached")]
    Unreachable,
    /// It took too long.
    #[error("the store did not answer in time")]
    Late,
    /// It does not let these keys do that.
    #[error("the store does not let these keys do that (status 403)")]
    Denied,
    /// There is no such bucket.
    #[error("there is no such bucket (status 404)")]
    NoBucket,
    /// The bucket is elsewhere.
    #[error("the bucket is in another region, or at another address (status {0})")]
    Elsewhere(u16),
    /// Another object has that key.
    #[error("another object is there, of somebody else")]
    Taken,
    /// It does not take it.
    #[error("the store does not take it (status {0}); a lock needs a bucket with Object Lock")]
    Refused(u16),
}

/// An answer, without what is in its body.
struct Answer {
    status: StatusCode,
    headers: HeaderMap,
}

impl Bucket {
    /// Puts an object; when this returns the store has said that it has it.
    ///
    /// # Errors
    /// If it is not there then, as far as is known.
    pub async fn put(
        &self,
        client: &Upstream,
        shown: &Credential,
        object: Object<'_>,
    ) -> Result<Stored, ObjectFault> {
        let sum = BASE64_STANDARD.encode(digest(&SHA256, &object.content));
        let mut request = self.request(Method::PUT, object.key, Some(&object.content))?;
        let fields = request.headers_mut();
        fields.insert(
            header::CONTENT_TYPE,
            HeaderValue::from_static(object.media_type),
        );
        fields.insert(ALGORITHM, HeaderValue::from_static("SHA256"));
        fields.insert(CHECKSUM, value(&sum)?);
        if object.manner != Manner::Newest {
            fields.insert(header::IF_NONE_MATCH, HeaderValue::from_static("*"));
        }
        if let Manner::Labelled(label) = object.manner {
            fields.insert(LABEL, value(label)?);
        }
        if let Some(until) = object.locked_until {
            let until = clock::timestamp(until).round(Unit::Second);
            let until = until.unwrap_or(Timestamp::MAX).to_string();
            fields.insert(LOCK_MODE, HeaderValue::from_static("COMPLIANCE"));
            fields.insert(LOCK_UNTIL, value(&until)?);
        }
        let answer = self.ask(client, shown, request).await?;
        match answer.status {
            status if status.is_success() => Ok(Stored::Put),
            StatusCode::PRECONDITION_FAILED => {
                self.compare(client, shown, object.key, &sum, object.manner)
                    .await
            }
            status => Err(refused(status)),
        }
    }

    /// Whether an object of that key is there.
    ///
    /// # Errors
    /// If the store does not say.
    pub async fn has(
        &self,
        client: &Upstream,
        shown: &Credential,
        key: &str,
    ) -> Result<bool, ObjectFault> {
        self.head(client, shown, key).await.map(|it| it.is_some())
    }

    /// Whether what is there is the same.
    async fn compare(
        &self,
        client: &Upstream,
        shown: &Credential,
        key: &str,
        sum: &str,
        manner: Manner<'_>,
    ) -> Result<Stored, ObjectFault> {
        let found = self.head(client, shown, key).await?;
        // Who deleted it meanwhile lets the next try put it.
        let found = found.ok_or(ObjectFault::Unreachable)?;
        let (field, expected) = match manner {
            Manner::Labelled(label) => (LABEL, label),
            Manner::Newest | Manner::Once => (CHECKSUM, sum),
        };
        let said = found.get(field).map(HeaderValue::as_bytes);
        if said == Some(expected.as_bytes()) {
            Ok(Stored::There)
        } else {
            Err(ObjectFault::Taken)
        }
    }

    /// What the store says of an object; none if there is none.
    async fn head(
        &self,
        client: &Upstream,
        shown: &Credential,
        key: &str,
    ) -> Result<Option<HeaderMap>, ObjectFault> {
        let mut request = self.request(Method::HEAD, key, None)?;
        let fields = request.headers_mut();
        fields.insert(CHECKSUM_MODE, HeaderValue::from_static("ENABLED"));
        let answer = self.ask(client, shown, request).await?;
        match answer.status {
            StatusCode::OK => Ok(Some(answer.headers)),
            StatusCode::NOT_FOUND => Ok(None),
            status => Err(refused(status)),
        }
    }

    fn request(
        &self,
        method: Method,
        key: &str,
        content: Option<&Bytes>,
    ) -> Result<Request<Outbound>, ObjectFault> {
        let body = content.map_or_else(Outbound::empty, |it| Outbound::full(it.clone()));
        let mut request = Request::new(body);
        *request.method_mut() = method;
        *request.uri_mut() = self.at(key).ok_or(ObjectFault::Unsigned)?;
        Ok(request)
    }

    /// Where an object is; none if nothing can be there.
    fn at(&self, key: &str) -> Option<Uri> {
        let is_key = (1..=KEY_BYTES_MAX).contains(&key.len()) && !key.starts_with('/');
        let base = self.base.path().trim_end_matches('/');
        let mut parts = self.base.clone().into_parts();
        let path = format!("{base}/{}", utf8_percent_encode(key, AS_IT_IS));
        parts.path_and_query = path.parse().ok().filter(|_| is_key);
        parts.path_and_query.is_some().then_some(())?;
        Uri::from_parts(parts).ok()
    }

    async fn ask(
        &self,
        client: &Upstream,
        shown: &Credential,
        mut request: Request<Outbound>,
    ) -> Result<Answer, ObjectFault> {
        let signer = SigV4 {
            region: self.region.clone(),
            service: SERVICE.to_owned(),
        };
        signer
            .sign_own(shown, clock::now(), &mut request)
            .ok_or(ObjectFault::Unsigned)?;
        let answered = async {
            let sent = client.send(request, std::future::ready(()), OBJECT_DEADLINE);
            let answer = sent.await.map_err(|_| ObjectFault::Unreachable)?;
            let (head, body) = answer.into_parts();
            // That it is read lets the connection live; what an error says is told by its status.
            let _unread = Limited::new(body, ANSWER_BYTES_MAX).collect().await;
            Ok(Answer {
                status: head.status,
                headers: head.headers,
            })
        };
        let answer = timeout(OBJECT_DEADLINE, answered).await;
        answer.map_err(|_| ObjectFault::Late)?
    }
}

fn value(text: &str) -> Result<HeaderValue, ObjectFault> {
    HeaderValue::from_str(text).map_err(|_| ObjectFault::Unsigned)
}

fn refused(status: StatusCode) -> ObjectFault {
    match status {
        StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => ObjectFault::Denied,
        StatusCode::NOT_FOUND => ObjectFault::NoBucket,
        status if status.is_redirection() => ObjectFault::Elsewhere(status.as_u16()),
        status => ObjectFault::Refused(status.as_u16()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bucket(base: &str) -> Bucket {
        Bucket {
            base: base.parse().expect("an address"),
            region: "eu-central-1".into(),
        }
    }

    #[test]
    fn a_key_is_encoded_as_it_is_signed() {
        for (base, key, expected) in [
            (
                "https://acme.s3.eu-central-1.amazonaws.com",
                "ext/tidegate_6003/1.0/region=eu-central-1/a.parquet",
                "https://acme.s3.eu-central-1.amazonaws.com/ext/tidegate_6003/1.0/region%3Deu-central-1/a.parquet",
            ),
            (
                "http://127.0.0.1:9000/acme/",
                "a b+c?d#e/ü",
                "http://127.0.0.1:9000/acme/a%20b%2Bc%3Fd%23e/%C3%BC",
            ),
        ] {
            assert_eq!(bucket(base).at(key).expect("an address"), expected);
        }
    }

    #[test]
    fn what_is_no_key_is_nowhere() {
        for none in ["", "/a", &"a".repeat(KEY_BYTES_MAX + 1)] {
            assert_eq!(bucket("https://acme.example").at(none), None);
        }
    }

    #[test]
    fn a_refusal_is_told_by_its_status() {
        let told = |status| refused(StatusCode::from_u16(status).expect("a status"));
        assert_eq!(told(403), ObjectFault::Denied);
        assert_eq!(told(404), ObjectFault::NoBucket);
        assert_eq!(told(301), ObjectFault::Elsewhere(301));
        assert_eq!(told(503), ObjectFault::Refused(503));
    }
}
