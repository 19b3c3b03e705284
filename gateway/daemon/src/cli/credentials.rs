//! `tidegate credentials`: what the gateway presents to services, so that agents need not hold it.

mod import;

use std::{
    io::{IsTerminal as _, Read as _},
    path::Path,
    process::ExitCode,
};

use jiff::{SignedDuration, Timestamp};
use miette::{IntoDiagnostic as _, Result, WrapErr as _, miette};
use vault::{
    CREDENTIAL_BYTES_MAX, CREDENTIALS_FILE, Credentials, FileProvider, KeyringHold, PEM_BYTES_MAX,
    VaultError, is_credential, is_credential_name, is_pem,
};
use zeroize::Zeroizing;

use super::{Credential, FINDING, now, table};
use crate::{keyring, private_folder};

pub(crate) fn credentials(command: &Credential) -> Result<ExitCode> {
    match command {
        Credential::Set { name, data } => set(name, &data.data),
        Credential::Rotate {
            name,
            retire_after,
            data,
        } => rotate(name, *retire_after, &data.data),
        Credential::Revoke {
            name,
            version,
            data,
        } => revoke(name, *version, &data.data),
        Credential::Import { env, only, data } => import::import(env, only, &data.data),
        Credential::List { data } => list(&data.data),
        Credential::Remove { name, data } => remove(name, &data.data),
    }
}

fn set(name: &str, data: &Path) -> Result<ExitCode> {
    if !is_credential_name(name) {
        let help = "letters, digits, `-`, `_` and `.`, up to 64";
        return Err(miette!(help = help, "`{name}` is no name of a credential"));
    }
    let secret = secret()?;
    private_folder(data)?;
    let (_hold, provider) = provider(data)?;
    let version = change(data, |kept| kept.put(name, &secret, &provider))?;
    println!("{name}, version {version}");
    Ok(ExitCode::SUCCESS)
}

fn rotate(name: &str, retire_after: SignedDuration, data: &Path) -> Result<ExitCode> {
    if !open(data)?.list().any(|it| it.name == name) {
        eprintln!("there is no credential `{name}`: `tidegate credentials set` makes one");
        return Ok(ExitCode::from(FINDING));
    }
    let secret = secret()?;
    let (_hold, provider) = provider(data)?;
    let retires = now().saturating_add(retire_after).into_diagnostic()?;
    let version = change(data, |kept| {
        kept.rotate(name, &secret, retires.as_second(), &provider)
    })?;
    println!("{name}, version {version}; the one before retires at {retires}");
    Ok(ExitCode::SUCCESS)
}

fn revoke(name: &str, version: u32, data: &Path) -> Result<ExitCode> {
    if !change(data, |kept| Ok(kept.revoke(name, version)))? {
        eprintln!("there is no version {version} of a credential `{name}`");
        return Ok(ExitCode::from(FINDING));
    }
    let kept = open(data)?;
    let used = kept
        .list()
        .find(|it| it.name == name && it.retires.is_none());
    match used {
        Some(used) => println!(
            "{name}, version {version} is gone; version {} is in use",
            used.version
        ),
        None => println!("{name}, version {version} is gone, and there is no other"),
    }
    Ok(ExitCode::SUCCESS)
}

fn open(data: &Path) -> Result<Credentials> {
    Credentials::open(&data.join(CREDENTIALS_FILE)).into_diagnostic()
}

fn change<T>(
    data: &Path,
    change: impl FnOnce(&mut Credentials) -> std::result::Result<T, VaultError>,
) -> Result<T> {
    Credentials::change(&data.join(CREDENTIALS_FILE), change).into_diagnostic()
}

/// What seals credentials, and what keeps it from going until they are in their file.
fn provider(data: &Path) -> Result<(KeyringHold, FileProvider)> {
    let hold = KeyringHold::wait(data).into_diagnostic()?;
    let keyring = keyring::open_or_create(data);
    let keyring = keyring.wrap_err("credentials are sealed by the log's keyring")?;
    Ok((hold, keyring.provider()))
}

/// What standard input holds: one line, or PEM.
fn secret() -> Result<Zeroizing<Vec<u8>>> {
    if std::io::stdin().is_terminal() {
        eprintln!("Paste the credential, then press Enter and Ctrl-D. It is shown as you type.");
    }
    let mut secret = Zeroizing::new(Vec::new());
    std::io::stdin()
        .take(PEM_BYTES_MAX as u64 + 2)
        .read_to_end(&mut secret)
        .into_diagnostic()?;
    let end = secret.iter().rposition(|byte| !b"\r\n".contains(byte));
    let secret = secret
        .get(..end.map_or(0, |end| end + 1))
        .unwrap_or_default();
    if !is_credential(secret) && !is_pem(secret) {
        return Err(miette!(
            help = "give it on standard input: `tidegate credentials set NAME < FILE`",
            "a credential is one line of 8 to {CREDENTIAL_BYTES_MAX} bytes of visible ASCII, or a \
             certificate chain with its key, PEM, of up to {PEM_BYTES_MAX}"
        ));
    }
    Ok(Zeroizing::new(secret.to_vec()))
}

fn list(data: &Path) -> Result<ExitCode> {
    let credentials = open(data)?;
    let rows = credentials.list().map(|it| {
        let state = match it.retires.map(Timestamp::from_second) {
            None => "in use".to_owned(),
            Some(Ok(retires)) => format!("until {retires}"),
            Some(Err(_)) => "until a time that there is not".to_owned(),
        };
        vec![it.name.to_owned(), it.version.to_string(), state]
    });
    table::print(&["credential", "version", "state"], rows);
    Ok(ExitCode::SUCCESS)
}

fn remove(name: &str, data: &Path) -> Result<ExitCode> {
    if !change(data, |kept| Ok(kept.remove(name)))? {
        eprintln!("there is no credential `{name}`");
        return Ok(ExitCode::from(FINDING));
    }
    println!("{name} is gone; revoke it where it was issued, too");
    Ok(ExitCode::SUCCESS)
}
