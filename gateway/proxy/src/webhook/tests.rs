use super::*;

const SCHEMES: [Scheme; 4] = [
    Scheme::Stripe,
    Scheme::GitHub,
    Scheme::Slack,
    Scheme::Standard,
];

fn key(scheme: Scheme, filler: u8) -> Key {
    let text = BASE64_STANDARD.encode([filler; 32]);
    let secret = format!("{STANDARD_PREFIX}{text}");
    Key::of(scheme, secret.as_bytes()).unwrap()
}

fn fields(signed: Signed) -> HeaderMap {
    signed.fields.into_iter().collect()
}

#[test]
fn what_is_signed_is_verified_and_nothing_else() {
    for scheme in SCHEMES {
        let fields = fields(key(scheme, 1).sign("msg_1", 1_700_000_000, b"{}").unwrap());
        let shown = scheme.shown(&fields).unwrap();
        let time = (scheme != Scheme::GitHub).then_some(1_700_000_000);
        assert_eq!(shown.at, time);
        let name = key(scheme, 1).verify(&shown, b"{}");
        assert!(name.is_some(), "{scheme:?}");
        assert_eq!(key(scheme, 1).verify(&shown, b"{} "), None);
        assert_eq!(key(scheme, 2).verify(&shown, b"{}"), None);
        for other in SCHEMES.into_iter().filter(|it| *it != scheme) {
            assert_eq!(other.shown(&fields), Err(Unsigned), "{scheme:?} {other:?}");
        }
    }
}

/// What the documentation of each sender says of its own: computed by none of this code (Python's `hmac`).
#[test]
fn signatures_are_those_that_others_make() {
    let at = 1_700_000_000;
    let signed = |scheme| {
        let key = Key::of(scheme, b"It's a Secret to Everybody").unwrap();
        key.sign("", at, b"Hello, World!").unwrap().signature
    };
    // https://docs.github.com/en/webhooks/using-webhooks/validating-webhook-deliveries
    let github = "757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17";
    assert_eq!(signed(Scheme::GitHub), github);
    let slack = "ea77f8f5e5fa3d18e87d85ad3d0671d4155ce53da0d046159b838274dc6943c9";
    assert_eq!(signed(Scheme::Slack), slack);
    let stripe = "76c83fd0acdf22faed320674fe8e04d528cfe8a17905e720a9611e40677c03b7";
    assert_eq!(signed(Scheme::Stripe), stripe);
    // https://github.com/standard-webhooks/standard-webhooks, the libraries' own test.
    let secret = ["whsec_", "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"].concat();
    let key = Key::of(Scheme::Standard, secret.as_bytes()).unwrap();
    let body = br#"{"test": 2432232314}"#;
    let id = "msg_p5jXN8AQM9LWM0D4loKWxJek";
    let signed = key.sign(id, 1_614_265_330, body).unwrap();
    assert_eq!(
        signed.signature,
        "g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="
    );
}

#[test]
fn of_several_signatures_one_may_be_by_another_secret() {
    let (old, new) = (key(Scheme::Stripe, 1), key(Scheme::Stripe, 2));
    let [old_one, new_one] = [&old, &new].map(|key| key.sign("", 7, b"x").unwrap().signature);
    let field = format!("t=7,v1={old_one},v0=abc,v1={new_one}");
    let fields = HeaderMap::from_iter([(STRIPE, field.parse().unwrap())]);
    let shown = Scheme::Stripe.shown(&fields).unwrap();
    assert!(old.verify(&shown, b"x").is_some());
    assert!(new.verify(&shown, b"x").is_some());
    assert_ne!(old.verify(&shown, b"x"), new.verify(&shown, b"x"));
}

#[test]
fn what_cannot_be_read_in_one_way_is_not_signed() {
    let tag = "00".repeat(32);
    let many = ",v1=00".repeat(SIGNATURES_MAX + 1);
    let odd = [
        format!("v1={tag}"),
        "t=7".to_owned(),
        format!("t=7,t=8,v1={tag}"),
        format!("t=+7,v1={tag}"),
        format!("t=,v1={tag}"),
        format!("t=99999999999999999999,v1={tag}"),
        "t=7,v1=xyz".to_owned(),
        format!("t=7{many}"),
    ];
    for field in odd {
        let mut fields = HeaderMap::new();
        fields.insert(STRIPE, field.parse().unwrap());
        assert_eq!(Scheme::Stripe.shown(&fields), Err(Unsigned), "{field}");
    }
    // Two fields are two readings.
    let mut fields = HeaderMap::new();
    for _ in 0..2 {
        fields.append(GITHUB, format!("sha256={tag}").parse().unwrap());
    }
    assert_eq!(Scheme::GitHub.shown(&fields), Err(Unsigned));
}

#[test]
fn a_secret_is_what_its_scheme_says() {
    let short = format!("{STANDARD_PREFIX}{}", BASE64_STANDARD.encode([1; 8]));
    for wrong in ["", "secret", &short] {
        assert!(
            Key::of(Scheme::Standard, wrong.as_bytes()).is_none(),
            "{wrong}"
        );
    }
    assert!(Key::of(Scheme::GitHub, b"").is_none());
    assert!(Key::of(Scheme::GitHub, b"secret").is_some());
}
