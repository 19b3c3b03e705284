//! Services of GraphQL: what their root fields are held to.

use std::sync::Arc;

use classifiers::declared::Declared;
use miette::Result;
use proxy::{call::Call, graphql::GraphQl};
use serde_json::{Value, json};

use super::{file, messages::position_of, resolve::Resolver};

impl Resolver<'_> {
    /// The service, and what its owner says of its answers.
    pub(super) fn graphql(
        &self,
        typed: &file::GraphQl,
    ) -> Result<(GraphQl, Option<Arc<Declared>>)> {
        let endpoints = typed.endpoints.iter().map(|path| self.endpoint(path));
        let mut graphql = GraphQl::new(endpoints.collect::<Result<_>>()?);
        let fields = || typed.queries.iter().chain(&typed.mutations);
        let outputs = fields().map(|root| {
            let data = |output: &Value| {
                let field = json!({ "properties": { root.field.value.as_str(): output } });
                json!({ "properties": { "data": field } })
            };
            let output = root.output.as_ref();
            output.map(|output| (output, data(&output.value)))
        });
        let declared = self.outputs(outputs)?;
        self.once(typed.queries.iter().map(|root| &root.field), "query")?;
        self.once(typed.mutations.iter().map(|root| &root.field), "mutation")?;
        for (position, root) in fields().enumerate() {
            let is_query = position < typed.queries.len();
            let mut call = self.root(root, is_query)?;
            let described = root.output.as_ref().and(declared.as_ref());
            call.described = described.and_then(|declared| position_of(declared, position));
            if is_query {
                graphql.query(&root.field.value, call);
            } else {
                graphql.mutation(&root.field.value, call);
            }
        }
        Ok((graphql, declared))
    }

    fn root(&self, root: &file::RootField, is_query: bool) -> Result<Call> {
        let typed = root.effect.as_ref().map(|effect| effect.value);
        let (kind, effect) = match (is_query, typed) {
            (true, None | Some(file::Effect::Read)) => ("query", file::Effect::Read),
            (false, None | Some(file::Effect::Write)) => ("mutation", file::Effect::Write),
            (false, Some(file::Effect::Delete)) => ("mutation", file::Effect::Delete),
            _ => {
                let help = "a query reads; a mutation writes or deletes";
                let message = format!("`{}` cannot have this effect", root.field.value);
                return Err(self.fault(&root.field, message, help));
            }
        };
        let id = format!("{kind}/{}", root.field.value);
        let mut call = self.call(&id, Some(effect), &root.bind)?;
        let limits = (root.records_max, root.fields_max);
        call.answers = Arc::new(self.answers(&root.rows, limits, root.subject.as_deref())?);
        Ok(call)
    }
}
