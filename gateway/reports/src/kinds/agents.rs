//! What agents did.

use audit::{Event, Matter};
use jiff::tz::TimeZone;

use super::{Answer, Fates, Fold};
use crate::{
    Beside, Source,
    document::{Cell, Table},
    figure::{Distinct, Groups, Room, Tally},
    view::View,
};

#[derive(Default)]
struct Activity {
    sessions: Distinct,
    exchanges: Tally,
    released: Tally,
    delegated: Tally,
    refused: Tally,
    failed: Tally,
    open: Tally,
    bypasses: Tally,
    sent: Tally,
    received: Tally,
    fates: Fates,
}

#[derive(Default)]
pub(super) struct Agents {
    room: Room,
    each: Groups<String, Activity>,
    operations: Groups<(String, String), Tally>,
    days: Groups<String, (Tally, Tally)>,
}

impl Fold for Agents {
    fn take(&mut self, matter: &Matter) {
        if let Event::Bypass(bypass) = &matter.entry.event
            && let Some(activity) = self.each.at(bypass.agent.clone())
        {
            let source = Source {
                record: matter.entry.index,
                trace: None,
            };
            activity.bypasses.add(1, &source);
        }
        let Some(view) = View::of(matter) else {
            return;
        };
        if let Some(activity) = self.each.at(view.agent.to_owned()) {
            activity.take(&view, &mut self.room);
        }
        let operation = format!("{}/{}", view.service(), view.operated());
        if let Some(tally) = self.operations.at((view.agent.to_owned(), operation)) {
            tally.add(1, &view.source);
        }
        let day = view.at.to_zoned(TimeZone::UTC).date().to_string();
        if let Some((all, refused)) = self.days.at(day) {
            all.add(1, &view.source);
            refused.add(u64::from(view.result == "refused"), &view.source);
        }
    }

    fn answer(self: Box<Self>, _: Beside<'_>) -> Answer {
        let mut columns = vec![
            "agent",
            "sessions",
            "requests",
            "released",
            "delegated",
            "refused",
            "failed",
            "open",
            "bypasses",
            "bytes sent",
            "bytes received",
        ];
        columns.extend(Fates::COLUMNS);
        let note = "A call that was tried again is one request; how it ended counts for each attempt. Delegated: left to another proxy, which asked; its end is not known here. Failed: broken off, given up by the service or by the agent. Open: no end is on record. \
                    Bytes as they were released.";
        let agents = self
            .each
            .fill(Table::new("Agents", note, &columns), |agent, it| {
                let mut row = vec![Cell::from(agent), it.sessions.into()];
                let counts = [
                    it.exchanges,
                    it.released,
                    it.delegated,
                    it.refused,
                    it.failed,
                    it.open,
                    it.bypasses,
                    it.sent,
                    it.received,
                ];
                row.extend(counts.map(Cell::from));
                row.extend(it.fates.cells());
                row
            });
        let columns = ["agent", "operation", "requests"];
        let operations = Table::new("Operations", "What each agent asked for.", &columns);
        let operations = self.operations.fill(operations, |(agent, operation), it| {
            vec![agent.into(), operation.into(), it.into()]
        });
        let columns = ["day", "requests", "refused"];
        let days = Table::new("Days", "In UTC.", &columns);
        let days = self.days.fill(days, |day, (all, refused)| {
            vec![day.into(), all.into(), refused.into()]
        });
        Answer::of([
            agents.drawn("Requests by agent", 0, 2),
            operations.drawn("Requests by operation", 1, 2),
            days.plotted("Requests by day", 0, 1),
        ])
    }
}

impl Activity {
    fn take(&mut self, view: &View<'_>, room: &mut Room) {
        let source = &view.source;
        if let Some(session) = view.session {
            self.sessions.add(&[session], source, room);
        }
        // Another attempt is no new request; what it carried counts.
        self.exchanges.add(u64::from(!view.again), source);
        let ended = match view.result {
            "released" => &mut self.released,
            "delegated" => &mut self.delegated,
            "refused" => &mut self.refused,
            "open" => &mut self.open,
            _ => &mut self.failed,
        };
        ended.add(1, source);
        if let Some((request, response)) = view.bodies {
            self.sent.add(request.released, source);
            self.received.add(response.released, source);
        }
        view.values.iter().for_each(|it| self.fates.add(it, source));
    }
}
