//! Events of OCSF as files of Apache Parquet, as security lakes read them: one class a file, ordered by time, each attribute of
//! the class a typed column, nested as the schema nests it.
//!
//! Pure. An attribute without a column (`unmapped`, and what is of another type than its column) is not lost: `raw_data`, which
//! OCSF has for that, is the event as it is.
//!
//! What a file looks like is what Amazon Security Lake asks of custom sources: one row group, pages of 1 MiB, zstd
//! (<https://docs.aws.amazon.com/security-lake/latest/userguide/custom-sources-best-practices.html>).

mod columns;
mod schema;

use std::sync::Arc;

use parquet::{
    basic::{Compression, ZstdLevel},
    errors::ParquetError,
    file::{properties::WriterProperties, writer::SerializedFileWriter},
};
use serde_json::{Map, Value};

use columns::Columns;
pub use schema::uncovered;

/// What zstd compresses by: its own default.
const ZSTD_LEVEL: i32 = 3;

/// A page's content, in bytes, before it is compressed.
const PAGE_BYTES: usize = 1024 * 1024;

/// Why there is no file.
#[derive(Debug, thiserror::Error)]
pub enum LakeError {
    /// There is no schema of it.
    #[error("events of class {0} have no columns")]
    Class(u32),
    /// It is no event.
    #[error("what should be an event is no JSON object")]
    Event(#[source] serde_json::Error),
    /// A column that every event fills has no value.
    #[error("an event has no `{0}`")]
    Incomplete(String),
    /// The file cannot be written.
    #[error("the file cannot be written")]
    Parquet(#[from] ParquetError),
}

/// An event of OCSF.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    /// Milliseconds since 1970.
    pub at_ms: i64,
    /// All of it, a JSON object.
    pub json: String,
}

/// A file of these events of one class, ordered by time; of equal times as they are given.
///
/// # Errors
/// If the class has no columns, or one of them is no event.
pub fn file(class: u32, mut rows: Vec<Row>) -> Result<Vec<u8>, LakeError> {
    let schema = Arc::new(schema::of(class)?);
    rows.sort_by_key(|row| row.at_ms);
    let mut columns = Columns::of(&schema);
    for row in rows {
        let event: Result<Map<String, Value>, _> = serde_json::from_str(&row.json);
        let mut event = event.map_err(LakeError::Event)?;
        event.insert(schema::WHOLE.to_owned(), row.json.into());
        columns.add(&schema, &Value::Object(event))?;
    }
    let properties = WriterProperties::builder()
        .set_compression(Compression::ZSTD(ZstdLevel::try_new(ZSTD_LEVEL)?))
        .set_data_page_size_limit(PAGE_BYTES)
        .set_created_by("tidegate".to_owned())
        .build();
    let mut writer = SerializedFileWriter::new(Vec::new(), schema, Arc::new(properties))?;
    columns.write(writer.next_row_group()?)?;
    Ok(writer.into_inner()?)
}

#[cfg(test)]
mod tests;
