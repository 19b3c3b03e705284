//! What a bucket has kept: every version of an object, and what was hidden behind delete markers.

use std::time::SystemTime;

use bytes::Bytes;
use http::{Method, StatusCode};
use jiff::Timestamp;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use vault::Credential;

use super::{Bucket, Client, OBJECT_DEADLINE, ObjectFault, Retention, xml};
use crate::Upstream;

/// The longest page of a list of versions, in bytes: a thousand entries with keys and ids that are as long as may be.
const PAGE_BYTES_MAX: usize = 8 * 1024 * 1024;

/// What stands in a query as it is ("Create a canonical request").
const QUERY: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~');

/// A version of an object, or a marker that says that it was deleted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Version {
    /// Its key behind the last slash.
    pub name: String,
    /// Its id.
    pub id: String,
    /// When it came, by the store's clock.
    pub modified: Timestamp,
    /// Whether it is a delete marker.
    pub is_marker: bool,
}

/// Where a list goes on.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Marker {
    pub(super) key: String,
    pub(super) version: Option<String>,
}

/// A piece of a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Page {
    /// By their keys; of one key the newest first, as S3 has it.
    pub versions: Vec<Version>,
    /// Where it goes on, if it does.
    pub next: Option<Marker>,
}

/// An object as a store has it.
#[derive(Clone, Debug, Default)]
pub struct Fetched {
    /// What is in it.
    pub content: Bytes,
    /// How it is locked, as far as the keys may see that; not at all if none.
    pub retention: Option<Retention>,
    /// When it came, by the store's clock.
    pub modified: Option<SystemTime>,
}

impl Bucket {
    /// Versions of what is in a folder, which ends in a slash, without what is in folders of it (`ListObjectVersions`).
    ///
    /// # Errors
    /// If the store does not say.
    pub async fn versions(
        &self,
        client: &Upstream,
        shown: &Credential,
        folder: &str,
        after: Option<&Marker>,
    ) -> Result<Page, ObjectFault> {
        let mut query = format!(
            "versions&encoding-type=url&delimiter=%2F&prefix={}",
            encoded(folder)
        );
        if let Some(Marker { key, version }) = after {
            query.extend(["&key-marker=", &encoded(key)]);
            if let Some(version) = version {
                query.extend(["&version-id-marker=", &encoded(version)]);
            }
        }
        let request = self.bare(Method::GET, None, Some(&query))?;
        let client = Client { client, shown };
        let answer = self
            .ask(client, request, (OBJECT_DEADLINE, PAGE_BYTES_MAX))
            .await?;
        if answer.status != StatusCode::OK {
            return Err(answer.fault());
        }
        let page = answer.body.and_then(|body| xml::page(&body));
        let page = page.ok_or(ObjectFault::Garbled)?;
        // Whoever sends around in a circle is not followed.
        if page.next.is_some() && page.next.as_ref() == after {
            return Err(ObjectFault::Garbled);
        }
        Ok(page)
    }

    /// An object of at most so many bytes, or one version of it; none if there is none.
    ///
    /// # Errors
    /// If the store does not give it, or it is longer.
    pub async fn get(
        &self,
        client: &Upstream,
        shown: &Credential,
        (key, version): (&str, Option<&str>),
        bytes_max: usize,
    ) -> Result<Option<Fetched>, ObjectFault> {
        let query = version.map(|it| format!("versionId={}", encoded(it)));
        let request = self.bare(Method::GET, Some(key), query.as_deref())?;
        let client = Client { client, shown };
        let answer = self
            .ask(client, request, (OBJECT_DEADLINE, bytes_max))
            .await?;
        match answer.status {
            StatusCode::OK => {
                let (retention, modified) = (answer.retention(), answer.modified());
                let content = answer.body.ok_or(ObjectFault::Long(bytes_max))?;
                Ok(Some(Fetched {
                    content,
                    retention,
                    modified,
                }))
            }
            StatusCode::NOT_FOUND if !answer.says("NoSuchBucket") => Ok(None),
            _ => Err(answer.fault()),
        }
    }
}

/// As it stands in a query.
pub(super) fn encoded(text: &str) -> String {
    utf8_percent_encode(text, QUERY).to_string()
}
