//! Hosts that share budgets by a ledger that loses, delays and forgets: never more than there is.

use std::sync::atomic::AtomicU64;

use proptest::prelude::*;
use tokio::{runtime, time::sleep};

use super::*;

/// What hosts spend of, over a ledger as the scripts of `fleet` have it.
const ALLOWED: u64 = 60;

/// The ledger.
#[derive(Default)]
struct Shelf {
    generation: u64,
    reported: HashSet<usize>,
    /// Claims by account and host.
    claims: BTreeMap<(Arc<str>, usize), u64>,
    hosts: usize,
    away: bool,
    /// So many answers are lost, each after its question was heard.
    unheard: u32,
}

impl Shelf {
    fn forget(&mut self) {
        let (hosts, away) = (self.hosts, self.away);
        let generation = self.generation + 1;
        *self = Self {
            generation,
            hosts,
            away,
            ..Self::default()
        };
    }

    fn lend(&mut self, host: usize, want: &Want) -> Lent {
        if !matches!(want.act, Act::Report) && self.reported.len() < self.hosts {
            return Lent::Again;
        }
        let [wanted] = want.meters.as_slice() else {
            panic!("{want:?}")
        };
        let of_all = self.claims.iter();
        let of_all = of_all.filter(|((account, _), _)| *account == want.account);
        let total: u64 = of_all.map(|(_, claim)| claim).sum();
        let key = (Arc::clone(&want.account), host);
        let claim = self.claims.get(&key).copied().unwrap_or(0);
        if want.act != Act::Report && wanted.held > claim {
            return Lent::Lost;
        }
        let after = match want.act {
            Act::Report => claim.max(wanted.held).max(wanted.used),
            Act::Return => claim.min(wanted.wish).max(wanted.used),
            Act::Lease => {
                let base = claim.max(wanted.used);
                let room = wanted.allowed.saturating_sub(total + base - claim);
                let need = wanted.least.saturating_sub(base);
                let like = (wanted.wish - base.min(wanted.wish)).min(room / self.hosts as u64);
                base + if need <= room {
                    need.max(like).min(room)
                } else {
                    0
                }
            }
        };
        self.claims.insert(key, after);
        let total = total + after - claim;
        Lent::Claims(vec![(after, wanted.allowed.saturating_sub(total))])
    }
}

struct Counter {
    kept: Arc<Mutex<Shelf>>,
    host: usize,
}

impl Counter {
    fn heard<T>(kept: &mut Shelf, answer: T) -> Result<T, LenderError> {
        if kept.unheard > 0 {
            kept.unheard -= 1;
            return Err(LenderError("late".to_owned()));
        }
        Ok(answer)
    }
}

#[async_trait]
impl Lender for Counter {
    async fn attend(
        &mut self,
        reported: Option<&str>,
        lost: Option<&str>,
    ) -> Result<Joined, LenderError> {
        let mut kept = self.kept.lock().unwrap();
        if kept.away {
            return Err(LenderError("away".to_owned()));
        }
        if lost == Some(&*kept.generation.to_string()) {
            kept.forget();
        }
        let generation = kept.generation.to_string();
        if reported == Some(&*generation) {
            kept.reported.insert(self.host);
        }
        let is_whole = kept.reported.len() == kept.hosts;
        let joined = Joined {
            generation,
            now: 0,
            closed: (!is_whole).then(|| "gathering".into()),
        };
        Self::heard(&mut kept, joined)
    }

    async fn lend(&mut self, wants: &[Want]) -> Result<Vec<Lent>, LenderError> {
        let mut kept = self.kept.lock().unwrap();
        if kept.away {
            return Err(LenderError("away".to_owned()));
        }
        let lent = wants.iter().map(|want| kept.lend(self.host, want));
        let lent = lent.collect();
        Self::heard(&mut kept, lent)
    }
}

/// A host, whose budgets may end and begin anew over the same store.
struct Host {
    number: usize,
    store: Memory,
    budgets: Arc<Budgets>,
}

