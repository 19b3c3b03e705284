//! Paths as telemetry may know them. A member's name can itself be somebody's name, so only names
//! that the classifiers' word lists know leave the host; the sealed record has the others too.

use std::{cell::RefCell, collections::HashMap, sync::Arc};

use classifiers::{KeyClass, key_class};

/// Paths that one worker remembers; a schema has dozens.
const REMEMBERED_MAX: usize = 1024;

thread_local! {
    static REMEMBERED: RefCell<HashMap<Box<str>, Arc<str>>> = RefCell::default();
}

/// Each path with `?` for the names that stay here.
pub(crate) fn paths<'a>(paths: impl Iterator<Item = &'a str>) -> Vec<Arc<str>> {
    REMEMBERED.with_borrow_mut(|remembered| paths.map(|path| told(path, remembered)).collect())
}

fn told(path: &str, remembered: &mut HashMap<Box<str>, Arc<str>>) -> Arc<str> {
    if let Some(told) = remembered.get(path) {
        return Arc::clone(told);
    }
    if remembered.len() >= REMEMBERED_MAX {
        remembered.clear();
    }
    let told: Arc<str> = spelt(path).into();
    remembered.insert(path.into(), Arc::clone(&told));
    told
}

fn spelt(path: &str) -> String {
    let known = |name: &&str| *name == "*" || key_class(name.as_bytes()) != KeyClass::None;
    let names = path.split('/').skip(1);
    names.fold(String::new(), |path, name| {
        path + "/" + Some(name).filter(known).unwrap_or("?")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_that_no_schema_has_stays_here() {
        for _ in 0..2 {
            let told = paths(["/customers/*/email", "/quux/jane-roe/phone"].into_iter());
            assert_eq!(&*told[0], "/customers/*/email");
            assert_eq!(&*told[1], "/?/?/phone");
        }
    }
}
