//! What S3 says in XML, as far as it is asked.

use std::borrow::Cow;

use jiff::Timestamp;
use percent_encoding::percent_decode_str;
use quick_xml::{Reader, escape::unescape, events::Event};

use super::versions::{Marker, Page, Version};

/// The code of an error; none if it is no error of S3's.
pub(super) fn code(body: &[u8]) -> Option<String> {
    let mut reader = Reader::from_reader(body);
    loop {
        match reader.read_event().ok()? {
            Event::Start(start) if start.local_name().as_ref() == b"Code" => {
                let text = reader.read_text(start.name()).ok()?;
                return Some(unescape(&text).ok()?.into_owned());
            }
            Event::Eof => return None,
            _ => {}
        }
    }
}

/// A version that is being read.
#[derive(Default)]
struct Draft {
    is_marker: bool,
    key: Option<String>,
    id: Option<String>,
    modified: Option<Timestamp>,
}

impl Draft {
    /// What it says, if it says all that is needed.
    fn version(self) -> Option<Version> {
        let key = self.key?;
        let name = key.rsplit('/').next().unwrap_or_default().to_owned();
        Some(Version {
            name,
            id: self.id?,
            modified: self.modified?,
            is_marker: self.is_marker,
        })
    }
}

/// A page of an answer to `ListObjectVersions`, whose names are told behind their last slash; none if it is no such answer.
pub(super) fn page(body: &[u8]) -> Option<Page> {
    let mut reader = Reader::from_reader(body);
    let (mut versions, mut draft) = (Vec::new(), None::<Draft>);
    let (mut is_answer, mut is_cut, mut is_url) = (false, false, false);
    let (mut next_key, mut next_version) = (None, None);
    loop {
        match reader.read_event().ok()? {
            Event::Start(start) => {
                let name = start.local_name();
                let text = |reader: &mut Reader<&[u8]>| {
                    let text = reader.read_text(start.name()).ok()?;
                    unescape(&text).ok().map(Cow::into_owned)
                };
                match (name.as_ref(), &mut draft) {
                    (b"ListVersionsResult", None) => is_answer = true,
                    (kind @ (b"Version" | b"DeleteMarker"), None) => {
                        let is_marker = kind == b"DeleteMarker";
                        draft = Some(Draft {
                            is_marker,
                            ..Draft::default()
                        });
                    }
                    (b"Key", Some(draft)) => draft.key = Some(text(&mut reader)?),
                    (b"VersionId", Some(draft)) => draft.id = Some(text(&mut reader)?),
                    (b"LastModified", Some(draft)) => {
                        draft.modified = text(&mut reader)?.parse().ok();
                    }
                    (b"IsTruncated", None) => is_cut = text(&mut reader)? == "true",
                    (b"NextKeyMarker", None) => next_key = Some(text(&mut reader)?),
                    (b"NextVersionIdMarker", None) => next_version = Some(text(&mut reader)?),
                    (b"EncodingType", None) => is_url = text(&mut reader)? == "url",
                    _ => {
                        reader.read_to_end(start.name()).ok()?;
                    }
                }
            }
            Event::End(end)
                if matches!(end.local_name().as_ref(), b"Version" | b"DeleteMarker") =>
            {
                versions.push(draft.take()?.version()?);
            }
            Event::Eof => break,
            _ => {}
        }
    }
    let decoded = |text: String| {
        if !is_url {
            return Some(text);
        }
        let text = text.replace('+', " ");
        let text = percent_decode_str(&text).decode_utf8().ok()?;
        Some(text.into_owned())
    };
    let next = match next_key {
        Some(key) if is_cut => Some(Marker {
            key: decoded(key)?,
            version: next_version.filter(|it| !it.is_empty()),
        }),
        // There is more, and nobody knows where.
        None if is_cut => return None,
        _ => None,
    };
    (is_answer && draft.is_none()).then_some(Page { versions, next })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// As the reference of `ListObjectVersions` has it.
    const ANSWER: &str = r#"<?xml version="1.0" encoding="UTF-8"?>
<ListVersionsResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/">
  <Name>bucket</Name><Prefix>log/tile/0/</Prefix><KeyMarker/><VersionIdMarker></VersionIdMarker>
  <NextKeyMarker>log/a+b%2Bc/1</NextKeyMarker><NextVersionIdMarker>v9</NextVersionIdMarker>
  <MaxKeys>1000</MaxKeys><EncodingType>url</EncodingType><IsTruncated>true</IsTruncated>
  <Version><Key>log/tile/0/000</Key><VersionId>3/L4kqt&amp;x</VersionId><IsLatest>true</IsLatest>
    <LastModified>2026-10-12T17:50:30.000Z</LastModified><ETag>&quot;fba9&quot;</ETag><Size>434234</Size>
    <Owner><ID>75aa57f0</ID><DisplayName>mtd@amazon.com</DisplayName></Owner></Version>
  <DeleteMarker><Key>log/tile/0/001</Key><VersionId>null</VersionId><IsLatest>true</IsLatest>
    <LastModified>2026-10-12T17:50:31.000Z</LastModified><Owner><ID>7</ID></Owner></DeleteMarker>
  <CommonPrefixes><Prefix>log/tile/0/000.p/</Prefix></CommonPrefixes>
</ListVersionsResult>"#;

    #[test]
    fn a_page_is_read_as_s3_writes_it() {
        let page = page(ANSWER.as_bytes()).expect("a page");
        let said = |version: &Version| {
            let Version {
                name,
                id,
                is_marker,
                ..
            } = version;
            (name.clone(), id.clone(), *is_marker)
        };
        assert_eq!(
            page.versions.iter().map(said).collect::<Vec<_>>(),
            [
                ("000".to_owned(), "3/L4kqt&x".to_owned(), false),
                ("001".to_owned(), "null".to_owned(), true),
            ]
        );
        assert_eq!(
            page.next,
            Some(Marker {
                key: "log/a b+c/1".to_owned(),
                version: Some("v9".to_owned()),
            })
        );
    }

    #[test]
    fn what_is_no_answer_is_none() {
        for none in [
            "",
            "<html></html>",
            "<Error><Code>AccessDenied</Code></Error>",
            "<ListVersionsResult><IsTruncated>true</IsTruncated></ListVersionsResult>",
            "<ListVersionsResult><Version><Key>a</Key></Version></ListVersionsResult>",
            "<ListVersionsResult><Version>",
        ] {
            assert!(page(none.as_bytes()).is_none(), "{none}");
        }
        assert_eq!(code(b"<Error><Code>A&amp;B</Code>").as_deref(), Some("A&B"));
        assert_eq!(code(b"{}"), None);
    }

    proptest! {
        #[test]
        fn no_bytes_upset_the_reader(bytes: Vec<u8>, at in 0..ANSWER.len(), with: u8) {
            let _ = (page(&bytes), code(&bytes));
            let mut changed = ANSWER.as_bytes().to_vec();
            changed[at] = with;
            let _ = (page(&changed), code(&changed));
            let _ = page(&changed[..at]);
        }
    }
}
