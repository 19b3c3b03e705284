//! What is typed of one operation that a method and a path name.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_saphyr::Spanned;

use super::{Argument, Effect, Rows};

/// One operation of it.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Operation {
    pub(crate) id: Spanned<String>,
    pub(crate) method: Spanned<String>,
    pub(crate) path: Spanned<String>,
    pub(crate) effect: Option<Effect>,
    /// Words that are no values of a parameter of the path, since they are calls of their own: `customer: [search]`.
    #[serde(default)]
    pub(crate) except: BTreeMap<String, Vec<String>>,
    /// The groups that it is in: `money`, `messages`, `models`, or others that policies name.
    #[serde(default)]
    pub(crate) groups: Vec<Spanned<String>>,
    /// Parameters bound by the query: `customer: id` binds `?id=`.
    #[serde(default)]
    pub(crate) query: BTreeMap<String, String>,
    /// Parameters bound by header fields: `tenant: x-tenant`.
    #[serde(default)]
    pub(crate) header: BTreeMap<String, Spanned<String>>,
    /// Parameters bound by members of JSON or fields of a form: `customer: order.customer_id`.
    #[serde(default)]
    pub(crate) body: BTreeMap<String, Spanned<String>>,
    /// Arguments that rules may hold within bounds, by the parameters that are bound.
    #[serde(default)]
    pub(crate) arguments: BTreeMap<String, Argument>,
    /// Whose rows its answers may hold.
    #[serde(default)]
    pub(crate) rows: Vec<Rows>,
    /// The most records of an answer: objects in arrays, outermost ones.
    pub(crate) records_max: Option<u64>,
    /// The most fields of an answer: scalars, wherever they stand.
    pub(crate) fields_max: Option<u64>,
    /// The parameter, or else the tag of the task's scope, that names the data subject: its dates
    /// move together.
    pub(crate) subject: Option<String>,
    /// Which parts of its answers are records, for budgets that count them.
    pub(crate) records: Option<Records>,
    /// That it is a WebSocket.
    pub(crate) websocket: Option<Spanned<WebSocket>>,
}

/// What is declared of a WebSocket.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct WebSocket {
    /// The subprotocols that may be agreed on; others are not passed on.
    #[serde(default)]
    pub(crate) subprotocols: Vec<Spanned<String>>,
}

/// Elements of an array are records.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Records {
    /// The array: `/customers`; empty if it is the whole answer.
    pub(crate) array: Spanned<String>,
    /// Where in an element stands what names it: `/id`.
    pub(crate) id: Spanned<String>,
    /// Where it says whom it is about: `/customer_id`.
    pub(crate) subject: Option<Spanned<String>>,
}
