//! Who may log in: a file of names, roles and digests of passwords.

use std::{
    fs,
    io::{self, Write as _},
    os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _},
    path::{Path, PathBuf},
    sync::LazyLock,
};

use argon2::{
    Algorithm, Argon2, Params, PasswordHasher as _, PasswordVerifier as _, Version,
    password_hash::phc::PasswordHash,
};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use crate::{CertificateName, Role, sessions::random, token::Token};

/// The longest file, in bytes.
const FILE_BYTES_MAX: u64 = 256 * 1024;
/// Users.
const USERS_MAX: usize = 256;
/// The longest name, in bytes.
const NAME_BYTES_MAX: usize = 64;
/// The shortest password, in characters: it is the only proof (NIST SP 800-63B-4, 3.1.1.2).
const PASSWORD_CHARS_MIN: usize = 15;
/// The longest, in bytes.
const PASSWORD_BYTES_MAX: usize = 256;
/// As much as passwords of keyrings take: the second choice of RFC 9106, section 4.
const MEMORY_KIB: u32 = 64 * 1024;
const PASSES: u32 = 3;
const LANES: u32 = 4;
/// Of a salt.
const SALT_BYTES: usize = 16;

/// The file of users.
#[derive(Clone, Debug)]
pub struct Users {
    path: PathBuf,
}

/// One of them.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct User {
    /// The name.
    pub name: String,
    /// What they may do.
    pub role: Role,
    /// Argon2id of the password, as a PHC string; none, if it is a program with a token.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    password: Option<String>,
    /// By which a program is known that asks for records and reports.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    token: Option<Token>,
    /// By which somebody is known who shows a certificate.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    certificate: Option<Vouched>,
}

/// What is kept of somebody who shows a certificate.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Vouched {
    name: CertificateName,
    /// Tells them from whoever had that name here before.
    mark: String,
}

impl User {
    /// Tells this password from any other one that the user may have; none, if they have none and may not log in.
    pub(crate) fn mark(&self) -> Option<[u8; 32]> {
        Some(Sha256::digest(self.password.as_ref()?).into())
    }

    /// The same of their token.
    pub(crate) fn token_mark(&self) -> Option<[u8; 32]> {
        Some(self.token.as_ref()?.mark())
    }

    /// The same of their certificate, whichever that is.
    pub(crate) fn certificate_mark(&self) -> Option<[u8; 32]> {
        Some(Sha256::digest(&self.certificate.as_ref()?.mark).into())
    }

    /// Whether they log in by a password.
    pub(crate) fn has_password(&self) -> bool {
        self.password.is_some()
    }

    /// The name that their certificate has, if they show one.
    pub fn certificate(&self) -> Option<&CertificateName> {
        self.certificate.as_ref().map(|it| &it.name)
    }

    /// Until when their token is taken, if they have one.
    pub fn token_until(&self) -> Option<Timestamp> {
        self.token.as_ref().map(|token| token.until)
    }
}

/// Why a user is not there, or cannot be.
#[derive(Debug, thiserror::Error)]
pub enum UsersFault {
    /// The file cannot be read or written.
    #[error("the users' file `{path}` cannot be read or written")]
    Io {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// It is not what `tidegate console user` writes.
    #[error("the users' file `{path}` cannot be read; `tidegate console user` writes it")]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: serde_json::Error,
    },
    /// Others than its owner may read it, and try passwords on their own.
    #[error("`{path}` can be read by others than its owner: `chmod 600` it")]
    Open {
        /// The file.
        path: PathBuf,
    },
    /// It is too long.
    #[error("`{path}` is longer than {FILE_BYTES_MAX} bytes, or names more than {USERS_MAX} users")]
    TooLong {
        /// The file.
        path: PathBuf,
    },
    /// The name is none.
    #[error(
        "`{0}` is no name of a user: lower-case letters, digits, `.`, `-`, `_`, up to {NAME_BYTES_MAX}"
    )]
    Name(String),
    /// There is one already.
    #[error("there is a user `{0}`; remove it first, to give it another role or password")]
    Exists(String),
    /// There is somebody with that certificate.
    #[error("whoever shows a certificate of `{0}` is the user `{1}`")]
    Taken(CertificateName, String),
    /// There is none.
    #[error("there is no user `{0}`")]
    Absent(String),
    /// The password is too short or too long.
    #[error(
        "a password has at least {PASSWORD_CHARS_MIN} characters, and at most {PASSWORD_BYTES_MAX} bytes"
    )]
    Password,
    /// The digest or the token could not be made.
    #[error("the system gave nothing random to make it of")]
    Digest,
}

