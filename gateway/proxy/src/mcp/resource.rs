//! Resources by their URI, or by a template of it: `crm://customers/{customer}`.

use std::collections::BTreeMap;

use policy::Effect;

use crate::{
    call::Call,
    message::Unclear,
    route::{PARAMETER_BYTES_MAX, Segment, TemplateFault, segments},
};

/// What is done with a resource.
pub(super) const METHODS: [&str; 3] = [
    "resources/read",
    "resources/subscribe",
    "resources/unsubscribe",
];

/// Resources whose URIs are of one form.
#[derive(Debug)]
pub struct Resource {
    uri: String,
    scheme: String,
    segments: Vec<Segment>,
    calls: Vec<(&'static str, Call)>,
}

impl Resource {
    /// Resources with this URI, in which `{customer}` stands for one segment and binds it. `call` says
    /// what they are held to.
    pub fn new(uri: &str, call: &Call) -> Result<Self, TemplateFault> {
        let relative = || TemplateFault::Relative(uri.into());
        let (scheme, rest) = uri.split_once("://").ok_or_else(relative)?;
        let parsed = rest.split('/').map(Segment::parse);
        let parsed = parsed.collect::<Result<Vec<_>, _>>()?;
        let calls = METHODS.map(|method| {
            let id = format!("{method}/{uri}");
            let call = Call {
                id: id.into(),
                // They change nothing but who is told.
                effect: Effect::Read,
                ..call.clone()
            };
            (method, call)
        });
        Ok(Self {
            uri: uri.to_owned(),
            scheme: scheme.to_owned(),
            segments: parsed,
            calls: calls.into(),
        })
    }

    /// As it is configured.
    pub(crate) fn uri(&self) -> &str {
        &self.uri
    }

    /// The parameters that it binds.
    pub(crate) fn parameters(&self) -> impl Iterator<Item = &str> {
        self.segments.iter().filter_map(Segment::parameter)
    }

    /// Its operations.
    pub(crate) fn calls(&self) -> impl Iterator<Item = &Call> {
        self.calls.iter().map(|(_, call)| call)
    }

    /// The operation of `method` on it.
    pub(crate) fn call(&self, method: &str) -> Option<(&'static str, &Call)> {
        let known = self.calls.iter().find(|(known, _)| *known == method);
        known.map(|(method, call)| (*method, call))
    }

    /// What `uri` binds, if it is of this form.
    pub(crate) fn bind(&self, uri: &str) -> Result<Option<BTreeMap<String, String>>, Unclear> {
        let Some((scheme, rest)) = uri.split_once("://") else {
            return Ok(None);
        };
        // Schemes are the same in any case (RFC 3986 section 3.1), and some servers know that.
        if !scheme.eq_ignore_ascii_case(&self.scheme) {
            return Ok(None);
        }
        if rest.contains(['?', '#']) || scheme != self.scheme {
            return Err(Unclear::Ambiguous);
        }
        let path = format!("/{rest}");
        let given = segments(&path).map_err(|_| Unclear::Ambiguous)?;
        if given.len() != self.segments.len() {
            return Ok(None);
        }
        let mut bound = BTreeMap::new();
        let mut pairs = self.segments.iter().zip(given);
        if !pairs.all(|(segment, value)| segment.bind(&value, &mut bound)) {
            return Ok(None);
        }
        if bound.values().any(|it| it.len() > PARAMETER_BYTES_MAX) {
            return Err(Unclear::ParameterTooLong);
        }
        Ok(Some(bound))
    }
}