impl Host {
    fn start(number: usize, store: Memory, kept: &Arc<Mutex<Shelf>>) -> Self {
        let lending = Lending {
            slice: 1000,
            ttl: Duration::from_secs(4),
            patience: Duration::from_secs(1),
            attend: Duration::from_secs(1),
        };
        let rules = vec![Budget {
            shared: true,
            per: Per::Agent,
            ..budget(&[(Meter::Calls, ALLOWED)])
        }];
        let lender = Counter {
            kept: Arc::clone(kept),
            host: number,
        };
        let (budgets, keeper, borrower) =
            Budgets::leased(rules, Box::new(store.clone()), Box::new(lender), lending);
        tokio::spawn(keeper);
        tokio::spawn(borrower);
        Self {
            number,
            store,
            budgets,
        }
    }

    async fn call(&self) -> Result<(), OverBudget> {
        open(&self.budgets, "b\n0\nagent\nx").await.map(drop)
    }

    fn standing(&self) -> &FleetStanding {
        self.budgets.fleet().unwrap()
    }

    /// What stays of it after a crash.
    fn crashed(self, kept: &Arc<Mutex<Shelf>>) -> Self {
        Self::start(self.number, self.store, kept)
    }
}

fn fleet(hosts: usize) -> (Arc<Mutex<Shelf>>, Vec<Host>) {
    let kept = Arc::new(Mutex::new(Shelf {
        hosts,
        ..Shelf::default()
    }));
    let started = (0..hosts).map(|it| Host::start(it, Memory::default(), &kept));
    let started = started.collect();
    (kept, started)
}

/// What all hosts spent, as their own stores have it.
fn spent(hosts: &[Host]) -> u64 {
    let of = |host: &Host| {
        let accounts = host.store.0.accounts.lock().unwrap();
        let all = accounts.values().flat_map(|kept| &kept.spent);
        all.map(|(_, amount)| amount).sum::<u64>()
    };
    hosts.iter().map(of).sum()
}

/// Calls at each host in turn until nobody gets any more, for as long as leases take to be given back.
async fn use_up(hosts: &[Host]) {
    let mut dry = 0;
    while dry < 20 {
        let mut went = false;
        for host in hosts {
            went |= host.call().await.is_ok();
        }
        dry = if went { 0 } else { dry + 1 };
        if !went {
            sleep(Duration::from_millis(500)).await;
        }
    }
}

#[tokio::test(start_paused = true)]
async fn hosts_share_a_budget_to_its_last_call() {
    let (_, hosts) = fleet(3);
    sleep(Duration::from_secs(3)).await;
    // One takes leases that another one will want.
    for host in &hosts {
        host.call().await.unwrap();
    }
    // What nobody uses goes back.
    sleep(Duration::from_secs(10)).await;
    use_up(&hosts).await;
    assert_eq!(spent(&hosts), ALLOWED);
    let over = hosts[0].call().await.unwrap_err();
    assert!(matches!(over, OverBudget::Exhausted(_)), "{over}");
    assert!(hosts.iter().all(|host| host.standing().closed().is_none()));
    let counts = |of: fn(&LeaseCounts) -> &AtomicU64| {
        let each = hosts
            .iter()
            .map(|it| of(&it.standing().counts).load(Ordering::Relaxed));
        each.sum::<u64>()
    };
    assert!(counts(|it| &it.taken) > 3 && counts(|it| &it.returned) > 0);
}

#[tokio::test(start_paused = true)]
async fn without_the_ledger_a_host_uses_up_what_it_leased_and_then_refuses() {
    let (kept, hosts) = fleet(2);
    sleep(Duration::from_secs(3)).await;
    hosts[0].call().await.unwrap();
    sleep(Duration::from_millis(10)).await;
    kept.lock().unwrap().away = true;
    let mut went = 0;
    let why = loop {
        match hosts[0].call().await {
            Ok(()) => went += 1,
            Err(why) => break why,
        }
    };
    assert!(matches!(why, OverBudget::Unleased { .. }), "{why}");
    assert!((1..ALLOWED / 2).contains(&went), "{went}");
    // It goes on without a hand when the ledger is back, and gives up nothing that it had.
    kept.lock().unwrap().away = false;
    sleep(Duration::from_secs(3)).await;
    hosts[0].call().await.unwrap();
    use_up(&hosts).await;
    assert_eq!(spent(&hosts), ALLOWED);
}

