//! Lists of tools, prompts and resources, as far as the session could use what they name.
//!
//! What a call would be refused for is not offered: what nobody configured, what the caller's token is
//! not for, and what policy refuses. Arguments are not known yet, so that each that binds is taken to
//! name what the task's scope does, or nothing where the scope has no such tag.

use std::{any::Any, collections::BTreeMap, fmt, sync::Arc};

use admission::{Admission, Permit};
use identity::Caller;
use policy::Effect;
use redaction::shape::{Admits, Bound, Path, Rows, Unbound};

use super::{
    Mcp, STREAM,
    pins::{Element, Pinned, Pinning, Pins, Seen},
};
use crate::{
    call::Call,
    exchange::covers,
    gateway::Gateway,
    route::{Service, Speaks, Way},
};

/// What is listed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Listing {
    Tools,
    Prompts,
    Resources,
    Templates,
}

impl Listing {
    const ALL: [Self; 4] = [Self::Tools, Self::Prompts, Self::Resources, Self::Templates];

    /// The method that asks for it, the array of its answer, and the name in an element.
    fn named(self) -> (&'static str, &'static str, &'static str) {
        match self {
            Self::Tools => ("tools/list", "/result/tools", "/name"),
            Self::Prompts => ("prompts/list", "/result/prompts", "/name"),
            Self::Resources => ("resources/list", "/result/resources", "/uri"),
            Self::Templates => (
                "resources/templates/list",
                "/result/resourceTemplates",
                "/uriTemplate",
            ),
        }
    }
}

/// Which elements of the list that was asked for may go on; on a stream, of any.
pub(crate) fn asked_for(gateway: &Gateway, permit: &Permit, way: &Way) -> Vec<Rows> {
    let asked = &*permit.operation().id;
    let is_asked = |listing: &Listing| asked == STREAM || asked == listing.named().0;
    rows(gateway, permit, way, is_asked)
}

/// Which elements of any list may go on to whoever has `permit`, whatever was asked for: a server chooses
/// where it answers, and by which id.
pub(crate) fn any(gateway: &Gateway, permit: &Permit, way: &Way) -> Vec<Rows> {
    rows(gateway, permit, way, |_| true)
}

fn rows(
    gateway: &Gateway,
    permit: &Permit,
    way: &Way,
    is_meant: impl Fn(&Listing) -> bool,
) -> Vec<Rows> {
    if !matches!(way.service.speaks, Speaks::Mcp(_)) {
        return Vec::new();
    }
    let listings = Listing::ALL.into_iter().filter(is_meant);
    // Some clients read a batch (MCP 2025-03-26) in any answer.
    listings
        .flat_map(|listing| ["", "/*"].map(|batch| (listing, batch)))
        .filter_map(|(listing, batch)| {
            let (_, array, member) = listing.named();
            let array = format!("{batch}{array}");
            Some(Rows {
                array: Path::parse(&array).ok()?,
                member: Path::parse(member).ok()?,
                bound: Bound::Admitted(Arc::new(Offer {
                    listing,
                    admission: gateway.admission.clone(),
                    caller: permit.caller().clone(),
                    service: Arc::clone(&way.service),
                    pins: Arc::clone(&gateway.pins),
                })),
                unbound: Unbound::Drop,
            })
        })
        .collect()
}

/// What is offered to a caller.
struct Offer {
    listing: Listing,
    admission: Admission,
    caller: Caller,
    service: Arc<Service>,
    pins: Arc<Pins>,
}

impl fmt::Debug for Offer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Offer").field(&self.listing).finish()
    }
}

impl Admits for Offer {
    fn admits(&self, name: &str) -> bool {
        let Speaks::Mcp(mcp) = &self.service.speaks else {
            return false;
        };
        self.operation(mcp, name).is_some_and(|(call, bound)| {
            let operation = self.service.operation(&call.id, call.effect, bound);
            covers(&self.caller, &operation) && self.admission.would_admit(&self.caller, &operation)
        })
    }

    fn judges_whole(&self) -> bool {
        let Speaks::Mcp(mcp) = &self.service.speaks else {
            return false;
        };
        // A list of resources tells what there is now; what was approved is their template.
        mcp.pinning != Pinning::Off && self.listing != Listing::Resources
    }

    fn admits_whole(&self, row: &[u8]) -> bool {
        let (Speaks::Mcp(mcp), Some(element)) = (&self.service.speaks, Element::read(row)) else {
            return false;
        };
        let (_, _, member) = self.listing.named();
        let name = element.name(member.trim_start_matches('/'));
        let Some((call, _)) = name.and_then(|name| self.operation(mcp, name)) else {
            return false;
        };
        let seen = Seen {
            pinned: Pinned {
                service: Arc::clone(&self.service.name),
                operation: Arc::clone(&call.id),
            },
            pinning: mcp.pinning,
            caller: &self.caller,
            writes: call.effect != Effect::Read,
            is_template: self.listing == Listing::Templates,
        };
        self.pins.observe(seen, element)
    }

    fn is(&self, other: &dyn Admits) -> bool {
        let other = (other as &dyn Any).downcast_ref::<Self>();
        other.is_some_and(|other| {
            self.listing == other.listing
                && Arc::ptr_eq(&self.service, &other.service)
                && self.shown() == other.shown()
        })
    }
}

impl Offer {
    /// What of the caller decides what is offered, beside the process's session: what is offered to one of
    /// them is to the others of its owner.
    fn shown(&self) -> impl PartialEq + '_ {
        let caller = &self.caller;
        let token = caller.token.as_ref();
        let task = token.and_then(|token| token.task.as_ref());
        let only = token.and_then(|token| Some(&token.bounds.as_ref()?.only));
        let task = task.map(|task| (&task.purpose, &task.scope));
        (&caller.agent.id, caller.evidence, task, only)
    }

    /// The operation that a call of what has this name would be.
    fn operation<'m>(
        &self,
        mcp: &'m Mcp,
        name: &str,
    ) -> Option<(&'m Call, BTreeMap<String, String>)> {
        match self.listing {
            Listing::Tools => Some(self.call(mcp.tools.get(name)?)),
            Listing::Prompts => Some(self.call(mcp.prompts.get(name)?)),
            Listing::Resources => mcp.resources.iter().find_map(|resource| {
                let mut bound = resource.bind(name).ok()??;
                bound.insert("uri".to_owned(), name.to_owned());
                Some((resource.call("resources/read")?.1, bound))
            }),
            Listing::Templates => {
                let known = mcp.resources.iter().find(|known| known.uri() == name)?;
                // What has no parameters stands in the list of resources.
                known.parameters().next()?;
                let bound = known.parameters().map(|name| self.likely(name));
                Some((known.call("resources/read")?.1, bound.collect()))
            }
        }
    }

    fn call<'m>(&self, call: &'m Call) -> (&'m Call, BTreeMap<String, String>) {
        let bindings = call.bindings.iter();
        let bound = bindings.map(|binding| self.likely(&binding.parameter));
        (call, bound.collect())
    }

    /// A parameter with what it must name for the scope's sake.
    fn likely(&self, parameter: &str) -> (String, String) {
        let token = self.caller.token.as_ref();
        let task = token.and_then(|token| token.task.as_ref());
        let value = task.and_then(|task| task.scope.get(parameter));
        (parameter.to_owned(), value.cloned().unwrap_or_default())
    }
}
