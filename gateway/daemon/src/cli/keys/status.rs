//! `tidegate keys status`: who keeps the keyring's root, which keys are in it, and what each of them wraps.

use std::{collections::BTreeMap, path::Path, process::ExitCode};

use audit::{Ledger as _, READ_ROWS_MAX};
use miette::{IntoDiagnostic as _, Result};
use serde::Serialize;
use serde_json::json;
use store::{FILE_NAME, SqliteLedger, SqliteSubjects};
use vault::{KEYRING_FILE, Keyring, Place, PublicKeys, Stored};

use super::super::{FINDING, Format, block_on, table};
use crate::{
    keyring::{self, Provider},
    rotation,
};

/// What one key-encryption key wraps.
#[derive(Default, Serialize)]
struct Wrapped {
    data_keys: u64,
    subject_keys: u64,
    credentials: u64,
    signing_keys: u64,
}

impl Wrapped {
    fn all(&self) -> u64 {
        self.data_keys + self.subject_keys + self.credentials + self.signing_keys
    }
}

/// By the key's id; none where that is not to be told.
type ByKey = BTreeMap<Option<u32>, Wrapped>;

pub(super) fn status(data: &Path, format: Format) -> Result<ExitCode> {
    let stored = Keyring::stored(&data.join(KEYRING_FILE)).into_diagnostic()?;
    let (place, opened) = match stored {
        Stored::Clear(keyring) => (None, Ok(keyring)),
        Stored::Sealed(sealed) => {
            let asked = Provider::new(sealed.place())
                .map_err(|error| error.to_string())
                .and_then(|it| keyring::ask(&it, &sealed).map_err(|error| error.to_string()));
            (Some(sealed.place().clone()), asked)
        }
    };
    let wrapped = block_on(wrapped(data))?;
    let keys = keyring::public_keys(data)?;
    let succession = json!({ "former": former(&keys), "next": keys.next });
    let key = keys.current;
    let answer = match &opened {
        Ok(_) => "opens the keyring".to_owned(),
        Err(why) => why.clone(),
    };
    let ids = opened.as_ref().map(Keyring::wrapping_ids).ok();
    match format {
        Format::Json => {
            let told = json!({
                "kind": place.as_ref().map_or("file", Place::kind),
                "provider": place,
                "opens": opened.is_ok(),
                "answer": answer,
                "verifier": key,
                "succession": succession,
                "wrapping": ids,
                "wrapped": rows(&wrapped),
                "rotation": progress(ids.as_deref(), &wrapped),
            });
            println!("{told}");
        }
        Format::Table => {
            let shown = place.map_or_else(|| "file".to_owned(), |it| it.to_string());
            print(&shown, answer, key, ids.as_deref(), &wrapped);
        }
    }
    Ok(if opened.is_ok() {
        ExitCode::SUCCESS
    } else {
        ExitCode::from(FINDING)
    })
}

/// The keys that signed the log before, with the record by which each went.
fn former(keys: &PublicKeys) -> Vec<serde_json::Value> {
    let former = keys.former.iter();
    former
        .map(|it| json!({ "verifier": it.verifier, "until": it.until }))
        .collect()
}

/// What the keys wrap, as the files say, whoever could open it.
async fn wrapped(data: &Path) -> Result<ByKey> {
    let mut by_key = ByKey::new();
    if data.join(FILE_NAME).exists() {
        let mut ledger = SqliteLedger::open_to_read(data).await.into_diagnostic()?;
        let mut after = 0;
        loop {
            let keys = ledger.keys(after, READ_ROWS_MAX).await.into_diagnostic()?;
            let Some(last) = keys.last() else {
                break;
            };
            after = last.id;
            for key in keys.iter().filter(|key| !key.is_destroyed()) {
                by_key
                    .entry(vault::wrapped_by(&key.wrapped))
                    .or_default()
                    .data_keys += 1;
            }
        }
    }
    let subjects = SqliteSubjects::open_to_read(data).await.into_diagnostic()?;
    if let Some(mut subjects) = subjects {
        for (key, many) in subjects.wrapped_by().await.into_diagnostic()? {
            by_key.entry(key).or_default().subject_keys += many;
        }
    }
    let [credentials, signers] = rotation::wrapped_by(data)?;
    for key in credentials {
        by_key.entry(key).or_default().credentials += 1;
    }
    for key in signers {
        by_key.entry(key).or_default().signing_keys += 1;
    }
    Ok(by_key)
}

fn rows(wrapped: &ByKey) -> Vec<serde_json::Value> {
    let row = |(key, wrapped): (&Option<u32>, &Wrapped)| {
        json!({
            "key": key,
            "data_keys": wrapped.data_keys,
            "subject_keys": wrapped.subject_keys,
            "credentials": wrapped.credentials,
            "signing_keys": wrapped.signing_keys,
        })
    };
    wrapped.iter().map(row).collect()
}

/// How far a rotation is; none if none is under way, or the keyring does not open.
fn progress(ids: Option<&[u32]>, wrapped: &ByKey) -> Option<serde_json::Value> {
    let (left, of) = left(ids, wrapped)?;
    Some(json!({ "left": left, "of": of }))
}

/// How many keys a key wraps that is to go, and how many there are.
fn left(ids: Option<&[u32]>, wrapped: &ByKey) -> Option<(u64, u64)> {
    let (_, older) = ids?.split_last().filter(|(_, older)| !older.is_empty())?;
    let is_older = |key: &Option<u32>| key.is_some_and(|key| older.contains(&key));
    let left = wrapped.iter().filter(|(key, _)| is_older(key));
    let left = left.map(|(_, wrapped)| wrapped.all()).sum();
    Some((left, wrapped.values().map(Wrapped::all).sum()))
}

fn print(place: &str, answer: String, key: String, ids: Option<&[u32]>, wrapped: &ByKey) {
    let listed = |ids: &[u32]| ids.iter().map(ToString::to_string).collect::<Vec<_>>();
    let keys = ids.map_or_else(|| "not to be told".to_owned(), |ids| listed(ids).join(", "));
    let rotation = match (ids, left(ids, wrapped)) {
        (None, _) => "not to be told".to_owned(),
        (_, None) => "none under way".to_owned(),
        (_, Some((0, _))) => "all is wrapped anew; the older key goes once the copy of the log, if there is one, has it too".to_owned(),
        (_, Some((left, of))) => format!("{left} of {of} keys are still to be wrapped anew"),
    };
    let rows = [
        ("provider", place.to_owned()),
        ("answer", answer),
        ("key-encryption keys", keys),
        ("rotation", rotation),
        ("signing key", key),
    ];
    let rows = rows.map(|(name, value)| vec![name.to_owned(), value]);
    table::print(&["what", "value"], rows);
    println!();
    let rows = wrapped.iter().map(|(key, wrapped)| {
        let name = match (key, ids) {
            (None, _) => "not to be told".to_owned(),
            (Some(key), Some(ids)) if !ids.contains(key) => format!("{key}, not in the keyring"),
            (Some(key), _) => key.to_string(),
        };
        let counts = [
            wrapped.data_keys,
            wrapped.subject_keys,
            wrapped.credentials,
            wrapped.signing_keys,
        ];
        let counts = counts.iter().map(ToString::to_string);
        std::iter::once(name).chain(counts).collect()
    });
    let columns = [
        "wrapped by key",
        "data keys",
        "keys of subjects",
        "credentials",
        "signing keys",
    ];
    table::print(&columns, rows);
}
