//! Keeps the policies of this host those of the newest bundle that is meant for it.

use std::{
    path::PathBuf,
    sync::{Arc, PoisonError, RwLock},
    time::Duration,
};

use bundle::{Bundle, Manifest, Watch, rollout::Due};
use bytes::Bytes;
use http::HeaderValue;
use jiff::Timestamp;
use policy::Names;
use proxy::Gateway;
use rustls::ClientConfig;
use serde::{Deserialize, Serialize};
use tokio::{
    sync::{Mutex, watch},
    time::{Instant, timeout},
};

use super::{
    Beginning, Rules, compile, fetch,
    store::{Left, State, Store},
    told,
};
use crate::{
    cli::now,
    config::{BundleSource, Bundles},
    desk, fleet,
    policies::{Finds, Force, Other},
};

/// The socket's name in the log's folder.
pub(crate) const SOCKET: &str = "bundles.sock";
/// How often it is seen whether a stage has come, and how many calls are refused.
const TURN: Duration = Duration::from_millis(250);
/// So many looks in a row may fail before that is on record: a server that is started again is away for one.
const MISSES: u32 = 2;
/// The longest reason, in bytes: it stands in the record.
const REASON_BYTES_MAX: usize = 256;

/// How this host stands.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Told {
    /// What stages call it.
    pub(crate) host: String,
    /// Where bundles come from.
    pub(crate) source: String,
    /// The revision in force; none if the configuration's own policies are.
    pub(crate) in_force: Option<u64>,
    pub(crate) since: Option<Timestamp>,
    /// One that waits for its stage.
    pub(crate) waiting: Option<Waiting>,
    /// What a rollback goes to; the configuration's own policies if none.
    pub(crate) before: Option<u64>,
    /// The last one that was left again.
    pub(crate) left: Option<Left>,
    /// Why what is at the source is not taken.
    pub(crate) fault: Option<String>,
}

/// A bundle that waits.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Waiting {
    pub(crate) revision: u64,
    /// Until then; no stage is for this host if none.
    pub(crate) due: Option<Timestamp>,
}

/// What is told of this host, from now on.
#[derive(Debug, Default)]
pub(crate) struct Standing(RwLock<Told>);

impl Standing {
    pub(crate) fn told(&self) -> Told {
        let told = self.0.read().unwrap_or_else(PoisonError::into_inner);
        told.clone()
    }

    /// What is amiss.
    pub(crate) fn amiss(&self) -> Option<String> {
        self.told().fault
    }

    /// The revision in force; 0 if none is.
    pub(crate) fn revision(&self) -> u64 {
        self.told().in_force.unwrap_or(0)
    }
}

/// What is asked.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Asked {
    /// How this host stands.
    Status,
    /// Look now.
    Look,
    /// Leave the bundle in force.
    Rollback { reason: String },
}

/// What is told.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Reply {
    Told(Box<Told>),
    Refused(String),
}

/// Looks for bundles, and puts them in force.
pub(crate) struct Keeper {
    bundles: Bundles,
    store: Store,
    names: Arc<Names>,
    /// What the configuration has.
    own: Rules,
    tls: Arc<ClientConfig>,
    gateway: Arc<Gateway>,
    force: Force,
    held: Mutex<Held>,
    standing: Arc<Standing>,
}

#[derive(Default)]
struct Held {
    state: State,
    /// What the source called what it gave last, and what that was.
    tag: Option<HeaderValue>,
    seen: Option<Bytes>,
    /// What is wrong with that.
    odd: Option<String>,
    /// A bundle whose stage has not come.
    waiting: Option<Ready>,
    watched: Option<Watched>,
    /// Why nothing is to be had.
    fault: Option<String>,
    /// Why what is here is not in force.
    trouble: Option<String>,
    misses: u32,
    /// Whether it is on record that nothing is to be had.
    is_told: bool,
}

/// A bundle of this host's, compiled.
struct Ready {
    /// By name and revision.
    name: String,
    manifest: Manifest,
    rules: Rules,
}

/// Why what was fetched is not taken.
enum Untaken {
    /// It would not be the next time either.
    Odd(String),
    /// It cannot be written down here.
    Unkept(String),
}

/// A bundle that is on trial.
struct Watched {
    watch: Watch,
    until: Timestamp,
    /// How policies had answered when it came.
    from: (u64, u64),
}

