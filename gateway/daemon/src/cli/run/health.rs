//! How the parts of a running gateway stand, for `/readyz`, `/metrics`, `/flows`, `/budgets` and `/risk`.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use admin::{Condition, Part, Status, Which, Whose};
use admission::budget::Asked;
use flows::{Keeper, KernelSource};
use proxy::Gateway;

use crate::{
    alerts::Alerts,
    bundles,
    cli::now,
    credentials::Held,
    egress::{self, Reconciler},
    lease,
    publication::Standing,
    risk::{Risk, SESSIONS_MAX},
    shipping::Lag,
    spent::Spent,
};

/// How the parts stand.
pub(super) struct Health {
    pub(super) gateway: Arc<Gateway>,
    pub(super) tokens: Arc<AtomicBool>,
    pub(super) held: Arc<Held>,
    pub(super) kernel: Option<Arc<KernelSource>>,
    pub(super) keeper: Arc<Keeper>,
    pub(super) reconciler: Arc<Reconciler>,
    pub(super) standing: Arc<Standing>,
    pub(super) shelved: Arc<Standing>,
    pub(super) copied: Arc<Standing>,
    pub(super) reported: Arc<Standing>,
    /// None if the keyring lies there in clear.
    pub(super) lease: Option<Arc<lease::Standing>>,
    pub(super) rotated: Arc<Standing>,
    pub(super) retained: Arc<Standing>,
    pub(super) shipped: Arc<Lag>,
    /// None if policies come in no bundles.
    pub(super) bundled: Option<Arc<bundles::Standing>>,
    pub(super) alerts: Arc<Alerts>,
}

/// The upstreams that are given no calls, and why.
fn troubled(gateway: &Gateway) -> Vec<String> {
    let now = tokio::time::Instant::now();
    let services = gateway.routes.services().iter();
    let each = services.flat_map(|service| service.upstreams.all().map(move |it| (service, it)));
    each.filter_map(|(service, upstream)| {
        let why = upstream.trouble(now)?;
        Some(format!(
            "{} at {}: {why}",
            service.name,
            upstream.authority()
        ))
    })
    .collect()
}

/// A part that works, but for this.
fn less_by(amiss: String) -> Condition {
    if amiss.is_empty() {
        Condition::Ready
    } else {
        Condition::Degraded(amiss)
    }
}

impl Status for Health {
    fn parts(&self) -> Vec<Part> {
        let trail = self.gateway.trail.status();
        let audit = if trail.healthy {
            Condition::Ready
        } else {
            Condition::Down(
                "the latest commit failed; nothing is served until one succeeds".to_owned(),
            )
        };
        let amiss = self.lease.as_ref().and_then(|lease| lease.amiss());
        let keys = if self.lease.as_ref().is_some_and(|it| it.is_withheld()) {
            Condition::Down(amiss.unwrap_or_default())
        } else {
            let amiss = amiss.into_iter().chain(self.rotated.amiss());
            let amiss = amiss.chain(self.retained.amiss());
            less_by(amiss.collect::<Vec<_>>().join("; "))
        };
        let attestation = match self.gateway.flows.source() {
            _ if !self.keeper.is_there() => {
                Condition::Down("the process that looks at callers is gone; restart".to_owned())
            }
            flows::Source::Kernel => Condition::Ready,
            flows::Source::Proc => Condition::Degraded("inferred from /proc".to_owned()),
        };
        let tokens = if self.tokens.load(Ordering::Relaxed) {
            Condition::Ready
        } else {
            Condition::Down("an issuer's keys were never fetched".to_owned())
        };
        let missing = self.held.missing().join(", ");
        let credentials = if missing.is_empty() {
            Condition::Ready
        } else {
            Condition::Degraded(format!("not there, or not to be opened: {missing}"))
        };
        let shown = [self.standing.amiss(), self.shelved.amiss()].concat();
        let proofs = less_by(shown.join("; "));
        let copy = less_by(self.copied.amiss().join("; "));
        let reports = less_by(self.reported.amiss().join("; "));
        let shipping = less_by(self.shipped.amiss().join("; "));
        let untold = self.alerts.untold();
        let untold = (untold > 0).then(|| format!("{untold} do not wait for their receivers yet"));
        let alerts = less_by(untold.unwrap_or_default());
        let upstreams = less_by(troubled(&self.gateway).join(", "));
        let budgets = self.gateway.budgets.as_ref();
        let fleet = budgets.and_then(|budgets| budgets.fleet()?.closed());
        let fleet = fleet.map(|why| format!("budgets are not leased: {why}"));
        let fleet = less_by(fleet.unwrap_or_default());
        let bundle = self.bundled.as_ref().and_then(|it| it.amiss());
        let bundle = less_by(bundle.unwrap_or_default());
        [
            ("upstreams", upstreams),
            ("audit", audit),
            ("keys", keys),
            ("proofs", proofs),
            ("copy", copy),
            ("reports", reports),
            ("shipping", shipping),
            ("alerts", alerts),
            ("fleet", fleet),
            ("bundle", bundle),
            ("attestation", attestation),
            ("tokens", tokens),
            ("credentials", credentials),
        ]
        .map(|(name, condition)| Part { name, condition })
        .into()
    }

    fn metrics(&self) -> String {
        self.gateway.metrics.render()
    }

    fn budgets(&self, whose: &Whose) -> Option<String> {
        let budgets = self.gateway.budgets.as_ref()?;
        let asked = Asked {
            agent: whose.agent.clone(),
            session: whose.session.clone(),
        };
        serde_json::to_string(&Spent::of(budgets, &asked, now())).ok()
    }

    fn risk(&self, whose: &Whose) -> Option<String> {
        let watch = self.gateway.watch.as_ref()?;
        let asked = behaviour::Asked {
            agent: whose.agent.clone(),
            session: whose.session.clone(),
        };
        serde_json::to_string(&Risk::of(watch.standing(&asked, SESSIONS_MAX))).ok()
    }

    fn flows(&self, which: &Which) -> Option<String> {
        let kernel = self.kernel.as_ref()?;
        let flows = egress::answer(kernel, &self.reconciler, which);
        serde_json::to_string(&flows).ok()
    }

    fn knows_flows(&self) -> bool {
        self.kernel.is_some()
    }

    fn each_flow(&self, which: &Which, tell: &mut dyn FnMut(&str) -> bool) {
        if let Some(kernel) = &self.kernel {
            egress::lines(kernel, &self.reconciler, which, tell);
        }
    }
}
