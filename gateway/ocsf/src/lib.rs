//! What happened, as events of the Open Cybersecurity Schema Framework 1.8 (<https://schema.ocsf.io>).
//!
//! Pure. A matter makes one event, and one more for each kind of finding that it also is:
//!
//! | matter | class |
//! |---|---|
//! | an exchange, a refusal | API Activity 6003; with values found in it, Data Security Finding 2006 too; where the refusal is a finding or something was noticed (`declared_conflict`), Detection Finding 2004 too |
//! | a token revealed, the log read, a subject erased or held | API Activity 6003 |
//! | a flow past the gateway | Network Activity 4001 |
//! | a turn in the life of an agent's process | Process Activity 1007 |
//! | something not seen | Detection Finding 2004 |
//! | a revocation, a change of policies, another key that signs the log | Entity Management 3004 |
//! | a start, a stop | Application Lifecycle 6002 |
//!
//! A live flow, or one that has ended, whoever's it is, is Network Activity 4001 as well ([`flow()`]); it is not on
//! record, so it names no record.
//!
//! What the schema has no name for stands under `unmapped.tidegate`. Of what a request binds an event
//! has the name (`customer`), not the value: what went to another system cannot be erased from here.

mod activity;
mod event;
mod finding;
mod flow;

use audit::{Anchor, Event, Matter};
use serde_json::Value;

pub use flow::{Activity, Flow, flow};

/// The version of the schema that events are of.
pub const VERSION: &str = "1.8.0";

/// The classes that [`events`] makes.
pub const CLASSES: [u32; 7] = [1007, 2004, 2006, 3004, 4001, 6002, 6003];

/// The events of a matter, in the order of their classes; `anchor` holds its records.
pub fn events(matter: &Matter, anchor: &Anchor) -> Vec<Value> {
    let at = event::Place { matter, anchor };
    let mut events = match &matter.entry.event {
        Event::Open(opening) => {
            let outcome = matter.outcome();
            let noticed = finding::noticed(&at, opening);
            let found = finding::values(&at, opening, outcome);
            let exchange = activity::exchange(&at, opening, outcome);
            let findings = noticed.into_iter().chain(found);
            findings.chain([exchange]).collect()
        }
        Event::Refuse(refusal) => {
            let found = finding::refusal(&at, refusal);
            let refused = activity::refusal(&at, refusal);
            found.into_iter().chain([refused]).collect()
        }
        Event::Reveal(revelation) => vec![activity::reveal(&at, revelation)],
        Event::Query(inquiry) => vec![activity::query(&at, inquiry)],
        Event::Erase(erasure) => vec![activity::erase(&at, erasure)],
        Event::Bypass(bypass) => vec![activity::bypass(&at, bypass)],
        Event::Gap(gap) => vec![finding::gap(&at, gap)],
        Event::Process(turn) => vec![activity::turn(&at, turn)],
        Event::Anomaly(anomaly) => vec![finding::anomaly(&at, anomaly)],
        Event::Revoke(revocation) => vec![activity::revoke(&at, revocation)],
        Event::Policies(change) => vec![activity::policies(&at, change)],
        Event::Start(life) => vec![activity::lifecycle(&at, life, true)],
        Event::Stop(life) => vec![activity::lifecycle(&at, life, false)],
        Event::Expire(expiry) => vec![activity::expire(&at, expiry)],
        Event::Hold(hold) => vec![activity::hold(&at, hold)],
        Event::Succeed(successor) => vec![activity::succeed(&at, successor)],
        // A closing comes with its opening; and of what expired nothing is known any more, but what its expiry says.
        Event::Close(_) | Event::Expired(_) => Vec::new(),
    };
    // In the order of RFC 8785 §3.2.3, whatever the map of this build keeps.
    events.iter_mut().for_each(Value::sort_all_objects);
    events
}

#[cfg(test)]
mod tests;
