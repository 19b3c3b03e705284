//! Puts objects into stores that speak as Amazon S3 does.
//!
//! Little of S3's API is wanted: `PutObject` that writes nothing over (`If-None-Match`) and may lock what it put, the same
//! where one object is the newest, `HeadObject`, `PutObjectRetention` where a lock is too short; and for whoever looks at what
//! is there `GetObject` and `ListObjectVersions`. They are signed and sent by what signs and sends the gateway's other
//! calls of AWS.

mod answer;
mod fault;
mod versions;
mod xml;

use std::time::{Duration, SystemTime};

use aws_lc_rs::digest::{SHA256, digest};
use base64::{Engine as _, prelude::BASE64_STANDARD};
use bytes::Bytes;
use http::{HeaderName, HeaderValue, Method, Request, StatusCode, Uri, header};
use http_body_util::{BodyExt as _, LengthLimitError, Limited};
use jiff::{Timestamp, Unit};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use tokio::time::timeout;
use vault::Credential;

use self::answer::{Answer, COMPLIANCE, LABEL, LOCK_MODE, LOCK_UNTIL, VERSION};
pub use self::{
    answer::{Lock, Retention},
    fault::ObjectFault,
    versions::{Fetched, Marker, Page, Version},
};
use crate::{Upstream, body::Outbound, clock, credential::SigV4};

/// The longest key of an object, in bytes ("Naming Amazon S3 objects").
pub const KEY_BYTES_MAX: usize = 1024;

/// For an object to be put and answered for: 64 MiB at 2 Mbit a second.
const OBJECT_DEADLINE: Duration = Duration::from_mins(5);

/// For an answer that has no object in it.
const ANSWER_DEADLINE: Duration = Duration::from_secs(30);

/// How much of such an answer is read, so that the connection can be used again.
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
    /// How it is locked, if it is.
    pub lock: Option<Lock>,
}

/// What became of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stored {
    /// It was put.
    Put,
    /// The same was there.
    There,
}

