//! gRPC: messages are read by an operator's descriptors, edited field by field, and the status of the
//! call comes through behind them.

use anyhow::{Context, Result, anyhow, ensure};
use axum::{Router, body::Body, extract::Request, response::Response, routing::post};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use bytes::Bytes;
use futures_util::stream;
use http::{HeaderMap, HeaderValue};
use http_body_util::{BodyExt as _, StreamBody};
use hyper::body::Frame;
use rustls::version::TLS13;
use serde_json::json;
use tests::{client::Client, gateway::POLL, peers::Peer, records, setup::Service};

use crate::world::World;

/// A field that holds so many bytes: its number, its length, and they.
fn field(number: u8, bytes: &[u8]) -> Vec<u8> {
    let mut field = vec![number << 3 | 2];
    let mut length = bytes.len();
    // Seven bits a byte, the lowest first.
    while length > 0x7F {
        field.push(u8::try_from(length & 0x7F).unwrap_or_default() | 0x80);
        length >>= 7;
    }
    field.push(u8::try_from(length).unwrap_or_default());
    field.extend_from_slice(bytes);
    field
}

/// A field with a small number.
fn number(number: u8, value: u8) -> Vec<u8> {
    vec![number << 3, value]
}

/// What `protoc` makes of `message Customer { string email = 1; int32 orders = 2; }` and a service.
pub(crate) fn descriptors() -> Vec<u8> {
    let member = |name: &str, place: u8, kind: u8| {
        let label = number(4, 1);
        field(
            2,
            &[
                field(1, name.as_bytes()),
                number(3, place),
                label,
                number(5, kind),
            ]
            .concat(),
        )
    };
    let message = [
        field(1, b"Customer"),
        member("email", 1, 9),
        member("orders", 2, 5),
    ]
    .concat();
    let method = |name: &str, (asks_many, answers_many): (u8, u8)| {
        let types = [field(2, b".crm.Customer"), field(3, b".crm.Customer")].concat();
        let streams = [number(5, asks_many), number(6, answers_many)].concat();
        field(2, &[field(1, name.as_bytes()), types, streams].concat())
    };
    let service = [
        field(1, b"Customers"),
        method("Get", (0, 0)),
        method("List", (0, 1)),
        method("Chat", (1, 1)),
        method("Fail", (0, 0)),
        method("Closed", (0, 0)),
    ]
    .concat();
    let file = [
        field(1, b"a"),
        field(2, b"crm"),
        field(4, &message),
        field(6, &service),
        field(12, b"proto3"),
    ];
    field(1, &file.concat())
}

fn customer(email: &str) -> Vec<u8> {
    [field(1, email.as_bytes()), number(2, 7)].concat()
}

fn frame(message: &[u8]) -> Vec<u8> {
    let length = u32::try_from(message.len())
        .unwrap_or(u32::MAX)
        .to_be_bytes();
    [&[0], &length[..], message].concat()
}

/// Answers with two customers, or with what it was asked, and says how that ended.
async fn get(request: Request) -> Response {
    let waits = request
        .headers()
        .get("te")
        .is_some_and(|te| te == "trailers");
    let asked = request.into_body().collect().await;
    let asked = asked.map(http_body_util::Collected::to_bytes);
    let asked = asked.unwrap_or_default();
    let mut status = HeaderMap::new();
    status.insert("grpc-status", HeaderValue::from_static("0"));
    status.insert("x-note", HeaderValue::from_static("ann.tamsel@example.org"));
    let frames = [
        Frame::data(asked),
        Frame::data(Bytes::from(frame(&customer("ann.tamsel@example.org")))),
        Frame::trailers(if waits { status } else { HeaderMap::new() }),
    ];
    let body = StreamBody::new(stream::iter(frames.map(Ok::<_, std::convert::Infallible>)));
    let mut response = Response::new(Body::new(body));
    let kind = HeaderValue::from_static("application/grpc");
    response.headers_mut().insert("content-type", kind);
    response
}

fn world(described: bool) -> Result<(World, Peer)> {
    let peer = Peer::serve(
        Router::new().route("/crm.Customers/Get", post(get)),
        "127.0.0.1:0",
        None,
    )?;
    let service = Service::new("rpc", &peer.url(), "DE").operation(
        "customer.get",
        "POST",
        "/crm.Customers/Get",
    );
    let service = if described {
        service.set("descriptors", json!("set.binpb"))
    } else {
        service
    };
    let set = descriptors();
    let world = World::with(|setup| setup.service(service).file("set.binpb", set))?;
    Ok((world, peer))
}