impl Keeper {
    /// What begins with the policies of `beginning`.
    pub(crate) fn new(
        (bundles, data): (Bundles, PathBuf),
        beginning: Beginning,
        names: Names,
        (gateway, tls, force): (&Arc<Gateway>, &Arc<ClientConfig>, Force),
    ) -> miette::Result<Self> {
        let store = Store::at(&data);
        let held = Held {
            state: store.read()?,
            ..Held::default()
        };
        let keeper = Self {
            standing: Arc::default(),
            names: Arc::new(names),
            own: beginning.own,
            tls: Arc::clone(tls),
            gateway: Arc::clone(gateway),
            held: Mutex::new(held),
            bundles,
            store,
            force,
        };
        Ok(keeper)
    }

    pub(crate) fn standing(&self) -> Arc<Standing> {
        Arc::clone(&self.standing)
    }

    /// Keeps policies new until told to stop. `began_with` is the revision that decides so far.
    pub(crate) async fn run(
        self: Arc<Self>,
        began_with: Option<u64>,
        mut stopped: watch::Receiver<bool>,
    ) {
        self.resume(began_with).await;
        let mut due = Instant::now();
        loop {
            if Instant::now() >= due {
                due = Instant::now() + self.bundles.every;
                self.look().await;
            }
            self.turn().await;
            if timeout(TURN, stopped.wait_for(|stopped| *stopped))
                .await
                .is_ok()
            {
                return;
            }
        }
    }

    /// Goes on with what was there when a gateway ended here.
    async fn resume(&self, began_with: Option<u64>) {
        let mut held = self.held.lock().await;
        let held = &mut *held;
        if let Some(revision) = held.state.current {
            match self.kept(revision).await {
                Ok(ready) => {
                    // The gateway whose place was taken has taken another one meanwhile.
                    if began_with != Some(revision) {
                        let reason = Some("taken by the gateway before".to_owned());
                        let put = self.put(&ready.rules, Some(&ready.name), reason).await;
                        held.trouble = put.err();
                    }
                    self.watch_over(held, &ready.manifest);
                }
                Err(why) => held.trouble = Some(why),
            }
        }
        if let Some(revision) = held.state.waiting {
            match self.kept(revision).await {
                Ok(ready) => held.waiting = Some(ready),
                Err(why) => held.trouble = Some(why),
            }
        }
        self.tell(held);
    }

    /// A bundle of this host's, compiled.
    async fn kept(&self, revision: u64) -> Result<Ready, String> {
        let (folder, keys) = (
            self.store.folder().to_owned(),
            Arc::clone(&self.bundles.keys),
        );
        let names = Arc::clone(&self.names);
        aside(move || {
            let store = Store::of(folder);
            let bundle = store.bundle(revision, &keys).map_err(|why| told(&why))?;
            ready(bundle, &names)
        })
        .await
    }

    /// Looks what is at the source.
    async fn look(&self) {
        // Whoever asks meanwhile does not wait for a server that is slow.
        let mut tag = self.held.lock().await.tag.clone();
        let fetched = fetch(&self.bundles.from, &self.tls, &mut tag).await;
        let mut held = self.held.lock().await;
        let considered = match fetched {
            Err(why) => Err(why),
            // What was odd still is.
            Ok(None) => held.odd.clone().map_or(Ok(()), Err),
            Ok(Some(packed)) if held.seen.as_ref() == Some(&packed) => {
                held.tag = tag;
                held.odd.clone().map_or(Ok(()), Err)
            }
            Ok(Some(packed)) => {
                let considered = self.consider(&mut held, &packed).await;
                let odd = match &considered {
                    Ok(()) => None,
                    Err(Untaken::Odd(why) | Untaken::Unkept(why)) => Some(why.clone()),
                };
                held.odd.clone_from(&odd);
                // What could not be written down is fetched again.
                let is_done = !matches!(considered, Err(Untaken::Unkept(_)));
                held.seen = is_done.then_some(packed);
                held.tag = tag.filter(|_| is_done);
                odd.map_or(Ok(()), Err)
            }
        };
        self.judge(&mut held, considered).await;
        self.tell(&held);
    }

    /// Says once that nothing is to be had, and once that something is again.
    async fn judge(&self, held: &mut Held, considered: Result<(), String>) {
        let trail = &self.gateway.trail;
        let Err(why) = considered else {
            held.fault = None;
            held.misses = 0;
            if std::mem::take(&mut held.is_told) {
                fleet::tell(trail, "bundle_returned", 0).await;
            }
            return;
        };
        if held.fault.as_ref() != Some(&why) {
            tracing::warn!(why, "what is in force stays: no bundle is to be had");
        }
        held.fault = Some(why);
        held.misses = held.misses.saturating_add(1);
        if held.misses >= MISSES && !held.is_told {
            held.is_told = true;
            fleet::tell(trail, "bundle_withheld", 0).await;
        }
    }

