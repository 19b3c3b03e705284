//! Who has access to what, as far as it was used, and who changed that: what an access review looks at.

use audit::{Event, Inquiry, Matter, Revelation};
use jiff::Timestamp;

use super::{Answer, Fates, Fold};
use crate::{
    Beside, Source,
    document::{Cell, Table},
    figure::{Groups, Lines, Tally},
    view::{UNSTATED, View},
};

#[derive(Default)]
pub(super) struct Access {
    /// By agent, operation, effect and purpose.
    used: Groups<(String, String, String, String), Used>,
    /// By agent, operation and reason.
    refused: Groups<(String, String, String), Counted>,
    /// By agent and evidence.
    proven: Groups<(String, String), Counted>,
    /// By who it is and what they did.
    people: Groups<(String, String), Counted>,
    revealed: Groups<(String, String, String, String), Counted>,
    changes: Lines,
}

#[derive(Default)]
struct Used {
    exchanges: Counted,
    fates: Fates,
}

/// How often, and when last.
#[derive(Default)]
struct Counted {
    tally: Tally,
    last: Option<Timestamp>,
}

impl Counted {
    fn add(&mut self, at: Timestamp, source: &Source) {
        self.tally.add(1, source);
        self.last = self.last.max(Some(at));
    }

    fn cells(self) -> [Cell; 2] {
        let last = self.last.map_or(Cell::from("never"), Cell::Time);
        [self.tally.into(), last]
    }
}

impl Fold for Access {
    fn take(&mut self, matter: &Matter) {
        let source = Source {
            record: matter.entry.index,
            trace: None,
        };
        match &matter.entry.event {
            Event::Query(inquiry) => self.person(inquiry, &source),
            Event::Reveal(revelation) => self.reveal(revelation, &source),
            Event::Revoke(it) => {
                let what = if it.lifted {
                    "revocation lifted"
                } else {
                    "revoked"
                };
                let which = format!("{} {}", it.what, it.id);
                self.change(it.at, what, &which, UNSTATED, &it.reason, &source);
            }
            Event::Policies(it) => {
                let which = format!("{} to {} ({} policies)", it.before, it.after, it.policies);
                let reason = it.reason.as_deref().unwrap_or(UNSTATED);
                let uid = it.uid.to_string();
                self.change(it.at, "policies replaced", &which, &uid, reason, &source);
            }
            Event::Succeed(it) => {
                let which = format!("{} to {}", it.before, it.after);
                let uid = it.uid.to_string();
                self.change(
                    it.at,
                    "log's key succeeded",
                    &which,
                    &uid,
                    UNSTATED,
                    &source,
                );
            }
            Event::Open(opening) => {
                let agent = opening.caller.agent.as_deref().unwrap_or("unknown");
                let key = (agent.to_owned(), opening.caller.evidence.clone());
                if let Some(counted) = self.proven.at(key) {
                    counted.add(opening.at, &source);
                }
            }
            _ => {}
        }
        if let Some(view) = View::of(matter) {
            self.exchange(&view);
        }
    }

