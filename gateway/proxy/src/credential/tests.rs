use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::time::{Duration, UNIX_EPOCH};

use bytes::Bytes;
use rustls::{ClientConfig, RootCertStore, crypto::aws_lc_rs};

use super::*;

struct One(Arc<Credential>);

impl CredentialSource for One {
    fn credential(&self, name: &str) -> Option<Arc<Credential>> {
        (name == "one").then(|| Arc::clone(&self.0))
    }
}

fn source(secret: &str) -> One {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("key");
    let mut options = std::fs::OpenOptions::new();
    options.mode(0o600).write(true).create_new(true);
    let file = options.open(&path).unwrap();
    (&file).write_all(secret.as_bytes()).unwrap();
    One(Arc::new(Credential::from_file(&path).unwrap()))
}

fn client() -> Upstream {
    let tls = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(RootCertStore::empty())
        .with_no_client_auth();
    Upstream::new(&Arc::new(tls))
}

async fn present(
    name: &str,
    form: Form,
    secret: &str,
    request: &mut Request<Outbound>,
) -> Result<Veil, Interruption> {
    let name = name.into();
    let presented = Presented { name, form };
    take_keys(request.headers_mut());
    let (source, client) = (source(secret), client());
    let mut veil = None;
    presented
        .present(&source, &client, UNIX_EPOCH, request, &mut veil)
        .await?;
    Ok(veil.unwrap())
}

async fn check(form: Form, target: &str, field: Option<(&str, &str)>, expected: &str) {
    let mut request = Request::new(Outbound::empty());
    *request.uri_mut() = format!("http://shop{target}").parse().unwrap();
    for name in KEY_FIELDS.iter().chain([&SESSION_TOKEN]) {
        let value = HeaderValue::from_static("agents-own");
        request.headers_mut().insert(name.clone(), value);
    }
    let veil = present("one", form, "real+key/of-one", &mut request).await;
    assert!(veil.is_ok());
    assert_eq!(request.uri().path_and_query().unwrap(), expected);
    let left: Vec<_> = request
        .headers()
        .iter()
        .map(|(name, value)| {
            assert!(value.is_sensitive());
            (name.as_str(), value.to_str().unwrap())
        })
        .collect();
    assert_eq!(left, Vec::from_iter(field));
}

#[tokio::test]
async fn a_service_gets_its_credential_and_nothing_that_the_agent_sent_for_one() {
    let bearer = Some(("authorization", "Bearer real+key/of-one"));
    check(Form::Bearer, "/v1?key=k", bearer, "/v1?key=k").await;
    let name = HeaderName::from_static("x-api-key");
    let key = Some(("x-api-key", "real+key/of-one"));
    check(Form::Header(name), "/", key, "/").await;
    let pair = BASE64_STANDARD.encode("AC1:real+key/of-one");
    let basic = format!("Basic {pair}");
    let basic = Some(("authorization", basic.as_str()));
    check(Form::Basic("AC1".into()), "/", basic, "/").await;
    let query = || Form::Query("key".into());
    check(query(), "/a", None, "/a?key=real%2Bkey%2Fof%2Done").await;
    let expected = "/a?b=1&c&key=real%2Bkey%2Fof%2Done";
    check(query(), "/a?key=x&b=1&%6Bey=y&&c", None, expected).await;
}

#[tokio::test]
async fn without_a_credential_nothing_is_sent() {
    let mut request = Request::new(Outbound::empty());
    let refused = present("two", Form::Bearer, "real+key/of-one", &mut request).await;
    assert_eq!(refused.err().unwrap().reason, "credential_unavailable");
}

/// AWS's own test suite for signers, `get-vanilla`.
#[tokio::test]
async fn a_signature_is_what_aws_says_it_is() {
    let form = Form::SigV4(SigV4 {
        region: "us-east-1".into(),
        service: "service".into(),
    });
    let presented = Presented {
        name: "one".into(),
        form,
    };
    // The pair that AWS writes in its documentation.
    let pair = ["AKIDEXAMPLE", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"].join(":");
    let mut request = Request::new(Outbound::empty());
    *request.uri_mut() = "https://example.amazonaws.com/".parse().unwrap();
    let now = UNIX_EPOCH + Duration::from_mins(24_015_636);
    let (source, client) = (source(&pair), client());
    let mut veil = None;
    let done = presented.present(&source, &client, now, &mut request, &mut veil);
    assert!(done.await.is_ok());
    assert_eq!(
        request.headers()[header::AUTHORIZATION],
        "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/service/aws4_request, \
         SignedHeaders=host;x-amz-date, \
         Signature=5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31"
    );
}

#[tokio::test]
async fn a_request_is_signed_over_what_is_sent() {
    let form = || {
        Form::SigV4(SigV4 {
            region: "us-east-1".into(),
            service: "s3".into(),
        })
    };
    let signed = |body: &'static str, secret: &'static str| async move {
        let mut request = Request::new(Outbound::full(Bytes::from_static(body.as_bytes())));
        *request.method_mut() = http::Method::PUT;
        *request.uri_mut() = "https://examplebucket.s3.amazonaws.com/test.txt"
            .parse()
            .unwrap();
        for (name, value) in [
            ("x-amz-date", "20000101T000000Z"),
            ("x-amz-content-sha256", "STREAMING-UNSIGNED-PAYLOAD-TRAILER"),
            ("x-amz-meta-kind", "plain"),
            ("user-agent", "any"),
        ] {
            request
                .headers_mut()
                .insert(name, HeaderValue::from_static(value));
        }
        let veil = present("one", form(), secret, &mut request).await;
        assert!(veil.is_ok());
        request.headers().clone()
    };
    let fields = signed("a", "AKIDEXAMPLE:secretsecret:tokentoken").await;
    assert_eq!(fields["x-amz-date"], "19700101T000000Z");
    // SHA-256 of "a".
    assert_eq!(
        fields["x-amz-content-sha256"],
        "ca978112ca1bbdcafac231b39a23dc4da786eff8147c4e72b9807785afee48bb"
    );
    assert_eq!(fields[SESSION_TOKEN], "tokentoken");
    let shown = fields[header::AUTHORIZATION].to_str().unwrap().to_owned();
    assert!(fields[header::AUTHORIZATION].is_sensitive());
    let begins = "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/19700101/us-east-1/s3/aws4_request, \
                  SignedHeaders=host;x-amz-content-sha256;x-amz-date;x-amz-meta-kind;x-amz-security-token, \
                  Signature=";
    assert!(shown.starts_with(begins), "{shown}");
    let other = signed("b", "AKIDEXAMPLE:secretsecret:tokentoken").await;
    assert_ne!(other[header::AUTHORIZATION], shown.as_str());
    let lasting = signed("a", "AKIDEXAMPLE:secretsecret").await;
    assert!(!lasting.contains_key(SESSION_TOKEN));
}

#[tokio::test]
async fn what_cannot_sign_signs_nothing() {
    let form = || {
        Form::SigV4(SigV4 {
            region: "us-east-1".into(),
            service: "sqs".into(),
        })
    };
    for secret in [
        "AKIDEXAMPLE",
        "AKIDEXAMPLE:",
        ":secretsecret",
        "A:secret:t:t",
    ] {
        let mut request = Request::new(Outbound::empty());
        *request.uri_mut() = "https://sqs.example/".parse().unwrap();
        let refused = present("one", form(), secret, &mut request).await;
        assert_eq!(refused.err().unwrap().reason, "credential_unavailable");
        assert!(request.headers().is_empty());
    }
}
