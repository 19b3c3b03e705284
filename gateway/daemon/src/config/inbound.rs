//! Services that third parties call: who they are, and by which secret that is known.

use std::sync::Arc;

use identity::{Agent, SpiffeId};
use jiff::SignedDuration;
use miette::Result;
use proxy::{
    inbound::{Inbound, TOLERANCE, TOLERANCE_MAX},
    webhook::Scheme,
};
use serde_saphyr::Spanned;

use super::{
    file::{self, Signature},
    resolve::Resolver,
};

impl Resolver<'_> {
    /// That nobody who signs has the name of an agent, whose processes would be taken for it.
    pub(super) fn check_senders(&self, file: &file::File) -> Result<()> {
        let model = file.mediator.as_ref().and_then(|it| it.model.as_ref());
        let model = model.map(|it| it.agent.value.as_str());
        for inbound in file.services.iter().filter_map(|it| it.inbound.as_ref()) {
            let help = "give a sender an id that no agent has";
            self.no_process(&inbound.sender, &file.agents, help)?;
            if model == Some(&*inbound.sender.value) {
                let message = "this is the mediator's model, which calls services itself";
                return Err(self.fault(&inbound.sender, message, help));
            }
        }
        Ok(())
    }

    /// An id of somebody who is no process of this host.
    pub(super) fn no_process(
        &self,
        typed: &Spanned<String>,
        agents: &[file::Agent],
        help: &str,
    ) -> Result<SpiffeId> {
        let id = typed.value.parse();
        let id = id.map_err(|error| self.fault(typed, format!("{error}"), help))?;
        if agents.iter().any(|agent| agent.id.value == typed.value) {
            let message = format!("`{}` is an agent with a process of its own", typed.value);
            return Err(self.fault(typed, message, help));
        }
        Ok(id)
    }

    /// That nothing is decided on what the sender did not sign, which is all but the body: whoever has one of its
    /// messages may send it with another path, query or field.
    fn is_signed(&self, operation: &file::Operation) -> Result<()> {
        let method = &operation.method;
        if !["POST", "PUT", "PATCH"].contains(&method.value.as_str()) {
            let help = "POST, PUT or PATCH: a request without a body has nothing that is signed";
            return Err(self.fault(method, "third parties send messages", help));
        }
        let elsewhere = !operation.query.is_empty() || !operation.header.is_empty();
        if elsewhere || operation.path.value.contains('{') || operation.websocket.is_some() {
            let message = "the sender signs the body, and no path, query or field";
            let help = "bind members of it by `body`, and give each path an operation of its own";
            return Err(self.fault(&operation.path, message, help));
        }
        Ok(())
    }

    /// What is asked of whoever calls `service`, if third parties do.
    pub(super) fn inbound(&self, service: &file::Service) -> Result<Option<Inbound>> {
        let Some(typed) = &service.inbound else {
            return Ok(None);
        };
        if service.mcp.is_some() || service.graphql.is_some() {
            let help = "say by method and path what they may ask: `operations`";
            let message = "third parties send no messages of MCP or GraphQL here";
            return Err(self.fault(&service.name, message, help));
        }
        service
            .operations
            .iter()
            .try_for_each(|it| self.is_signed(it))?;
        let country = self.country(&typed.country)?;
        let help = "such as `spiffe://acme.example/sender/stripe`";
        let id = self.no_process(&typed.sender, &[], help)?;
        let sender = Agent {
            abroad: Some(country.code().into()),
            ..Agent::no_process(id)
        };
        let secret = &typed.secret;
        if let Some(form) = &secret.value.form {
            let help = "take `as` off: `signature` says how it is used";
            return Err(self.fault(form, "the secret of a sender is presented to nobody", help));
        }
        let (name, _) = self.kept(secret)?;
        let usual = TOLERANCE.unsigned_abs();
        let tolerance = self.timeout(typed.tolerance.as_ref(), usual)?;
        let tolerance = SignedDuration::try_from(tolerance).unwrap_or(TOLERANCE);
        if let Some(typed) = typed
            .tolerance
            .as_ref()
            .filter(|_| tolerance > TOLERANCE_MAX)
        {
            let message = format!("`{}` is too long for a message to be new", typed.value);
            return Err(self.fault(
                typed,
                message,
                "up to 15m: all that came within it is remembered",
            ));
        }
        let sender = Arc::new(sender);
        let scheme = scheme(typed.signature);
        Ok(Some(Inbound::new(sender, scheme, name, tolerance)))
    }
}

/// The same as the data plane has it.
pub(super) fn scheme(typed: Signature) -> Scheme {
    match typed {
        Signature::Stripe => Scheme::Stripe,
        Signature::GitHub => Scheme::GitHub,
        Signature::Slack => Scheme::Slack,
        Signature::Standard => Scheme::Standard,
    }
}
