//! Hosts that share budgets by a ledger that loses, delays and forgets: never more than there is.

use std::sync::atomic::AtomicU64;

use proptest::prelude::*;
use tokio::{runtime, time::sleep};

use super::*;

/// What hosts spend of, over a ledger as the scripts of `fleet` have it.
pub(super) const ALLOWED: u64 = 60;

/// The ledger.
#[derive(Default)]
pub(super) struct Shelf {
    generation: u64,
    reported: HashSet<usize>,
    /// Claims by account and host.
    claims: BTreeMap<(Arc<str>, usize), u64>,
    hosts: usize,
    away: bool,
    /// So many answers are lost, each after its question was heard.
    unheard: u32,
    /// How often it was asked for a lease.
    asked: u32,
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
        kept.asked += u32::from(wants.iter().any(|want| want.act == Act::Lease));
        let lent = wants.iter().map(|want| kept.lend(self.host, want));
        let lent = lent.collect();
        Self::heard(&mut kept, lent)
    }
}

/// A host, whose budgets may end and begin anew over the same store.
pub(super) struct Host {
    number: usize,
    pub(super) store: Memory,
    pub(super) budgets: Arc<Budgets>,
}

impl Host {
    pub(super) fn start(number: usize, store: Memory, kept: &Arc<Mutex<Shelf>>) -> Self {
        Self::of(number, store, kept, Meter::Calls)
    }

