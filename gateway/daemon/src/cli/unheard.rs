//! An address that cannot be listened on, and what to do about it.

use std::{fmt::Display, io};

use miette::{Report, miette};

/// Says why nobody listens on `address`, and how to mend it.
pub(crate) fn unheard(address: impl Display, why: &io::Error) -> Report {
    let help = match why.kind() {
        io::ErrorKind::AddrInUse => {
            "another process listens there, which `ss -ltnp` names: stop that, or take another address. If it is this gateway, \
             `tidegate upgrade` takes its place"
        }
        io::ErrorKind::PermissionDenied => {
            "a port below 1024 takes CAP_NET_BIND_SERVICE, which the unit in the package gives; or take one above"
        }
        io::ErrorKind::AddrNotAvailable => {
            "this host has no such address: `ip address` tells which it has"
        }
        _ => "an address of this host and a port: `127.0.0.1:8440`",
    };
    miette!(help = help, "cannot listen on `{address}`: {why}")
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;

    use super::*;

    #[test]
    fn a_port_in_use_is_told_with_its_mend() {
        let there = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = there.local_addr().unwrap();
        let why = TcpListener::bind(address).unwrap_err();
        let told = format!("{:?}", unheard(address, &why));
        assert!(told.contains(&address.to_string()), "{told}");
        assert!(told.contains("ss -ltnp"), "{told}");
        let why = TcpListener::bind("192.0.2.1:0").unwrap_err();
        let told = format!("{:?}", unheard("192.0.2.1:0", &why));
        assert!(told.contains("ip address"), "{told}");
    }
}
