//! Services of GraphQL: what their root fields are held to.

use std::sync::Arc;

use classifiers::declared::Declared;
use miette::Result;
use proxy::{call::Call, graphql::GraphQl};
use serde_json::{Value, json};

use super::{file, messages::position_of, resolve::Resolver};

impl Resolver<'_> {
    /// The service, and what its owner says of its answers.
    pub(super) fn graphql<'a>(
        &self,
        typed: &'a file::GraphQl,
    ) -> Result<(GraphQl, Option<Arc<Declared>>)> {
        let endpoints = typed.endpoints.iter().map(|path| self.endpoint(path));
        let mut graphql = GraphQl::new(endpoints.collect::<Result<_>>()?);
        let kinds = [
            (Kind::Query, &typed.queries),
            (Kind::Mutation, &typed.mutations),
            (Kind::Subscription, &typed.subscriptions),
        ];
        let of_kind = |(kind, roots): (Kind, &'a Vec<file::RootField>)| {
            roots.iter().map(move |root| (kind, root))
        };
        let fields = || kinds.into_iter().flat_map(of_kind);
        let outputs = fields().map(|(_, root)| {
            let data = |output: &Value| {
                let field = json!({ "properties": { root.field.value.as_str(): output } });
                json!({ "properties": { "data": field } })
            };
            let output = root.output.as_ref();
            output.map(|output| (output, data(&output.value)))
        });
        let declared = self.outputs(outputs)?;
        for (kind, roots) in kinds {
            self.once(roots.iter().map(|root| &root.field), kind.name())?;
        }
        for (position, (kind, root)) in fields().enumerate() {
            let mut call = self.root(root, kind)?;
            let described = root.output.as_ref().and(declared.as_ref());
            call.described = described.and_then(|declared| position_of(declared, position));
            let name = &root.field.value;
            match kind {
                Kind::Query => graphql.query(name, call),
                Kind::Mutation => graphql.mutation(name, call),
                Kind::Subscription => graphql.subscription(name, call),
            }
        }
        Ok((graphql, declared))
    }

    fn root(&self, root: &file::RootField, kind: Kind) -> Result<Call> {
        let typed = root.effect.as_ref().map(|effect| effect.value);
        let effect = match (kind, typed) {
            (Kind::Query | Kind::Subscription, None | Some(file::Effect::Read)) => {
                file::Effect::Read
            }
            (Kind::Mutation, None | Some(file::Effect::Write)) => file::Effect::Write,
            (Kind::Mutation, Some(file::Effect::Delete)) => file::Effect::Delete,
            _ => {
                let help = "a query and a subscription read; a mutation writes or deletes";
                let message = format!("`{}` cannot have this effect", root.field.value);
                return Err(self.fault(&root.field, message, help));
            }
        };
        let id = format!("{}/{}", kind.name(), root.field.value);
        let mut call = self.call(&id, Some(effect), &root.bind, &root.arguments)?;
        let limits = (root.records_max, root.fields_max);
        call.answers = Arc::new(self.answers(&root.rows, limits, root.subject.as_deref())?);
        Ok(call)
    }
}

/// What a root field is of.
#[derive(Clone, Copy)]
enum Kind {
    Query,
    Mutation,
    Subscription,
}

impl Kind {
    fn name(self) -> &'static str {
        match self {
            Self::Query => "query",
            Self::Mutation => "mutation",
            Self::Subscription => "subscription",
        }
    }
}