    /// Takes what was fetched, if it is a bundle for this gateway and newer than any before.
    async fn consider(&self, held: &mut Held, packed: &Bytes) -> Result<(), Untaken> {
        let (content, keys) = (packed.clone(), Arc::clone(&self.bundles.keys));
        let open = move || bundle::open(&content, &keys).map_err(|why| why.to_string());
        let bundle = aside(open).await.map_err(Untaken::Odd)?;
        let (revision, digest) = (bundle.manifest.revision, bundle.digest.clone());
        if let Some((newest, known)) = &held.state.newest {
            if revision == *newest && digest == *known {
                return Ok(());
            }
            if revision == *newest {
                let why = format!("another bundle has revision {revision}, too");
                return Err(Untaken::Odd(why));
            }
            if revision < *newest {
                let why =
                    format!("revision {revision} is older than {newest}, which was here before");
                return Err(Untaken::Odd(why));
            }
        }
        if is_over(&bundle.manifest) {
            return Err(Untaken::Odd(format!("revision {revision} has expired")));
        }
        let names = Arc::clone(&self.names);
        let compiled = aside(move || ready(bundle, &names)).await;
        let compiled = compiled.map_err(Untaken::Odd)?;
        let state = State {
            newest: Some((revision, digest)),
            waiting: Some(revision),
            ..held.state.clone()
        };
        let kept = self.store.keep(revision, packed);
        let kept = kept.and_then(|()| self.store.write(&state));
        kept.map_err(|why| Untaken::Unkept(format!("revision {revision} cannot be kept: {why}")))?;
        tracing::info!(revision, "a bundle of policies was taken");
        held.state = state;
        held.waiting = Some(compiled);
        Ok(())
    }

    /// Does what is due.
    async fn turn(&self) {
        let mut held = self.held.lock().await;
        let held = &mut *held;
        if let Some(ready) = held.waiting.take_if(|ready| self.is_due(&ready.manifest)) {
            held.trouble = self.begin(held, &ready).await.err();
            if held.trouble.is_some() && held.state.waiting.is_some() {
                // Not on record, so not in force: the log is away. It waits on.
                held.waiting = Some(ready);
            }
            self.tell(held);
        }
        if let Some(why) = self.is_too_much(held) {
            held.trouble = self.leave(held, why).await.err();
            self.tell(held);
        }
    }

    fn is_due(&self, manifest: &Manifest) -> bool {
        let due = manifest.rollout.due(&self.bundles.host, manifest.made);
        matches!(due, Due::At(at) if at <= now())
    }

    /// Puts a bundle in force whose stage has come.
    async fn begin(&self, held: &mut Held, ready: &Ready) -> Result<(), String> {
        let manifest = &ready.manifest;
        let revision = manifest.revision;
        let mut state = State {
            waiting: None,
            ..held.state.clone()
        };
        if is_over(manifest) {
            self.write(held, state)?;
            return Err(format!("revision {revision} expired before its stage came"));
        }
        self.put(&ready.rules, Some(&ready.name), None).await?;
        state.before = state.current;
        state.current = Some(revision);
        state.since = Some(now());
        let written = self.write(held, state);
        self.watch_over(held, manifest);
        written
    }

    /// Watches what a bundle has policies refuse, for as long as it says.
    fn watch_over(&self, held: &mut Held, manifest: &Manifest) {
        let since = held.state.since.unwrap_or_else(now);
        held.watched = manifest.rollout.watch.and_then(|watch| {
            let until = since.checked_add(Duration::from_secs(watch.seconds));
            let until = until.unwrap_or(Timestamp::MAX);
            (until > now()).then(|| Watched {
                watch,
                until,
                from: self.gateway.admission.answers(),
            })
        });
    }

    /// Why the bundle in force is to be left, if it is.
    fn is_too_much(&self, held: &mut Held) -> Option<String> {
        let watched = held.watched.as_ref()?;
        let (asked, refused) = self.gateway.admission.answers();
        let asked = asked.saturating_sub(watched.from.0);
        let refused = refused.saturating_sub(watched.from.1);
        if watched.watch.is_too_much(refused, asked) {
            let most = watched.watch.refused_above;
            return Some(format!(
                "{refused} of {asked} calls refused, more than {most} %"
            ));
        }
        if watched.until <= now() {
            held.watched = None;
        }
        None
    }

