//! A DNS server that knows one address, over UDP and TCP.

use std::{
    io::{Read as _, Write as _},
    net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener, UdpSocket},
    thread,
};

use anyhow::{Context as _, Result};
use simple_dns::{
    CLASS, Packet, ResourceRecord,
    rdata::{A, RData},
};

/// Answers every question with `address`, at `at` and port 53, until the process ends.
pub fn start(at: IpAddr, address: Ipv4Addr) -> Result<SocketAddr> {
    let at = SocketAddr::new(at, 53);
    let socket = UdpSocket::bind(at).with_context(|| format!("no resolver at {at}"))?;
    let listener = TcpListener::bind(at)?;
    thread::spawn(move || {
        let mut bytes = [0; 1_500];
        while let Ok((length, from)) = socket.recv_from(&mut bytes) {
            let asked = bytes.get(..length).unwrap_or_default();
            if let Ok(answer) = answer(asked, address) {
                socket.send_to(&answer, from).ok();
            }
        }
    });
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            serve(stream, address).ok();
        }
    });
    Ok(at)
}

fn serve(mut stream: std::net::TcpStream, address: Ipv4Addr) -> Result<()> {
    let mut length = [0; 2];
    stream.read_exact(&mut length)?;
    let mut asked = vec![0; u16::from_be_bytes(length).into()];
    stream.read_exact(&mut asked)?;
    let answer = answer(&asked, address)?;
    let mut message = u16::try_from(answer.len())?.to_be_bytes().to_vec();
    message.extend(answer);
    stream.write_all(&message)?;
    // Till the other end has heard it.
    stream.read_to_end(&mut Vec::new())?;
    Ok(())
}

fn answer(asked: &[u8], address: Ipv4Addr) -> Result<Vec<u8>> {
    let mut packet = Packet::parse(asked)?.into_reply();
    let question = packet.questions.first().context("no question")?;
    let record = ResourceRecord::new(
        question.qname.clone(),
        CLASS::IN,
        60,
        RData::A(A {
            address: address.into(),
        }),
    );
    packet.answers.push(record);
    Ok(packet.build_bytes_vec_compressed()?)
}
