//! Asking for names, and naming whom one wants.

use std::{
    io::{Read as _, Write as _},
    net::{SocketAddr, TcpStream, UdpSocket},
    sync::Arc,
    time::Duration,
};

use anyhow::{Context as _, Result};
use rustls::{ClientConfig, ClientConnection, RootCertStore, pki_types::ServerName};
use simple_dns::{CLASS, Name, Packet, QCLASS, QTYPE, Question, TYPE};

/// What takes longer does not come.
const PATIENCE: Duration = Duration::from_secs(20);
/// Names that a tunnel asks for.
const TUNNELLED: usize = 120;

fn question(name: &str) -> Result<Vec<u8>> {
    let mut packet = Packet::new_query(7);
    packet.questions.push(Question::new(
        Name::new(name)?,
        QTYPE::TYPE(TYPE::A),
        QCLASS::CLASS(CLASS::IN),
        false,
    ));
    Ok(packet.build_bytes_vec()?)
}

fn socket(to: SocketAddr) -> Result<UdpSocket> {
    let any = if to.is_ipv4() { "0.0.0.0:0" } else { "[::]:0" };
    let socket = UdpSocket::bind(any)?;
    socket.set_read_timeout(Some(PATIENCE))?;
    Ok(socket)
}

pub(super) fn ask(to: SocketAddr, name: &str) -> Result<String> {
    let socket = socket(to)?;
    socket.send_to(&question(name)?, to)?;
    socket.recv_from(&mut [0; 1_500])?;
    Ok("passed".to_owned())
}

pub(super) fn ask_over_tcp(to: SocketAddr, name: &str) -> Result<String> {
    let mut stream = TcpStream::connect(to)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    let question = question(name)?;
    let mut message = u16::try_from(question.len())?.to_be_bytes().to_vec();
    message.extend(question);
    stream.write_all(&message)?;
    let mut length = [0; 2];
    stream.read_exact(&mut length)?;
    stream.read_exact(&mut vec![0; u16::from_be_bytes(length).into()])?;
    super::hold(stream)
}

pub(super) fn tunnel(to: SocketAddr, domain: &str) -> Result<String> {
    let socket = socket(to)?;
    for number in 0..TUNNELLED {
        let name = format!("{number:060x}.{domain}");
        socket.send_to(&question(&name)?, to)?;
    }
    super::hold(socket)
}

/// TLS's first message to `name`.
pub(super) fn hello(name: &str) -> Result<Vec<u8>> {
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_root_certificates(RootCertStore::empty())
        .with_no_client_auth();
    let name = ServerName::try_from(name.to_owned()).context("no name")?;
    let mut bytes = Vec::new();
    ClientConnection::new(Arc::new(config), name)?.write_tls(&mut bytes)?;
    Ok(bytes)
}
