//! What a service's owner says of the fields of its bodies: `x-data-class` in an OpenAPI document.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

use classifiers::declared::Declared;
use serde_json::Value;

use super::file::File;

/// The longest OpenAPI document, in bytes.
const FILE_BYTES_MAX: u64 = 16 * 1024 * 1024;

/// What the services' owners say of them: OpenAPI documents and sets of descriptors.
pub(super) fn described(file: &File, directory: &Path) -> Vec<PathBuf> {
    let services = file.services.iter();
    let described = services.flat_map(|service| [&service.openapi, &service.descriptors]);
    let described = described.flatten();
    described.map(|path| directory.join(&path.value)).collect()
}

/// Reads what the document at `path` declares; or why it cannot be used.
pub(super) fn load(path: &Path) -> Result<Arc<Declared>, String> {
    let document = document(path)?;
    declared(path, &document)
}

/// What a document declares.
pub(crate) fn declared(path: &Path, document: &Value) -> Result<Arc<Declared>, String> {
    let declared = Declared::load(document);
    let declared = declared.map_err(|fault| format!("`{}`: {fault}", path.display()))?;
    Ok(Arc::new(declared))
}

/// Reads the document at `path`, JSON or YAML.
pub(crate) fn document(path: &Path) -> Result<Value, String> {
    let name = path.display();
    let unreadable = |error: std::io::Error| format!("`{name}` cannot be read: {error}");
    let size = std::fs::metadata(path).map_err(unreadable)?.len();
    if size > FILE_BYTES_MAX {
        return Err(format!("`{name}` is longer than {FILE_BYTES_MAX} bytes"));
    }
    let text = std::fs::read_to_string(path).map_err(unreadable)?;
    let is_json = path
        .extension()
        .is_some_and(|extension| extension == "json");
    let document: Value = if is_json {
        serde_json::from_str(&text).map_err(|error| format!("`{name}` is not JSON: {error}"))?
    } else {
        serde_saphyr::from_str(&text).map_err(|error| format!("`{name}` is not YAML: {error}"))?
    };
    // Version 2 has its schemas elsewhere: nothing would be found in it, and nobody told.
    let version = document.get("openapi").and_then(Value::as_str);
    if !version.is_some_and(|version| version.starts_with("3.")) {
        return Err(format!("`{name}` is not a document of OpenAPI 3"));
    }
    Ok(document)
}