impl Users {
    /// Those in the file at `path`; nobody, if there is none.
    pub fn at(path: &Path) -> Self {
        let path = path.to_owned();
        Self { path }
    }

    /// All of them, by name.
    pub fn all(&self) -> Result<Vec<User>, UsersFault> {
        let metadata = match fs::metadata(&self.path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            metadata => metadata.map_err(|source| self.io(source))?,
        };
        let path = || self.path.clone();
        if metadata.permissions().mode() & 0o077 != 0 {
            return Err(UsersFault::Open { path: path() });
        }
        if metadata.len() > FILE_BYTES_MAX {
            return Err(UsersFault::TooLong { path: path() });
        }
        let text = fs::read(&self.path).map_err(|source| self.io(source))?;
        let users = serde_json::from_slice::<Vec<User>>(&text);
        users.map_err(|source| UsersFault::Unreadable {
            path: path(),
            source,
        })
    }

    /// The one of this name.
    pub fn named(&self, name: &str) -> Result<Option<User>, UsersFault> {
        Ok(self.all()?.into_iter().find(|user| user.name == name))
    }

    /// The one whose token this is, if it is taken at `now`.
    pub(crate) fn by_token(&self, token: &str, now: Timestamp) -> Result<Option<User>, UsersFault> {
        if !Token::could_be(token) {
            return Ok(None);
        }
        let is = |user: &User| user.token.as_ref().is_some_and(|it| it.is(token, now));
        Ok(self.all()?.into_iter().find(is))
    }

    /// Those whose certificate has one of these names: more than one, if it is not clear who that is.
    pub(crate) fn by_certificate(
        &self,
        names: &[CertificateName],
    ) -> Result<Vec<User>, UsersFault> {
        let is = |user: &User| user.certificate().is_some_and(|it| names.contains(it));
        Ok(self.all()?.into_iter().filter(is).collect())
    }

    /// Adds one who logs in by a password.
    pub fn add(&self, name: &str, role: Role, password: &str) -> Result<(), UsersFault> {
        // Before a digest is made of anything.
        named(name)?;
        let short = password.chars().count() < PASSWORD_CHARS_MIN;
        if short || password.len() > PASSWORD_BYTES_MAX {
            return Err(UsersFault::Password);
        }
        let password = Some(digest(password).ok_or(UsersFault::Digest)?);
        self.insert(User {
            name: name.to_owned(),
            role,
            password,
            token: None,
            certificate: None,
        })
    }

    /// Adds a program; its token, which nobody can read anywhere afterwards, is taken until then.
    pub fn add_program(
        &self,
        name: &str,
        role: Role,
        until: Timestamp,
    ) -> Result<String, UsersFault> {
        named(name)?;
        let (told, token) = Token::new(until).ok_or(UsersFault::Digest)?;
        self.insert(User {
            name: name.to_owned(),
            role,
            password: None,
            token: Some(token),
            certificate: None,
        })?;
        Ok(told)
    }

    /// Adds one who logs in by a certificate that has this name.
    pub fn add_certified(
        &self,
        name: &str,
        role: Role,
        certificate: CertificateName,
    ) -> Result<(), UsersFault> {
        named(name)?;
        let mark = random().ok_or(UsersFault::Digest)?;
        self.insert(User {
            name: name.to_owned(),
            role,
            password: None,
            token: None,
            certificate: Some(Vouched {
                name: certificate,
                mark,
            }),
        })
    }

