//! Budgets over a store in memory that may fail, and may be asked again after a restart.

mod leases;
mod succession;

use std::{
    collections::{BTreeMap, HashSet},
    sync::{
        Mutex,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use async_trait::async_trait;
use classifiers::DataClass;

use super::{borrower, hold::Held, *};

#[derive(Clone, Default)]
struct Memory(Arc<Kept>);

#[derive(Default)]
struct Kept {
    accounts: Mutex<BTreeMap<Arc<str>, KeptAccount>>,
    broken: AtomicBool,
    /// An account that nothing can be written to.
    poisoned: Mutex<Option<Arc<str>>>,
}

#[async_trait]
impl BudgetStore for Memory {
    async fn debit(&mut self, debits: &[Debit]) -> Result<(), StoreError> {
        if self.0.broken.load(Ordering::Relaxed) {
            return Err(StoreError("broken".into()));
        }
        let poisoned = self.0.poisoned.lock().unwrap().clone();
        if debits
            .iter()
            .any(|it| Some(&it.account) == poisoned.as_ref())
        {
            return Err(StoreError("poisoned".into()));
        }
        let mut accounts = self.0.accounts.lock().unwrap();
        for debit in debits {
            let kept = accounts.entry(Arc::clone(&debit.account)).or_default();
            kept.spent.extend(
                debit
                    .spent
                    .iter()
                    .map(|(meter, more)| ((*meter).to_owned(), *more)),
            );
            for (meter, less) in &debit.returned {
                let known = kept.spent.iter_mut();
                let mut left = *less;
                for (_, amount) in known.filter(|(known, _)| known == meter) {
                    let taken = left.min(*amount);
                    (*amount, left) = (*amount - taken, left - taken);
                }
                assert_eq!(left, 0, "more is returned than was spent");
            }
            kept.seen.extend(
                debit
                    .seen
                    .iter()
                    .map(|(meter, item)| ((*meter).to_owned(), *item)),
            );
        }
        Ok(())
    }

    async fn account(&mut self, account: &str) -> Result<KeptAccount, StoreError> {
        Ok(self
            .0
            .accounts
            .lock()
            .unwrap()
            .get(account)
            .cloned()
            .unwrap_or_default())
    }

    async fn sums(
        &mut self,
        prefix: &str,
        after: &str,
        most: u32,
    ) -> Result<Vec<AccountSums>, StoreError> {
        let accounts = self.0.accounts.lock().unwrap();
        let these = accounts
            .iter()
            .filter(|(name, _)| name.starts_with(prefix) && &***name > after);
        let sums = these.map(|(name, kept)| {
            let seen = kept.seen.iter().map(|(meter, _)| (meter.clone(), 1));
            let all = kept.spent.iter().cloned().chain(seen);
            (Arc::clone(name), all.collect())
        });
        Ok(sums.take(most as usize).collect())
    }
}

fn budget(allowed: &[(Meter, u64)]) -> Budget {
    Budget {
        id: "b".into(),
        agents: Vec::new(),
        services: Vec::new(),
        operations: Vec::new(),
        effects: Vec::new(),
        per: Per::Session,
        every: None,
        allowed: allowed.to_vec(),
        shared: false,
    }
}

fn start(store: &Memory, allowed: &[(Meter, u64)]) -> Arc<Budgets> {
    let (budgets, keeper) = Budgets::new(vec![budget(allowed)], Box::new(store.clone()));
    tokio::spawn(keeper);
    budgets
}

async fn open(budgets: &Arc<Budgets>, account: &str) -> Result<Hold, OverBudget> {
    open_for(budgets, account, ModelUse::default()).await
}

async fn open_for(
    budgets: &Arc<Budgets>,
    account: &str,
    estimate: ModelUse,
) -> Result<Hold, OverBudget> {
    let held = Held {
        budget: 0,
        account: account.into(),
        leased: budgets.rules[0].shared,
    };
    let mut opened = budgets
        .open(vec![held], estimate, Timestamp::UNIX_EPOCH)
        .await?;
    opened.durable().await?;
    Ok(opened)
}

fn exhausted(meter: Meter, allowed: u64) -> OverBudget {
    Exhausted {
        budget: "b".into(),
        meter,
        allowed: allowed.to_string(),
        per: Per::Session,
        renews_in: None,
    }
    .into()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn exactly_as_many_calls_go_as_there_are_however_many_ask_at_once() {
    let store = Memory::default();
    let budgets = start(&store, &[(Meter::Calls, 1000)]);
    let mut asking = tokio::task::JoinSet::new();
    for _ in 0..10_000 {
        let budgets = Arc::clone(&budgets);
        asking.spawn(async move { open(&budgets, "one").await.is_ok() });
    }
    // The other's are its own, whatever the one does.
    assert!(open(&budgets, "other").await.is_ok());
    let went = asking
        .join_all()
        .await
        .into_iter()
        .filter(|went| *went)
        .count();
    assert_eq!(went, 1000);
    drop(budgets);

    // Nor does a restart give any back.
    let budgets = start(&store, &[(Meter::Calls, 1000)]);
    assert_eq!(
        open(&budgets, "one").await.err(),
        Some(exhausted(Meter::Calls, 1000))
    );
    assert!(open(&budgets, "other").await.is_ok());
}

#[tokio::test(start_paused = true)]
async fn one_record_a_second_for_ten_minutes_runs_dry_though_no_minute_has_sixty_calls() {
    let budgets = start(
        &Memory::default(),
        &[(Meter::Records, 100), (Meter::Subjects, 500)],
    );
    let began = tokio::time::Instant::now();
    let (mut shown, mut asked_at) = (0, Vec::new());
    while began.elapsed() < Duration::from_mins(10) {
        let mut hold = open(&budgets, "session").await.unwrap();
        let usage = Usage {
            records: vec![asked_at.len() as u64],
            subjects: vec![asked_at.len() as u64],
            ..Usage::default()
        };
        asked_at.push(began.elapsed());
        match hold.spend(&usage) {
            Ok(()) => shown += 1,
            Err(over) => assert_eq!(over, exhausted(Meter::Records, 100)),
        }
        hold.durable().await.unwrap();
        tokio::time::sleep(Duration::from_millis(1001)).await;
    }
    // What a limit on the rate would have let through, and what went.
    let in_a_minute = |from: &Duration| {
        let minute = *from..*from + Duration::from_mins(1);
        asked_at.iter().filter(|at| minute.contains(*at)).count()
    };
    assert!(asked_at.iter().all(|at| in_a_minute(at) <= 60));
    assert!(asked_at.len() > 590);
    assert_eq!(shown, 100);
}

#[tokio::test]
async fn the_same_record_counts_once_and_what_does_not_fit_costs_nothing() {
    let store = Memory::default();
    let budgets = start(&store, &[(Meter::Records, 3), (Meter::Bytes, 100)]);
    let mut hold = open(&budgets, "a").await.unwrap();
    let records = |records: &[u64], bytes| Usage {
        records: records.to_vec(),
        bytes,
        ..Usage::default()
    };
    hold.spend(&records(&[1, 2, 1], 10)).unwrap();
    hold.spend(&records(&[2, 1], 10)).unwrap();
    assert_eq!(
        hold.spend(&records(&[3, 4], 1)),
        Err(exhausted(Meter::Records, 3))
    );
    // All or nothing: not even the bytes were spent.
    assert_eq!(
        hold.spend(&records(&[3], 81)),
        Err(exhausted(Meter::Bytes, 100))
    );
    hold.spend(&records(&[3], 80)).unwrap();
    let unnamed = Usage {
        unnamed_records: 1,
        ..Usage::default()
    };
    assert_eq!(hold.spend(&unnamed), Err(exhausted(Meter::Records, 3)));
    hold.durable().await.unwrap();
    drop((hold, budgets));

    let budgets = start(&store, &[(Meter::Records, 3), (Meter::Bytes, 1000)]);
    let mut hold = open(&budgets, "a").await.unwrap();
    hold.spend(&records(&[3, 2, 1], 0)).unwrap();
    assert_eq!(
        hold.spend(&records(&[4], 0)),
        Err(exhausted(Meter::Records, 3))
    );
}

#[tokio::test]
async fn values_of_a_class_spend_what_the_classes_above_it_have() {
    let pii = DataClass::named("pii").unwrap();
    let budgets = start(&Memory::default(), &[(Meter::Fields(pii), 5)]);
    let mut hold = open(&budgets, "a").await.unwrap();
    let shown = |class, count| Usage {
        fields: vec![(class, count)],
        ..Usage::default()
    };
    hold.spend(&shown(Some(DataClass::EMAIL), 3)).unwrap();
    let card = DataClass::named("pci.pan").unwrap();
    hold.spend(&shown(Some(card), 50)).unwrap();
    assert_eq!(
        hold.spend(&shown(Some(pii), 3)),
        Err(exhausted(Meter::Fields(pii), 5))
    );
    // What nobody listed may be of any class.
    assert_eq!(
        hold.spend(&shown(None, 3)),
        Err(exhausted(Meter::Fields(pii), 5))
    );
    hold.spend(&shown(None, 2)).unwrap();
}

#[tokio::test]
async fn what_cannot_be_kept_is_not_given() {
    let store = Memory::default();
    let budgets = start(&store, &[(Meter::Calls, 3)]);
    store.0.broken.store(true, Ordering::Relaxed);
    assert_eq!(
        open(&budgets, "a").await.err(),
        Some(OverBudget::Unavailable)
    );
    store.0.broken.store(false, Ordering::Relaxed);
    assert!(open(&budgets, "a").await.is_ok());
}

#[tokio::test]
async fn what_cannot_be_written_takes_nothing_of_others_with_it() {
    let store = Memory::default();
    let budgets = start(&store, &[(Meter::Calls, 2)]);
    *store.0.poisoned.lock().unwrap() = Some("bad".into());
    // All in one group: the keeper runs only once all have asked.
    let accounts = ["one", "bad", "two"];
    let asked = accounts.map(|account| open(&budgets, account));
    let [one, bad, two] = asked.map(Box::pin);
    let (one, bad, two) = tokio::join!(one, bad, two);
    assert!(one.is_ok() && two.is_ok());
    assert_eq!(bad.err(), Some(OverBudget::Unavailable));
    let kept = store.0.accounts.lock().unwrap();
    assert_eq!(
        kept.keys().map(|it| &**it).collect::<Vec<_>>(),
        ["one", "two"]
    );
}

#[tokio::test]
async fn what_was_used_waits_for_room_and_is_kept() {
    let store = Memory::default();
    let allowed = [(Meter::Tokens, 1000), (Meter::Bytes, u64::MAX)];
    let (budgets, keeper) = Budgets::new(vec![budget(&allowed)], Box::new(store.clone()));
    let mut keeper = Box::pin(keeper);
    let estimate = ModelUse { tokens: 9, cost: 0 };
    let mut hold = tokio::select! {
        hold = open_for(&budgets, "one", estimate) => hold.unwrap(),
        () = &mut keeper => panic!("the keeper ended"),
    };
    // Nobody writes now, until there is no room.
    let byte = Usage {
        bytes: 1,
        ..Usage::default()
    };
    while hold.spend(&byte).is_ok() {}
    let used = ModelUse {
        tokens: 700,
        cost: 0,
    };
    hold.settle(used).unwrap();
    assert!(open_for(&budgets, "one", used).await.is_err());
    tokio::spawn(keeper);
    hold.durable().await.unwrap();
    let mut store = store;
    let kept = store.account("one").await.unwrap().spent;
    let tokens = kept.iter().filter(|(meter, _)| meter == "tokens");
    assert_eq!(tokens.map(|(_, amount)| amount).sum::<u64>(), 700);
}

#[tokio::test]
async fn accounts_that_no_one_uses_make_room_and_come_back_as_they_were() {
    let store = Memory::default();
    let budgets = start(&store, &[(Meter::Calls, 2)]);
    let kept = open(&budgets, "kept").await.unwrap();
    for account in 0..ACCOUNTS_MAX + 10 {
        open(&budgets, &account.to_string()).await.unwrap();
    }
    assert!(budgets.lock().known.len() <= ACCOUNTS_MAX);
    assert_eq!(kept.remaining().map(|left| left.remaining), Some(1));
    open(&budgets, "0").await.unwrap();
    assert_eq!(
        open(&budgets, "0").await.err(),
        Some(exhausted(Meter::Calls, 2))
    );
}

#[test]
fn a_turn_has_its_own_account() {
    let hourly = Budget {
        every: Some(SignedDuration::from_hours(1)),
        ..budget(&[])
    };
    let turns = [0, 3599, 3600, 7199, 7200]
        .map(|second| hourly.turn(Timestamp::from_second(second).unwrap()));
    assert_eq!(turns, [0, 0, 1, 1, 2]);
    assert_eq!(hourly.window("b\n1\nagent\nx"), Some((3600, 7200)));
    for none in ["b", "b\nx\nagent\nx", &format!("b\n{}\nagent\nx", i64::MAX)] {
        assert_eq!(hourly.window(none), None, "{none:?}");
    }
    assert_eq!(budget(&[]).window("b\n1\nagent\nx"), None);
    let late = Timestamp::from_second(3599).unwrap();
    assert_eq!(hourly.renews_in(late), Some(1));
    let begun = Timestamp::from_second(7200).unwrap();
    assert_eq!(hourly.renews_in(begun), Some(3600));
    assert_eq!(budget(&[]).renews_in(late), None);
}

#[test]
fn what_is_added_to_a_usage_is_used_with_it() {
    let one = Usage {
        bytes: 3,
        records: vec![1],
        unnamed_records: 2,
        subjects: vec![5],
        fields: vec![(None, 1)],
    };
    let mut all = one.clone();
    all.add(one);
    assert_eq!((all.bytes, all.unnamed_records), (6, 4));
    assert_eq!((all.records, all.subjects), (vec![1, 1], vec![5, 5]));
    assert_eq!(all.fields, [(None, 1), (None, 1)]);
}

#[tokio::test]
async fn an_estimate_is_held_until_what_was_used_is_known() {
    let store = Memory::default();
    let allowed = [(Meter::Tokens, 1000), (Meter::Cost, 2_500_000)];
    let use_of = |tokens, cost| ModelUse { tokens, cost };
    let budgets = start(&store, &allowed);
    let mut first = open_for(&budgets, "one", use_of(600, 10)).await.unwrap();
    // What is held is nobody else's, in whichever meter.
    let over = open_for(&budgets, "one", use_of(401, 0)).await.err();
    assert_eq!(over, Some(exhausted(Meter::Tokens, 1000)));
    let over = open_for(&budgets, "one", use_of(1, 2_500_000)).await.err();
    let told = over.unwrap().to_string();
    assert!(told.contains("2.5 cost for each session"), "{told}");
    assert!(open_for(&budgets, "one", use_of(400, 0)).await.is_ok());
    // The other held 400 and said nothing of what it used: that stays spent.
    assert!(open(&budgets, "one").await.is_err());

    first.settle(use_of(50, 20)).unwrap();
    first.settle(use_of(0, 0)).unwrap();
    first.durable().await.unwrap();
    drop(first);
    assert!(open_for(&budgets, "one", use_of(551, 0)).await.is_err());
    drop(budgets);
    let budgets = start(&store, &allowed);
    let mut next = open_for(&budgets, "one", use_of(550, 0)).await.unwrap();
    // What was used beyond the estimate, and beyond the budget, is spent all the same.
    next.settle(use_of(5000, 0)).unwrap();
    next.durable().await.unwrap();
    drop((next, budgets));
    let budgets = start(&store, &allowed);
    assert!(open(&budgets, "one").await.is_err());
    assert!(open(&budgets, "two").await.is_ok());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn estimates_never_go_beyond_a_budget_however_many_ask_at_once() {
    let store = Memory::default();
    let budgets = start(&store, &[(Meter::Tokens, 10_000)]);
    let mut asking = tokio::task::JoinSet::new();
    for number in 0..1000_u64 {
        let budgets = Arc::clone(&budgets);
        asking.spawn(async move {
            let estimate = ModelUse {
                tokens: 100,
                cost: 0,
            };
            let Ok(mut hold) = open_for(&budgets, "one", estimate).await else {
                return 0;
            };
            let used = ModelUse {
                tokens: number % 100,
                cost: 0,
            };
            hold.settle(used).unwrap();
            hold.durable().await.unwrap();
            used.tokens
        });
    }
    let used: u64 = asking.join_all().await.into_iter().sum();
    assert!(used <= 10_000, "{used}");
    drop(budgets);
    let accounts = store.0.accounts.lock().unwrap();
    let kept: u64 = accounts["one"].spent.iter().map(|(_, amount)| amount).sum();
    assert_eq!(kept, used);
}