fn call(world: &World, message: &[u8]) -> Result<tests::client::Reply> {
    let client = Client::tls(&world.certificate.authority, &TLS13, true)?;
    let url = world.gateway.tls_url("/rpc/crm.Customers/Get")?;
    let headers = [("content-type", "application/grpc"), ("te", "trailers")];
    client.send("POST", &url, &headers, frame(message).into())
}

#[test]
fn messages_are_edited_and_the_status_comes_through() -> Result<()> {
    let (world, _peer) = world(true)?;
    let reply = call(&world, &customer("ben.orlow@example.org"))?;
    assert_eq!(reply.status, 200, "{}", reply.text());
    ensure!(reply.whole, "the answer broke off");
    let text = reply.text();
    ensure!(
        !text.contains("ben.orlow") && !text.contains("ann.tamsel"),
        "{text}"
    );
    assert_eq!(text.matches('@').count(), 2, "{text}");
    // The number of orders stands behind the address, untouched, in both messages.
    assert_eq!(
        reply
            .body
            .windows(2)
            .filter(|pair| pair == &[16, 7])
            .count(),
        2
    );
    assert_eq!(reply.trailers.get("grpc-status").context("a status")?, "0");
    ensure!(
        reply.trailers.get("x-note").is_none(),
        "a trailer passed unseen"
    );
    let opening = reply.record().context("no record")?;
    let closing = records::closing(&world.gateway, opening)?;
    ensure!(closing.0.to_string().contains("/email"), "{}", closing.0);
    world.finish()
}

#[test]
fn what_no_descriptor_knows_is_refused() -> Result<()> {
    let (world, _peer) = world(true)?;
    let nickname = [customer("a"), field(9, b"Nan")].concat();
    let reply = call(&world, &nickname)?;
    assert_eq!(reply.status, 415, "{}", reply.text());
    ensure!(reply.text().contains("field_unknown"), "{}", reply.text());
    world.finish()?;
    let (world, _peer) = self::world(false)?;
    let reply = call(&world, &customer("a"))?;
    assert_eq!(reply.status, 415, "{}", reply.text());
    ensure!(reply.text().contains("message_unknown"), "{}", reply.text());
    world.finish()
}

/// The same service as `tonic-web` offers it to browsers.
#[test]
fn grpc_web_is_governed_in_both_of_its_forms() -> Result<()> {
    let router = Router::new()
        .route("/crm.Customers/Get", post(get))
        .layer(tonic_web::GrpcWebLayer::new());
    let peer = Peer::serve(router, "127.0.0.1:0", None)?;
    let service = Service::new("rpc", &peer.url(), "DE")
        .operation("customer.get", "POST", "/crm.Customers/Get")
        .set("descriptors", json!("set.binpb"));
    let world = World::with(|setup| setup.service(service).file("set.binpb", descriptors()))?;
    let url = world.gateway.url("/rpc/crm.Customers/Get")?;
    let asked = frame(&customer("ben.orlow@example.org"));
    for (kind, is_text) in [
        ("application/grpc-web+proto", false),
        ("application/grpc-web-text", true),
    ] {
        let body = if is_text {
            STANDARD.encode(&asked).into_bytes()
        } else {
            asked.clone()
        };
        let headers = [("content-type", kind), ("accept", kind)];
        let reply = world.client.send("POST", &url, &headers, body.into())?;
        assert_eq!(reply.status, 200, "{kind}: {}", reply.text());
        let answer = if is_text {
            let groups = reply.body.chunks(4).map(|group| STANDARD.decode(group));
            groups.collect::<Result<Vec<_>, _>>()?.concat()
        } else {
            reply.body.to_vec()
        };
        let text = String::from_utf8_lossy(&answer);
        ensure!(
            !text.contains("ben.orlow") && !text.contains("ann.tamsel"),
            "{kind}: {text}"
        );
        assert_eq!(text.matches('@').count(), 2, "{kind}: {text}");
        // The status is the last frame, after both messages; the note beside it is gone.
        ensure!(text.contains("grpc-status: 0\r\n"), "{kind}: {text}");
        ensure!(!text.contains("x-note"), "{kind}: {text}");
        let opening = reply.record().context("no record")?;
        let closing = records::closing(&world.gateway, opening)?;
        ensure!(closing.0.to_string().contains("/email"), "{}", closing.0);
    }
    world.finish()
}