    fn insert(&self, user: User) -> Result<(), UsersFault> {
        let _held = self.held()?;
        let mut users = self.all()?;
        if users.iter().any(|it| it.name == user.name) {
            return Err(UsersFault::Exists(user.name));
        }
        if let Some(shown) = user.certificate() {
            let mut others = users.iter();
            if let Some(other) = others.find(|it| it.certificate() == Some(shown)) {
                return Err(UsersFault::Taken(shown.clone(), other.name.clone()));
            }
        }
        if users.len() >= USERS_MAX {
            let path = self.path.clone();
            return Err(UsersFault::TooLong { path });
        }
        users.push(user);
        users.sort_by(|one, other| one.name.cmp(&other.name));
        self.write(&users)
    }

    /// Removes one. Their sessions end with their next request.
    pub fn remove(&self, name: &str) -> Result<(), UsersFault> {
        let _held = self.held()?;
        let mut users = self.all()?;
        let before = users.len();
        users.retain(|user| user.name != name);
        if users.len() == before {
            return Err(UsersFault::Absent(name.to_owned()));
        }
        self.write(&users)
    }

    /// Nobody else changes the file meanwhile.
    fn held(&self) -> Result<fs::File, UsersFault> {
        let held = || {
            let mut options = fs::OpenOptions::new();
            options.write(true).create(true).truncate(false).mode(0o600);
            let lock = options.open(self.path.with_extension("lock"))?;
            lock.lock()?;
            Ok(lock)
        };
        held().map_err(|source| self.io(source))
    }

    /// In place of the file that is there, as a whole.
    fn write(&self, users: &[User]) -> Result<(), UsersFault> {
        let write = || {
            let folder = self.path.parent().filter(|it| !it.as_os_str().is_empty());
            // Readable by its owner only, as it is made so.
            let mut file = tempfile::NamedTempFile::new_in(folder.unwrap_or(Path::new(".")))?;
            file.write_all(&serde_json::to_vec_pretty(users)?)?;
            file.as_file().sync_all()?;
            file.persist(&self.path)?;
            // Or whoever was removed is back after a power cut.
            fs::File::open(folder.unwrap_or(Path::new(".")))?.sync_all()
        };
        write().map_err(|source| self.io(source))
    }

    fn io(&self, source: io::Error) -> UsersFault {
        let path = self.path.clone();
        UsersFault::Io { path, source }
    }
}

/// Whether `name` may be one.
fn named(name: &str) -> Result<(), UsersFault> {
    let plain =
        |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b".-_".contains(&byte);
    if name.is_empty() || name.len() > NAME_BYTES_MAX || !name.bytes().all(plain) {
        return Err(UsersFault::Name(name.to_owned()));
    }
    Ok(())
}

/// Whether `password` is that of `user`. Takes as long if there is no such user, or one without a password.
pub(crate) fn is_password(user: Option<&User>, password: &str) -> bool {
    /// Of a password that nobody knows.
    static NOBODY: LazyLock<Option<String>> = LazyLock::new(|| {
        let mut password = [0; 32];
        aws_lc_rs::rand::fill(&mut password).ok()?;
        digest(&hex::encode(password))
    });
    let own = user.and_then(|it| it.password.as_ref());
    let Some(kept) = own.or(NOBODY.as_ref()) else {
        return false;
    };
    let (Ok(kept), Some(argon2)) = (PasswordHash::new(kept), argon2()) else {
        return false;
    };
    let fits = password.len() <= PASSWORD_BYTES_MAX;
    let is = argon2.verify_password(password.as_bytes(), &kept).is_ok();
    fits && is && own.is_some()
}

fn argon2() -> Option<Argon2<'static>> {
    let params = Params::new(MEMORY_KIB, PASSES, LANES, None).ok()?;
    Some(Argon2::new(Algorithm::Argon2id, Version::V0x13, params))
}

