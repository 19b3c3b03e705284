use super::{GOOD, loaded};
use crate::config::{Login, To};

/// A bucket; its keys are a file that is there.
const BUCKETS: &str = "buckets: [{ name: acme-lake, region: eu-central-1, keys: a.cedar }]";

/// The configuration with this bucket, and this beside it.
fn beside(buckets: &str, more: &str) -> miette::Result<crate::config::Config> {
    loaded(&format!("{GOOD}\n{buckets}\n{more}\n"))
}

#[test]
fn buckets_are_taken_by_name() {
    let lake = beside(
        BUCKETS,
        "shipping: [{ name: lake, s3: { bucket: acme-lake, account: \"123456789012\", every: 1h, retain_days: 2 } }]\n\
         reports: [{ report: agents, every: day, to: \"s3://acme-lake/a/b/\" }]",
    );
    let config = lake.unwrap_or_else(|report| panic!("{report:?}"));
    let [lake] = config.shipping.as_slice() else {
        panic!("{:?}", config.shipping)
    };
    let To::Lake(lake) = &lake.to else {
        panic!("{lake:?}")
    };
    assert_eq!(
        (&*lake.source, &*lake.account),
        ("tidegate", "123456789012")
    );
    assert_eq!(lake.within.prefix, "ext/");
    let days = std::time::Duration::from_hours(48);
    assert_eq!(lake.within.locked, Some(days));
    let base = &lake.within.place.bucket.base;
    assert_eq!(base, "https://acme-lake.s3.eu-central-1.amazonaws.com/");
    let [report] = config.schedules.as_slice() else {
        panic!("{:?}", config.schedules)
    };
    let crate::schedules::Outlet::Bucket(within) = &report.to else {
        panic!("{report:?}")
    };
    assert_eq!(within.prefix, "a/b/");
}

#[test]
fn what_is_no_bucket_is_told() {
    let bucket = |more: &str| format!("buckets: [{{ region: r, keys: a.cedar, {more} }}]");
    for (buckets, more, told) in [
        (bucket("name: A"), "", "no name of a bucket"),
        (bucket("name: a..b"), "", "no name of a bucket"),
        (
            bucket("name: abc, endpoint: \"http://objects.example\""),
            "",
            "in the clear",
        ),
        (
            "buckets: [{ name: abc, region: r, keys: absent }]".to_owned(),
            "",
            "there is no file",
        ),
        (
            BUCKETS.to_owned(),
            "shipping: [{ name: lake, s3: { bucket: other } }]",
            "there is no bucket",
        ),
        (
            BUCKETS.to_owned(),
            "shipping: [{ name: lake, s3: { bucket: acme-lake, prefix: a//b } }]",
            "is no prefix",
        ),
        (
            BUCKETS.to_owned(),
            "shipping: [{ name: lake, s3: { bucket: acme-lake, source: a/b } }]",
            "cannot stand in a path",
        ),
        (
            BUCKETS.to_owned(),
            "shipping: [{ name: lake, s3: { bucket: acme-lake, file_mib: 65 } }]",
            "no file is put at that size",
        ),
        (
            BUCKETS.to_owned(),
            "reports: [{ report: agents, every: day, to: \"s3://acme-lake\", retain_days: 0 }]",
            "locked for so long",
        ),
        (
            BUCKETS.to_owned(),
            "reports: [{ report: agents, every: day, to: reports, retain_days: 1 }]",
            "no folder locks",
        ),
    ] {
        let Err(report) = beside(&buckets, more) else {
            panic!("{buckets} {more} was taken")
        };
        assert!(
            report.to_string().contains(told),
            "{buckets} {more}: {report:?}"
        );
    }
}

/// The configuration with this destination of events.
fn to(destination: &str) -> miette::Result<crate::config::Config> {
    loaded(&format!("{GOOD}\nshipping: [{destination}]\n"))
}

#[test]
fn destinations_are_taken() {
    let lake = to("{ name: lake, file: { folder: lake, rotate_mib: 2 }, classes: [2004] }");
    let config = lake.unwrap_or_else(|report| panic!("{report:?}"));
    let [lake] = config.shipping.as_slice() else {
        panic!("{:?}", config.shipping)
    };
    let To::File(file) = &lake.to else {
        panic!("{lake:?}")
    };
    assert_eq!((file.rotate_bytes, file.keep), (2 << 20, 16));
    assert!(lake.classes.contains(&2004));
    assert!(to("{ name: siem, syslog: \"siem.example:6514\" }").is_ok());
}

