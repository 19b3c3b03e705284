//! What rules did: what they refused, and what they changed.

use audit::Matter;

use super::{Answer, Fold};
use crate::{
    Beside,
    document::{Cell, Table},
    figure::{Groups, Tally},
    view::{UNSTATED, View},
};

#[derive(Default)]
struct Refusing {
    exchanges: Tally,
    reason: String,
    basis: String,
}

#[derive(Default)]
pub(super) struct Policy {
    rules: Groups<String, Refusing>,
    reasons: Groups<String, Tally>,
    /// By rule, action and class.
    changed: Groups<(String, String, String), Tally>,
    permitted: Groups<String, Tally>,
}

impl Fold for Policy {
    fn take(&mut self, matter: &Matter) {
        let Some(view) = View::of(matter) else {
            return;
        };
        let before = view.bodies.is_none() && view.result == "refused";
        for policy in view.policies {
            if !before {
                if let Some(tally) = self.permitted.at(policy.id.to_string()) {
                    tally.add(1, &view.source);
                }
            } else if let Some(refusing) = self.rules.at(policy.id.to_string()) {
                refusing.exchanges.add(1, &view.source);
                let text = |text: &Option<std::sync::Arc<str>>| {
                    text.as_deref().unwrap_or(UNSTATED).to_owned()
                };
                refusing.reason = text(&policy.reason);
                refusing.basis = text(&policy.basis);
            }
        }
        if let Some(reason) = view.reason
            && let Some(tally) = self.reasons.at(reason.to_owned())
        {
            tally.add(1, &view.source);
        }
        for values in &view.values {
            let rule = values.rule.unwrap_or("none");
            let key = [rule, values.action, values.class].map(str::to_owned);
            if let Some(tally) = self.changed.at(key.into()) {
                tally.add(values.count, &view.source);
            }
        }
    }

    fn answer(self: Box<Self>, _: Beside<'_>) -> Answer {
        let columns = ["rule", "sentence", "basis", "requests refused"];
        let note = "Requests that were refused before any service saw them.";
        let rules = self.rules.fill(
            Table::new("Refusals by rule", note, &columns),
            |rule, it| {
                vec![
                    rule.into(),
                    it.reason.into(),
                    it.basis.into(),
                    it.exchanges.into(),
                ]
            },
        );
        let note = "Every attempt of a call that ended otherwise than by release, and why.";
        let reasons = Table::new(
            "Refusals and failures by reason",
            note,
            &["reason", "attempts"],
        );
        let reasons = self
            .reasons
            .fill(reasons, |reason, it| vec![reason.into(), it.into()]);
        let columns = ["rule", "action", "category of data", "values"];
        let note = "What was done with values that were found, in both directions; a rule where one asked \
                    for it.";
        let changed = Table::new("Values by rule and action", note, &columns);
        let changed = self.changed.fill(changed, |(rule, action, class), it| {
            let mut row = [rule, action, class].map(Cell::from).to_vec();
            row.push(it.into());
            row
        });
        let note = "Rules that let requests pass.";
        let permitted = Table::new("Permits by rule", note, &["rule", "exchanges"]);
        let permitted = self
            .permitted
            .fill(permitted, |rule, it| vec![rule.into(), it.into()]);
        Answer::of([
            rules.drawn("Requests refused by rule", 0, 3),
            reasons.drawn("Attempts by reason", 0, 1),
            changed.drawn("Values by action", 1, 3),
            permitted,
        ])
    }
}
