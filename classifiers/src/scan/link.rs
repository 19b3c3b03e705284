//! URLs that lead to a person: profiles under a name, chats with a number. Any other URL is of a
//! thing, and a policy on it would hide half the web.

use memchr::memmem;

use super::finding;
use crate::DataClass;
use crate::finding::Finding;

/// Longest URL that is read, in bytes.
const URL_BYTES_MAX: usize = 512;

/// Where profiles stand, without `www.`.
static PROFILES: &[&[u8]] = &[
    b"linkedin.com/in/",
    b"xing.com/profile/",
    b"facebook.com/profile.php?id=",
    b"instagram.com/",
    b"twitter.com/",
    b"x.com/",
    b"t.me/",
    b"wa.me/",
    b"tiktok.com/@",
    b"medium.com/@",
    b"youtube.com/@",
    b"threads.net/@",
    b"paypal.me/",
    b"calendly.com/",
    b"orcid.org/",
    b"keybase.io/",
    b"gravatar.com/",
    b"snapchat.com/add/",
    b"reddit.com/user/",
    b"stackoverflow.com/users/",
];

/// First parts of paths that are no name.
static PAGES: &[&[u8]] = &[
    b"p",
    b"reel",
    b"share",
    b"intent",
    b"hashtag",
    b"explore",
    b"search",
    b"home",
    b"i",
    b"about",
    b"s",
    b"joinchat",
    b"terms",
    b"privacy",
    b"legal",
    b"login",
    b"avatar",
];

pub(super) fn scan(value: &[u8], findings: &mut Vec<Finding>) {
    for mark in memmem::find_iter(value, b"://") {
        let head = value.get(..mark).unwrap_or_default();
        let scheme = if head.ends_with(b"https") { 5 } else { 4 };
        if !head.ends_with(b"http") && !head.ends_with(b"https") {
            continue;
        }
        let rest = value.get(mark + 3..).unwrap_or_default();
        let length = rest
            .iter()
            .take(URL_BYTES_MAX)
            .take_while(|byte| !b"\"'<>)],".contains(byte) && !byte.is_ascii_whitespace())
            .count();
        let url = rest.get(..length).unwrap_or_default();
        let url = url.strip_suffix(b".").unwrap_or(url);
        if leads_to_a_person(url) {
            let (start, end) = (mark - scheme, mark + 3 + url.len());
            findings.push(finding(DataClass::URL, start, end, 70, "profile"));
        }
    }
}

fn leads_to_a_person(url: &[u8]) -> bool {
    let url = url.strip_prefix(b"www.").unwrap_or(url);
    PROFILES.iter().any(|place| {
        url.get(..place.len())
            .is_some_and(|head| head.eq_ignore_ascii_case(place))
            && url.get(place.len()..).is_some_and(is_name)
    })
}

/// Whether the path goes on with a name and ends there.
fn is_name(path: &[u8]) -> bool {
    let mut parts = path.split(|byte| matches!(byte, b'/' | b'?' | b'#'));
    let name = parts.next().unwrap_or_default();
    name.len() >= 2
        && !PAGES.iter().any(|page| name.eq_ignore_ascii_case(page))
        && parts.filter(|part| !part.is_empty()).count() <= 1
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn profiles_lead_to_persons_and_pages_do_not() {
        let found = |text: &str| {
            let mut findings = Vec::new();
            scan(text.as_bytes(), &mut findings);
            findings.len()
        };
        assert_eq!(found("see https://www.linkedin.com/in/ann-lee-42/."), 1);
        assert_eq!(found("https://t.me/annlee and https://wa.me/4930901820"), 2);
        assert_eq!(found("https://x.com/i/status/12345"), 0);
        assert_eq!(found("https://www.linkedin.com/company/acme"), 0);
        assert_eq!(found("https://example.com/in/ann"), 0);
    }
}
