//! `tidegate credentials`: what the gateway presents to services, so that agents need not hold it.

use std::{
    io::{IsTerminal as _, Read as _},
    path::Path,
    process::ExitCode,
};

use miette::{IntoDiagnostic as _, Result, WrapErr as _, miette};
use vault::{
    CREDENTIAL_BYTES_MAX, CREDENTIALS_FILE, Credentials, KEYRING_FILE, Keyring, is_credential,
    is_credential_name,
};
use zeroize::Zeroizing;

use super::{Credential, FINDING, table};
use crate::private_folder;

pub(crate) fn credentials(command: &Credential) -> Result<ExitCode> {
    match command {
        Credential::Set { name, data } => set(name, &data.data),
        Credential::List { data } => list(&data.data),
        Credential::Remove { name, data } => remove(name, &data.data),
    }
}

fn set(name: &str, data: &Path) -> Result<ExitCode> {
    if !is_credential_name(name) {
        let help = "letters, digits, `-`, `_` and `.`, up to 64";
        return Err(miette!(help = help, "`{name}` is no name of a credential"));
    }
    if std::io::stdin().is_terminal() {
        eprintln!("Paste the credential, then press Enter and Ctrl-D. It is shown as you type.");
    }
    let mut secret = Zeroizing::new(Vec::new());
    std::io::stdin()
        .take(CREDENTIAL_BYTES_MAX as u64 + 2)
        .read_to_end(&mut secret)
        .into_diagnostic()?;
    let end = secret.iter().rposition(|byte| !b"\r\n".contains(byte));
    let secret = secret
        .get(..end.map_or(0, |end| end + 1))
        .unwrap_or_default();
    if !is_credential(secret) {
        return Err(miette!(
            help = "give it on standard input, as one line: `tidegate credentials set NAME < FILE`",
            "a credential is 8 to {CREDENTIAL_BYTES_MAX} bytes of visible ASCII"
        ));
    }
    private_folder(data)?;
    let keyring = Keyring::open_or_create(&data.join(KEYRING_FILE)).into_diagnostic();
    let keyring = keyring.wrap_err("credentials are sealed by the log's keyring")?;
    let provider = keyring.provider().into_diagnostic()?;
    let path = data.join(CREDENTIALS_FILE);
    let mut credentials = Credentials::open(&path).into_diagnostic()?;
    let version = credentials.put(name, secret, &provider).into_diagnostic()?;
    credentials.save(&path).into_diagnostic()?;
    println!("{name}, version {version}");
    Ok(ExitCode::SUCCESS)
}

fn list(data: &Path) -> Result<ExitCode> {
    let credentials = Credentials::open(&data.join(CREDENTIALS_FILE)).into_diagnostic()?;
    let rows = credentials.list();
    let rows = rows.map(|(name, version)| vec![name.to_owned(), version.to_string()]);
    table::print(&["credential", "version"], rows);
    Ok(ExitCode::SUCCESS)
}

fn remove(name: &str, data: &Path) -> Result<ExitCode> {
    let path = data.join(CREDENTIALS_FILE);
    let mut credentials = Credentials::open(&path).into_diagnostic()?;
    if !credentials.remove(name) {
        eprintln!("there is no credential `{name}`");
        return Ok(ExitCode::from(FINDING));
    }
    credentials.save(&path).into_diagnostic()?;
    println!("{name} is gone; revoke it where it was issued, too");
    Ok(ExitCode::SUCCESS)
}
