//! Tells whom records are about, as far as their keys are still there.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    sync::Arc,
};

use vault::{Handle, KeyProvider, SubjectKey, handle_of};

use crate::{
    CallerRecord, DELEGATING, DelegationRecord, Entry, Event, LedgerError, OperationRecord,
    READ_ROWS_MAX, SubjectStore, TokenRecord, Written,
};

/// Keys that are kept unwrapped while reading.
const CACHED_MAX: usize = 4096;

/// What stands where somebody's key is gone, before the key's handle.
pub const ERASED: &str = "erased:";

/// The keys of data subjects, where there are any.
#[derive(Default)]
pub(crate) struct Readable {
    store: Option<Box<dyn SubjectStore>>,
    /// None: there is no such key any more.
    cached: HashMap<Handle, Option<SubjectKey>>,
}

impl Readable {
    pub(crate) fn of(store: Box<dyn SubjectStore>) -> Self {
        Self {
            store: Some(store),
            cached: HashMap::new(),
        }
    }

    /// Looks up at once whom all of `entries` are about: one question to the store for many records, not one for each.
    pub(crate) async fn fetch(
        &mut self,
        entries: &[Entry],
        provider: &dyn KeyProvider,
        log: &str,
    ) -> Result<(), LedgerError> {
        let Some(store) = &mut self.store else {
            return Ok(());
        };
        let mut named = BTreeSet::new();
        for entry in entries {
            handles(&entry.event, &mut |handle| {
                if named.len() < CACHED_MAX {
                    named.insert(handle);
                }
            });
        }
        let is_new = |handle: &&Handle| !self.cached.contains_key(*handle);
        if self.cached.len() + named.iter().filter(is_new).count() > CACHED_MAX {
            // Those of these entries that it has are asked for again.
            self.cached.clear();
        }
        named.retain(|handle| !self.cached.contains_key(handle));
        let unknown: Vec<Handle> = named.into_iter().collect();
        for some in unknown.chunks(READ_ROWS_MAX as usize) {
            let found = store.find(some).await?;
            self.cached
                .extend(some.iter().map(|handle| (*handle, None)));
            for (handle, wrapped) in found {
                let key = SubjectKey::unwrap(provider, &wrapped, log, handle);
                let key = key.map_err(|error| LedgerError::Failed(error.into()))?;
                self.cached.insert(handle, Some(key));
            }
        }
        Ok(())
    }

    /// Puts back into `event` what was sealed, or says that it was erased.
    pub(crate) async fn tell(
        &mut self,
        event: &mut Event,
        provider: &dyn KeyProvider,
        log: &str,
    ) -> Result<(), LedgerError> {
        let (caller, operation) = match event {
            Event::Open(opening) => (&mut opening.caller, Some(&mut opening.operation)),
            Event::Refuse(refusal) => (&mut refusal.caller, refusal.operation.as_mut()),
            _ => return Ok(()),
        };
        if let Some(OperationRecord {
            bound, arguments, ..
        }) = operation
        {
            for named in [bound, arguments] {
                if let Some(told) = self.told(named, provider, log).await? {
                    *named = Arc::new(told);
                }
            }
        }
        let Some(token) = &caller.token else {
            return Ok(());
        };
        let scope = self.told(&token.scope, provider, log).await?;
        let delegation = self.delegation(token, provider, log).await?;
        if scope.is_none() && delegation.is_none() {
            return Ok(());
        }
        let mut record: CallerRecord = CallerRecord::clone(caller);
        if let Some(token) = &mut record.token {
            token.scope = scope.unwrap_or_else(|| std::mem::take(&mut token.scope));
            token.delegation = delegation.or_else(|| token.delegation.take());
        }
        *caller = Written::from(record);
        Ok(())
    }

    /// Who acts for whom, with what is sealed opened; none if nothing is.
    async fn delegation(
        &mut self,
        token: &TokenRecord,
        provider: &dyn KeyProvider,
        log: &str,
    ) -> Result<Option<DelegationRecord>, LedgerError> {
        let Some(sealed) = &token.delegation else {
            return Ok(None);
        };
        if !sealed.parties().any(|name| handle_of(name).is_some()) {
            return Ok(None);
        }
        let mut told = sealed.clone();
        for person in told.people() {
            *person = self.opened(DELEGATING, person, provider, log).await?;
        }
        Ok(Some(told))
    }

    /// The same with what is sealed opened; none if nothing is.
    async fn told(
        &mut self,
        named: &BTreeMap<String, String>,
        provider: &dyn KeyProvider,
        log: &str,
    ) -> Result<Option<BTreeMap<String, String>>, LedgerError> {
        if !named.values().any(|value| handle_of(value).is_some()) {
            return Ok(None);
        }
        let mut told = BTreeMap::new();
        for (name, value) in named {
            let value = self.opened(name, value, provider, log).await?;
            told.insert(name.clone(), value);
        }
        Ok(Some(told))
    }

    /// What was sealed as the value of `name`, or that it was erased; what is not sealed stays.
    async fn opened(
        &mut self,
        name: &str,
        value: &str,
        provider: &dyn KeyProvider,
        log: &str,
    ) -> Result<String, LedgerError> {
        let Some(handle) = handle_of(value) else {
            return Ok(value.to_owned());
        };
        let key = self.key(handle, provider, log).await?;
        let opened = key.and_then(|key| key.open(name, value).ok());
        Ok(opened.unwrap_or_else(|| format!("{ERASED}{}", hex::encode(handle))))
    }

    async fn key(
        &mut self,
        handle: Handle,
        provider: &dyn KeyProvider,
        log: &str,
    ) -> Result<Option<&SubjectKey>, LedgerError> {
        if !self.cached.contains_key(&handle) {
            let wrapped = match &mut self.store {
                Some(store) => store.key(handle).await?,
                None => None,
            };
            let key = wrapped.map(|it| SubjectKey::unwrap(provider, &it, log, handle));
            let key = key
                .transpose()
                .map_err(|error| LedgerError::Failed(error.into()))?;
            if self.cached.len() >= CACHED_MAX {
                self.cached.clear();
            }
            self.cached.insert(handle, key);
        }
        Ok(self.cached.get(&handle).and_then(Option::as_ref))
    }
}

/// Gives the handles of everybody whom `event` names.
fn handles(event: &Event, give: &mut dyn FnMut(Handle)) {
    let (caller, operation) = match event {
        Event::Open(opening) => (&opening.caller, Some(&opening.operation)),
        Event::Refuse(refusal) => (&refusal.caller, refusal.operation.as_ref()),
        _ => return,
    };
    let named = operation.into_iter();
    let named = named.flat_map(|it| it.bound.values().chain(it.arguments.values()));
    let token = caller.token.as_ref();
    let scope = token.into_iter().flat_map(|it| it.scope.values());
    let delegation = token.and_then(|it| it.delegation.as_ref());
    let parties = delegation.into_iter().flat_map(DelegationRecord::parties);
    let all = named.chain(scope).chain(parties);
    all.filter_map(|value| handle_of(value)).for_each(give);
}
