//! Vendors whose keys have no prefix: their name beside a value of the right form tells.
//!
//! Forms are those of the vendors' documents and of the keyword rules of gitleaks (MIT, Copyright
//! 2019 Zachary Rice, `config/gitleaks.toml`).

use phf::phf_map;

use super::shape::Part::{Run, Text};
use super::shape::{self, ALNUM, BASE64, DIGIT, HEX, PADDED, Set, Shape, TOKEN, UUID, WORD};

/// Longest vendor's name, in bytes.
const NAME_BYTES_MAX: usize = 16;

/// Vendors by their name in small letters, and the forms of their keys.
#[rustfmt::skip]
static VENDORS: phf::Map<&'static str, &'static [Shape]> = phf_map! {
    "adafruit" => &[&[Run(TOKEN, 32, 32)]],
    "adobe" => &[&[Run(HEX, 32, 32)]],
    "airtable" => &[&[Run(ALNUM, 17, 17)]],
    "algolia" => &[&[Run(ALNUM, 32, 32)]],
    "alibaba" | "aliyun" => &[&[Run(ALNUM, 30, 30)]],
    "asana" => &[&[Run(DIGIT, 16, 16)], &[Run(ALNUM, 32, 32)]],
    "atlassian" | "confluence" | "jira" => &[&[Run(ALNUM, 24, 24)], &[Run(ALNUM, 20, 20)]],
    "beamer" => &[&[Text(b"b_"), Run(PADDED, 44, 44)]],
    "bitbucket" => &[&[Run(ALNUM, 32, 32)], &[Run(PADDED, 64, 64)]],
    "bittrex" => &[&[Run(ALNUM, 32, 32)]],
    "meraki" => &[&[Run(HEX, 40, 40)]],
    "cloudflare" => &[&[Run(TOKEN, 40, 40)], &[Run(HEX, 37, 37)]],
    "codecov" => &[&[Run(ALNUM, 32, 32)], UUID],
    "cohere" => &[&[Run(ALNUM, 40, 40)]],
    "coinbase" => &[&[Run(TOKEN, 64, 64)]],
    "confluent" => &[&[Run(ALNUM, 16, 16)], &[Run(ALNUM, 64, 64)]],
    "contentful" => &[&[Run(PADDED, 43, 43)]],
    "contribsys" => &[&[Run(HEX, 8, 8), Text(b":"), Run(HEX, 8, 8)]],
    "datadog" | "ddog" => &[&[Run(ALNUM, 40, 40)], &[Run(HEX, 32, 32)]],
    "discord" => &[&[Run(HEX, 64, 64)], &[Run(PADDED, 32, 32)]],
    "droneci" | "drone" => &[&[Run(ALNUM, 32, 32)]],
    "dropbox" => &[&[Run(ALNUM, 15, 15)], &[Run(ALNUM, 11, 11), Text(b"AAAAAAAAAA"), Run(PADDED, 43, 43)]],
    "etsy" => &[&[Run(ALNUM, 24, 24)]],
    "facebook" => &[
        &[Run(HEX, 32, 32)],
        &[Run(DIGIT, 15, 16), Run(Set::BARS, 1, 1), Run(TOKEN, 27, 40)],
    ],
    "fastly" => &[&[Run(PADDED, 32, 32)]],
    "finicity" => &[&[Run(HEX, 32, 32)], &[Run(ALNUM, 20, 20)]],
    "finnhub" => &[&[Run(ALNUM, 20, 20)]],
    "flickr" => &[&[Run(ALNUM, 32, 32)]],
    "freemius" => &[&[Text(b"sk_"), Run(Set::VISIBLE, 29, 29)]],
    "freshbooks" => &[&[Run(ALNUM, 64, 64)]],
    "gitter" => &[&[Run(TOKEN, 40, 40)]],
    "gocardless" => &[&[Text(b"live_"), Run(PADDED, 40, 40)]],
    "heroku" | "hubspot" | "squarespace" | "snyk" | "postmark" => &[UUID],
    "intercom" => &[&[Run(PADDED, 60, 60)]],
    "jfrog" | "artifactory" | "bintray" | "xray" => &[&[Run(ALNUM, 73, 73)], &[Run(ALNUM, 64, 64)]],
    "kraken" => &[&[Run(Set::BASE64_TOKEN, 80, 90)]],
    "kucoin" => &[&[Run(HEX, 24, 24)], UUID],
    "launchdarkly" => &[&[Run(PADDED, 40, 40)], &[Text(b"sdk-"), Run(Set::HEX_HYPHEN, 36, 36)]],
    "linear" => &[&[Run(HEX, 32, 32)]],
    "linkedin" => &[&[Run(ALNUM, 14, 14)], &[Run(ALNUM, 16, 16)]],
    "lob" => &[
        &[Text(b"live_"), Run(HEX, 35, 35)],
        &[Text(b"test_"), Run(HEX, 35, 35)],
        &[Text(b"live_pub_"), Run(HEX, 31, 31)],
        &[Text(b"test_pub_"), Run(HEX, 31, 31)],
    ],
    "looker" => &[&[Run(ALNUM, 20, 20)], &[Run(ALNUM, 24, 24)]],
    "mailgun" => &[&[Run(ALNUM, 32, 32), Text(b"-"), Run(ALNUM, 8, 8), Text(b"-"), Run(ALNUM, 8, 8)]],
    "mattermost" => &[&[Run(ALNUM, 26, 26)]],
    "messagebird" => &[&[Run(ALNUM, 25, 25)], UUID],
    "netlify" => &[&[Run(PADDED, 40, 46)]],
    "newrelic" => &[&[Run(ALNUM, 64, 64)], &[Run(HEX, 40, 40)]],
    "nytimes" | "newyorktimes" => &[&[Run(PADDED, 32, 32)]],
    "okta" => &[&[Text(b"00"), Run(PADDED, 40, 40)]],
    "pagerduty" => &[&[Run(TOKEN, 20, 20)]],
    "plaid" => &[
        &[Run(ALNUM, 24, 24)],
        &[Run(ALNUM, 30, 30)],
        &[Text(b"access-sandbox-"), Run(Set::HEX_HYPHEN, 36, 36)],
        &[Text(b"access-development-"), Run(Set::HEX_HYPHEN, 36, 36)],
        &[Text(b"access-production-"), Run(Set::HEX_HYPHEN, 36, 36)],
    ],
    "privateai" => &[&[Run(ALNUM, 32, 32)]],
    "rapidapi" => &[&[Run(TOKEN, 50, 50)]],
    "segment" => &[&[Run(ALNUM, 32, 32)]],
    "sendbird" => &[&[Run(HEX, 40, 40)], UUID],
    "sentry" => &[&[Run(HEX, 64, 64)]],
    "sonar" | "sonarqube" | "sonarcloud" => &[&[Run(PADDED, 40, 40)]],
    "sourcegraph" => &[&[Run(HEX, 40, 40)]],
    "sumo" | "sumologic" => &[&[Text(b"su"), Run(ALNUM, 12, 12)], &[Run(ALNUM, 64, 64)]],
    "telegram" => &[&[Run(DIGIT, 5, 16), Text(b":A"), Run(TOKEN, 34, 34)]],
    "travis" | "travisci" => &[&[Run(ALNUM, 22, 22)]],
    "trello" => &[&[Run(TOKEN, 32, 32)], &[Run(HEX, 64, 64)]],
    "twilio" => &[&[Run(HEX, 32, 32)]],
    "twitch" => &[&[Run(ALNUM, 30, 30)]],
    "twitter" => &[
        &[Run(ALNUM, 45, 45)],
        &[Run(ALNUM, 50, 50)],
        &[Run(ALNUM, 25, 25)],
        &[Run(DIGIT, 15, 25), Text(b"-"), Run(ALNUM, 20, 40)],
        &[Text(b"AAAAAAAAAAAAAAAAAAAAAA"), Run(Set::BASE64_TOKEN, 80, 100)],
    ],
    "typeform" => &[&[Text(b"tfp_"), Run(Set::DOTTED_PADDED, 59, 59)]],
    "vercel" => &[&[Run(ALNUM, 24, 24)]],
    "yandex" => &[&[Run(TOKEN, 39, 42)], &[Run(BASE64, 40, 40)]],
    "zendesk" => &[&[Run(ALNUM, 40, 40)]],
    "zoom" => &[&[Run(WORD, 32, 32)]],
};

