use std::{
    net::SocketAddr,
    sync::atomic::{AtomicBool, Ordering},
};

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    sync::oneshot,
    task::JoinHandle,
};

use super::*;

#[derive(Default)]
struct Gateway {
    audit_down: AtomicBool,
}

impl Status for Gateway {
    fn parts(&self) -> Vec<Part> {
        let audit = if self.audit_down.load(Ordering::Relaxed) {
            Condition::Down("the disk is full".to_owned())
        } else {
            Condition::Ready
        };
        vec![
            Part {
                name: "audit",
                condition: audit,
            },
            Part {
                name: "attestation",
                condition: Condition::Degraded("inferred".to_owned()),
            },
        ]
    }

    fn metrics(&self) -> String {
        "tidegate_requests_total 1\n".to_owned()
    }
}

struct Served {
    address: SocketAddr,
    stop: oneshot::Sender<()>,
    server: JoinHandle<io::Result<()>>,
}

async fn served(gateway: Arc<Gateway>) -> Served {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (stop, stopped) = oneshot::channel::<()>();
    let server = tokio::spawn(serve(listener, gateway, async {
        stopped.await.ok();
    }));
    Served {
        address,
        stop,
        server,
    }
}

async fn get(address: SocketAddr, path: &str) -> String {
    let mut stream = TcpStream::connect(address).await.unwrap();
    let request = format!("GET {path} HTTP/1.1\r\nhost: admin\r\nconnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    answer
}

#[tokio::test]
async fn readiness_names_each_part_and_why_it_is_not_ready() {
    let gateway = Arc::new(Gateway::default());
    let served = served(Arc::clone(&gateway)).await;

    let answer = get(served.address, "/readyz").await;
    assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
    assert!(answer.ends_with(
        r#"{"ready":true,"parts":{"attestation":{"condition":"degraded","detail":"inferred"},"audit":{"condition":"ready"}}}"#
    ), "{answer}");

    gateway.audit_down.store(true, Ordering::Relaxed);
    let answer = get(served.address, "/readyz").await;
    assert!(answer.starts_with("HTTP/1.1 503 "), "{answer}");
    assert!(answer.contains(r#""audit":{"condition":"down","detail":"the disk is full"}"#));
}

#[tokio::test]
async fn liveness_and_metrics_answer_until_shutdown() {
    let served = served(Arc::default()).await;

    assert!(
        get(served.address, "/livez")
            .await
            .ends_with("\r\n\r\nok\n")
    );
    let metrics = get(served.address, "/metrics").await;
    assert!(metrics.contains("content-type: text/plain; version=0.0.4; charset=utf-8\r\n"));
    assert!(metrics.ends_with("tidegate_requests_total 1\n"));
    assert!(get(served.address, "/").await.starts_with("HTTP/1.1 404 "));

    served.stop.send(()).unwrap();
    served.server.await.unwrap().unwrap();
    assert!(TcpStream::connect(served.address).await.is_err());
}