    fn of(number: usize, store: Memory, kept: &Arc<Mutex<Shelf>>, meter: Meter) -> Self {
        let lending = Lending {
            slice: 1000,
            ttl: Duration::from_secs(4),
            patience: Duration::from_secs(1),
            attend: Duration::from_secs(1),
        };
        let rules = vec![Budget {
            shared: true,
            per: Per::Agent,
            ..budget(&[(meter, ALLOWED)])
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

    pub(super) async fn call(&self) -> Result<(), OverBudget> {
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

pub(super) fn fleet(hosts: usize) -> (Arc<Mutex<Shelf>>, Vec<Host>) {
    fleet_of(hosts, Meter::Calls)
}

fn fleet_of(hosts: usize, meter: Meter) -> (Arc<Mutex<Shelf>>, Vec<Host>) {
    let kept = Arc::new(Mutex::new(Shelf {
        hosts,
        ..Shelf::default()
    }));
    let started = (0..hosts).map(|it| Host::of(it, Memory::default(), &kept, meter));
    let started = started.collect();
    (kept, started)
}

/// What all hosts spent, as their own stores have it.
pub(super) fn spent(hosts: &[Host]) -> u64 {
    let of = |host: &Host| {
        let accounts = host.store.0.accounts.lock().unwrap();
        let all = accounts.values().flat_map(|kept| &kept.spent);
        all.map(|(_, amount)| amount).sum::<u64>()
    };
    hosts.iter().map(of).sum()
}

/// Calls at each host in turn until nobody gets any more, for as long as leases take to be given back.
pub(super) async fn use_up(hosts: &[Host]) {
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

/// What a host claims.
pub(super) fn claimed(kept: &Mutex<Shelf>, host: usize) -> u64 {
    let kept = kept.lock().unwrap();
    let own = kept.claims.iter().filter(|((_, of), _)| *of == host);
    own.map(|(_, claim)| claim).sum()
}

#[tokio::test(start_paused = true)]
async fn what_only_the_disk_knows_is_claimed_in_a_new_ledger_too() {
    let (kept, mut hosts) = fleet(2);
    sleep(Duration::from_secs(3)).await;
    for _ in 0..20 {
        hosts[0].call().await.unwrap();
    }
    // It starts again and serves nobody, so that it has no account in memory.
    let crashed = hosts.remove(0).crashed(&kept);
    hosts.insert(0, crashed);
    kept.lock().unwrap().forget();
    sleep(Duration::from_secs(5)).await;
    assert_eq!(claimed(&kept, 0), 20);
    use_up(&hosts[1..]).await;
    assert_eq!(spent(&hosts), ALLOWED);
}

#[tokio::test(start_paused = true)]
async fn a_lease_is_kept_while_somebody_may_spend_of_it_and_then_given_back() {
    let (kept, hosts) = fleet(2);
    sleep(Duration::from_secs(3)).await;
    let hold = open(&hosts[0].budgets, "b\n0\nagent\nx").await.unwrap();
    assert!(!hold.is_empty());
    sleep(Duration::from_secs(20)).await;
    let leased = claimed(&kept, 0);
    assert!(leased > 1, "{leased}");
    drop(hold);
    sleep(Duration::from_secs(1)).await;
    assert_eq!(claimed(&kept, 0), 1);
    let returned = &hosts[0].standing().counts.returned;
    assert_eq!(returned.load(Ordering::Relaxed), 1);
    // Nothing is left to be given back.
    sleep(Duration::from_secs(20)).await;
    assert_eq!(returned.load(Ordering::Relaxed), 1);

    // What is used now is not idle.
    hosts[0].call().await.unwrap();
    sleep(Duration::from_secs(3)).await;
    let leased = claimed(&kept, 0);
    assert!(leased > 2, "{leased}");
    hosts[0].budgets.give_back().await;
    assert_eq!(claimed(&kept, 0), 2);
}

#[tokio::test(start_paused = true)]
async fn who_asks_for_what_is_gone_does_not_keep_the_ledger_busy() {
    let (kept, hosts) = fleet(2);
    sleep(Duration::from_secs(3)).await;
    use_up(&hosts).await;
    let before = kept.lock().unwrap().asked;
    for _ in 0..100 {
        assert!(hosts[0].call().await.is_err());
    }
    let asked = kept.lock().unwrap().asked - before;
    assert!(asked <= 1, "{asked}");
    // Later it is asked again: somebody may have given back.
    sleep(Duration::from_secs(2)).await;
    kept.lock()
        .unwrap()
        .claims
        .retain(|(_, host), _| *host == 0);
    let (other, account) = (1, "b\n0\nagent\nx".into());
    kept.lock().unwrap().claims.insert((account, other), 0);
    let before = kept.lock().unwrap().asked;
    drop(hosts[0].call().await);
    assert!(kept.lock().unwrap().asked > before);
}

#[tokio::test(start_paused = true)]
async fn an_answer_has_room_made_for_it_or_is_refused() {
    let (kept, hosts) = fleet_of(2, Meter::Records);
    sleep(Duration::from_secs(3)).await;
    let account = "b\n0\nagent\nx";
    let mut hold = open(&hosts[0].budgets, account).await.unwrap();
    let answer = |unnamed_records| Usage {
        unnamed_records,
        ..Usage::default()
    };
    assert_eq!(hold.spend(&answer(30)), Err(OverBudget::Short));
    assert_eq!(hold.room(&answer(30)).await, Ok(Room::Made));
    hold.spend(&answer(30)).unwrap();
    assert_eq!(claimed(&kept, 0), 30);
    // The next ones are leased before they are asked for, once more may be there again.
    sleep(Duration::from_secs(2)).await;
    hold.spend(&answer(0)).unwrap();
    sleep(Duration::from_millis(10)).await;
    assert!(claimed(&kept, 0) > 30, "{}", claimed(&kept, 0));
    kept.lock().unwrap().away = true;
    assert_eq!(hold.spend(&answer(29)), Err(OverBudget::Short));
    let refused = hold.room(&answer(29)).await.unwrap_err();
    assert!(matches!(refused, OverBudget::Unleased { .. }), "{refused}");
    // What there is not, nobody can make room for.
    let over = hold.spend(&answer(31)).unwrap_err();
    assert!(matches!(over, OverBudget::Exhausted(_)), "{over}");
}

#[test]
fn accounts_of_turns_that_are_over_are_not_claimed_anew() {
    let shared = |id: &str, every: Option<i64>, per| Budget {
        id: id.into(),
        every: every.map(SignedDuration::from_hours),
        shared: true,
        per,
        ..budget(&[(Meter::Calls, 1)])
    };
    let own = Budget {
        id: "own".into(),
        ..budget(&[])
    };
    let rules = vec![
        own,
        shared("hourly", Some(1), Per::Agent),
        shared("ever", None, Per::Task),
    ];
    let (budgets, _keeper) = Budgets::new(rules, Box::new(Memory::default()));
    let begin = |now| {
        let prefixes = borrower::prefixes(&budgets, now);
        let named = prefixes.into_iter().map(|(place, prefix)| {
            let words: Vec<&str> = prefix.trim_end().split('\n').collect();
            format!("{place} {}", words.join(" "))
        });
        named.collect::<Vec<_>>()
    };
    let ever = "2 ever 0 task";
    assert_eq!(begin(5 * 3600 + 600), ["1 hourly 5 agent", ever]);
    // Clocks differ by two minutes at most.
    assert_eq!(
        begin(5 * 3600 + 119),
        ["1 hourly 4 agent", "1 hourly 5 agent", ever]
    );
    assert_eq!(begin(5 * 3600 + 121), ["1 hourly 5 agent", ever]);
    assert_eq!(
        begin(6 * 3600 - 120),
        ["1 hourly 5 agent", "1 hourly 6 agent", ever]
    );
    let place = |name| borrower::place_of(&budgets, name);
    assert_eq!(place("hourly\n5\nagent\nx"), Some(1));
    assert_eq!(place("ever\n0\ntask\nx\ny"), Some(2));
    assert_eq!(
        (place("own\n0\nsession\nx"), place("none\n0")),
        (None, None)
    );
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
