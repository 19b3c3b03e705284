//! An answer that is written as it is read.

use std::{
    convert::Infallible,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use axum::body::{Bytes, HttpBody};
use http_body::Frame;
use tokio::sync::mpsc;

use crate::{Status, Which};

/// Bytes that go together.
const CHUNK_BYTES: usize = 64 * 1024;
/// Chunks that wait for who reads: then the reading of the table waits too.
const CHUNKS_MAX: usize = 4;

/// The body of the answer.
pub(crate) struct Lines(mpsc::Receiver<Bytes>);

impl Lines {
    /// Has them read, in a thread that may block, as long as somebody takes them.
    pub(crate) fn read(status: Arc<dyn Status>, which: Which) -> Self {
        let (sender, receiver) = mpsc::channel(CHUNKS_MAX);
        tokio::task::spawn_blocking(move || {
            let mut chunk = String::with_capacity(CHUNK_BYTES);
            status.each_flow(&which, &mut |line| {
                chunk.push_str(line);
                chunk.push('\n');
                if chunk.len() < CHUNK_BYTES {
                    return true;
                }
                sender
                    .blocking_send(std::mem::take(&mut chunk).into())
                    .is_ok()
            });
            // Nobody may be there any more, and that is no fault.
            drop(sender.blocking_send(chunk.into()));
        });
        Self(receiver)
    }
}

impl HttpBody for Lines {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        let next = self.0.poll_recv(context);
        next.map(|chunk| chunk.map(|chunk| Ok(Frame::data(chunk))))
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU64, Ordering};

    use tokio::{
        io::{AsyncReadExt as _, AsyncWriteExt as _},
        net::{TcpListener, TcpStream},
        sync::oneshot,
    };

    use super::*;
    use crate::{Part, serve};

    const FLOWS: u64 = 1_000_000;

    /// Has a million flows, and counts how many were told by when nobody wanted more.
    struct Many {
        told: AtomicU64,
        ended: std::sync::Mutex<Option<oneshot::Sender<()>>>,
    }

    impl Status for Many {
        fn parts(&self) -> Vec<Part> {
            Vec::new()
        }

        fn metrics(&self) -> String {
            String::new()
        }

        fn knows_flows(&self) -> bool {
            true
        }

        fn each_flow(&self, _: &Which, tell: &mut dyn FnMut(&str) -> bool) {
            for number in 0..FLOWS {
                self.told.store(number + 1, Ordering::Relaxed);
                if !tell(&format!("{{\"flow\":{number}}}")) {
                    break;
                }
            }
            if let Some(ended) = self.ended.lock().unwrap().take() {
                ended.send(()).ok();
            }
        }
    }

    /// Reads so many bytes, and hangs up; how many flows were told.
    async fn told(bytes: u64) -> (u64, Vec<u8>) {
        let (ended, end) = oneshot::channel();
        let status = Arc::new(Many {
            told: AtomicU64::new(0),
            ended: std::sync::Mutex::new(Some(ended)),
        });
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let to = listener.local_addr().unwrap();
        let shared: Arc<dyn Status> = Arc::<Many>::clone(&status);
        let serving = tokio::spawn(serve(listener, shared, std::future::pending()));
        let mut stream = TcpStream::connect(to).await.unwrap();
        let ask = b"GET /flows?lines=true HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n";
        stream.write_all(ask).await.unwrap();
        let mut read = Vec::new();
        (&mut stream)
            .take(bytes)
            .read_to_end(&mut read)
            .await
            .unwrap();
        drop(stream);
        end.await.unwrap();
        serving.abort();
        (status.told.load(Ordering::Relaxed), read)
    }

    #[tokio::test]
    async fn who_reads_gets_all_and_who_hangs_up_has_no_more_read() {
        let (all, read) = told(u64::MAX).await;
        assert_eq!(all, FLOWS);
        let text = String::from_utf8(read).unwrap();
        assert_eq!(text.matches("{\"flow\":").count() as u64, FLOWS);
        let (few, _) = told(1_000).await;
        assert!(few < FLOWS, "all were read for somebody who was gone");
    }
}