    fn answer(self: Box<Self>, _: Beside<'_>) -> Answer {
        let mut columns = vec![
            "agent",
            "operation",
            "effect",
            "purpose",
            "exchanges",
            "last",
        ];
        columns.extend(Fates::COLUMNS);
        let note = "What agents asked for and were let through with, and the values in it.";
        let used = Table::new("Access used", note, &columns);
        let used = self
            .used
            .fill(used, |(agent, operation, effect, purpose), it| {
                let mut row = [agent, operation, effect, purpose].map(Cell::from).to_vec();
                row.extend(it.exchanges.cells());
                row.extend(it.fates.cells());
                row
            });
        let note = "Attempts that no service saw.";
        let columns = ["agent", "operation", "reason", "attempts", "last"];
        let refused = Table::new("Access refused", note, &columns);
        let refused = self
            .refused
            .fill(refused, |(agent, operation, reason), it| {
                rows([agent, operation, reason], it)
            });
        let note =
            "By what callers were proven; `proc` and `none` are weaker than the kernel's word.";
        let columns = ["agent", "evidence", "exchanges", "last"];
        let proven = Table::new("Proof of callers", note, &columns);
        let proven = self
            .proven
            .fill(proven, |(agent, evidence), it| rows([agent, evidence], it));
        let note = "Revocations, and policies put in force while the gateway served; what changed while it did not, its \
                    starts tell.";
        let columns = ["record", "time", "what", "which", "user id", "reason"];
        let changes = self
            .changes
            .fill(Table::new("Access changed", note, &columns));
        let note = "Who read the log or did something with its keys: a user of the console by name, else the user id of \
                    the process.";
        let columns = ["who", "what", "times", "last"];
        let people = Table::new("People at the log", note, &columns);
        let people = self
            .people
            .fill(people, |(who, command), it| rows([who, command], it));
        let note = "Values behind tokens that were told to people, and attempts.";
        let columns = [
            "operator",
            "approver",
            "category of data",
            "result",
            "times",
            "last",
        ];
        let revealed = Table::new("Tokens revealed", note, &columns);
        let revealed = self
            .revealed
            .fill(revealed, |(operator, approver, class, result), it| {
                rows([operator, approver, class, result], it)
            });
        Answer::of([
            used.drawn("Exchanges by agent", 0, 4),
            refused.drawn("Attempts refused by agent", 0, 3),
            proven,
            changes,
            people,
            revealed,
        ])
    }
}

/// A row that says how often and when last.
fn rows<const N: usize>(names: [String; N], counted: Counted) -> Vec<Cell> {
    let names = names.into_iter().map(Cell::from);
    names.chain(counted.cells()).collect()
}

impl Access {
    fn exchange(&mut self, view: &View<'_>) {
        let operation = format!("{}/{}", view.service(), view.operated());
        if view.is_stopped() {
            let reason = view.reason.unwrap_or(UNSTATED);
            let key = (view.agent.to_owned(), operation, reason.to_owned());
            if let Some(counted) = self.refused.at(key) {
                counted.add(view.at, &view.source);
            }
            return;
        }
        let effect = view.operation.map_or(UNSTATED, |it| &it.effect);
        let [agent, effect, purpose] = [view.agent, effect, view.purpose].map(str::to_owned);
        if let Some(used) = self.used.at((agent, operation, effect, purpose)) {
            used.exchanges.add(view.at, &view.source);
            let values = view.values.iter();
            values.for_each(|it| used.fates.add(it, &view.source));
        }
    }

    fn person(&mut self, inquiry: &Inquiry, source: &Source) {
        let user = inquiry.criteria.get("user");
        let who = match (user, inquiry.criteria.get("role")) {
            (Some(user), Some(role)) => format!("{user} ({role})"),
            (Some(user), None) => user.clone(),
            (None, _) => format!("uid {}", inquiry.uid),
        };
        if let Some(counted) = self.people.at((who, inquiry.command.to_string())) {
            counted.add(inquiry.at, source);
        }
    }

    fn reveal(&mut self, revelation: &Revelation, source: &Source) {
        let told = |text: Option<&str>| text.unwrap_or(UNSTATED).to_owned();
        let key = (
            revelation.operator.clone(),
            told(revelation.approver.as_deref()),
            told(revelation.class.as_deref()),
            revelation.reason.as_deref().unwrap_or("told").to_owned(),
        );
        if let Some(counted) = self.revealed.at(key) {
            counted.add(revelation.at, source);
        }
    }

    fn change(
        &mut self,
        at: Timestamp,
        what: &str,
        which: &str,
        uid: &str,
        reason: &str,
        source: &Source,
    ) {
        let texts = [what, which, uid, reason].map(Cell::from);
        let head = [Cell::Record(source.clone()), Cell::Time(at)];
        self.changes
            .add(source.record, head.into_iter().chain(texts).collect());
    }
}
