//! Where bundles come from: a file, a server of the web, a bucket.

use std::sync::Arc;

use bundle::BUNDLE_BYTES_MAX;
use bytes::Bytes;
use http::HeaderValue;
use proxy::documents;
use rustls::ClientConfig;

use super::{store::read_up_to, told};
use crate::{config::BundleSource, objects::Objects};

/// What is at `source` now; none if it is still what `tag` names.
pub(crate) async fn fetch(
    source: &BundleSource,
    tls: &Arc<ClientConfig>,
    tag: &mut Option<HeaderValue>,
) -> Result<Option<Bytes>, String> {
    match source {
        BundleSource::File(path) => {
            let file = path.clone();
            let read = move || read_up_to(&file, BUNDLE_BYTES_MAX);
            let read = tokio::task::spawn_blocking(read).await;
            let read = read.map_err(|error| error.to_string())?;
            let read = read.map_err(|error| format!("`{}`: {error}", path.display()))?;
            Ok(Some(read.into()))
        }
        BundleSource::Web(uri) => {
            let at = uri.clone();
            let fetched = documents::fetch(tls, at, tag.as_ref(), BUNDLE_BYTES_MAX).await;
            let fetched = fetched.map_err(|why| format!("`{uri}`: {why}"))?;
            Ok(fetched.map(|document| {
                *tag = document.tag;
                document.content
            }))
        }
        BundleSource::Bucket(within, name) => {
            let objects = Objects::new(within.clone(), tls);
            let got = objects.get(name, BUNDLE_BYTES_MAX).await;
            let got = got.map_err(|why| told(&why))?;
            let got = got.ok_or_else(|| {
                format!(
                    "bucket `{}` has no `{}{name}`",
                    within.place.name, within.prefix
                )
            })?;
            Ok(Some(got.content))
        }
    }
}
