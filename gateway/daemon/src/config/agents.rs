//! Who may call, and what its process must look like.

use std::collections::BTreeSet;

use identity::{Agent, Selector, SelectorError, TokenRule};
use miette::Result;
use serde_saphyr::Spanned;

use super::{file, resolve::Resolver};

impl Resolver<'_> {
    pub(super) fn selector(&self, typed: &Spanned<String>) -> Result<Selector> {
        let parsed = typed.value.parse();
        parsed.map_err(|error: SelectorError| {
            let message = error.to_string();
            self.fault(typed, message, error.hint)
        })
    }

    pub(super) fn agent(&self, agent: &file::Agent) -> Result<Agent> {
        let id = agent.id.value.parse().map_err(|error| {
            self.fault(
                &agent.id,
                format!("{error}"),
                "an agent's id reads `spiffe://acme.example/agent/support`",
            )
        })?;
        let selectors = agent.selectors.iter().map(|typed| self.selector(typed));
        let selectors = selectors.collect::<Result<BTreeSet<_>>>()?;
        if selectors.is_empty() {
            let help = "give at least one selector, such as `unix:path:/usr/bin/python3.11`";
            return Err(self.fault(
                &agent.id,
                "an agent without selectors would match every process",
                help,
            ));
        }
        let token = match agent.token {
            file::Token::Bound => TokenRule::Bound,
            file::Token::Required => TokenRule::Required,
            file::Token::Optional => TokenRule::Optional,
        };
        Ok(Agent {
            id,
            selectors,
            token,
            svid: agent.svid,
            keys: self.keys(agent)?,
            known_as: self.known_as(&agent.known_as)?,
            abroad: None,
        })
    }
}
