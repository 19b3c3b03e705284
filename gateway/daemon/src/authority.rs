//! The host's own certificate authority: its file, and what clients are given to trust it.

use std::{
    fs,
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use authority::{About, Authority, Root};
use miette::{IntoDiagnostic as _, Result, WrapErr as _};
use tokio::sync::watch;
use vault::{FileProvider, Keyring, SignerFile};

use crate::{
    cli::now,
    config::Config,
    keyring::{self, Opened},
};

/// The file, in the log's folder.
pub(crate) const FILE: &str = "authority.json";

/// The root alone, and with the system's roots, as clients are given them.
pub(crate) const ROOT: &str = "ca.pem";
pub(crate) const BUNDLE: &str = "ca-bundle.pem";

/// Where systems keep the roots that they trust.
const SYSTEM_BUNDLES: [&str; 4] = [
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/ssl/ca-bundle.pem",
    "/etc/ssl/cert.pem",
];

/// How often the file is looked at.
const LOOK: Duration = Duration::from_millis(500);

/// A root that is kept in a folder.
pub(crate) struct Kept {
    path: PathBuf,
    provider: FileProvider,
}

impl Kept {
    /// The one of this log.
    pub(crate) fn of(data: &Path) -> Result<Self> {
        let keyring = keyring::open_or_create(data);
        let keyring = keyring.wrap_err("the authority's key is sealed by the log's keyring")?;
        Ok(Self::by(data, &keyring))
    }

    /// The same, where its keyring is open.
    fn by(data: &Path, keyring: &Keyring) -> Self {
        Self {
            path: data.join(FILE),
            provider: keyring.provider(),
        }
    }

    pub(crate) fn read(&self) -> Result<Option<Root>> {
        let file = SignerFile::<About>::open(&self.path).into_diagnostic()?;
        let root = file.map(|file| Root::open(&file, &self.provider));
        root.transpose().into_diagnostic()
    }

    pub(crate) fn write(&self, root: &Root) -> Result<()> {
        let file = root.seal(&self.provider).into_diagnostic()?;
        file.save(&self.path).into_diagnostic()
    }
}

/// An authority that vouches, and where its root is kept.
pub(crate) type Vouching = (Arc<Authority>, Kept);

/// Whether a gateway has something to vouch for.
pub(crate) fn is_needed(config: &Config) -> bool {
    !config.hosts().is_empty() && config.intercepts()
}

/// The authority of a gateway that needs one; a root is made on first use.
pub(crate) fn open(config: &Config, opened: &Opened) -> Result<Vouching> {
    let kept = Kept::by(&config.data, &opened.keyring);
    let root = if let Some(root) = kept.read()? {
        root
    } else {
        let _hold = opened.hold(&config.data)?;
        let root = Root::generate(&config.hosts(), now()).into_diagnostic()?;
        kept.write(&root)?;
        root
    };
    if let Some(folder) = config.exec.as_deref().and_then(Path::parent) {
        install(&root.about, folder)?;
    }
    Ok((Arc::new(Authority::new(root, now)), kept))
}

/// The hosts of services that clients of this root would not believe.
pub(crate) fn uncovered(authority: &Authority, config: &Config) -> Vec<String> {
    let root = authority.root();
    let mut hosts = config.hosts();
    hosts.retain(|host| !root.covers(host));
    hosts
}

/// Writes what clients need into `folder`, where everybody may read it.
pub(crate) fn install(about: &About, folder: &Path) -> Result<()> {
    fs::create_dir_all(folder).into_diagnostic()?;
    let system = SYSTEM_BUNDLES
        .iter()
        .find_map(|path| fs::read_to_string(path).ok());
    let bundle = [system.unwrap_or_default(), about.certificate.clone()].concat();
    for (name, text) in [(ROOT, &about.certificate), (BUNDLE, &bundle)] {
        let file = tempfile::NamedTempFile::new_in(folder).into_diagnostic();
        let file = file.wrap_err_with(|| format!("`{}` cannot be written", folder.display()))?;
        fs::write(file.path(), text).into_diagnostic()?;
        let everybody = fs::Permissions::from_mode(0o644);
        fs::set_permissions(file.path(), everybody).into_diagnostic()?;
        file.persist(folder.join(name)).into_diagnostic()?;
    }
    Ok(())
}

/// Takes another root into use when there is one, until told to stop.
pub(crate) async fn watch(authority: Option<Vouching>, mut stop: watch::Receiver<bool>) {
    let Some((authority, kept)) = authority else {
        return;
    };
    let kept = Arc::new(kept);
    loop {
        tokio::select! {
            () = tokio::time::sleep(LOOK) => {}
            _ = stop.wait_for(|stopped| *stopped) => return,
        }
        let (authority, kept) = (Arc::clone(&authority), Arc::clone(&kept));
        let looked = tokio::task::spawn_blocking(move || look(&authority, &kept)).await;
        if let Ok(Err(error)) = looked {
            tracing::error!(%error, "the authority stays as it was");
        }
    }
}

fn look(authority: &Authority, kept: &Kept) -> Result<()> {
    let file = SignerFile::<About>::open(&kept.path).into_diagnostic()?;
    if file.is_none_or(|file| file.about == authority.root().about) {
        return Ok(());
    }
    if let Some(root) = kept.read()? {
        authority.replace(root);
        tracing::info!("another root vouches from now on");
    }
    Ok(())
}