/// Who asks, and by which keys.
#[derive(Clone, Copy)]
struct Client<'a> {
    client: &'a Upstream,
    shown: &'a Credential,
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
        let client = Client { client, shown };
        let mut request = self.with(Method::PUT, object.key, None, &object.content)?;
        let fields = request.headers_mut();
        fields.insert(
            header::CONTENT_TYPE,
            HeaderValue::from_static(object.media_type),
        );
        if object.manner != Manner::Newest {
            fields.insert(header::IF_NONE_MATCH, HeaderValue::from_static("*"));
        }
        if let Manner::Labelled(label) = object.manner {
            fields.insert(LABEL, value(label)?);
        }
        if let Some(lock) = object.lock {
            fields.insert(LOCK_MODE, HeaderValue::from_static(COMPLIANCE));
            fields.insert(LOCK_UNTIL, value(&seconds(clock::now() + lock.span))?);
        }
        let answer = self
            .ask(client, request, (OBJECT_DEADLINE, ANSWER_BYTES_MAX))
            .await?;
        match answer.status {
            status if status.is_success() => {
                if let Some(lock) = object.lock.filter(|lock| lock.is_asked) {
                    let found = self.head(client, object.key).await?;
                    let found = found.ok_or(ObjectFault::Unreachable)?;
                    if found.lacks(lock.span).is_some() {
                        return Err(ObjectFault::Unlocked);
                    }
                }
                Ok(Stored::Put)
            }
            StatusCode::PRECONDITION_FAILED => self.compare(client, &object).await,
            _ => Err(answer.fault()),
        }
    }

    /// Whether an object of that key is there; if it is to have a label, with that one.
    ///
    /// # Errors
    /// If the store does not say, or what is there is of somebody else.
    pub async fn has(
        &self,
        client: &Upstream,
        shown: &Credential,
        (key, label): (&str, Option<&str>),
    ) -> Result<bool, ObjectFault> {
        let found = self.head(Client { client, shown }, key).await?;
        let Some(found) = found else { return Ok(false) };
        if label.is_some_and(|label| found.field(&LABEL) != Some(label)) {
            return Err(ObjectFault::Taken);
        }
        Ok(true)
    }

    /// Whether what is there is the same, and locked for as long: what was put before that was asked for is locked now.
    async fn compare(
        &self,
        client: Client<'_>,
        object: &Object<'_>,
    ) -> Result<Stored, ObjectFault> {
        let found = self.head(client, object.key).await?;
        // Who deleted it meanwhile lets the next try put it.
        let found = found.ok_or(ObjectFault::Unreachable)?;
        let is_same = match object.manner {
            Manner::Labelled(label) => found.field(&LABEL) == Some(label),
            Manner::Newest | Manner::Once => {
                found.field(&CHECKSUM) == Some(&*checksum(&object.content))
            }
        };
        if !is_same {
            return Err(ObjectFault::Taken);
        }
        let due = object.lock.and_then(|lock| found.lacks(lock.span));
        if let (Some(due), Some(lock)) = (due, object.lock) {
            self.lock(client, object.key, found.field(&VERSION), due)
                .await?;
            let found = self.head(client, object.key).await?;
            if found.is_none_or(|found| found.lacks(lock.span).is_some()) {
                return Err(ObjectFault::Unlocked);
            }
        }
        Ok(Stored::There)
    }

    /// Locks what is there (`PutObjectRetention`); a lock can only become longer.
    async fn lock(
        &self,
        client: Client<'_>,
        key: &str,
        version: Option<&str>,
        until: SystemTime,
    ) -> Result<(), ObjectFault> {
        // Nothing in it has to be escaped.
        let until = seconds(until);
        let asked = format!(
            "<Retention xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\"><Mode>{COMPLIANCE}</Mode>\
             <RetainUntilDate>{until}</RetainUntilDate></Retention>"
        );
        let version = version.map(|it| format!("&versionId={}", versions::encoded(it)));
        let query = format!("retention{}", version.unwrap_or_default());
        let mut request = self.with(Method::PUT, key, Some(&query), &asked.into())?;
        let media_type = HeaderValue::from_static("application/xml");
        request
            .headers_mut()
            .insert(header::CONTENT_TYPE, media_type);
        let answer = self
            .ask(client, request, (ANSWER_DEADLINE, ANSWER_BYTES_MAX))
            .await?;
        match answer.fault() {
            _ if answer.status.is_success() => Ok(()),
            passing if passing.is_passing() => Err(passing),
            _ => Err(ObjectFault::Unlocked),
        }
    }

    /// What the store says of an object; none if there is none.
    async fn head(&self, client: Client<'_>, key: &str) -> Result<Option<Answer>, ObjectFault> {
        let mut request = self.bare(Method::HEAD, Some(key), None)?;
        let fields = request.headers_mut();
        fields.insert(CHECKSUM_MODE, HeaderValue::from_static("ENABLED"));
        let answer = self
            .ask(client, request, (ANSWER_DEADLINE, ANSWER_BYTES_MAX))
            .await?;
        match answer.status {
            StatusCode::OK => Ok(Some(answer)),
            StatusCode::NOT_FOUND => Ok(None),
            _ => Err(answer.fault()),
        }
    }

    /// A request with a body, and its checksum.
    fn with(
        &self,
        method: Method,
        key: &str,
        query: Option<&str>,
        content: &Bytes,
    ) -> Result<Request<Outbound>, ObjectFault> {
        let mut request = self.bare(method, Some(key), query)?;
        *request.body_mut() = Outbound::full(content.clone());
        let fields = request.headers_mut();
        fields.insert(ALGORITHM, HeaderValue::from_static("SHA256"));
        fields.insert(CHECKSUM, value(&checksum(content))?);
        Ok(request)
    }

    /// A request about an object, or about the bucket.
    fn bare(
        &self,
        method: Method,
        key: Option<&str>,
        query: Option<&str>,
    ) -> Result<Request<Outbound>, ObjectFault> {
        let mut request = Request::new(Outbound::empty());
        *request.method_mut() = method;
        *request.uri_mut() = self.at(key, query).ok_or(ObjectFault::Unspeakable)?;
        Ok(request)
    }

    /// Where an object is, or the bucket; none if nothing can be there.
    fn at(&self, key: Option<&str>, query: Option<&str>) -> Option<Uri> {
        let base = self.base.path().trim_end_matches('/');
        let path = match key {
            Some(key) => {
                let is_key = (1..=KEY_BYTES_MAX).contains(&key.len()) && !key.starts_with('/');
                let key = is_key.then(|| utf8_percent_encode(key, AS_IT_IS))?;
                format!("{base}/{key}")
            }
            None => format!("{base}/"),
        };
        let query = query.map(|query| format!("?{query}"));
        let mut parts = self.base.clone().into_parts();
        parts.path_and_query = format!("{path}{}", query.unwrap_or_default()).parse().ok();
        parts.path_and_query.is_some().then_some(())?;
        Uri::from_parts(parts).ok()
    }

    /// Asks, and reads so much of the answer in so much time.
    async fn ask(
        &self,
        Client { client, shown }: Client<'_>,
        mut request: Request<Outbound>,
        (deadline, bytes_max): (Duration, usize),
    ) -> Result<Answer, ObjectFault> {
        let signer = SigV4 {
            region: self.region.clone(),
            service: SERVICE.to_owned(),
        };
        signer
            .sign_own(shown, clock::now(), &mut request)
            .ok_or(ObjectFault::Unsigned)?;
        let answered = async {
            let sent = client.send(request, std::future::ready(()), deadline);
            let answer = sent.await.map_err(|_| ObjectFault::Unreachable)?;
            let (head, body) = answer.into_parts();
            let read = Limited::new(body, bytes_max).collect().await;
            let body = match read {
                Ok(body) => Some(body.to_bytes()),
                Err(cut) if cut.is::<LengthLimitError>() => None,
                Err(_) if head.status.is_success() => return Err(ObjectFault::Unreachable),
                Err(_) => None,
            };
            Ok(Answer {
                status: head.status,
                headers: head.headers,
                body,
            })
        };
        let answer = timeout(deadline, answered).await;
        answer.map_err(|_| ObjectFault::Late)?
    }
}

fn checksum(content: &[u8]) -> String {
    BASE64_STANDARD.encode(digest(&SHA256, content))
}

/// As S3 writes an instant.
fn seconds(at: SystemTime) -> String {
    let at = clock::timestamp(at).round(Unit::Second);
    at.unwrap_or(Timestamp::MAX).to_string()
}

fn value(text: &str) -> Result<HeaderValue, ObjectFault> {
    HeaderValue::from_str(text).map_err(|_| ObjectFault::Unspeakable)
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
            assert_eq!(
                bucket(base).at(Some(key), None).expect("an address"),
                expected
            );
        }
    }

    #[test]
    fn what_is_no_key_is_nowhere() {
        for none in ["", "/a", &"a".repeat(KEY_BYTES_MAX + 1)] {
            assert_eq!(bucket("https://acme.example").at(Some(none), None), None);
        }
        let of_bucket = bucket("https://objects.example/acme").at(None, Some("versions"));
        let of_bucket = of_bucket.expect("an address");
        assert_eq!(of_bucket, "https://objects.example/acme/?versions");
    }
}
