//! Logs in directories, or in a PostgreSQL with their keys in a directory.

use std::{fs, path::Path, sync::Arc};

use audit::{
    Event, Keys, Ledger, LedgerError, Opening, Refusal, Report, Trail, TrailError,
    checkpoint::Authority,
};
use store::{PostgresLedger, PostgresPlace, SqliteLedger};
use tempfile::TempDir;
use vault::Keyring;

use crate::{cluster::Cluster, events::opening, sabotage::Saboteur};

/// Names the PostgreSQL that a directory's log is in; without it the log is in the directory.
const ELSEWHERE: &str = "postgres-url";

/// A place for one log.
pub(crate) struct Home {
    directory: TempDir,
    cluster: Option<Arc<Cluster>>,
}

impl Home {
    pub(crate) fn sqlite() -> Self {
        Self::of(None)
    }

    pub(crate) fn postgres() -> Self {
        Self::of(Some(Arc::new(Cluster::start())))
    }

    /// A place for another log, in the same PostgreSQL if this one is in one.
    pub(crate) fn another(&self) -> Self {
        Self::of(self.cluster.clone())
    }

    fn of(cluster: Option<Arc<Cluster>>) -> Self {
        let directory = tempfile::tempdir().unwrap();
        if let Some(cluster) = &cluster {
            fs::write(directory.path().join(ELSEWHERE), cluster.url()).unwrap();
        }
        Self { directory, cluster }
    }

    pub(crate) fn path(&self) -> &Path {
        self.directory.path()
    }

    pub(crate) fn cluster(&self) -> Option<&Cluster> {
        self.cluster.as_deref()
    }

    /// A second hand on its tables.
    pub(crate) async fn saboteur(&self) -> Saboteur {
        Saboteur::new(self.path()).await
    }
}

/// The PostgreSQL that the log of `directory` is in.
pub(crate) fn elsewhere(directory: &Path) -> Option<String> {
    fs::read_to_string(directory.join(ELSEWHERE)).ok()
}

pub(crate) fn keyring(directory: &Path) -> Keyring {
    Keyring::open_or_create(&directory.join("keyring.json")).unwrap()
}

pub(crate) fn authority(directory: &Path) -> Authority {
    Authority::parse(&public_key(directory)).unwrap()
}

pub(crate) fn public_key(directory: &Path) -> String {
    keyring(directory).signer().unwrap().verifier_key()
}

pub(crate) async fn writer(directory: &Path) -> Result<Box<dyn Ledger>, LedgerError> {
    Ok(match elsewhere(directory) {
        None => Box::new(SqliteLedger::open(directory).await?),
        Some(url) => {
            let place = PostgresPlace::parse(&url).unwrap();
            Box::new(PostgresLedger::open(place, keyring(directory).log()).await?)
        }
    })
}

pub(crate) async fn reader(directory: &Path) -> Result<Box<dyn Ledger>, LedgerError> {
    Ok(match elsewhere(directory) {
        None => Box::new(SqliteLedger::open_to_read(directory).await?),
        Some(url) => {
            let place = PostgresPlace::parse(&url).unwrap();
            Box::new(PostgresLedger::open_to_read(place, keyring(directory).log()).await?)
        }
    })
}

pub(crate) async fn start(directory: &Path) -> Result<Trail, TrailError> {
    let keys = Keys::from_keyring(&keyring(directory))?;
    Trail::start(writer(directory).await?, keys)
}

pub(crate) async fn verify(directory: &Path, anchors: &[Vec<u8>]) -> Report {
    let mut ledger = reader(directory).await.unwrap();
    audit::verify_ledger(ledger.as_mut(), authority(directory), anchors)
        .await
        .unwrap()
}

pub(crate) fn refusal(value: &str) -> Event {
    let Opening {
        at,
        trace,
        caller,
        operation,
        ..
    } = opening(value);
    Event::Refuse(Box::new(Refusal {
        at,
        trace,
        caller,
        operation: Some(operation),
        reason: "task_scope".into(),
        status: 403,
        policies: vec![],
        policy: "sha256:policy".into(),
        finding: false,
        findings: vec![],
        declared: vec![],
        notices: vec![],
    }))
}
