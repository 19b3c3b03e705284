//! Documents and listeners to measure with.

use std::fmt::Write;

use bytes::Bytes;
use classifiers::DataClass;
use classifiers::media::json::{Scalar, Token, Visitor, Walker};
use redaction::Pseudonyms;

/// The documents that are measured.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Sample {
    Clean16k,
    Dense16k,
    Clean256k,
    Dense256k,
    /// An outermost array of people with names, addresses, cards and accounts.
    People16k,
    /// What costs most for its length, to see that it stays in proportion to that.
    Hostile,
}

pub(crate) const SAMPLES: [Sample; 6] = [
    Sample::Clean16k,
    Sample::Dense16k,
    Sample::Clean256k,
    Sample::Dense256k,
    Sample::People16k,
    Sample::Hostile,
];

impl Sample {
    /// A list of records of about this length.
    pub(crate) fn document(self) -> Bytes {
        let (length, dense) = match self {
            Self::Clean16k => (16 << 10, false),
            Self::Dense16k => (16 << 10, true),
            Self::Clean256k => (256 << 10, false),
            Self::Dense256k => (256 << 10, true),
            Self::People16k => return people(16 << 10),
            Self::Hostile => return hostile(8 << 10),
        };
        let mut text = String::from("{\"data\":[");
        for n in 0.. {
            text.push_str(if n > 0 { "," } else { "" });
            if dense {
                write_customer(&mut text, n);
            } else {
                write_order(&mut text, n);
            }
            if text.len() > length {
                break;
            }
        }
        text.push_str("],\"has_more\":false}");
        text.into()
    }
}

/// A hit in every third member, in a document without a name around its records.
fn people(length: usize) -> Bytes {
    let mut text = String::from("[");
    for n in 0..length / 230 {
        let comma = if n > 0 { "," } else { "" };
        write!(
            text,
            "{comma}{{\"id\":{n},\"name\":\"Mareth Kester{n}mann\",\"email\":\"mareth{n}@example.org\",\
             \"phone\":\"+49 30 23125 {:03}\",\"card_number\":\"4000002448741247\",\
             \"iban\":\"DE26532619927919689112\",\"title\":\"Lamp with a paper shade, warm light\",\
             \"plan\":\"delta\",\"orders\":{}}}",
            n % 1000,
            n % 40,
        )
        .unwrap_or_default();
    }
    text.push(']');
    text.into()
}

/// Runs of so many bytes of what might make a walker or a detector look twice.
fn hostile(length: usize) -> Bytes {
    let text = |piece: &str| format!("\"{}\"", piece.repeat(length / piece.len()));
    let list = |piece: &str| {
        format!("[{piece}{piece}]", piece = piece.repeat(length / 4)).replace(",]", "]")
    };
    let runs = [
        text("\\\""),
        text("\\\\"),
        text("7"),
        text("1 "),
        text("a@"),
        text("a:"),
        text("eyJ"),
        list("[],"),
        list("\"\","),
        list("1,"),
    ];
    format!("[{}]", runs.join(",")).into()
}

/// One hit in about a hundred bytes.
fn write_customer(text: &mut String, n: u32) {
    write!(
        text,
        "{{\"id\":\"cus_{n:06}\",\"object\":\"customer\",\"email\":\"user{n}@example.com\",\
         \"created\":16800{n:05},\"livemode\":false,\"currency\":\"eur\",\"balance\":{n},\
         \"note\":\"prefers a call to a letter, reach at +49 30 901820{:02} in the morning\",\
         \"plan\":{{\"name\":\"basic\",\"seats\":3,\"active\":true}},\"ssn\":\"536-{:02}-{:04}\"}}",
        n % 100,
        1 + n % 98,
        1000 + n % 8000,
    )
    .unwrap_or_default();
}

fn write_order(text: &mut String, n: u32) {
    write!(
        text,
        "{{\"id\":\"ord_{n:06}\",\"object\":\"order\",\"status\":\"shipped\",\"total\":{}.50,\
         \"currency\":\"eur\",\"lines\":[{{\"sku\":\"B-{n:04}\",\"title\":\"steel bolt, zinc\",\
         \"quantity\":12,\"price\":0.25}},{{\"sku\":\"N-{n:04}\",\"title\":\"hexagon nut\",\
         \"quantity\":12,\"price\":0.10}}],\"weight\":1.25,\"gift\":false,\"coupon\":null}}",
        n % 500,
    )
    .unwrap_or_default();
}

/// Who listens to nothing.
struct Deaf;

impl Visitor for Deaf {
    fn object_start(&mut self) {}
    fn object_end(&mut self) {}
    fn array_start(&mut self) {}
    fn array_end(&mut self) {}
    fn name(&mut self, name: Token<'_>) {
        std::hint::black_box(name.decoded);
    }
    fn scalar(&mut self, _: Scalar, value: Token<'_>) {
        std::hint::black_box(value.decoded);
    }
}

/// Pseudonyms that cost nothing.
pub(crate) struct Fixed;

impl Pseudonyms for Fixed {
    fn pseudonym(&self, class: DataClass, value: &[u8]) -> [u8; 16] {
        [class.index().to_le_bytes()[0] ^ value.len().to_le_bytes()[0]; 16]
    }
}

/// A walk of which nothing is kept.
pub(crate) struct Walk(Walker);

impl Walk {
    /// With vector instructions, or without.
    pub(crate) fn new(vectors: bool) -> Self {
        Self(if vectors {
            Walker::new()
        } else {
            Walker::plain()
        })
    }

    /// Whether the document could be walked.
    pub(crate) fn walk(&mut self, document: &Bytes) -> bool {
        self.0.reset();
        self.0
            .push(document, &mut Deaf)
            .and_then(|()| self.0.finish(&mut Deaf))
            .is_ok()
    }
}
