//! What policies may ask of a service beside its country.

use std::{collections::BTreeMap, sync::Arc};

use miette::Result;
use policy::Training;
use proxy::route::{Facts, Groups};
use serde_saphyr::Spanned;

use super::{budgets::is_name, file, resolve::Resolver};

impl Resolver<'_> {
    /// The groups of a service's operations, and whether it may train models.
    pub(super) fn facts(&self, service: &file::Service) -> Result<Facts> {
        let mut groups: BTreeMap<Arc<str>, Groups> = BTreeMap::new();
        for (id, typed) in grouped(service).filter(|(_, typed)| !typed.is_empty()) {
            let each = typed.iter().map(|group| self.group(group));
            groups.insert(id.into(), each.collect::<Result<_>>()?);
        }
        Ok(Facts {
            groups,
            training: service.training.map_or(Training::Unknown, training),
        })
    }

    fn group(&self, typed: &Spanned<String>) -> Result<Arc<str>> {
        if is_name(&typed.value) {
            return Ok(typed.value.as_str().into());
        }
        let message = format!("`{}` is no name of a group", typed.value.escape_debug());
        let help = "`money`, `messages`, `models`, or letters, digits, `-`, `_` and `.`, up to 64";
        Err(self.fault(typed, message, help))
    }
}

/// The operations of a service by their ids, and the groups that are typed of each.
fn grouped(service: &file::Service) -> impl Iterator<Item = (String, &Vec<Spanned<String>>)> {
    let paths = service.operations.iter();
    let paths = paths.map(|it| (it.id.value.clone(), &it.groups));
    let tools = service.mcp.iter().flat_map(|it| &it.tools);
    let tools = tools.map(|it| (format!("tools/call/{}", it.name.value), &it.groups));
    let roots = service.graphql.iter().flat_map(|it| {
        let kinds = [
            ("query", &it.queries),
            ("mutation", &it.mutations),
            ("subscription", &it.subscriptions),
        ];
        kinds.into_iter().flat_map(|(kind, fields)| {
            let named = move |it: &file::RootField| format!("{kind}/{}", it.field.value);
            fields.iter().map(move |it| (named(it), &it.groups))
        })
    });
    paths.chain(tools).chain(roots)
}

/// What was typed of it.
pub(super) fn training(typed: file::Training) -> Training {
    match typed {
        file::Training::Never => Training::Never,
        file::Training::OptIn => Training::OptIn,
        file::Training::OptOut => Training::OptOut,
        file::Training::Always => Training::Always,
        file::Training::Unknown => Training::Unknown,
    }
}
