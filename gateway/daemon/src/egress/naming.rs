//! By which names agents go past the gateway, as their own packets say.

use std::{
    net::SocketAddr,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::Instant,
};

use flows::{FlowId, FlowRecord, Said, SaidKind};
use moka::sync::Cache;
use names::{Book, Message, Tunnel, Tunnels, Unread};

/// Connections whose first message named somebody.
const SAID_MAX: u64 = 16_384;

/// A name, and who says so.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Name {
    pub(crate) name: Arc<str>,
    /// `sni` or `dns`.
    pub(crate) by: &'static str,
}

/// What is known of names.
pub(super) struct Naming {
    told: Mutex<Told>,
    /// By the socket's cookie.
    said: Cache<u64, Arc<str>>,
    unread: AtomicU64,
}

#[derive(Default)]
struct Told {
    book: Book,
    tunnels: Tunnels,
}

impl Naming {
    pub(super) fn new() -> Self {
        Self {
            told: Mutex::default(),
            said: super::reconcile::lately(SAID_MAX),
            unread: AtomicU64::new(0),
        }
    }

    /// Messages of DNS that could not be read: broken, cut, or not DNS at all.
    pub(super) fn unread(&self) -> u64 {
        self.unread.load(Ordering::Relaxed)
    }

    /// Learns from what an agent says. A tunnel is told till [`Naming::found`] is called.
    pub(super) fn heard(&self, said: &Said, now: Instant) -> Option<Tunnel> {
        match said.kind {
            SaidKind::First => {
                // Most first messages are no TLS.
                if let Ok(Some(name)) = names::tls::name(&said.bytes) {
                    self.said.insert(said.flow.cookie, name.into());
                }
                None
            }
            SaidKind::DnsAsked => {
                let message = self.message(said)?;
                let mut told = self.lock();
                told.tunnels.asked(said.agent, &message.name, now)
            }
            SaidKind::DnsAnswered => {
                let message = self.message(said)?;
                let mut told = self.lock();
                let (name, addresses) = (&message.name, &message.addresses);
                told.book
                    .told(said.agent, name, addresses, message.lives, now);
                None
            }
        }
    }

    /// A tunnel is on record.
    pub(super) fn found(&self, agent: u32, tunnel: &Tunnel) {
        self.lock().tunnels.found(agent, tunnel);
    }

    /// By which name a flow goes.
    pub(super) fn name(&self, flow: &FlowRecord, now: Instant) -> Option<Name> {
        self.by_sni(flow.id)
            .or_else(|| self.by_dns(flow.agent, flow.wanted(), now))
    }

    fn by_sni(&self, flow: FlowId) -> Option<Name> {
        let name = self.said.get(&flow.cookie)?;
        Some(Name { name, by: "sni" })
    }

    fn by_dns(&self, agent: u32, to: SocketAddr, now: Instant) -> Option<Name> {
        let told = self.lock();
        let name = told.book.name(agent, to.ip(), now)?;
        Some(Name {
            name: Arc::clone(name),
            by: "dns",
        })
    }

    fn message(&self, said: &Said) -> Option<Message> {
        let bytes = match said.protocol {
            "tcp" => names::dns::of_segment(&said.bytes),
            _ => &said.bytes,
        };
        let read = names::dns::read(bytes);
        if read == Err(Unread) {
            self.unread.fetch_add(1, Ordering::Relaxed);
        }
        read.ok()
    }

    fn lock(&self) -> MutexGuard<'_, Told> {
        self.told.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
