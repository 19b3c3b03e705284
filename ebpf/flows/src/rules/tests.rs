use super::*;

fn network(text: &str) -> Network {
    text.parse().unwrap()
}

#[test]
fn networks_are_read_as_they_are_written() {
    let all = (0, u16::MAX);
    for (text, address, prefix, ports) in [
        ("10.0.0.0/8", "10.0.0.0", 8, all),
        ("10.1.2.3", "10.1.2.3", 32, all),
        ("10.1.2.3:5432", "10.1.2.3", 32, (5432, 5432)),
        ("0.0.0.0/0:443", "0.0.0.0", 0, (443, 443)),
        ("10.0.0.0/8:8000-8999", "10.0.0.0", 8, (8000, 8999)),
        ("[::1]", "::1", 128, all),
        ("[fd00::]/8:53", "fd00::", 8, (53, 53)),
        ("[::]/0", "::", 0, all),
    ] {
        let expected = Network {
            address: address.parse().unwrap(),
            prefix,
            ports,
        };
        assert_eq!(text.parse(), Ok(expected), "{text}");
    }
    for (text, error) in [
        ("host", NetworkError::Address),
        ("[::1", NetworkError::Address),
        ("10.0.0.0/33", NetworkError::Prefix),
        ("10.0.0.0/", NetworkError::Prefix),
        ("10.0.0.1/8", NetworkError::HostBits),
        ("[fd00::1]/8", NetworkError::HostBits),
        ("10.0.0.0/8:x", NetworkError::Ports),
        ("10.0.0.0/8:9-8", NetworkError::Ports),
    ] {
        assert_eq!(text.parse::<Network>(), Err(error), "{text}");
    }
}

#[test]
fn a_narrow_network_has_the_ports_of_those_around_it() {
    let networks = [
        "10.0.0.0/8:80",
        "10.1.0.0/16:443",
        "10.1.0.0/16:81",
        "[fd00::]/8:53",
    ];
    let rows = compile(&networks.map(network).into()).unwrap();
    let ports = |text: &str| {
        let all: Vec<_> = rows[&network(text)].ports.into();
        all.into_iter()
            .filter(|range| *range != PORTS_NONE)
            .collect::<Vec<_>>()
    };
    assert_eq!(ports("10.0.0.0/8"), [[80, 80]]);
    assert_eq!(ports("10.1.0.0/16"), [[80, 81], [443, 443]]);
    assert_eq!(ports("[fd00::]/8"), [[53, 53]]);
    assert_eq!(network("10.0.0.0/8").bits(), 104);
}

#[test]
fn more_ranges_than_fit_are_refused() {
    let networks: BTreeSet<_> = (0..=PORTS_MAX)
        .map(|port| network(&format!("10.0.0.0/8:{}", port * 2)))
        .collect();
    assert!(compile(&networks).is_err());
}

#[test]
fn agents_have_numbers_of_their_own() {
    let one = AgentRule::number_of("spiffe://a.example/one");
    assert_ne!(one, AgentRule::number_of("spiffe://a.example/two"));
    assert_eq!(one, AgentRule::number_of("spiffe://a.example/one"));
    assert_ne!(one, 0);
}