/// Answers in gzip with a customer and the status; asked for one that is cut, in the middle of the next.
async fn get_gzip(request: Request) -> Response {
    let asked = request.into_body().collect().await;
    let asked = asked.map(http_body_util::Collected::to_bytes);
    let asked = String::from_utf8_lossy(&asked.unwrap_or_default()).into_owned();
    let status = b"grpc-status: 0\r\n";
    let length = u32::try_from(status.len()).unwrap_or_default();
    let rest = if asked.contains("cut") {
        vec![0, 0, 0, 0, 9, 1]
    } else {
        [&[0x80], &length.to_be_bytes()[..], status].concat()
    };
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    let plain = [frame(&customer("ann.tamsel@example.org")), rest].concat();
    let coded = std::io::Write::write_all(&mut gzip, &plain).and_then(|()| gzip.finish());
    let mut response = Response::new(Body::from(coded.unwrap_or_default()));
    let fields = [
        ("content-type", "application/grpc-web+proto"),
        ("content-encoding", "gzip"),
    ];
    for (name, value) in fields {
        response
            .headers_mut()
            .insert(name, HeaderValue::from_static(value));
    }
    response
}

/// The status of gRPC-Web is a frame of the body, and stands in its content coding as all others do.
#[test]
fn the_status_of_grpc_web_stands_in_the_coding_of_the_body() -> Result<()> {
    let router = Router::new().route("/crm.Customers/Get", post(get_gzip));
    let peer = Peer::serve(router, "127.0.0.1:0", None)?;
    let service = Service::new("rpc", &peer.url(), "DE")
        .operation("customer.get", "POST", "/crm.Customers/Get")
        .set("descriptors", json!("set.binpb"));
    let world = World::with(|setup| setup.service(service).file("set.binpb", descriptors()))?;
    let url = world.gateway.url("/rpc/crm.Customers/Get")?;
    for (asked, status) in [("a", "grpc-status: 0\r\n"), ("cut", "grpc-status: 7\r\n")] {
        let body = frame(&customer(asked));
        let kind = "application/grpc-web+proto";
        let headers = [("content-type", kind), ("accept-encoding", "gzip")];
        let reply = world.client.send("POST", &url, &headers, body.into())?;
        assert_eq!(reply.status, 200, "{}", reply.text());
        ensure!(reply.whole, "the answer broke off");
        assert_eq!(reply.header("content-encoding"), Some("gzip"));
        let mut plain = Vec::new();
        let mut decoder = flate2::bufread::GzDecoder::new(&reply.body[..]);
        std::io::Read::read_to_end(&mut decoder, &mut plain)?;
        let behind = decoder.into_inner();
        ensure!(
            behind.is_empty(),
            "{asked}: {behind:?} stands behind the coding"
        );
        let text = String::from_utf8_lossy(&plain);
        ensure!(text.contains(status), "{asked}: {text}");
        ensure!(!text.contains("ann.tamsel"), "{asked}: {text}");
    }
    world.finish()
}

/// A service that listens and says nothing.
async fn listen(request: Request) -> Response {
    let _asked = request.into_body().collect().await;
    std::future::pending().await
}

/// Who is revoked speaks no more, also to a service that has not begun to answer.
#[test]
fn a_call_that_nobody_answers_yet_ends_when_its_caller_is_revoked() -> Result<()> {
    let router = Router::new().route("/crm.Customers/Chat", post(listen));
    let peer = Peer::serve(router, "127.0.0.1:0", None)?;
    let service = Service::new("rpc", &peer.url(), "DE")
        .operation("customer.chat", "POST", "/crm.Customers/Chat")
        .set("descriptors", json!("set.binpb"));
    let world = World::with(|setup| setup.service(service).file("set.binpb", descriptors()))?;
    let client = Client::tls(&world.certificate.authority, &TLS13, true)?;
    let url = world.gateway.tls_url("/rpc/crm.Customers/Chat")?;
    let headers = [("content-type", "application/grpc"), ("te", "trailers")];
    let some = Bytes::from(frame(&customer("ann.tamsel@example.org")));
    let reply = std::thread::scope(|scope| {
        let call = scope.spawn(|| client.send_open(&url, &headers, some));
        // The call is on its way once its intent is on record.
        while !records::list(&world.gateway)?
            .iter()
            .any(|record| record.kind() == "open")
        {
            std::thread::sleep(POLL);
        }
        let revoke = [
            "revoke",
            "everything",
            "--reason",
            "drill",
            "--data",
            "data",
        ];
        let revoked = world.gateway.cli(&revoke)?;
        ensure!(revoked.status.success(), "{revoked:?}");
        call.join().map_err(|_| anyhow!("the call ended badly"))?
    })?;
    assert_eq!(reply.status, 403, "{}", reply.text());
    assert_eq!(reply.json()?.get("reason"), Some(&json!("revoked")));
    world.finish()
}