#[tokio::test(start_paused = true)]
async fn a_ledger_that_forgot_lends_nothing_before_all_have_reported() {
    let (kept, mut hosts) = fleet(2);
    sleep(Duration::from_secs(3)).await;
    for _ in 0..20 {
        hosts[0].call().await.unwrap();
    }
    let gone = hosts.remove(0);
    let (store, budgets) = (gone.store.clone(), Arc::downgrade(&gone.budgets));
    drop(gone);
    while budgets.upgrade().is_some() {
        sleep(Duration::from_millis(10)).await;
    }
    kept.lock().unwrap().forget();
    sleep(Duration::from_secs(5)).await;
    let why = hosts[0].call().await.unwrap_err();
    assert!(matches!(why, OverBudget::Unleased { .. }), "{why}");
    hosts.push(Host::start(0, store, &kept));
    sleep(Duration::from_secs(3)).await;
    use_up(&hosts).await;
    assert_eq!(spent(&hosts), ALLOWED);
}

/// What happens to a fleet.
#[derive(Clone, Copy, Debug)]
enum Turn {
    Call(usize),
    /// So many at once.
    Burst(usize, usize),
    Crash(usize),
    LoseAnswers(u32),
    Forget,
    Away(bool),
    Wait(u64),
    Farewell(usize),
}

fn turns() -> impl Strategy<Value = Vec<Turn>> {
    let turn = prop_oneof![
        8 => (0..3_usize).prop_map(Turn::Call),
        4 => (0..3_usize, 1..8_usize).prop_map(|(host, calls)| Turn::Burst(host, calls)),
        2 => (0..3_usize).prop_map(Turn::Crash),
        2 => (1..4_u32).prop_map(Turn::LoseAnswers),
        1 => Just(Turn::Forget),
        1 => any::<bool>().prop_map(Turn::Away),
        4 => (1..6000_u64).prop_map(Turn::Wait),
        1 => (0..3_usize).prop_map(Turn::Farewell),
    ];
    proptest::collection::vec(turn, 1..60)
}

async fn play(turns: &[Turn]) -> Result<(), TestCaseError> {
    let (kept, mut hosts) = fleet(3);
    for turn in turns {
        match *turn {
            Turn::Call(host) => drop(hosts[host].call().await),
            Turn::Burst(host, calls) => {
                let mut all = tokio::task::JoinSet::new();
                for _ in 0..calls {
                    let budgets = Arc::clone(&hosts[host].budgets);
                    all.spawn(async move { open(&budgets, "b\n0\nagent\nx").await.is_ok() });
                }
                all.join_all().await;
            }
            Turn::Crash(host) => {
                let crashed = hosts.remove(host).crashed(&kept);
                hosts.insert(host, crashed);
            }
            Turn::LoseAnswers(answers) => kept.lock().unwrap().unheard = answers,
            Turn::Forget => kept.lock().unwrap().forget(),
            Turn::Away(away) => kept.lock().unwrap().away = away,
            Turn::Wait(millis) => sleep(Duration::from_millis(millis)).await,
            Turn::Farewell(host) => hosts[host].budgets.give_back().await,
        }
        prop_assert!(spent(&hosts) <= ALLOWED, "{} after {turn:?}", spent(&hosts));
    }
    // Whatever happened, nothing of it is gone for good.
    {
        let mut kept = kept.lock().unwrap();
        (kept.away, kept.unheard) = (false, 0);
    }
    sleep(Duration::from_secs(10)).await;
    use_up(&hosts).await;
    prop_assert_eq!(spent(&hosts), ALLOWED);
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 128, ..ProptestConfig::default() })]

    #[test]
    fn whatever_happens_a_fleet_spends_what_there_is_and_no_more(turns in turns()) {
        let runtime = runtime::Builder::new_current_thread()
            .enable_time()
            .start_paused(true)
            .build()
            .unwrap();
        runtime.block_on(play(&turns))?;
    }
}
