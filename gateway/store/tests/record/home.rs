//! Logs in directories.

use std::path::Path;

use audit::{Event, Keys, Opening, Refusal, Report, Trail, TrailError, checkpoint::Authority};
use store::SqliteLedger;
use vault::Keyring;

use crate::events::opening;

pub(crate) fn keyring(directory: &Path) -> Keyring {
    Keyring::open_or_create(&directory.join("keyring.json")).unwrap()
}

pub(crate) fn authority(directory: &Path) -> Authority {
    Authority::parse(&public_key(directory)).unwrap()
}

pub(crate) fn public_key(directory: &Path) -> String {
    keyring(directory).signer().unwrap().verifier_key()
}

pub(crate) async fn start(directory: &Path) -> Result<Trail, TrailError> {
    let ledger = SqliteLedger::open(directory).await?;
    let keys = Keys::from_keyring(&keyring(directory))?;
    Trail::start(Box::new(ledger), keys)
}

pub(crate) async fn verify(directory: &Path, anchors: &[Vec<u8>]) -> Report {
    let mut ledger = SqliteLedger::open_to_read(directory).await.unwrap();
    audit::verify_ledger(&mut ledger, authority(directory), anchors)
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
