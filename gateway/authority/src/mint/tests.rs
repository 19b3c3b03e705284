use std::sync::atomic::{AtomicI64, Ordering};

use rustls::{
    ClientConfig, ClientConnection, RootCertStore, ServerConnection,
    crypto::aws_lc_rs,
    pki_types::{ServerName, UnixTime},
    time_provider::TimeProvider,
};

use super::*;
use crate::About;

const START: i64 = 1_790_000_000;
/// Seconds since the start; each test has a thread of its own.
static PASSED: AtomicI64 = AtomicI64::new(0);

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_second(START + seconds).unwrap()
}

fn clock() -> Timestamp {
    at(PASSED.load(Ordering::Relaxed))
}

fn still() -> Timestamp {
    at(0)
}

#[derive(Debug)]
struct Then(i64);

impl TimeProvider for Then {
    fn current_time(&self) -> Option<UnixTime> {
        let seconds = u64::try_from(START + self.0).unwrap();
        Some(UnixTime::since_unix_epoch(std::time::Duration::from_secs(
            seconds,
        )))
    }
}

fn names(names: &[&str]) -> Vec<String> {
    names.iter().map(|&name| name.to_owned()).collect()
}

fn authority(root: Root) -> Arc<Authority> {
    Arc::new(Authority::new(root, still))
}

/// What a client that trusts `trusted` alone makes of `host`, so many seconds later.
fn shake(
    authority: &Arc<Authority>,
    trusted: &About,
    host: &str,
    later: i64,
) -> Result<Vec<u8>, String> {
    aws_lc_rs::default_provider().install_default().ok();
    let mut roots = RootCertStore::empty();
    let certificate = CertificateDer::from_pem_slice(trusted.certificate.as_bytes()).unwrap();
    roots.add(certificate).unwrap();
    let mut config = ClientConfig::builder_with_details(
        Arc::new(aws_lc_rs::default_provider()),
        Arc::new(Then(later)),
    )
    .with_safe_default_protocol_versions()
    .unwrap()
    .with_root_certificates(roots)
    .with_no_client_auth();
    config.alpn_protocols = vec![b"h2".to_vec()];
    let name = ServerName::try_from(host.to_owned()).unwrap();
    let mut client = ClientConnection::new(Arc::new(config), name).unwrap();
    let mut server = ServerConnection::new(authority.server()).unwrap();
    for _ in 0..4 {
        let mut wire = Vec::new();
        while client.wants_write() {
            client.write_tls(&mut wire).unwrap();
        }
        let mut wire = wire.as_slice();
        while !wire.is_empty() {
            server.read_tls(&mut wire).unwrap();
        }
        server
            .process_new_packets()
            .map_err(|error| error.to_string())?;
        let mut wire = Vec::new();
        while server.wants_write() {
            server.write_tls(&mut wire).unwrap();
        }
        let mut wire = wire.as_slice();
        while !wire.is_empty() {
            client.read_tls(&mut wire).unwrap();
        }
        client
            .process_new_packets()
            .map_err(|error| error.to_string())?;
    }
    assert!(!client.is_handshaking());
    Ok(client.alpn_protocol().unwrap_or_default().to_vec())
}

#[test]
fn who_trusts_the_root_believes_its_leaves_for_its_names_alone() {
    let root = Root::generate(&names(&["api.example", "localhost"]), at(0)).unwrap();
    let about = root.about.clone();
    let authority = authority(root);
    assert_eq!(shake(&authority, &about, "api.example", 0).unwrap(), b"h2");
    assert!(shake(&authority, &about, "API.example", 0).is_ok());
    assert!(shake(&authority, &about, "other.example", 0).is_err());
    let other = Root::generate(&names(&["api.example"]), at(0)).unwrap();
    assert!(shake(&authority, &other.about, "api.example", 0).is_err());
    // A leaf lives for a day.
    assert!(shake(&authority, &about, "api.example", 24 * 3600 + 1).is_err());
}

#[test]
fn a_root_vouches_for_nothing_else_even_if_it_signs_it() {
    // The same key and name, but who trusts the certificate reads what it says.
    let root = Root::generate(&names(&["api.example"]), at(0)).unwrap();
    let about = root.about.clone();
    let mut wider = root;
    wider.about.names = names(&["api.example", "bank.example", "127.0.0.1"]);
    let wider = authority(wider);
    assert!(shake(&wider, &about, "api.example", 0).is_ok());
    let refused = shake(&wider, &about, "bank.example", 0).unwrap_err();
    assert!(refused.contains("NameConstraint"), "{refused}");
}

#[test]
fn addresses_can_be_vouched_for_and_are_not_otherwise() {
    let root = Root::generate(&names(&["192.0.2.7", "2001:db8::7"]), at(0)).unwrap();
    assert!(root.covers("192.0.2.7") && root.covers("2001:db8::7") && !root.covers("192.0.2.8"));
    assert!(matches!(
        Root::generate(&[], at(0)),
        Err(AuthorityError::NoNames)
    ));
}

#[test]
fn the_next_root_is_believed_by_who_trusts_the_one_before() {
    let first = Root::generate(&names(&["api.example"]), at(0)).unwrap();
    let next = first
        .succeed(&names(&["api.example", "new.example"]), at(10))
        .unwrap();
    let (old, new) = (first.about.clone(), next.about.clone());
    let authority = authority(first);
    authority.replace(next);
    for host in ["api.example", "new.example"] {
        assert!(shake(&authority, &new, host, 20).is_ok(), "{host}");
    }
    assert!(shake(&authority, &old, "api.example", 20).is_ok());
    // As far as the one before may vouch.
    assert!(shake(&authority, &old, "new.example", 20).is_err());
}

#[test]
fn a_leaf_is_kept_and_made_anew_in_time() {
    let root = Root::generate(&names(&["api.example"]), at(0)).unwrap();
    let authority = Authority::new(root, clock);
    let leaf = || authority.leaf("api.example").unwrap().unwrap();
    let first = leaf();
    PASSED.store(15 * 3600, Ordering::Relaxed);
    assert!(Arc::ptr_eq(&first, &leaf()));
    PASSED.store(17 * 3600, Ordering::Relaxed);
    assert!(!Arc::ptr_eq(&first, &leaf()));
    assert!(authority.leaf("other.example").unwrap().is_none());
}

#[test]
fn a_root_comes_back_from_its_file() {
    let folder = tempfile::tempdir().unwrap();
    let keyring = vault::Keyring::open_or_create(&folder.path().join("keyring.json")).unwrap();
    let provider = keyring.provider();
    let root = Root::generate(&names(&["api.example"]), at(0)).unwrap();
    let path = folder.path().join("authority.json");
    root.seal(&provider).unwrap().save(&path).unwrap();
    let file = vault::SignerFile::open(&path).unwrap().unwrap();
    let opened = Root::open(&file, &provider).unwrap();
    assert_eq!(opened.about, root.about);
    let authority = authority(opened);
    assert!(shake(&authority, &root.about, "api.example", 0).is_ok());
}
