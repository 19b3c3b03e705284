//! What a request of HTTP/1.1 asks for: method, host and path, from its first bytes. The query is cut off: what stands
//! there is an agent's data.

use httparse::{EMPTY_HEADER, Error, Request};

/// Header fields that are looked at; `Host` is among the first.
const HEADERS_MAX: usize = 16;

/// What is asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Asked {
    /// The method.
    pub method: String,
    /// The `Host`, if it is among the bytes.
    pub host: Option<String>,
    /// The path without its query.
    pub path: String,
}

/// Reads the beginning of a request; none if it is none, or if its line does not end within the bytes.
pub fn asked(bytes: &[u8]) -> Option<Asked> {
    let mut headers = [EMPTY_HEADER; HEADERS_MAX];
    let mut request = Request::new(&mut headers);
    match request.parse(bytes) {
        Ok(_) | Err(Error::TooManyHeaders) => {}
        Err(_) => return None,
    }
    let (method, path) = (request.method?, request.path?);
    request.version?;
    let host = request
        .headers
        .iter()
        .find(|header| header.name.eq_ignore_ascii_case("host"));
    let path = path.split(['?', '#']).next()?;
    Some(Asked {
        method: method.to_owned(),
        host: host.and_then(|it| String::from_utf8(it.value.to_vec()).ok()),
        path: path.to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(bytes: &str) -> Option<(String, Option<String>, String)> {
        let asked = asked(bytes.as_bytes())?;
        Some((asked.method, asked.host, asked.path))
    }

    #[test]
    fn a_request_is_its_method_its_host_and_its_path() {
        let all =
            |host: Option<&str>| Some(("GET".into(), host.map(Into::into), "/customers/7".into()));
        let whole =
            "GET /customers/7?mail=a%40b.example HTTP/1.1\r\nHost: crm.example\r\nX: y\r\n\r\nbody";
        assert_eq!(told(whole), all(Some("crm.example")));
        // Cut off behind the host, and before it.
        let until = |text: &str| whole.split(text).next().unwrap();
        assert_eq!(told(until(": y")), all(Some("crm.example")));
        assert_eq!(told(until("example\r\nX")), all(None));
        // In its line, where the path may go on.
        assert_eq!(told(until("?mail")), None);
        for other in [
            "",
            "\x16\x03\x01\x02",
            "PRI * HTTP/2.0\r\n\r\nSM",
            "{\"GET\": 1}",
            "GET /\x00 HTTP/1.1\r\n",
        ] {
            assert_eq!(told(other), None, "{other:?}");
        }
    }
}
