//! What goes wrong, one thing at a time, and what must be so meanwhile and afterwards.

use std::{
    collections::BTreeMap,
    sync::atomic::{AtomicBool, AtomicU64, Ordering},
    thread,
    time::Duration,
};

use anyhow::{Context as _, Result, ensure};

use super::{
    agents::Tally,
    host::{Fleet, Host},
};

/// So many records the copy is behind before it is mended what kept it.
const LAG: u64 = 20;

/// What goes wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Trouble {
    /// One host does not reach Redis.
    RedisCutFromOne,
    /// Nobody does.
    RedisCutFromAll,
    /// What it answers is lost.
    RedisUnheard,
    /// It is reached by a line for few.
    RedisSlow,
    /// It is killed, and started again with what it kept.
    RedisKilled,
    /// One host does not reach PostgreSQL.
    PostgresCutFromOne,
    /// Nobody does.
    PostgresCutFromAll,
    /// What it answers is lost.
    PostgresUnheard,
    /// It is reached by a line for few.
    PostgresSlow,
    /// It is killed, and started again on its data.
    PostgresKilled,
    /// A host is killed, and started again.
    HostKilled,
    /// A host is killed while it does not reach Redis, and started again before it does.
    HostKilledAlone,
}

pub(super) const ALL: [Trouble; 12] = [
    Trouble::RedisCutFromOne,
    Trouble::PostgresKilled,
    Trouble::RedisUnheard,
    Trouble::PostgresCutFromAll,
    Trouble::HostKilled,
    Trouble::RedisSlow,
    Trouble::PostgresUnheard,
    Trouble::RedisKilled,
    Trouble::PostgresSlow,
    Trouble::HostKilledAlone,
    Trouble::PostgresCutFromOne,
    Trouble::RedisCutFromAll,
];

/// The fleet, what calls at it come to, and which troubles there were.
pub(super) struct Trial<'a> {
    pub(super) fleet: &'a mut Fleet,
    pub(super) tallies: &'a [Tally],
    /// Whether agents stop, because one got what nobody should.
    pub(super) stop: &'a AtomicBool,
    pub(super) had: BTreeMap<Trouble, u64>,
}

