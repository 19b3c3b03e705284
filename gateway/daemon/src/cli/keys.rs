//! `tidegate keys`: who keeps the root of the log's keyring, and which keys are in it.

mod rotate;
mod status;

use std::{
    path::{Path, PathBuf},
    process::ExitCode,
};

use audit::{EventRef, Keys, LedgerError, Trail};
use clap::{Args, Subcommand};
use miette::{IntoDiagnostic as _, Result, WrapErr as _, miette};
use store::SqliteLedger;
use vault::{KEYRING_FILE, Keyring, KeyringHold, Place, Root, Source};

use super::{Data, Output, block_on};
use crate::{
    inquiries::Intent,
    keyring::{self, Provider},
    private_folder, publication,
};

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Tell who keeps the keyring's root, ask them for it, and tell which keys there are and what is under each.
    Status {
        #[command(flatten)]
        data: Data,
        #[command(flatten)]
        output: Output,
    },
    /// Seal the keyring by another provider. No gateway may run meanwhile; it is on record.
    Seal {
        #[command(subcommand)]
        by: By,
    },
    /// Have another key-encryption key wrap from now on, what older ones wrapped as well: by the gateway that runs,
    /// meanwhile, else here. It is on record.
    Rotate {
        /// Another key that signs the log instead. A record of the log says so, signed by both keys, so that whoever has
        /// the older public key goes on to the new one; `audit key` prints that.
        #[arg(long)]
        signing: bool,
        #[command(flatten)]
        data: Data,
    },
    /// Put the keyring back in clear, kept by its file's mode alone. It is on record.
    Unseal {
        #[command(flatten)]
        data: Data,
    },
}

#[derive(Debug, Subcommand)]
pub(super) enum By {
    /// A passphrase of at least 12 bytes, on one line.
    Passphrase {
        #[command(flatten)]
        secret: Secret,
        #[command(flatten)]
        data: Data,
    },
    /// A key of 32 bytes: as they are, in base64 or hexadecimal.
    Credential {
        #[command(flatten)]
        secret: Secret,
        #[command(flatten)]
        data: Data,
    },
    /// An AES key in a token of PKCS #11; the secret is the user's PIN.
    Pkcs11 {
        /// The token's module, a shared library.
        #[arg(long, value_name = "FILE")]
        module: PathBuf,
        /// The token's label.
        #[arg(long)]
        token: String,
        /// The key's label.
        #[arg(long)]
        key: String,
        /// A file, folder or socket that the module itself needs; the gateway can reach no others.
        #[arg(long, value_name = "PATH")]
        needs: Vec<PathBuf>,
        #[command(flatten)]
        secret: Secret,
        #[command(flatten)]
        data: Data,
    },
    /// A symmetric key of AWS KMS; the secret is `ID:SECRET[:TOKEN]`.
    AwsKms {
        /// The key's region.
        #[arg(long)]
        region: String,
        /// The key's id, ARN or alias.
        #[arg(long)]
        key: String,
        /// Where the service is; else in that region.
        #[arg(long, value_name = "URL")]
        endpoint: Option<String>,
        /// A certificate of its own authority, PEM.
        #[arg(long, value_name = "FILE")]
        ca: Option<PathBuf>,
        #[command(flatten)]
        secret: Secret,
        #[command(flatten)]
        data: Data,
    },
    /// A key of the Transit engine of HashiCorp Vault or OpenBao; the secret is a token.
    Transit {
        /// Where the server is.
        #[arg(long, value_name = "URL")]
        address: String,
        /// Where the engine is mounted.
        #[arg(long, default_value = "transit")]
        mount: String,
        /// The key's name.
        #[arg(long)]
        key: String,
        /// The namespace, where there are any.
        #[arg(long)]
        namespace: Option<String>,
        /// A certificate of its own authority, PEM.
        #[arg(long, value_name = "FILE")]
        ca: Option<PathBuf>,
        #[command(flatten)]
        secret: Secret,
        #[command(flatten)]
        data: Data,
    },
}

/// What the provider is shown; it is read anew whenever that is asked, and never given as an argument.
#[derive(Debug, Args)]
#[group(required = true, multiple = false)]
pub(super) struct Secret {
    /// The file that has it, of mode 600.
    #[arg(long, value_name = "FILE")]
    secret: Option<PathBuf>,
    /// The credential of systemd that has it (`LoadCredentialEncrypted=NAME:FILE`).
    #[arg(long, value_name = "NAME")]
    systemd: Option<String>,
}

impl Secret {
    fn source(self) -> Result<Source> {
        match (self.secret, self.systemd) {
            (Some(path), _) => absolute(path).map(Source::File),
            (None, Some(name)) if vault::is_credential_name(&name) => Ok(Source::Systemd(name)),
            _ => Err(miette!("`--systemd` takes the name of a credential")),
        }
    }
}

/// The gateway may be started elsewhere.
fn absolute(path: PathBuf) -> Result<PathBuf> {
    let whole = std::path::absolute(&path).into_diagnostic();
    whole.wrap_err_with(|| format!("`{}` is no path", path.display()))
}

