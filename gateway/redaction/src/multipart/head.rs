//! What the header fields of a part say of it (RFC 7578 section 4).

use classifiers::document::Media;

use crate::media_type;
use crate::trail::tellable;

/// What a part holds.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Content {
    /// The value of a field of this name.
    Field(Vec<u8>),
    /// A document.
    Document(Media),
    /// What cannot be inspected.
    Opaque,
}

/// The fields of one part, as far as they matter.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Head {
    name: Vec<u8>,
    pub(super) content: Content,
}

impl Head {
    /// What these fields say; none if they can be read in more than one way.
    pub(super) fn of(fields: &[u8]) -> Option<Self> {
        let text = std::str::from_utf8(fields).ok()?;
        let (mut disposition, mut kind, mut encoding) = (None, None, None);
        for line in text.split_terminator("\r\n") {
            // To some a lone line feed ends a field.
            if line.contains(['\r', '\n']) {
                return None;
            }
            let (name, value) = line.split_once(':')?;
            let place = match name.to_ascii_lowercase().as_str() {
                "content-disposition" => &mut disposition,
                "content-type" => &mut kind,
                "content-transfer-encoding" => &mut encoding,
                // Folded lines, and what has no name.
                other if other.is_empty() || other.contains([' ', '\t']) => return None,
                _ => continue,
            };
            if place.replace(value.trim()).is_some() {
                return None;
            }
        }
        let disposition = disposition?;
        // One in quotes of another, or one in another charset: two readers, two names.
        let names = parameters(disposition).filter(|(name, _)| is_name(name));
        if names.count() > 1 {
            return None;
        }
        let name = parameter(disposition, "name")?.as_bytes().to_vec();
        let is_plain = encoding.is_none_or(|encoding: &str| {
            ["7bit", "8bit", "binary"]
                .iter()
                .any(|plain| encoding.eq_ignore_ascii_case(plain))
        });
        let content = match kind {
            _ if !is_plain => Content::Opaque,
            None => Content::Field(name.clone()),
            Some(kind) if !media_type::is_utf8(kind) => Content::Opaque,
            Some(kind) => match Media::named(kind) {
                Some(Media::Text) if parameter(disposition, "filename").is_none() => {
                    Content::Field(name.clone())
                }
                Some(media) => Content::Document(media),
                None => Content::Opaque,
            },
        };
        Some(Self { name, content })
    }

    /// What stands before the paths of findings in the part.
    pub(super) fn place(&self) -> String {
        format!("/{}", tellable(&self.name).unwrap_or("?"))
    }
}

/// A quoted parameter of a field's value. Browsers write a quote in it as `%22`.
fn parameter<'a>(value: &'a str, name: &str) -> Option<&'a str> {
    parameters(value).find_map(|(found, value)| {
        let quoted = value.strip_prefix('"').and_then(|it| it.strip_suffix('"'));
        found
            .eq_ignore_ascii_case(name)
            .then(|| quoted.unwrap_or(value))
    })
}

fn parameters(value: &str) -> impl Iterator<Item = (&str, &str)> {
    let parameters = value.split(';').skip(1);
    let parameters = parameters.filter_map(|parameter| parameter.split_once('='));
    parameters.map(|(name, value)| (name.trim(), value.trim()))
}

/// Whether a parameter is `name`, or `name*` or a part of it (RFC 2231).
fn is_name(parameter: &str) -> bool {
    let base = parameter.split('*').next().unwrap_or_default();
    base.eq_ignore_ascii_case("name")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn content(fields: &str) -> Option<Content> {
        Head::of(fields.as_bytes()).map(|head| head.content)
    }

    #[test]
    fn a_part_is_what_its_fields_say() {
        let named = "Content-Disposition: form-data; name=\"ssn\"\r\n";
        assert_eq!(content(named), Some(Content::Field(b"ssn".to_vec())));
        let json = format!("{named}content-type: application/json\r\n");
        assert_eq!(content(&json), Some(Content::Document(Media::Json)));
        for other in [
            "content-type: image/png",
            "content-type: text/plain; charset=utf-16",
            "content-transfer-encoding: base64",
        ] {
            assert_eq!(
                content(&format!("{named}{other}\r\n")),
                Some(Content::Opaque)
            );
        }
        for broken in [
            "",
            "x\r\n",
            " folded: 1\r\n",
            "content-disposition: form-data; name=a\r\nx: 1\ncontent-type: image/png\r\n",
            "content-disposition: form-data; filename=\"; name=x\"; name=\"ssn\"\r\n",
            "content-disposition: form-data; name=\"a\"; name*=utf-8''ssn\r\n",
        ] {
            assert_eq!(content(broken), None);
        }
        assert_eq!(content(&named.repeat(2)), None);
    }
}
