//! `tidegate keys rotate`: another key-encryption key, or another key that signs the log.

use std::{path::Path, process::ExitCode, sync::Arc};

use audit::{BlindIndex, Keys, Subjects, Trail};
use miette::{IntoDiagnostic as _, Result, WrapErr as _, miette};
use store::{SqliteLedger, SqliteSubjects};
use tokio::sync::Notify;
use vault::KEYRING_FILE;

use super::{super::FINDING, writer};
use crate::{
    cli::block_on,
    desk,
    inquiries::nobody,
    keyring,
    rotation::{Begun, Reply, Request, Rotation, SOCKET, Succeeded, Tally},
};

/// Has it done by the gateway of this log if one runs, else does it.
pub(super) fn rotate(data: &Path) -> Result<ExitCode> {
    match desk::ask(&data.join(SOCKET), &Request::Rotate) {
        Ok(Reply::Begun(begun)) => {
            say(&begun);
            println!("the gateway wraps anew what older keys wrapped: `tidegate keys status`");
            return Ok(ExitCode::SUCCESS);
        }
        Ok(reply) => return refused(reply),
        Err(error) if nobody(&error) => {}
        Err(error) => return Err(error).into_diagnostic(),
    }
    block_on(alone(data))
}

/// Has another key sign the log: by the gateway of it if one runs, else here.
pub(super) fn succeed(data: &Path) -> Result<ExitCode> {
    match desk::ask(&data.join(SOCKET), &Request::Succeed) {
        Ok(Reply::Succeeded(succeeded)) => {
            say_succeeded(&succeeded);
            return Ok(ExitCode::SUCCESS);
        }
        Ok(reply) => return refused(reply),
        Err(error) if nobody(&error) => {}
        Err(error) => return Err(error).into_diagnostic(),
    }
    block_on(async {
        has_keyring(data)?;
        let ledger = writer(data).await?;
        let (rotation, keeper) = rotation(data, ledger).await?;
        let succeeded = rotation.succeed(rustix::process::getuid().as_raw()).await;
        drop(rotation);
        keeper.await.into_diagnostic()?;
        say_succeeded(&succeeded?);
        Ok(ExitCode::SUCCESS)
    })
}

fn refused(reply: Reply) -> Result<ExitCode> {
    let Reply::Refused(why) = reply else {
        return Err(miette!("the gateway answers another question"));
    };
    eprintln!("refused: {why}");
    Ok(ExitCode::from(FINDING))
}

fn say_succeeded(Succeeded { key, record }: &Succeeded) {
    println!("{key}\nsigns from now on, as record {record} says; tell auditors and witnesses");
}

fn say(Begun { key, record }: &Begun) {
    println!("key {key} wraps from now on, as record {record} says");
}

/// Does all of it. The lock stays with the trail, so no gateway starts meanwhile.
async fn alone(data: &Path) -> Result<ExitCode> {
    has_keyring(data)?;
    let ledger = writer(data).await?;
    let (rotation, keeper) = rotation(data, ledger).await?;
    let is_under_way = rotation.provider.ids().len() > 1;
    if is_under_way {
        println!("a rotation that was begun is brought to its end");
    } else {
        say(&rotation.begin(rustix::process::getuid().as_raw()).await?);
    }
    let finished = rotation.finish().await;
    drop(rotation);
    keeper.await.into_diagnostic()?;
    let finished = finished.wrap_err("the next start of the gateway goes on with it")?;
    let Tally {
        data_keys,
        subject_keys,
        credentials,
        signing_keys,
    } = finished.unwrap_or_default();
    println!(
        "wrapped anew: {data_keys} data keys, {subject_keys} keys of data subjects, {credentials} credentials, \
         {signing_keys} signing keys; the older key is gone"
    );
    Ok(ExitCode::SUCCESS)
}

fn has_keyring(data: &Path) -> Result<()> {
    if data.join(KEYRING_FILE).exists() {
        return Ok(());
    }
    let help = "`--data` names the log's folder, `audit.directory`";
    Err(miette!(
        help = help,
        "there is no keyring in `{}`",
        data.display()
    ))
}

/// What rotates, and the keeper of data subjects' keys, who ends after it.
async fn rotation(
    data: &Path,
    ledger: SqliteLedger,
) -> Result<(Rotation, tokio::task::JoinHandle<()>)> {
    let opened = keyring::with_keeper(data)?;
    let store = SqliteSubjects::open(data).await.into_diagnostic()?;
    let keys = Keys::from_keyring(&opened.keyring).into_diagnostic()?;
    let wraps = Arc::clone(&keys.provider);
    let index = BlindIndex::new(opened.keyring.pseudonymizer());
    let log = opened.keyring.log().to_owned();
    let (subjects, keeper) = Subjects::new(Box::new(store), log, wraps, index);
    let rotation = Rotation {
        data: data.to_owned(),
        provider: opened.keyring.provider(),
        keeper: opened.keeper(),
        trail: Trail::start(Box::new(ledger), keys).into_diagnostic()?,
        subjects,
        copied: None,
        due: Notify::new(),
        standing: Arc::default(),
    };
    Ok((rotation, tokio::spawn(keeper)))
}
