//! A DNS server that says what it is told to say, over UDP and TCP.

use std::{
    io::{Read as _, Write as _},
    net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener, UdpSocket},
    sync::Arc,
    thread,
};

use anyhow::{Context as _, Result};
use simple_dns::{
    CLASS, Packet, QTYPE, ResourceRecord, TYPE,
    rdata::{A, AAAA, RData},
};

/// What a name stands for each time that it is asked for.
pub type Answers = dyn Fn(&str) -> Vec<IpAddr> + Send + Sync;

/// Answers every question with `address`, at `at` and port 53, until the process ends.
pub fn start(at: IpAddr, address: Ipv4Addr) -> Result<SocketAddr> {
    telling(at, Arc::new(move |_: &str| vec![address.into()]))
}

/// The same with what `answers` says of the name, lower case. It is asked once for each question for addresses of
/// IPv4, and once for each for those of IPv6.
pub fn telling(at: IpAddr, answers: Arc<Answers>) -> Result<SocketAddr> {
    let at = SocketAddr::new(at, 53);
    let socket = UdpSocket::bind(at).with_context(|| format!("no resolver at {at}"))?;
    let listener = TcpListener::bind(at)?;
    let told = Arc::clone(&answers);
    thread::spawn(move || {
        let mut bytes = [0; 1_500];
        while let Ok((length, from)) = socket.recv_from(&mut bytes) {
            let asked = bytes.get(..length).unwrap_or_default();
            if let Ok(answer) = answer(asked, &*told) {
                socket.send_to(&answer, from).ok();
            }
        }
    });
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            serve(stream, &*answers).ok();
        }
    });
    Ok(at)
}

fn serve(mut stream: std::net::TcpStream, answers: &Answers) -> Result<()> {
    let mut length = [0; 2];
    stream.read_exact(&mut length)?;
    let mut asked = vec![0; u16::from_be_bytes(length).into()];
    stream.read_exact(&mut asked)?;
    let answer = answer(&asked, answers)?;
    let mut message = u16::try_from(answer.len())?.to_be_bytes().to_vec();
    message.extend(answer);
    stream.write_all(&message)?;
    // Till the other end has heard it.
    stream.read_to_end(&mut Vec::new())?;
    Ok(())
}

fn answer(asked: &[u8], answers: &Answers) -> Result<Vec<u8>> {
    /// Nobody should remember it: it may be another at once.
    const SECONDS: u32 = 0;
    let mut packet = Packet::parse(asked)?.into_reply();
    let question = packet.questions.first().context("no question")?.clone();
    let of_ipv6 = question.qtype == QTYPE::TYPE(TYPE::AAAA);
    for address in answers(&question.qname.to_string().to_ascii_lowercase()) {
        let data = match address {
            IpAddr::V4(address) if !of_ipv6 => RData::A(A {
                address: address.into(),
            }),
            IpAddr::V6(address) if of_ipv6 => RData::AAAA(AAAA {
                address: address.into(),
            }),
            _ => continue,
        };
        let record = ResourceRecord::new(question.qname.clone(), CLASS::IN, SECONDS, data);
        packet.answers.push(record);
    }
    Ok(packet.build_bytes_vec_compressed()?)
}
