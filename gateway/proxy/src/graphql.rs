//! GraphQL over HTTP: which operation a request is (<https://spec.graphql.org/October2021/>,
//! <https://graphql.github.io/graphql-over-http/draft/>).
//!
//! The kind of operation with its root field is the operation that policies decide on:
//! `query/customer`. A request asks for one root field; what is not configured is refused, and so is
//! what servers may read in more than one way.

mod aliases;
mod document;
mod envelope;

use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
};

use classifiers::{
    KeyCache,
    declared::{Declared, Place},
    operator::Operator,
};
use http::{Method, StatusCode};

pub(crate) use envelope::{Envelope, from_query, is_clear};

use crate::{
    call::Call,
    message::{Named, Refused, Unclear},
};
use document::{Field, Kind};

/// A member that every object has, and that says only of which type it is.
const TYPE_NAME: &str = "__typename";

/// What a GraphQL service offers.
#[derive(Debug, Default)]
pub struct GraphQl {
    /// Paths of the endpoints: `/graphql`.
    pub endpoints: Vec<Arc<str>>,
    queries: HashMap<String, Call>,
    mutations: HashMap<String, Call>,
    subscriptions: HashMap<String, Call>,
}

/// What the names in a response are held against.
pub(crate) struct Names<'a> {
    pub(crate) operator: Option<&'a Arc<Operator>>,
    pub(crate) declared: Option<&'a Arc<Declared>>,
}

impl GraphQl {
    /// A service of which no root field is known.
    pub fn new(endpoints: Vec<Arc<str>>) -> Self {
        Self {
            endpoints,
            ..Self::default()
        }
    }

    /// With a root field of queries; its call's id is `query/` and its name.
    pub fn query(&mut self, field: &str, call: Call) {
        self.queries.insert(field.to_owned(), call);
    }

    /// With a root field of mutations; its call's id is `mutation/` and its name.
    pub fn mutation(&mut self, field: &str, call: Call) {
        self.mutations.insert(field.to_owned(), call);
    }

    /// With a root field of subscriptions, whose answers come as events; its call's id is
    /// `subscription/` and its name.
    pub fn subscription(&mut self, field: &str, call: Call) {
        self.subscriptions.insert(field.to_owned(), call);
    }

    /// Every operation that is known.
    pub fn calls(&self) -> impl Iterator<Item = &Call> {
        self.roots().into_iter().flat_map(HashMap::values)
    }

    fn roots(&self) -> [&HashMap<String, Call>; 3] {
        [&self.queries, &self.mutations, &self.subscriptions]
    }

    /// The endpoint that a request to this path behind the service's prefix is for.
    pub(crate) fn endpoint(&self, method: &Method, path: &str) -> Option<Arc<str>> {
        let spoken = matches!(*method, Method::GET | Method::POST);
        let known = self.endpoints.iter().find(|known| known.as_ref() == path);
        known.filter(|_| spoken).cloned()
    }

    /// The operation that a request asks for.
    pub(crate) fn understand(
        &self,
        method: &Method,
        envelope: &Envelope<'_>,
        names: &Names<'_>,
    ) -> Result<Named<'_>, Refused> {
        let asked = document::read(envelope)?;
        let (kind, known) = match asked.kind {
            Kind::Query => ("query", &self.queries),
            // GET is safe (RFC 9110 section 9.2.1), and a mutation is not.
            Kind::Mutation if *method == Method::GET => return Err(Unclear::Ambiguous.into()),
            Kind::Mutation => ("mutation", &self.mutations),
            Kind::Subscription => ("subscription", &self.subscriptions),
        };
        let mut roots = asked.fields.iter().filter(|field| field.name != TYPE_NAME);
        let root = roots.next().ok_or(Unclear::OperationUnknown)?;
        let refused = |why| Refused {
            why,
            operation: kind,
            bound: BTreeMap::from([("field".to_owned(), root.name.clone())]),
        };
        if roots.any(|other| other.name != root.name) {
            return Err(refused(Unclear::Several));
        }
        let call = known
            .get(&root.name)
            .ok_or_else(|| refused(Unclear::OperationUnknown))?;
        let bound = self.bind(call, root, &asked.fields).map_err(refused)?;
        check_aliases(call, &asked.fields, names).map_err(refused)?;
        Ok(Named {
            call,
            bound,
            spoken: None,
        })
    }

    /// What the root fields bind: all the same. A field further down that is called like a root field
    /// and takes its arguments leads to what that would.
    fn bind(
        &self,
        call: &Call,
        root: &Field,
        fields: &[Field],
    ) -> Result<BTreeMap<String, String>, Unclear> {
        let bound = call.bind(Some(&root.arguments))?;
        let mut open: Vec<(&Field, bool)> = fields.iter().map(|field| (field, true)).collect();
        while let Some((field, is_root)) = open.pop() {
            open.extend(field.fields.iter().map(|inner| (inner, false)));
            if is_root && field.name == root.name {
                if call.bind(Some(&field.arguments))? != bound {
                    return Err(Unclear::Ambiguous);
                }
            } else if !field.arguments.is_empty() {
                let alike = self.roots().map(|known| known.get(&field.name));
                for alike in alike.into_iter().flatten() {
                    let others = match alike.bind(Some(&field.arguments)) {
                        Err(Unclear::ParameterMissing) => continue,
                        others => others?,
                    };
                    if others
                        .iter()
                        .any(|(name, value)| bound.get(name) != Some(value))
                    {
                        return Err(Unclear::Ambiguous);
                    }
                }
            }
        }
        Ok(bound)
    }
}

fn check_aliases(call: &Call, fields: &[Field], names: &Names<'_>) -> Result<(), Unclear> {
    if !fields.iter().any(Field::has_alias) {
        return Ok(());
    }
    // Rows are found by the names on the way to them.
    if !call.answers.rows.is_empty() {
        return Err(Unclear::AliasHides);
    }
    let keys = names.operator.map_or_else(KeyCache::new, |operator| {
        KeyCache::with_operator(Arc::clone(operator))
    });
    let described = names.declared.and_then(|declared| {
        let operation = declared.operations().get(call.described?)?;
        Some((declared, operation.response(StatusCode::OK.as_u16())?))
    });
    match described {
        Some((declared, place)) => {
            let keys = keys.declaring(Arc::clone(declared));
            aliases::check(fields, Some((declared, place)), keys)
        }
        None => aliases::check(fields, None::<(&Arc<Declared>, Place)>, keys),
    }
}

#[cfg(test)]
mod tests;
