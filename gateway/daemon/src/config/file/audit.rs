//! Where the record is, and who is shown it.

use std::path::PathBuf;

use serde::Deserialize;
use serde_saphyr::Spanned;

/// The record.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Audit {
    pub(crate) directory: PathBuf,
    /// The public key of the log that must be there: no other one is begun or continued.
    pub(crate) log: Option<Spanned<String>>,
    /// A folder that the log is published to as tiles.
    pub(crate) tiles: Option<PathBuf>,
    /// A bucket that the tiles are put into.
    pub(crate) s3: Option<Bucketed>,
    /// A PostgreSQL that the log is copied to.
    pub(crate) postgres: Option<Postgres>,
    /// Who is asked to sign that the log only grows.
    #[serde(default)]
    pub(crate) witnesses: Vec<Witness>,
    /// The provider of the keyring, if it is sealed.
    pub(crate) keys: Option<Keys>,
    /// How long records are kept.
    pub(crate) retention: Option<Retention>,
}

/// How long records are kept.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Retention {
    /// What no rule is about.
    pub(crate) keep: Option<Spanned<String>>,
    /// The law or contract behind that.
    pub(crate) basis: Option<Spanned<String>>,
    #[serde(default)]
    pub(crate) rules: Vec<RetentionRule>,
}

/// Records that are kept for a time of their own.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct RetentionRule {
    pub(crate) name: Spanned<String>,
    pub(crate) keep: Spanned<String>,
    pub(crate) basis: Option<Spanned<String>>,
    #[serde(default)]
    pub(crate) services: Vec<Spanned<String>>,
    #[serde(default)]
    pub(crate) agents: Vec<Spanned<String>>,
    /// Kinds of records.
    #[serde(default)]
    pub(crate) records: Vec<Spanned<String>>,
}

/// How the provider of the keyring is asked.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Keys {
    /// How often.
    pub(crate) probe: Option<Spanned<String>>,
    /// For how long it may not answer.
    pub(crate) lease: Option<Spanned<String>>,
}

/// A witness of the log.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Witness {
    /// What stands before `/add-checkpoint`.
    pub(crate) url: Spanned<String>,
    /// Its public key.
    pub(crate) key: Spanned<String>,
}

/// A bucket that the tiles are put into.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Bucketed {
    /// One of `buckets`.
    pub(crate) bucket: Spanned<String>,
    /// What stands before each name.
    #[serde(default)]
    pub(crate) prefix: String,
    /// How often it is put there, if the log has grown.
    pub(crate) every: Option<Spanned<String>>,
    /// For how many days it is locked.
    pub(crate) retain_days: Option<Spanned<u32>>,
}

/// A PostgreSQL.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Postgres {
    /// As libpq has it, without a password.
    pub(crate) url: Spanned<String>,
    /// A file that holds the password.
    pub(crate) password: Option<Spanned<PathBuf>>,
    /// Roots of trust, in PEM.
    pub(crate) ca: Option<Spanned<PathBuf>>,
}
