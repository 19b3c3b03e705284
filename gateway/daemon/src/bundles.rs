//! Policies and classifiers that come in signed bundles: looked for, judged, taken when their stage has come, and left again
//! when they refuse too much.
//!
//! What is in force changes only for something better known: a bundle is verified, newer than any before, and compiled for
//! what this gateway serves before anything is written down; and it is on record before anything is decided by it.

mod keeper;
mod source;
mod store;

use std::{path::Path, sync::Arc};

use bundle::{Bundle, CLASSIFIERS, POLICIES};
use classifiers::operator::Operator;
use miette::{Result, WrapErr as _, miette};
use policy::{Engine, Names, PolicyFile};

use crate::config::{self, Bundles, Config};

pub(crate) use keeper::{Asked, Clerk, Keeper, Reply, SOCKET, Standing, Told};
pub(crate) use source::fetch;
pub(crate) use store::Store;

/// The longest account of what is wrong with a bundle, in bytes.
const WHY_BYTES_MAX: usize = 2 * 1024;

/// What decides, and what finds data.
#[derive(Clone)]
pub(crate) struct Rules {
    pub(crate) engine: Arc<Engine>,
    pub(crate) operator: Option<Arc<Operator>>,
}

/// What a gateway begins with.
pub(crate) struct Beginning {
    /// The configuration's own.
    pub(crate) own: Rules,
    /// Those of the bundle that was in force when it ended.
    pub(crate) bundled: Option<(u64, Rules)>,
}

impl Beginning {
    /// What is in force.
    pub(crate) fn rules(&self) -> &Rules {
        self.bundled.as_ref().map_or(&self.own, |(_, rules)| rules)
    }
}

/// What is in force when a gateway of this configuration begins.
pub(crate) fn beginning(config: &Config, names: &Names, own: Rules) -> Result<Beginning> {
    let bundled = config
        .bundles
        .as_ref()
        .map(|bundles| in_force(&config.data, bundles, names))
        .transpose()?;
    Ok(Beginning {
        own,
        bundled: bundled.flatten(),
    })
}

fn in_force(data: &Path, bundles: &Bundles, names: &Names) -> Result<Option<(u64, Rules)>> {
    let store = Store::at(data);
    let Some(revision) = store.read()?.current else {
        return Ok(None);
    };
    let rules = store
        .bundle(revision, &bundles.keys)
        .and_then(|bundle| compile(&bundle, names).map_err(|why| miette!("{why}")));
    let rules = rules.wrap_err_with(|| {
        format!(
            "the bundle in force, revision {revision}, cannot be used: make one of a newer revision for this configuration, or \
             have the configuration's own policies in force by moving `{}` away",
            store.folder().display()
        )
    })?;
    Ok(Some((revision, rules)))
}

/// The policies of the bundle in force on this host, if there is one.
pub(crate) fn policies(config: &Config) -> Result<Option<Vec<PolicyFile>>> {
    let Some(bundles) = &config.bundles else {
        return Ok(None);
    };
    let store = Store::at(&config.data);
    let Some(revision) = store.read()?.current else {
        return Ok(None);
    };
    let bundle = store.bundle(revision, &bundles.keys)?;
    Ok(Some(files(&bundle)))
}

/// The files of policies of a bundle, named after it.
fn files(bundle: &Bundle) -> Vec<PolicyFile> {
    let of = format!("{} {}", bundle.name, bundle.manifest.revision);
    let files = bundle.within(POLICIES).map(|(name, text)| PolicyFile {
        name: format!("{of}: {name}"),
        text: text.to_owned(),
    });
    files.collect()
}

/// Compiles what is in a bundle for what a gateway serves; or everything that is wrong with it.
pub(crate) fn compile(bundle: &Bundle, names: &Names) -> std::result::Result<Rules, String> {
    let engine = Engine::load_for(&files(bundle), names).map_err(|errors| {
        let mut told: Vec<String> = errors.iter().map(ToString::to_string).collect();
        told.dedup();
        short(told.join("; "))
    })?;
    let of = format!("{} {}", bundle.name, bundle.manifest.revision);
    let texts = bundle.within(CLASSIFIERS);
    let texts = texts.map(|(name, text)| (format!("{of}: {name}"), text));
    let operator = config::classifiers::load_texts(texts).map_err(|why| short(told(&why)))?;
    Ok(Rules {
        engine: Arc::new(engine),
        operator,
    })
}

/// A fault in one line, with what caused it.
fn told(fault: &miette::Report) -> String {
    let causes: Vec<String> = fault.chain().map(ToString::to_string).collect();
    causes.join(": ")
}

fn short(mut text: String) -> String {
    text.truncate(text.floor_char_boundary(WHY_BYTES_MAX));
    text
}