    /// Leaves the bundle in force for what was before.
    async fn leave(&self, held: &mut Held, why: String) -> Result<(), String> {
        let Some(revision) = held.state.current else {
            return Err("no bundle is in force".to_owned());
        };
        let before = match held.state.before {
            None => (self.own.clone(), None),
            Some(before) => {
                let ready = self.kept(before).await?;
                (ready.rules, Some(ready.name))
            }
        };
        let reason = format!("revision {revision} left: {why}");
        self.put(&before.0, before.1.as_deref(), Some(reason))
            .await?;
        held.watched = None;
        let state = State {
            current: held.state.before,
            before: None,
            since: Some(now()),
            left: Some(Left {
                revision,
                at: now(),
                why,
            }),
            ..held.state.clone()
        };
        self.write(held, state)
    }

    fn write(&self, held: &mut Held, state: State) -> Result<(), String> {
        held.state = state;
        let written = self.store.write(&held.state);
        written.map_err(|why| {
            format!("it is not written down which bundle is in force, so a restart may begin with another: {why}")
        })
    }

    /// On record, and then in force.
    async fn put(
        &self,
        rules: &Rules,
        bundle: Option<&str>,
        reason: Option<String>,
    ) -> Result<(), String> {
        let other = Other {
            engine: Arc::clone(&rules.engine),
            finds: Finds::With(rules.operator.clone()),
            uid: rustix::process::getuid().as_raw(),
            reason,
            bundle: bundle.map(str::to_owned),
        };
        let put = self.force.clone().put(other);
        // Of its own, so that what is on record also happens when nobody waits any more.
        let put = tokio::spawn(put).await;
        put.map_err(|_| "unfinished".to_owned())?.map(drop)
    }

    fn tell(&self, held: &Held) {
        let host = &self.bundles.host;
        let waiting = held.waiting.as_ref().map(|ready| Waiting {
            revision: ready.manifest.revision,
            due: match ready.manifest.rollout.due(host, ready.manifest.made) {
                Due::At(at) => Some(at),
                Due::Never => None,
            },
        });
        let told = Told {
            host: host.clone(),
            source: source_of(&self.bundles.from),
            in_force: held.state.current,
            since: held.state.since,
            waiting,
            before: held.state.before,
            left: held.state.left.clone(),
            fault: held.trouble.clone().or_else(|| held.fault.clone()),
        };
        let mut standing = self
            .standing
            .0
            .write()
            .unwrap_or_else(PoisonError::into_inner);
        *standing = told;
    }
}

fn is_over(manifest: &Manifest) -> bool {
    manifest.expires.is_some_and(|expires| expires <= now())
}

fn ready(bundle: Bundle, names: &Names) -> Result<Ready, String> {
    let rules = compile(&bundle, names)?;
    Ok(Ready {
        name: format!("{} {}", bundle.name, bundle.manifest.revision),
        manifest: bundle.manifest,
        rules,
    })
}

fn source_of(source: &BundleSource) -> String {
    match source {
        BundleSource::File(path) => path.display().to_string(),
        BundleSource::Web(uri) => uri.to_string(),
        BundleSource::Bucket(within, name) => {
            format!("s3://{}/{}{name}", within.place.name, within.prefix)
        }
    }
}

/// Does what takes long where nobody waits for the thread.
async fn aside<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, String> + Send + 'static,
) -> Result<T, String> {
    let done = tokio::task::spawn_blocking(work).await;
    done.unwrap_or_else(|error| Err(error.to_string()))
}

/// Answers the command line.
pub(crate) struct Clerk(pub(crate) Arc<Keeper>);

impl desk::Clerk for Clerk {
    type Request = Asked;
    type Reply = Reply;

    async fn answer(&self, request: Asked, uid: Option<u32>) -> Reply {
        let Self(keeper) = self;
        match request {
            Asked::Status => {}
            Asked::Look => {
                keeper.look().await;
                keeper.turn().await;
            }
            Asked::Rollback { reason } => {
                let odd = reason.len() > REASON_BYTES_MAX || reason.contains(char::is_control);
                let Some(uid) = uid.filter(|_| !odd && !reason.is_empty()) else {
                    return Reply::Refused("reason_invalid".to_owned());
                };
                let mut held = keeper.held.lock().await;
                let left = keeper
                    .leave(&mut held, format!("uid {uid}: {reason}"))
                    .await;
                keeper.tell(&held);
                if let Err(why) = left {
                    return Reply::Refused(why);
                }
            }
        }
        Reply::Told(Box::new(keeper.standing.told()))
    }

    fn unreadable(&self) -> Reply {
        Reply::Refused("request_unreadable".to_owned())
    }
}
