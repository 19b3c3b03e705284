//! Another process has the accounts: nothing is spent twice, nothing is forgotten, and a successor that fails changes nothing.

use tokio::{task::JoinSet, time::sleep};

use super::{leases::Host, *};

const A: &str = "b\n0\nsession\na";
const IDLE: &str = "b\n0\nsession\nidle";

/// A successor behind a line: what is said to it goes through JSON, as between processes.
struct Line(Arc<Budgets>);

#[async_trait]
impl Heir for Line {
    async fn spend(&self, spent: Spent) -> Result<Option<Remaining>, OverBudget> {
        let line = serde_json::to_vec(&spent).unwrap();
        let told = self
            .0
            .spend_for(serde_json::from_slice(&line).unwrap())
            .await;
        let line = serde_json::to_vec(&told).unwrap();
        serde_json::from_slice(&line).unwrap()
    }
}

fn show(records: &[u64]) -> Usage {
    Usage {
        records: records.to_vec(),
        fields: vec![(Some(DataClass::EMAIL), 1), (None, 1)],
        ..Usage::default()
    }
}

/// Everything that an account spent of what is not told apart.
fn spent(store: &Memory, account: &str) -> u64 {
    let accounts = store.0.accounts.lock().unwrap();
    let kept = accounts.get(account);
    kept.map_or(0, |kept| kept.spent.iter().map(|(_, amount)| amount).sum())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn exactly_as_many_calls_go_through_both_as_there_are() {
    let store = Memory::default();
    let allowed = [(Meter::Calls, 1000)];
    let before = start(&store, &allowed);
    let mut asking = JoinSet::new();
    let ask = |asking: &mut JoinSet<bool>, of: &Arc<Budgets>| {
        for _ in 0..700 {
            let of = Arc::clone(of);
            asking.spawn(async move { open(&of, "one").await.is_ok() });
        }
    };
    ask(&mut asking, &before);
    before.cede().await;
    let after = start(&store, &allowed);
    ask(&mut asking, &before);
    ask(&mut asking, &after);
    before.lead(Arc::new(Line(Arc::clone(&after))));
    // Once more in turn: this one has been succeeded, too.
    after.cede().await;
    let last = start(&store, &allowed);
    after.lead(Arc::new(Line(Arc::clone(&last))));
    let went = asking.join_all().await;
    assert_eq!(went.into_iter().filter(|went| *went).count(), 1000);
    assert_eq!(spent(&store, "one"), 1000);
    let told = open(&before, "one").await.err();
    assert_eq!(told, Some(exhausted(Meter::Calls, 1000)));
}

#[tokio::test]
async fn what_goes_on_spends_where_the_accounts_are() {
    let store = Memory::default();
    let allowed = [(Meter::Calls, 9), (Meter::Records, 4), (Meter::Tokens, 100)];
    let before = start(&store, &allowed);
    let estimate = ModelUse {
        tokens: 40,
        cost: 0,
    };
    let mut old = open_for(&before, A, estimate).await.unwrap();
    old.spend(&show(&[1, 2])).unwrap();
    before.cede().await;
    // It waits while nobody has them.
    assert_eq!(old.spend(&show(&[3])), Err(OverBudget::Short));
    let after = start(&store, &allowed);
    before.lead(Arc::new(Line(Arc::clone(&after))));
    // What was seen before counts once, whoever shows it.
    assert_eq!(old.room(&show(&[2, 3])).await, Ok(Room::Spent));
    let mut new = open(&after, A).await.unwrap();
    new.spend(&show(&[1, 3, 4])).unwrap();
    let over = old.room(&show(&[5])).await;
    assert_eq!(over, Err(exhausted(Meter::Records, 4)));
    // What is estimated and used is settled there.
    let tokens = |tokens| ModelUse { tokens, cost: 0 };
    assert!(open_for(&after, A, tokens(61)).await.is_err());
    old.settle(tokens(5)).unwrap();
    old.durable().await.unwrap();
    let settled = open_for(&after, A, tokens(95)).await.unwrap();
    assert_eq!(settled.remaining().unwrap().remaining, 6);
    // One that is opened here is opened there.
    let there = open(&before, "b").await.unwrap();
    assert_eq!(there.remaining().unwrap().remaining, 8);
    assert_eq!(spent(&store, "b"), 1);
}

#[tokio::test]
async fn a_successor_that_failed_leaves_what_it_spent() {
    let store = Memory::default();
    let allowed = [(Meter::Calls, 4), (Meter::Records, 3), (Meter::Tokens, 100)];
    let before = start(&store, &allowed);
    let estimate = ModelUse {
        tokens: 40,
        cost: 0,
    };
    let mut old = open_for(&before, A, estimate).await.unwrap();
    open(&before, IDLE).await.unwrap();
    before.cede().await;
    let waits = tokio::spawn({
        let before = Arc::clone(&before);
        async move { open(&before, A).await.is_ok() }
    });
    old.settle(ModelUse { tokens: 7, cost: 0 }).unwrap();
    let after = start(&store, &allowed);
    let mut new = open(&after, A).await.unwrap();
    new.spend(&show(&[1, 2])).unwrap();
    new.durable().await.unwrap();
    open(&after, IDLE).await.unwrap();
    drop((new, after));
    assert!(!waits.is_finished());
    before.resume().await;
    assert!(waits.await.unwrap());
    old.durable().await.unwrap();
    old.spend(&show(&[2, 3])).unwrap();
    let over = old.spend(&show(&[4])).unwrap_err();
    assert_eq!(over, exhausted(Meter::Records, 3));
    let remaining = |hold: &Hold| hold.remaining().unwrap().remaining;
    assert_eq!(remaining(&old), 1);
    // One that nobody held is read again, too.
    assert_eq!(remaining(&open(&before, IDLE).await.unwrap()), 1);
    old.durable().await.unwrap();
    assert_eq!(spent(&store, A), 3 + 7);
}

#[tokio::test]
async fn much_goes_in_parts_each_of_which_is_bounded() {
    let many: Vec<u64> = (0..20_000).collect();
    let usage = Usage {
        bytes: 7,
        unnamed_records: 2,
        ..show(&many)
    };
    let parts = usage.parts(ITEMS_MAX);
    assert_eq!(parts.len(), 3);
    assert!(parts.iter().all(|part| part.records.len() <= ITEMS_MAX));
    let mut all = Usage::default();
    for part in parts {
        all.add(part);
    }
    assert_eq!(all, usage);
    assert_eq!(Usage::default().parts(ITEMS_MAX), [Usage::default()]);
}

#[tokio::test]
async fn accounts_of_budgets_that_are_no_more_are_nobodys() {
    let before = start(&Memory::default(), &[(Meter::Calls, 1)]);
    before.cede().await;
    let (after, keeper) = Budgets::new(Vec::new(), Box::new(Memory::default()));
    tokio::spawn(keeper);
    before.lead(Arc::new(Line(after)));
    for _ in 0..3 {
        open(&before, A).await.unwrap();
    }
}

#[tokio::test(start_paused = true)]
async fn leases_go_to_the_successor_and_are_not_given_back() {
    let (shelf, mut hosts) = leases::fleet(2);
    sleep(Duration::from_secs(3)).await;
    for _ in 0..5 {
        hosts[0].call().await.unwrap();
    }
    sleep(Duration::from_millis(100)).await;
    let claimed = leases::claimed(&shelf, 0);
    assert!(claimed > 5);
    let before = hosts.remove(0);
    before.budgets.cede().await;
    // It attends no more, nor does it give anything back, however long it goes on.
    before.budgets.give_back().await;
    sleep(Duration::from_secs(20)).await;
    assert_eq!(leases::claimed(&shelf, 0), claimed);
    let after = Host::start(0, before.store.clone(), &shelf);
    before
        .budgets
        .lead(Arc::new(Line(Arc::clone(&after.budgets))));
    sleep(Duration::from_secs(3)).await;
    for _ in 0..3 {
        before.call().await.unwrap();
        after.call().await.unwrap();
    }
    hosts.push(after);
    leases::use_up(&hosts).await;
    assert_eq!(leases::spent(&hosts), leases::ALLOWED);
    assert!(before.call().await.is_err());
}

#[tokio::test(start_paused = true)]
async fn what_only_the_successor_shares_is_leased_for_both() {
    let (shelf, mut hosts) = leases::fleet(1);
    let after = hosts.remove(0);
    sleep(Duration::from_secs(3)).await;
    let alone = vec![Budget {
        per: Per::Agent,
        ..budget(&[(Meter::Calls, 1_000)])
    }];
    let (before, keeper) = Budgets::new(alone, Box::new(Memory::default()));
    tokio::spawn(keeper);
    before.cede().await;
    before.lead(Arc::new(Line(Arc::clone(&after.budgets))));
    let account = "b\n0\nagent\nx";
    let mut went = 0;
    while open(&before, account).await.is_ok() {
        went += 1;
        after.call().await.unwrap_or_default();
    }
    assert!((1..=leases::ALLOWED).contains(&went), "{went}");
    assert_eq!(leases::spent(&[after]), leases::ALLOWED);
    assert_eq!(leases::claimed(&shelf, 0), leases::ALLOWED);
}
