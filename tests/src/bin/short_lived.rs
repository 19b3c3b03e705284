//! A process that lives a few milliseconds: asks for one item and exits.
//!
//! `tidegate-short-lived 127.0.0.1:8080 17`: exit 0 if the answer was 200.

use std::{
    env,
    io::{Read as _, Write as _},
    net::TcpStream,
    process::ExitCode,
};

fn main() -> ExitCode {
    match ask() {
        Some(true) => ExitCode::SUCCESS,
        _ => ExitCode::FAILURE,
    }
}

fn ask() -> Option<bool> {
    let mut arguments = env::args().skip(1);
    let (address, item) = (arguments.next()?, arguments.next()?);
    let mut stream = TcpStream::connect(&address).ok()?;
    let request =
        format!("GET /crm/items/{item} HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).ok()?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).ok()?;
    Some(answer.starts_with(b"HTTP/1.1 200"))
}
