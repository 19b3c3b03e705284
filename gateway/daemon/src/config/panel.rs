//! Who may ask what a token stands for.

use std::collections::{BTreeMap, BTreeSet};

use miette::Result;

use super::{file, resolve::Resolver};
use crate::reveal::Panel;

impl Resolver<'_> {
    pub(super) fn panel(&self, reveal: &file::Reveal) -> Result<Panel> {
        let mut operators = BTreeMap::new();
        for operator in &reveal.operators.value {
            if !vault::is_operator_key(&operator.key.value) {
                let help = "put the line here that `tidegate tokens operator --to FILE` prints";
                let message = "this is no public key of an operator";
                return Err(self.fault(&operator.key, message, help));
            }
            let name = operator.name.value.clone();
            if operators.insert(name, operator.key.value.clone()).is_some() {
                let message = format!("operator `{}` is named twice", operator.name.value);
                return Err(self.fault(&operator.name, message, "rename one of the two"));
            }
        }
        let keys: BTreeSet<_> = operators.values().collect();
        if reveal.two_persons && keys.len() < 2 {
            let message = "two persons must agree, but there are no two";
            let help = "name a second operator with a key of their own";
            return Err(self.fault(&reveal.operators, message, help));
        }
        Ok(Panel {
            operators,
            two_persons: reveal.two_persons,
        })
    }
}
