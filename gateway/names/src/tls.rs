//! The name that a client of TLS asks for (SNI, RFC 6066 section 3).

use rustls::server::Acceptor;

use crate::{Unread, shown};

/// Reads what a connection says first. None: it is TLS and names nobody.
///
/// # Errors
/// If it is no whole first message of TLS.
pub fn name(first: &[u8]) -> Result<Option<String>, Unread> {
    let mut acceptor = Acceptor::default();
    let mut rest = first;
    while !rest.is_empty() {
        let read = acceptor.read_tls(&mut rest).map_err(|_| Unread)?;
        if read == 0 {
            break;
        }
    }
    let accepted = acceptor.accept().map_err(|_| Unread)?.ok_or(Unread)?;
    Ok(accepted.client_hello().server_name().map(shown))
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use proptest::prelude::*;
    use rustls::{
        ClientConfig, ClientConnection, RootCertStore, crypto::aws_lc_rs, pki_types::ServerName,
    };

    use super::*;

    fn hello(name: &str) -> Vec<u8> {
        let provider = Arc::new(aws_lc_rs::default_provider());
        let config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(RootCertStore::empty())
            .with_no_client_auth();
        let name = ServerName::try_from(name.to_owned()).unwrap();
        let mut client = ClientConnection::new(Arc::new(config), name).unwrap();
        let mut bytes = Vec::new();
        client.write_tls(&mut bytes).unwrap();
        bytes
    }

    #[test]
    fn a_first_message_tells_whom_it_is_for() {
        assert_eq!(
            name(&hello("Api.Tests.example")),
            Ok(Some("api.tests.example".into()))
        );
        assert_eq!(name(&hello("192.0.2.7")), Ok(None));
    }

    #[test]
    fn what_is_cut_or_no_tls_is_unread() {
        let whole = hello("api.tests.example");
        for end in 0..whole.len() {
            assert_eq!(name(&whole[..end]), Err(Unread), "{end}");
        }
        assert_eq!(
            name(b"GET / HTTP/1.1\r\nhost: a.example\r\n\r\n"),
            Err(Unread)
        );
        assert_eq!(name(b"SSH-2.0-OpenSSH_9.6\r\n"), Err(Unread));
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_panic(at in 0_usize..1_800, value: u8) {
            let mut bytes = hello("api.tests.example");
            if let Some(byte) = bytes.get_mut(at) {
                *byte = value;
            }
            drop(name(&bytes));
        }
    }
}
