//! The log and all else that hangs on the keyring, and what was spent.

use std::sync::{Arc, atomic::Ordering};

use ::fleet::Ledger;
use admission::budget::Budgets;
use audit::{Archive, BlindIndex, Keys, Subjects, Trail};
use identity::KeySet;
use miette::{IntoDiagnostic, Result, WrapErr};
use proxy::{Gateway, pass::Passes};
use redaction::Pseudonyms;
use rustls::ClientConfig;
use store::{SqliteLedger, SqliteSubjects};
use telemetry::Watched;
use tokio::{
    runtime::Runtime,
    sync::{Notify, watch},
};
use vault::{FileProvider, Keyring};

use crate::{
    config::Config, copies::Copying, credentials::Held, erasure, expiry::Expirer, fleet, keyring,
    keys::VaultKeys, passes, publication, rotation::Rotation,
};

/// All that hangs on the keyring.
pub(super) struct Kept {
    pub(super) trail: Trail,
    pub(super) subjects: Arc<Subjects>,
    pub(super) pseudonyms: Arc<dyn Pseudonyms>,
    pub(super) credentials: Arc<Held>,
    pub(super) passes: Passes,
    /// By which all of them wrap keys.
    pub(super) provider: FileProvider,
}

/// Opens the log for its one writer, and the rest.
pub(super) fn open(
    config: &Config,
    opened: Option<&keyring::Opened>,
    own_keys: &KeySet,
    runtime: &Runtime,
) -> Result<Kept> {
    // Before there is a file that was not there.
    runtime.block_on(publication::check(config))?;
    let ledger = runtime.block_on(SqliteLedger::open(&config.data));
    let ledger = ledger.into_diagnostic()?;
    // From here on nobody else may change it, and we do not hold it any more.
    let held = opened.map(|opened| opened.hold(&config.data)).transpose()?;
    drop(held);
    let made = opened
        .is_none()
        .then(|| keyring::open_or_create(&config.data));
    let made = made.transpose()?;
    let keyring = opened.map(|it| &it.keyring).or(made.as_ref());
    let keyring = keyring.ok_or_else(|| miette::miette!("there is no keyring"))?;
    let keys = Keys::from_keyring(keyring).into_diagnostic()?;
    let retention = config.retention.clone();
    let trail = Trail::keeping(Box::new(ledger), keys, retention).into_diagnostic()?;
    let named = runtime.block_on(kept_keys(config, keyring));
    let provider = keyring.provider();
    let passes = passes::open(&config.data, &provider, own_keys)?;
    let (subjects, keeper) = Subjects::new(
        Box::new(named.wrap_err("the keys of data subjects cannot be read")?),
        keyring.log().to_owned(),
        Arc::new(provider.clone()),
        BlindIndex::new(keyring.pseudonymizer()),
    );
    runtime.spawn(keeper);
    Ok(Kept {
        trail,
        subjects,
        credentials: Held::open(config, keyring),
        pseudonyms: Arc::new(VaultKeys::open(config, keyring)?),
        passes,
        provider,
    })
}

/// Goes on with a rotation of keys that was begun, and waits for others; once a gateway that was taken over is gone.
pub(super) fn rotation(
    config: &Config,
    gateway: &Gateway,
    (provider, keeper): (FileProvider, Option<Arc<keyring::Provider>>),
    copying: &Copying,
    (retired, gone): (&watch::Receiver<bool>, Option<watch::Receiver<bool>>),
) -> Arc<Rotation> {
    let rotation = Arc::new(Rotation {
        data: config.data.clone(),
        provider,
        keeper,
        trail: gateway.trail.clone(),
        subjects: Arc::clone(&gateway.subjects),
        copied: copying.keys(),
        due: Notify::new(),
        standing: Arc::default(),
    });
    let (keeping, retired) = (Arc::clone(&rotation), retired.clone());
    tokio::spawn(async move {
        if let Some(mut gone) = gone {
            // A gateway that was taken over still wraps keys of data subjects as it did.
            drop(gone.wait_for(|gone| *gone).await);
        }
        keeping.keep(retired).await;
    });
    rotation
}

/// Destroys what is due, from now on.
pub(super) fn expiry(
    config: &Config,
    gateway: &Gateway,
    stopped: &watch::Receiver<bool>,
) -> Arc<Expirer> {
    let expirer = Arc::new(Expirer::new(config.data.clone(), gateway.trail.clone()));
    tokio::spawn(Arc::clone(&expirer).keep(stopped.clone()));
    expirer
}

/// What copies the log, and its figure.
pub(super) fn copying(config: &Config, gateway: &Gateway) -> Result<Copying> {
    let copying = Copying::new(config, gateway.trail.clone())?;
    if let Some(copied) = copying.copied() {
        let read = move || copied.load(Ordering::Relaxed);
        let watched = gateway.metrics.watch(Watched::RecordsCopied, read);
        watched.into_diagnostic()?;
    }
    Ok(copying)
}

/// The keys of data subjects, without those that the log says are destroyed: a crash or an old copy may
/// have left them.
async fn kept_keys(config: &Config, keyring: &Keyring) -> Result<SqliteSubjects> {
    let mut kept = SqliteSubjects::open(&config.data).await.into_diagnostic()?;
    let log = SqliteLedger::open_to_read(&config.data).await;
    let keys = Keys::from_keyring(keyring).into_diagnostic()?;
    let mut archive = Archive::new(Box::new(log.into_diagnostic()?), keys).into_diagnostic()?;
    let again = erasure::redo(&mut archive, &mut kept).await?;
    if again > 0 {
        tracing::warn!(
            keys = again,
            "keys of erased subjects were back; destroyed again"
        );
    }
    Ok(kept)
}

/// What may be used up, and what of it was; after [`open`], which locks the directory.
pub(super) fn budgets(
    config: &Config,
    (tls, said): (&Arc<ClientConfig>, &fleet::Said),
    runtime: &Runtime,
) -> Result<Option<Arc<Budgets>>> {
    if config.budgets.is_empty() {
        return Ok(None);
    }
    let mut store = runtime
        .block_on(store::SqliteBudgets::open(&config.data))
        .into_diagnostic()
        .wrap_err("what was spent of `budgets` cannot be read")?;
    let Some(shared) = &config.fleet else {
        let (budgets, keeper) = Budgets::new(config.budgets.clone(), Box::new(store));
        runtime.spawn(keeper);
        return Ok(Some(budgets));
    };
    let instance = runtime.block_on(store.instance()).into_diagnostic()?;
    let (place, login) = fleet::place(shared, tls)?;
    let ledger = Ledger::new(place, login, fleet::member(shared, instance, said));
    let (budgets, keeper, borrower) = Budgets::leased(
        config.budgets.clone(),
        Box::new(store),
        Box::new(ledger),
        shared.lending,
    );
    runtime.spawn(keeper);
    runtime.spawn(borrower);
    Ok(Some(budgets))
}
