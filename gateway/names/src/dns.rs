//! Messages of DNS (RFC 1035), as far as they tell which name is which address.

use std::{
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
    time::Duration,
};

use simple_dns::{Packet, PacketFlag, RCODE, rdata::RData};

use crate::{Unread, shown};

/// Addresses of one answer that are read.
pub const ADDRESSES_MAX: usize = 64;
/// Aliases (CNAME) that one answer may lead through.
const ALIASES_MAX: usize = 16;

/// A message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    /// The name that is asked for.
    pub name: String,
    /// What it leads to; nothing in a question.
    pub addresses: Vec<IpAddr>,
    /// How long that may be remembered: the least of all that it hangs on.
    pub lives: Duration,
}

/// Reads a datagram.
///
/// # Errors
/// If it is no whole message with one question.
pub fn read(bytes: &[u8]) -> Result<Message, Unread> {
    let packet = Packet::parse(bytes).map_err(|_| Unread)?;
    let [question] = packet.questions.as_slice() else {
        return Err(Unread);
    };
    let mut message = Message {
        name: shown(&question.qname.to_string()),
        addresses: Vec::new(),
        lives: Duration::ZERO,
    };
    let answers = packet.has_flags(PacketFlag::RESPONSE) && packet.rcode() == RCODE::NoError;
    if !answers {
        return Ok(message);
    }
    // Only what the question leads to: an answer may hold records of other names.
    let mut owner = question.qname.clone();
    let mut lives = u32::MAX;
    for _ in 0..ALIASES_MAX {
        let alias = packet
            .answers
            .iter()
            .find_map(|record| match &record.rdata {
                RData::CNAME(alias) if record.name == owner => Some((alias.0.clone(), record.ttl)),
                _ => None,
            });
        let Some((next, ttl)) = alias else { break };
        owner = next;
        lives = lives.min(ttl);
    }
    for record in packet.answers.iter().filter(|record| record.name == owner) {
        let address = match &record.rdata {
            RData::A(v4) => IpAddr::V4(Ipv4Addr::from(v4.address)),
            RData::AAAA(v6) => IpAddr::V6(Ipv6Addr::from(v6.address)),
            _ => continue,
        };
        if message.addresses.len() < ADDRESSES_MAX {
            message.addresses.push(address.to_canonical());
            lives = lives.min(record.ttl);
        }
    }
    message.lives = Duration::from_secs(lives.into());
    Ok(message)
}

/// The message in a segment of TCP, behind its length (RFC 1035 section 4.2.2). Some send the length
/// alone first, and then what follows comes without it.
pub fn of_segment(segment: &[u8]) -> &[u8] {
    match segment.split_first_chunk::<2>() {
        Some((length, rest)) if usize::from(u16::from_be_bytes(*length)) == rest.len() => rest,
        _ => segment,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use simple_dns::{
        CLASS, Name, QCLASS, QTYPE, Question, ResourceRecord, TYPE,
        rdata::{A, AAAA, CNAME},
    };

    use super::*;

    fn packet<'a>(name: &'a str, records: Vec<(&'a str, u32, RData<'a>)>) -> Vec<u8> {
        let mut packet = Packet::new_reply(7);
        packet.questions.push(Question::new(
            Name::new(name).unwrap(),
            QTYPE::TYPE(TYPE::A),
            QCLASS::CLASS(CLASS::IN),
            false,
        ));
        for (owner, ttl, data) in records {
            let owner = Name::new(owner).unwrap();
            let record = ResourceRecord::new(owner, CLASS::IN, ttl, data);
            packet.answers.push(record);
        }
        packet.build_bytes_vec_compressed().unwrap()
    }

    fn a(address: [u8; 4]) -> RData<'static> {
        RData::A(A {
            address: u32::from_be_bytes(address),
        })
    }

    #[test]
    fn an_answer_tells_the_addresses_that_its_question_leads_to() {
        let alias = |to| RData::CNAME(CNAME(Name::new(to).unwrap()));
        let bytes = packet(
            "API.tests.example",
            vec![
                ("API.tests.example", 300, alias("edge.tests.example")),
                ("edge.tests.example", 60, alias("host.tests.example")),
                ("host.tests.example", 120, a([192, 0, 2, 7])),
                (
                    "host.tests.example",
                    90,
                    RData::AAAA(AAAA {
                        address: 0x2001_0db8 << 96 | 7,
                    }),
                ),
                // Nobody asked for this.
                ("bank.tests.example", 9, a([192, 0, 2, 66])),
            ],
        );
        let message = read(&bytes).unwrap();
        assert_eq!(message.name, "api.tests.example");
        let expected: [IpAddr; 2] = ["192.0.2.7".parse().unwrap(), "2001:db8::7".parse().unwrap()];
        assert_eq!(message.addresses, expected);
        assert_eq!(message.lives, Duration::from_mins(1));
    }

    #[test]
    fn a_question_tells_its_name_and_no_address() {
        let mut packet = Packet::new_query(7);
        packet.questions.push(Question::new(
            Name::new("tests.example").unwrap(),
            QTYPE::TYPE(TYPE::AAAA),
            QCLASS::CLASS(CLASS::IN),
            false,
        ));
        let bytes = packet.build_bytes_vec().unwrap();
        let message = read(&bytes).unwrap();
        assert_eq!(message.name, "tests.example");
        assert!(message.addresses.is_empty());
        let mut segment = u16::try_from(bytes.len()).unwrap().to_be_bytes().to_vec();
        segment.extend(&bytes);
        assert_eq!(of_segment(&segment), bytes);
        assert_eq!(of_segment(&bytes), bytes);
    }

    #[test]
    fn what_is_cut_or_leads_in_circles_is_unread() {
        let bytes = packet(
            "tests.example",
            vec![("tests.example", 1, a([192, 0, 2, 7]))],
        );
        for end in 0..bytes.len() {
            assert_eq!(read(&bytes[..end]), Err(Unread), "{end}");
        }
        // A name that points to itself.
        let header = [0, 7, 0x81, 0x80, 0, 1, 0, 0, 0, 0, 0, 0];
        let circle = [&header[..], &[0xc0, 12, 0, 1, 0, 1]].concat();
        assert_eq!(read(&circle), Err(Unread));
        // Two names that point to each other.
        let circle = [&header[..], &[0xc0, 14, 0xc0, 12, 0, 1, 0, 1]].concat();
        assert_eq!(read(&circle), Err(Unread));
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_panic(mut bytes in proptest::collection::vec(any::<u8>(), 0..600)) {
            drop(read(&bytes));
            // With a head that promises one question and some answers.
            for (at, value) in [0_u8, 1, 0x81, 0x80, 0, 1, 0, 3, 0, 0, 0, 0].into_iter().enumerate() {
                if let Some(byte) = bytes.get_mut(at) {
                    *byte = value;
                }
            }
            if let Ok(message) = read(&bytes) {
                prop_assert!(message.name.len() <= crate::NAME_CHARS_MAX);
                prop_assert!(message.addresses.len() <= ADDRESSES_MAX);
            }
        }
    }
}