/// The forms of the keys of the vendor that this text names.
pub(super) fn named(text: &[u8]) -> Option<&'static [Shape]> {
    let mut found = None;
    each_word(text, |word| {
        found = found.or_else(|| VENDORS.get(word).copied());
    });
    found
}

/// Whether the text names a vendor whose keys are in the table: `heroku_api_key`.
pub(crate) fn is_vendor(text: &[u8]) -> bool {
    named(text).is_some()
}

/// Whether the whole value is of one of these forms.
pub(super) fn fits(shapes: &[Shape], value: &[u8]) -> bool {
    shapes
        .iter()
        .any(|shape| shape::length(shape, value) == Some(value.len()))
}

/// Calls `visit` with each word of the text and each two that follow one another, in small letters:
/// `newRelic-key` gives `new`, `relic`, `newrelic`, `key` and `relickey`.
fn each_word(text: &[u8], mut visit: impl FnMut(&str)) {
    let mut joined = [0u8; 2 * NAME_BYTES_MAX];
    let (mut first, mut second) = (0, 0);
    let mut at = 0;
    while let Some(length) = word(text, at) {
        if length == 0 {
            at += 1;
            continue;
        }
        // What the last round read last becomes the first of this pair.
        joined.copy_within(first..first + second, 0);
        first = second;
        second = length.min(NAME_BYTES_MAX);
        let source = text.get(at..at + second).unwrap_or_default();
        if let Some(target) = joined.get_mut(first..first + second) {
            target.copy_from_slice(source);
            target.make_ascii_lowercase();
        }
        for part in [first..first + second, 0..first + second] {
            let part = joined.get(part).unwrap_or_default();
            if let Ok(part) = std::str::from_utf8(part) {
                visit(part);
            }
        }
        at += length;
    }
}

/// How long the word is that starts at `at`; zero for what separates words.
fn word(text: &[u8], at: usize) -> Option<usize> {
    let rest = text.get(at..).filter(|rest| !rest.is_empty())?;
    let letters = rest
        .iter()
        .take_while(|byte| byte.is_ascii_alphanumeric())
        .count();
    // A capital behind a small letter starts a new word.
    let hump = rest.windows(2).take(letters.saturating_sub(1)).position(
        |pair| matches!(pair, [a, b] if a.is_ascii_lowercase() && b.is_ascii_uppercase()),
    );
    Some(hump.map_or(letters, |hump| hump + 1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_vendor_is_named_by_whole_words() {
        for text in [
            "HEROKU_TOKEN",
            "herokuApiKey",
            "new-relic",
            "newRelicKey",
            "MessageBird_token",
            "okta key",
        ] {
            assert!(is_vendor(text.as_bytes()), "{text}");
        }
        for text in ["setSystemInfo", "monkey", "roktaKey", "", "___", "lobster"] {
            assert!(!is_vendor(text.as_bytes()), "{text}");
        }
    }
}
