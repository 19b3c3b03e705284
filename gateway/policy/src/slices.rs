//! Which policies can take part in an answer, by what the heads of their scopes name.
//!
//! Cedar evaluates every policy that it is given, about 1 µs each. One whose head names an agent, a
//! service or an operation that the question has nothing to do with is not satisfied and cannot fail,
//! since nothing behind its head is looked at; so it may be left out. What is left is remembered by the
//! names that matter, which are few: not by who asks.

use std::{collections::HashSet, sync::Arc};

use cedar_policy::{
    EntityUid, Policy, PolicySet, PolicySetError, PrincipalConstraint, ResourceConstraint,
};
use moka::sync::Cache;

/// The most slices that are remembered.
const SLICES_MAX: u64 = 512;

/// The policies of one verb.
pub(crate) struct Slices {
    all: Arc<PolicySet>,
    heads: Vec<Head>,
    /// All that any head names.
    named: HashSet<EntityUid>,
    cut: Cache<Vec<EntityUid>, Arc<PolicySet>>,
}

/// What the head of a policy names: it can only apply to that, and to what is in it.
struct Head {
    policy: Policy,
    principal: Option<EntityUid>,
    resource: Option<EntityUid>,
}

impl Slices {
    /// The slices of these policies.
    pub(crate) fn new(policies: impl Iterator<Item = Policy>) -> Result<Self, Box<PolicySetError>> {
        let heads: Vec<Head> = policies.map(Head::of).collect();
        let all = PolicySet::from_policies(heads.iter().map(|head| head.policy.clone()))?;
        let named = heads.iter().flat_map(|it| [&it.principal, &it.resource]);
        Ok(Self {
            all: Arc::new(all),
            named: named.flatten().cloned().collect(),
            heads,
            cut: Cache::new(SLICES_MAX),
        })
    }

    /// All of them.
    pub(crate) fn all(&self) -> &PolicySet {
        &self.all
    }

    /// Those that can apply to a question about `within`: its principal and its resource, and all that
    /// either is in.
    pub(crate) fn of(&self, within: &[EntityUid]) -> Arc<PolicySet> {
        if self.named.is_empty() {
            return Arc::clone(&self.all);
        }
        let matters = within.iter().filter(|uid| self.named.contains(uid));
        let matters: Vec<EntityUid> = matters.cloned().collect();
        if let Some(cut) = self.cut.get(&matters) {
            return cut;
        }
        let cut = self.cut(&matters);
        self.cut.insert(matters, Arc::clone(&cut));
        cut
    }

    fn cut(&self, matters: &[EntityUid]) -> Arc<PolicySet> {
        let fits =
            |named: &Option<EntityUid>| named.as_ref().is_none_or(|uid| matters.contains(uid));
        let fitting = self
            .heads
            .iter()
            .filter(|head| fits(&head.principal) && fits(&head.resource));
        let cut = PolicySet::from_policies(fitting.map(|head| head.policy.clone()));
        // Part of a set whose ids differ is one, too; were it none, all of it would do.
        cut.map_or_else(|_| Arc::clone(&self.all), Arc::new)
    }
}

impl Head {
    fn of(policy: Policy) -> Self {
        let principal = match policy.principal_constraint() {
            PrincipalConstraint::Any | PrincipalConstraint::Is(_) => None,
            PrincipalConstraint::Eq(uid)
            | PrincipalConstraint::In(uid)
            | PrincipalConstraint::IsIn(_, uid) => Some(uid),
        };
        let resource = match policy.resource_constraint() {
            ResourceConstraint::Any | ResourceConstraint::Is(_) => None,
            ResourceConstraint::Eq(uid)
            | ResourceConstraint::In(uid)
            | ResourceConstraint::IsIn(_, uid) => Some(uid),
        };
        Self {
            policy,
            principal,
            resource,
        }
    }
}