impl By {
    fn place(self) -> Result<(Place, PathBuf)> {
        Ok(match self {
            Self::Passphrase { secret, data } => {
                let secret = secret.source()?;
                (Place::Passphrase { secret }, data.data)
            }
            Self::Credential { secret, data } => {
                let secret = secret.source()?;
                (Place::Credential { secret }, data.data)
            }
            Self::Pkcs11 {
                module,
                token,
                key,
                needs,
                secret,
                data,
            } => {
                let place = Place::Pkcs11 {
                    module: absolute(module)?,
                    token,
                    key,
                    secret: secret.source()?,
                    files: needs.into_iter().map(absolute).collect::<Result<_>>()?,
                };
                (place, data.data)
            }
            Self::AwsKms {
                region,
                key,
                endpoint,
                ca,
                secret,
                data,
            } => {
                let usual = format!("https://kms.{region}.amazonaws.com/");
                let place = Place::AwsKms {
                    endpoint: endpoint.unwrap_or(usual),
                    region,
                    key,
                    secret: secret.source()?,
                    ca: ca.map(absolute).transpose()?,
                };
                (place, data.data)
            }
            Self::Transit {
                address,
                mount,
                key,
                namespace,
                ca,
                secret,
                data,
            } => {
                let place = Place::Transit {
                    address,
                    mount,
                    key,
                    namespace,
                    secret: secret.source()?,
                    ca: ca.map(absolute).transpose()?,
                };
                (place, data.data)
            }
        })
    }
}

pub(super) fn keys(command: Command) -> Result<ExitCode> {
    match command {
        Command::Status { data, output } => status::status(&data.data, output.output),
        Command::Rotate {
            signing: false,
            data,
        } => rotate::rotate(&data.data),
        Command::Rotate {
            signing: true,
            data,
        } => rotate::succeed(&data.data),
        Command::Seal { by } => {
            let (place, data) = by.place()?;
            change(&data, Some(place))
        }
        Command::Unseal { data } => change(&data.data, None),
    }
}

/// Has the keyring kept by the provider at `place` from now on, or by nobody.
fn change(data: &Path, place: Option<Place>) -> Result<ExitCode> {
    private_folder(data)?;
    let path = data.join(KEYRING_FILE);
    let _hold = KeyringHold::wait(data).into_diagnostic()?;
    let keyring = keyring::open_or_create(data)?;
    // Opened again before anything is changed: what cannot be opened would be lost.
    let sealed = place.map(|place| {
        let provider = Provider::new(&place)?;
        let root = Root::generate().into_diagnostic()?;
        let wrapped = block_on(wrapped(&provider, &root, &keyring));
        let wrapped = wrapped
            .wrap_err_with(|| format!("`{place}` does not keep the root; nothing was changed"))?;
        Ok::<_, miette::Report>((place, root, wrapped))
    });
    let sealed = sealed.transpose()?;
    block_on(async {
        let to = sealed
            .as_ref()
            .map_or_else(|| "file".to_owned(), |(place, ..)| place.to_string());
        let trail = record(data, &keyring, &to).await?;
        match &sealed {
            Some((place, root, wrapped)) => keyring.seal(&path, place.clone(), root, wrapped),
            None => keyring.unseal(&path),
        }
        .into_diagnostic()?;
        drop(trail);
        println!("the keyring of `{}` is kept by: {to}", keyring.log());
        Ok(ExitCode::SUCCESS)
    })
}

/// The root as its provider wraps it, and opens it again.
async fn wrapped(provider: &Provider, root: &Root, keyring: &Keyring) -> Result<Vec<u8>> {
    let wrapped = provider.wrap(root, keyring.log()).await;
    let wrapped = wrapped.into_diagnostic().wrap_err("it does not wrap it")?;
    let again = provider.unwrap(wrapped.clone(), keyring.log().to_owned());
    let again = again.await.into_diagnostic();
    let again = again.wrap_err("it wraps it and does not open it again")?;
    if again.expose() == root.expose() {
        Ok(wrapped)
    } else {
        Err(miette!("it opens another one than it wrapped"))
    }
}

/// Puts it on record before it holds. The lock stays with what is given, so that no gateway starts meanwhile.
async fn record(data: &Path, keyring: &Keyring, to: &str) -> Result<Trail> {
    let ledger = writer(data).await?;
    let keys = Keys::from_keyring(keyring).into_diagnostic()?;
    let trail = Trail::start(Box::new(ledger), keys).into_diagnostic()?;
    let intent = Intent {
        command: "keys seal".into(),
        purpose: None,
        criteria: [("provider".to_owned(), to.to_owned())].into(),
    };
    let inquiry = intent.inquiry(rustix::process::getuid().as_raw());
    let noted = trail.note(EventRef::Query(&inquiry)).await;
    noted.into_diagnostic()?;
    Ok(trail)
}

/// The log, for its one writer.
async fn writer(data: &Path) -> Result<SqliteLedger> {
    publication::check_folder(data).await?;
    match SqliteLedger::open(data).await {
        Err(LedgerError::Locked { .. }) => Err(miette!(
            help = "stop it, say this again, and start it",
            "a gateway runs with this keyring"
        )),
        opened => opened.into_diagnostic(),
    }
}
