use proxy::route::Speaks;

use super::{GOOD, loaded};

const EXPORT: &str = "{ id: customer.export, method: GET, path: /customers/export }";

/// The configuration with this operation in place of one of its own.
fn with(operation: &str) -> miette::Result<crate::config::Config> {
    assert!(GOOD.contains(EXPORT));
    loaded(&GOOD.replacen(EXPORT, operation, 1))
}

#[test]
fn an_operation_may_be_a_websocket() {
    let operation =
        "{ id: talk, method: GET, path: /talk, websocket: { subprotocols: [chat.v2, realtime] } }";
    let config = with(operation).unwrap();
    let Speaks::Paths(templates) = &config.services[0].speaks else {
        panic!("it speaks otherwise");
    };
    let of = |id: &str| templates.iter().find(|it| *it.id == *id).unwrap();
    let declared = of("talk").websocket.as_ref().unwrap();
    let names: Vec<&str> = declared.subprotocols.iter().map(|it| &**it).collect();
    assert_eq!(names, ["chat.v2", "realtime"]);
    assert!(of("customer.read").websocket.is_none());
}

#[test]
fn one_that_cannot_be_opened_is_a_mistake() {
    for (operation, wanted) in [
        (
            "{ id: talk, method: POST, path: /talk, websocket: {} }",
            "is opened by a GET",
        ),
        (
            "{ id: talk, method: GET, path: /talk, body: { a: b }, websocket: {} }",
            "is opened by a GET",
        ),
        (
            "{ id: talk, method: GET, path: /talk, websocket: { subprotocols: [\"a b\"] } }",
            "`a b` is not the name of a subprotocol",
        ),
        (
            "{ id: talk, method: GET, path: /talk, websocket: { protocols: [a] } }",
            "protocols",
        ),
    ] {
        let Err(report) = with(operation) else {
            panic!("{operation} was taken")
        };
        let told = format!("{report:?}");
        assert!(told.contains(wanted), "{operation}: {told}");
    }
}
