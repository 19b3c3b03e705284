//! Where reports are put: a folder, or a bucket.

use std::{
    fs,
    path::{Path, PathBuf},
    sync::Arc,
};

use miette::{IntoDiagnostic as _, Result, WrapErr as _};
use proxy::objects::Manner;
use reports::Form;
use rustls::ClientConfig;

use crate::{
    config::Within,
    objects::{Objects, Thing},
};

/// Where reports are put.
#[derive(Clone, Debug)]
pub(crate) enum Outlet {
    Folder(PathBuf),
    Bucket(Within),
}

impl Outlet {
    /// The folder, if it is one.
    pub(crate) fn folder(&self) -> Option<&PathBuf> {
        match self {
            Self::Folder(folder) => Some(folder),
            Self::Bucket(_) => None,
        }
    }

    /// Whether files of the same name would be the same file.
    pub(crate) fn is_same(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Folder(one), Self::Folder(other)) => one == other,
            (Self::Bucket(one), Self::Bucket(other)) => {
                one.place.name == other.place.name && one.prefix == other.prefix
            }
            _ => false,
        }
    }
}

/// The same, to be written.
pub(super) enum Place {
    Folder(PathBuf),
    /// In a bucket other gateways may put theirs beside it, under their logs' names.
    Bucket {
        objects: Box<Objects>,
        log: String,
    },
}

impl Place {
    pub(super) fn open(outlet: &Outlet, log: &str, tls: &Arc<ClientConfig>) -> Self {
        match outlet {
            Outlet::Folder(folder) => Self::Folder(folder.clone()),
            Outlet::Bucket(within) => Self::Bucket {
                objects: Box::new(Objects::new(within.clone(), tls)),
                log: log.to_owned(),
            },
        }
    }

    /// Whether what is there once need not be looked for again.
    pub(super) fn is_asked_once(&self) -> bool {
        matches!(self, Self::Bucket { .. })
    }

    /// Whether a file of that name is there.
    pub(super) async fn has(&self, name: &str) -> Result<bool> {
        match self {
            Self::Folder(folder) => Ok(folder.join(name).exists()),
            Self::Bucket { objects, log } => {
                let label = label(log, name);
                objects.has(&scoped(log, name), Some(&label)).await
            }
        }
    }

    /// Puts it there, whole or not at all.
    pub(super) async fn put(&self, form: Form, name: &str, text: Vec<u8>) -> Result<()> {
        match self {
            Self::Folder(folder) => {
                let file = folder.join(name);
                let written = tokio::task::spawn_blocking(move || write(&file, &text));
                written.await.into_diagnostic()?
            }
            Self::Bucket { objects, log } => {
                let thing = Thing {
                    name: &scoped(log, name),
                    media_type: media_type(form),
                    content: text.into(),
                    manner: Manner::Labelled(&label(log, name)),
                    is_kept: true,
                };
                objects.put(thing).await.map(drop)
            }
        }
    }
}

/// The name of a report in a bucket: in a folder of its log.
fn scoped(log: &str, name: &str) -> String {
    format!("{}/{name}", log.replace('/', "-"))
}

/// What a report in a bucket says of itself.
fn label(log: &str, name: &str) -> String {
    format!("{log} {name}")
}

/// What a form is served as.
fn media_type(form: Form) -> &'static str {
    match form.extension() {
        "html" => "text/html; charset=utf-8",
        "csv" => "text/csv; charset=utf-8",
        _ => "application/json",
    }
}

/// Whole or not at all, for its owner only.
fn write(file: &Path, text: &[u8]) -> Result<()> {
    let folder = file.parent().unwrap_or(Path::new("."));
    let written = tempfile::NamedTempFile::new_in(folder).and_then(|mut draft| {
        use std::io::Write as _;
        draft.write_all(text)?;
        draft.as_file().sync_all()?;
        draft.persist(file).map_err(|error| error.error)?;
        fs::File::open(folder)?.sync_all()
    });
    written
        .into_diagnostic()
        .wrap_err_with(|| format!("`{}` cannot be written", file.display()))
}