/// A stream of NATS with this beside it; its files are there.
fn nats(more: &str) -> String {
    format!(
        "{{ name: bus, nats: {{ servers: [\"tls://nats.example:4222\"], stream: AUDIT, subject: audit.ocsf, {more} }} }}"
    )
}

#[test]
fn a_stream_is_taken() {
    let bus = to(&nats("credentials: a.cedar, ca: a.cedar"));
    let config = bus.unwrap_or_else(|report| panic!("{report:?}"));
    let [bus] = config.shipping.as_slice() else {
        panic!("{:?}", config.shipping)
    };
    let To::Nats(bus) = &bus.to else {
        panic!("{bus:?}")
    };
    let files: Vec<_> = bus.files().map(|it| it.ends_with("a.cedar")).collect();
    assert_eq!(files, [true, true]);
    assert!(matches!(bus.login, Some(Login::Credentials(_))));
    for servers in [
        "[\"nats://127.0.0.1:4222\"]",
        "[\"tls://a.example\", \"tls://[::1]:4223\"]",
        "[\"nats://localhost\"]",
    ] {
        let typed = nats("").replace("[\"tls://nats.example:4222\"]", servers);
        assert!(to(&typed).is_ok(), "{typed}");
    }
}

#[test]
fn what_is_no_stream_is_told() {
    let servers = |these: &str| nats("").replace("\"tls://nats.example:4222\"", these);
    // No secret, but it looks like one; put together so that nobody takes it for one.
    let login = ["tls://ann", ":", "word", "@nats.example"].concat();
    for (destination, told) in [
        (servers(""), "there are 0 servers"),
        (
            servers(&["\"tls://a\""; 17].join(", ")),
            "there are 17 servers",
        ),
        (servers("\"nats.example:4222\""), "no address of NATS"),
        (servers("\"https://nats.example\""), "no address of NATS"),
        (servers("\"tls://nats.example/a\""), "no address of NATS"),
        (servers("\"nats://nats.example\""), "in the clear"),
        (servers(&format!("\"{login}\"")), "no login stands in"),
        (nats("").replace("AUDIT", "\"a.b\""), "no name of a stream"),
        (
            nats("").replace("audit.ocsf", "audit.*"),
            "nothing that events have",
        ),
        (
            nats("").replace("audit.ocsf", "audit."),
            "nothing that events have",
        ),
        (
            nats("").replace("audit.ocsf", "$JS.a"),
            "nothing that events have",
        ),
        (nats("login: absent"), "there is no file"),
        (nats("ca: absent"), "there is no file"),
        (nats("login: a.cedar, token: a.cedar"), "one login is shown"),
        (
            nats("").replace("nats: {", "syslog: \"a:1\", nats: {"),
            "one way",
        ),
    ] {
        let Err(report) = to(&destination) else {
            panic!("{destination} was taken")
        };
        assert!(
            report.to_string().contains(told),
            "{destination}: {report:?}"
        );
    }
}

#[test]
fn what_is_no_destination_is_told() {
    for (destination, told) in [
        ("{ name: lake }", "one way"),
        (
            "{ name: lake, file: { folder: a }, syslog: \"b:1\" }",
            "one way",
        ),
        (
            "{ name: \"../lake\", file: { folder: a } }",
            "no name of a destination",
        ),
        ("{ name: siem, syslog: siem.example }", "not host and port"),
        (
            "{ name: lake, file: { folder: a }, classes: [1] }",
            "no event is of class",
        ),
        (
            "{ name: lake, file: { folder: a, rotate_mib: 0 } }",
            "no file is put aside",
        ),
        (
            "{ name: lake, file: { folder: a, keep: 0 } }",
            "so many files",
        ),
        (
            "{ name: hec, hec: { url: \"http://splunk.example\", token: t } }",
            "in the clear",
        ),
        (
            "{ name: hec, hec: { url: \"https://splunk.example\", token: absent } }",
            "there is no file",
        ),
        (
            "{ name: a, file: { folder: a } }, { name: a, file: { folder: b } }",
            "defined twice",
        ),
    ] {
        let Err(report) = to(destination) else {
            panic!("{destination} was taken")
        };
        assert!(
            report.to_string().contains(told),
            "{destination}: {report:?}"
        );
    }
}
