use super::{GOOD, loaded};
use crate::config::To;

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