impl Trial<'_> {
    /// Has something go wrong for so long, at this host if it is of one, and waits until all is well again.
    pub(super) fn suffer(&mut self, trouble: Trouble, one: usize, long: Duration) -> Result<()> {
        *self.had.entry(trouble).or_default() += 1;
        let all = 0..self.fleet.hosts.len();
        match trouble {
            Trouble::RedisCutFromOne => {
                self.host(one)?.to_redis.pull()?;
                self.unleased(one..=one, "it is refused without Redis")?;
                self.goes(all.clone().filter(|at| *at != one), "the others go on")?;
            }
            Trouble::RedisCutFromAll => {
                self.fleet.redis.port.pull()?;
                self.unleased(all.clone(), "all are refused without Redis")?;
            }
            Trouble::RedisUnheard => {
                for host in &self.fleet.hosts {
                    host.to_redis.deaf()?;
                }
                self.unleased(all.clone(), "all are refused without answers")?;
            }
            Trouble::RedisSlow => self.fleet.redis.port.slow("48kbit")?,
            Trouble::RedisKilled => {
                self.fleet.redis.server.kill()?;
                self.unleased(all.clone(), "all are refused without Redis")?;
            }
            Trouble::PostgresCutFromOne => {
                self.host(one)?.to_postgres.pull()?;
                self.behind(one..=one)?;
            }
            Trouble::PostgresCutFromAll => {
                self.fleet.postgres.port.pull()?;
                self.behind(all.clone())?;
            }
            Trouble::PostgresUnheard => {
                for host in &self.fleet.hosts {
                    host.to_postgres.deaf()?;
                }
                self.behind(all.clone())?;
            }
            Trouble::PostgresSlow => self.fleet.postgres.port.slow("128kbit")?,
            Trouble::PostgresKilled => {
                self.fleet.postgres.server.kill();
                self.behind(all.clone())?;
            }
            Trouble::HostKilled => {
                self.killed(one)?;
                self.goes(all.clone().filter(|at| *at != one), "the others go on")?;
            }
            Trouble::HostKilledAlone => {
                self.host(one)?.to_redis.pull()?;
                self.killed(one)?;
                self.restarted(one)?;
                self.unleased(one..=one, "it spends nothing before it has asked")?;
            }
        }
        thread::sleep(long);
        self.mend(trouble, one)?;
        self.well()
    }

    fn mend(&mut self, trouble: Trouble, one: usize) -> Result<()> {
        match trouble {
            Trouble::RedisKilled => return self.fleet.redis.restart(),
            Trouble::PostgresKilled => return self.fleet.postgres.restart(),
            Trouble::HostKilled => return self.restarted(one),
            _ => {}
        }
        for host in &self.fleet.hosts {
            host.to_redis.mend()?;
            host.to_postgres.mend()?;
        }
        self.fleet.redis.port.mend()?;
        self.fleet.postgres.port.mend()
    }

    /// Waits until calls go at every host, and what is on record now is copied.
    fn well(&self) -> Result<()> {
        let all = 0..self.fleet.hosts.len();
        self.goes(all, "calls go again")?;
        for host in &self.fleet.hosts {
            let (records, _) = host.copied()?;
            let is_copied = |_: &Fleet| Ok(host.copied()?.1 >= records);
            self.until("the log is copied again", is_copied)?;
        }
        Ok(())
    }

    /// Waits until a call went at each of these hosts.
    fn goes(&self, hosts: impl Iterator<Item = usize>, what: &str) -> Result<()> {
        self.grows(hosts, what, |tally| &tally.went)
    }

    /// Waits until a call was refused for want of a lease at each of these hosts.
    fn unleased(&self, hosts: impl Iterator<Item = usize>, what: &str) -> Result<()> {
        self.grows(hosts, what, |tally| &tally.unleased)
    }

    fn grows(
        &self,
        hosts: impl Iterator<Item = usize>,
        what: &str,
        counted: impl Fn(&Tally) -> &AtomicU64,
    ) -> Result<()> {
        let of = |at: usize| {
            self.tallies
                .get(at)
                .map(|it| counted(it).load(Ordering::SeqCst))
        };
        let before: Vec<_> = hosts.map(|at| (at, of(at))).collect();
        self.until(what, |_| {
            Ok(before.iter().all(|(at, before)| of(*at) > *before))
        })
    }

    fn until(&self, what: &str, is_so: impl Fn(&Fleet) -> Result<bool>) -> Result<()> {
        self.fleet.until(what, |fleet| {
            ensure!(!self.stop.load(Ordering::SeqCst), "an agent stopped");
            is_so(fleet)
        })
    }

    /// Waits until the copy of each of these hosts' logs stays behind, while calls go on.
    fn behind(&self, hosts: impl Iterator<Item = usize>) -> Result<()> {
        self.goes(0..self.fleet.hosts.len(), "calls need no PostgreSQL")?;
        for at in hosts {
            let host = self.host(at)?;
            let is_behind = |_: &Fleet| {
                let (records, copied) = host.copied()?;
                Ok(records >= copied + LAG)
            };
            self.until("the copy is behind", is_behind)?;
        }
        Ok(())
    }

    fn killed(&mut self, at: usize) -> Result<()> {
        self.fleet
            .hosts
            .get_mut(at)
            .context("no host")?
            .gateway
            .kill()?;
        self.grows(at..=at, "it answers nobody", |tally| &tally.unreached)
    }

    fn restarted(&mut self, at: usize) -> Result<()> {
        self.fleet.hosts.get_mut(at).context("no host")?.restart()
    }

    fn host(&self, at: usize) -> Result<&Host> {
        self.fleet.hosts.get(at).context("no host")
    }
}
