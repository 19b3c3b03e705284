//! What is asked for: JSON with a hit every hundred bytes or so, and JSON without any.

use serde_json::{Value, json};
use tests::people::{Dice, Home, Person};

/// A body that the upstream serves.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Body {
    /// 1 KB of customers.
    Small,
    /// 16 KB of customers.
    Dense,
    /// 16 KB of orders, with nobody in them.
    Clean,
    /// 256 KB of customers.
    Large,
}

pub(crate) const ALL: [Body; 4] = [Body::Small, Body::Dense, Body::Clean, Body::Large];

impl Body {
    /// Its name in the table.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Small => "1 KB",
            Self::Dense => "16 KB dense",
            Self::Clean => "16 KB clean",
            Self::Large => "256 KB dense",
        }
    }

    /// The last part of its URL.
    pub(crate) fn file(self) -> &'static str {
        match self {
            Self::Small => "small.json",
            Self::Dense => "dense.json",
            Self::Clean => "clean.json",
            Self::Large => "large.json",
        }
    }

    /// Its bytes, the same in every run.
    pub(crate) fn text(self) -> String {
        let (row, length): (fn(&mut Dice) -> Value, usize) = match self {
            Self::Small => (customer, 1_024),
            Self::Dense => (customer, 16 * 1_024),
            Self::Clean => (order, 16 * 1_024),
            Self::Large => (customer, 256 * 1_024),
        };
        let mut dice = Dice::new(1);
        let mut rows = Vec::new();
        let mut size = 0;
        while size < length {
            let text = row(&mut dice).to_string();
            size += text.len() + 1;
            rows.push(text);
        }
        format!("[{}]", rows.join(","))
    }
}

fn customer(dice: &mut Dice) -> Value {
    let person = Person::made_by(dice, Home::De);
    json!({
        "id": dice.between(1, 99_999),
        "name": format!("{} {}", person.given, person.family),
        "email": person.email,
        "phone": person.phone,
        "card_number": person.card,
        "iban": person.iban,
        "plan": "delta",
        "orders": dice.between(0, 40),
    })
}

fn order(dice: &mut Dice) -> Value {
    json!({
        "sku": format!("lamp-{}", dice.between(10, 99)),
        "title": "Lamp with a paper shade, warm light",
        "quantity": dice.between(1, 9),
        "price_cents": dice.between(100, 9_000),
        "state": "packed",
        "colours": ["sand", "slate"],
    })
}
