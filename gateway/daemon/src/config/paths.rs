//! Operations that a method and a path name.

use std::{collections::HashSet, str::FromStr as _, sync::Arc};

use http::{HeaderName, Method};
use miette::Result;
use policy::Effect;
use proxy::{bindings::Elsewhere, route::Template, websocket::WebSocket};
use serde_saphyr::Spanned;

use super::{arguments, file, messages::effect, resolve::Resolver};

impl Resolver<'_> {
    /// What may be asked of a service by method and path, in the order in which it is tried.
    pub(super) fn paths(&self, service: &file::Service) -> Result<Vec<Template>> {
        let mut ids = HashSet::new();
        let mut operations = Vec::new();
        for operation in &service.operations {
            if !ids.insert(operation.id.value.clone()) {
                let message = format!("operation `{}` is defined twice", operation.id.value);
                return Err(self.fault(
                    &operation.id,
                    message,
                    "give each operation of a service its own id",
                ));
            }
            operations.push(self.operation(&service.name.value, operation)?);
        }
        operations.sort_by_key(Template::generality);
        if operations.iter().any(Template::has_verb) {
            operations.iter_mut().for_each(Template::know_verbs);
        }
        Ok(operations)
    }

    pub(super) fn operation(&self, service: &str, operation: &file::Operation) -> Result<Template> {
        let method = Method::from_str(&operation.method.value)
            .ok()
            .filter(|method| method.as_str().bytes().all(|b| b.is_ascii_uppercase()));
        let method = method.ok_or_else(|| {
            let message = format!("`{}` is not an HTTP method", operation.method.value);
            self.fault(
                &operation.method,
                message,
                "upper case: GET, POST, PUT, PATCH, DELETE",
            )
        })?;
        let websocket = operation.websocket.as_ref();
        let websocket = websocket.map(|typed| self.websocket(typed, &method, operation));
        let websocket = websocket.transpose()?;
        // On one who asks says what it likes.
        let usual = match &operation.websocket {
            Some(_) => Effect::Write,
            None => effect_of(&method),
        };
        let effect = operation.effect.map_or(usual, effect);
        let template = Template::new(
            &operation.id.value,
            method,
            &operation.path.value,
            effect,
            &operation.query,
        );
        let elsewhere = self.elsewhere(operation)?;
        let defaults = operation.arguments.iter();
        let defaults =
            defaults.filter_map(|(name, it)| Some((name.clone(), arguments::default(it)?)));
        let defaults = defaults.collect();
        let template = template.and_then(|template| {
            let template = template.except(&operation.except)?;
            template.defaulting(&defaults).binding(elsewhere)
        });
        let mut template = template.map_err(|error| {
            self.fault(
                &operation.path,
                error.to_string(),
                "a path reads `/customers/{customer}`",
            )
        })?;
        let bound: Vec<&str> = template.bound().chain(elsewhere_of(operation)).collect();
        template.arguments = self.arguments(&operation.arguments, &bound)?;
        let mut answers = self.answers(
            &operation.rows,
            (operation.records_max, operation.fields_max),
            operation.subject.as_deref(),
        )?;
        let records = operation.records.as_ref();
        answers.records = records.map(|it| self.records(it)).transpose()?;
        answers.mediated = self.mediated(service, operation)?;
        template.answers = Arc::new(answers);
        template.websocket = websocket.map(Arc::new);
        Ok(template)
    }

    /// What is declared of an operation that is a WebSocket.
    fn websocket(
        &self,
        typed: &Spanned<file::WebSocket>,
        method: &Method,
        operation: &file::Operation,
    ) -> Result<WebSocket> {
        if *method != Method::GET || !operation.body.is_empty() {
            return Err(self.fault(
                typed,
                "a WebSocket is opened by a GET without a body",
                "write `method: GET`, and bind parameters by the path, `query` or `header` (RFC 6455 section 4.1)",
            ));
        }
        let subprotocols = typed.value.subprotocols.iter().map(|name| {
            if is_token(&name.value) {
                return Ok(name.value.as_str().into());
            }
            let message = format!("`{}` is not the name of a subprotocol", name.value);
            let help = "one word, as in `sec-websocket-protocol`: `graphql-transport-ws`";
            Err(self.fault(name, message, help))
        });
        Ok(WebSocket {
            subprotocols: subprotocols.collect::<Result<_>>()?,
        })
    }

    /// What header fields and the body bind.
    fn elsewhere(&self, operation: &file::Operation) -> Result<Elsewhere> {
        let headers = operation.header.iter().map(|(parameter, typed)| {
            let name = HeaderName::from_str(&typed.value).ok();
            // What the gateway takes out would be decided on and never arrive.
            let name = name.filter(proxy::arrives);
            let name = name.ok_or_else(|| {
                let message = format!("`{}` is no header field of a service", typed.value);
                self.fault(typed, message, "the field's name: `x-customer-id`")
            })?;
            let declared = operation.arguments.get(parameter);
            Ok((
                parameter.clone(),
                name,
                declared.and_then(arguments::default),
            ))
        });
        let body = operation
            .body
            .iter()
            .map(|(parameter, typed)| self.binding(parameter, typed, &operation.arguments));
        Ok(Elsewhere {
            headers: headers.collect::<Result<_>>()?,
            body: body.collect::<Result<_>>()?,
            // The template knows which of its own may be absent.
            query: Vec::new(),
        })
    }
}

/// Whether it is a token of HTTP (RFC 9110 section 5.6.2).
fn is_token(name: &str) -> bool {
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
    !name.is_empty() && name.bytes().all(fits)
}

/// What header fields and the body bind.
fn elsewhere_of(operation: &file::Operation) -> impl Iterator<Item = &str> {
    let bound = operation.header.keys().chain(operation.body.keys());
    bound.map(String::as_str)
}

/// Safe methods read (RFC 9110 section 9.2.1), DELETE deletes, all else counts as a write.
pub(crate) fn effect_of(method: &Method) -> Effect {
    match *method {
        Method::GET | Method::HEAD | Method::OPTIONS => Effect::Read,
        Method::DELETE => Effect::Delete,
        _ => Effect::Write,
    }
}