fn digest(password: &str) -> Option<String> {
    let mut salt = [0; SALT_BYTES];
    aws_lc_rs::rand::fill(&mut salt).ok()?;
    let digest = argon2()?.hash_password_with_salt(password.as_bytes(), &salt);
    Some(digest.ok()?.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = "a long enough phrase";

    #[test]
    fn a_user_is_known_by_their_password_and_by_no_other() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("users.json");
        let users = Users::at(&path);
        assert!(users.all().unwrap().is_empty());
        users.add("eva", Role::Auditor, GOOD).unwrap();
        users.add("adam", Role::Viewer, GOOD).unwrap();
        let eva = users.named("eva").unwrap().unwrap();
        assert!(is_password(Some(&eva), GOOD));
        assert!(!is_password(Some(&eva), "a long enough phrasE"));
        assert!(!is_password(None, GOOD));
        let text = fs::read_to_string(&path).unwrap();
        assert_eq!(text.matches("$argon2id$v=19$m=65536,t=3,p=4$").count(), 2);
        assert!(!text.contains(GOOD));

        users.remove("eva").unwrap();
        assert!(users.named("eva").unwrap().is_none());
        assert!(matches!(users.remove("eva"), Err(UsersFault::Absent(_))));
    }

    #[test]
    fn a_program_is_known_by_its_token_until_that_is_over_and_has_no_password() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("users.json");
        let users = Users::at(&path);
        let (now, until) = (Timestamp::UNIX_EPOCH, Timestamp::from_second(60).unwrap());
        users.add("adam", Role::Viewer, GOOD).unwrap();
        let told = users.add_program("siem", Role::Auditor, until).unwrap();
        let known = users.by_token(&told, now).unwrap().unwrap();
        assert_eq!((&*known.name, known.role), ("siem", Role::Auditor));
        assert!(known.mark().is_none());
        assert!(!is_password(Some(&known), ""));
        for other in [
            "",
            told.trim_start_matches('t'),
            &format!("{told}A"),
            &told.to_uppercase(),
        ] {
            assert!(users.by_token(other, now).unwrap().is_none());
        }
        assert!(users.by_token(&told, until).unwrap().is_none());
        assert!(!fs::read_to_string(&path).unwrap().contains(&told));
        users.remove("siem").unwrap();
        assert!(users.by_token(&told, now).unwrap().is_none());
    }

    #[test]
    fn whoever_shows_a_certificate_is_known_by_one_of_its_names() {
        let folder = tempfile::tempdir().unwrap();
        let users = Users::at(&folder.path().join("users.json"));
        let named = |text: &str| text.parse::<CertificateName>().unwrap();
        let (eva, adam) = (named("email:eva@acme.example"), named("dns:adam.example"));
        let add = |name: &str, shown: &CertificateName| {
            users.add_certified(name, Role::Auditor, shown.clone())
        };
        add("eva", &eva).unwrap();
        add("adam", &adam).unwrap();
        assert!(matches!(add("eve", &eva), Err(UsersFault::Taken(_, user)) if user == "eva"));
        let known = |names: &[CertificateName]| -> Vec<String> {
            let found = users.by_certificate(names).unwrap().into_iter();
            found.map(|user| user.name).collect()
        };
        assert_eq!(known(&[named("uri:urn:eva"), eva.clone()]), ["eva"]);
        assert_eq!(known(&[eva.clone(), adam]), ["adam", "eva"]);
        assert!(known(&[]).is_empty() && known(&[named("email:Eva@acme.example")]).is_empty());

        let first = users.named("eva").unwrap().unwrap();
        assert!(first.mark().is_none() && !is_password(Some(&first), ""));
        users.remove("eva").unwrap();
        add("eva", &eva).unwrap();
        let second = users.named("eva").unwrap().unwrap();
        assert_ne!(first.certificate_mark(), second.certificate_mark());
    }

    #[test]
    fn what_is_no_user_is_refused_and_a_file_that_others_read_is_not_used() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("users.json");
        let users = Users::at(&path);
        let add = |name: &str, password: &str| users.add(name, Role::Viewer, password);
        for name in ["", "Eva", "e v", "é", &"e".repeat(65)] {
            assert!(matches!(add(name, GOOD), Err(UsersFault::Name(_))));
        }
        for password in ["fourteen chars", &"x".repeat(257)] {
            assert!(matches!(add("eva", password), Err(UsersFault::Password)));
        }
        add("eva", GOOD).unwrap();
        assert!(matches!(add("eva", GOOD), Err(UsersFault::Exists(_))));
        fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).unwrap();
        assert!(matches!(users.all(), Err(UsersFault::Open { .. })));
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
        fs::write(&path, "[{}]").unwrap();
        assert!(matches!(users.all(), Err(UsersFault::Unreadable { .. })));
    }
}
