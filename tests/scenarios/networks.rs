//! A fleet whose hosts are computers of their own for the network: Redis and PostgreSQL are cut off, slowed and killed
//! in turn while agents call, and so are hosts. Afterwards every log is held against what agents got, what upstreams
//! heard, the budgets and the copy.

mod agents;
mod host;
mod judgement;
mod troubles;

use std::{
    collections::BTreeMap,
    io::Write as _,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use anyhow::{Result, anyhow, ensure};
use rustix::process::geteuid;
use tests::{env, people::Dice};

use self::{
    agents::{Agent, Asks, Seen, Tally},
    host::Fleet,
    judgement::judged,
    troubles::{ALL, Trial, Trouble},
};

/// Hosts, of every day and where there is time.
const HOSTS: u8 = 3;
const HOSTS_LONG: u8 = 5;
/// Who calls at each host, and what for.
const AGENTS: [Asks; 3] = [Asks::Items, Asks::Items, Asks::Streams];
/// For so long a trouble lasts beyond what it is waited for, in milliseconds: longer than Redis has to answer.
const LASTING: u64 = 700;
/// The most of it, where there is time.
const LASTING_MAX: u64 = 6_000;

#[test]
fn whatever_happens_to_networks_servers_and_hosts_nothing_is_lost_or_spent_twice() -> Result<()> {
    if !geteuid().is_root() {
        ensure!(!env::ebpf_required(), "no root");
        writeln!(
            std::io::stderr(),
            "**** SKIPPED, NOT TESTED: a fleet in networks of its own ****"
        )?;
        return Ok(());
    }
    let seconds = env::number(env::FLEET_SECONDS, 0);
    let count = if seconds == 0 { HOSTS } else { HOSTS_LONG };
    let mut fleet = Fleet::of(count)?;
    fleet.until("budgets are leased", |fleet| {
        let leases = fleet.hosts.iter().map(host::Host::leases);
        Ok(leases.collect::<Result<Vec<_>>>()?.iter().all(|it| *it))
    })?;
    let tallies: Vec<Tally> = fleet.hosts.iter().map(|_| Tally::default()).collect();
    let (had, seen) = amid_calls(&mut fleet, &tallies, Duration::from_secs(seconds))?;
    judged(&mut fleet, &seen, (&tallies, &had))
}

/// Which troubles there were, how often, and what agents at each host saw.
type Came = (BTreeMap<Trouble, u64>, Vec<Vec<Seen>>);

/// Has everything go wrong once, and again until so long has passed, while agents call.
fn amid_calls(fleet: &mut Fleet, tallies: &[Tally], long: Duration) -> Result<Came> {
    let stop = AtomicBool::new(false);
    let agents: Vec<(usize, Agent)> = fleet
        .hosts
        .iter()
        .enumerate()
        .flat_map(|(at, host)| {
            AGENTS.iter().enumerate().map(move |(place, asks)| {
                let agent = Agent {
                    name: format!("h{at}a{place}"),
                    asks: *asks,
                    network: Arc::clone(&host.network),
                };
                (at, agent)
            })
        })
        .collect();
    thread::scope(|scope| {
        let running: Vec<_> = agents
            .iter()
            .zip(agents.iter().filter_map(|(at, _)| tallies.get(*at)))
            .map(|((at, agent), tally)| {
                let stop = &stop;
                let run = scope.spawn(move || {
                    let seen = agent.run(tally, stop);
                    // Nobody waits for what is not going to be.
                    seen.inspect_err(|_| stop.store(true, Ordering::SeqCst))
                });
                (*at, run)
            })
            .collect();
        let mut trial = Trial {
            fleet,
            tallies,
            stop: &stop,
            had: BTreeMap::new(),
        };
        let gone = all_troubles(&mut trial, long);
        stop.store(true, Ordering::SeqCst);
        let mut seen: Vec<Vec<Seen>> = tallies.iter().map(|_| Vec::new()).collect();
        for (at, run) in running {
            let run = run.join().map_err(|_| anyhow!("an agent panicked"))??;
            seen.get_mut(at)
                .into_iter()
                .for_each(|seen| seen.extend_from_slice(&run));
        }
        gone?;
        Ok((trial.had, seen))
    })
}

fn all_troubles(trial: &mut Trial<'_>, long: Duration) -> Result<()> {
    let began = Instant::now();
    let mut dice = Dice::new(11);
    let hosts = u64::try_from(trial.fleet.hosts.len())?;
    loop {
        for trouble in ALL {
            let lasting = if long.is_zero() {
                LASTING
            } else {
                dice.between(LASTING, LASTING_MAX)
            };
            let one = usize::try_from(dice.between(0, hosts - 1))?;
            trial.suffer(trouble, one, Duration::from_millis(lasting))?;
            writeln!(
                std::io::stdout(),
                "{:>4} s: {trouble:?} is over",
                began.elapsed().as_secs()
            )?;
            if !long.is_zero() && began.elapsed() >= long {
                return Ok(());
            }
        }
        if long.is_zero() {
            return Ok(());
        }
    }
}
