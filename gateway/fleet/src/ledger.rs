//! The ledger of budgets, as `admission` asks it.

use std::sync::{Arc, PoisonError, RwLock};

use admission::budget::{Act, Joined, Lender, LenderError, Lent, SHARED_MAX, Want, Wanted};
use async_trait::async_trait;
use redis::Cmd;
use sha2::{Digest as _, Sha256};
use uuid::Uuid;

use crate::{
    FleetError,
    connection::{Connection, LoginSource, Place},
    hosts::fleet_key,
};

const JOIN: &str = include_str!("join.lua");
const LEND: &str = include_str!("lend.lua");

/// Orders of one process: so many, before those of the next one begin.
const ORDERS: u64 = 1_000_000_000;

/// Who asks.
#[derive(Clone, Debug)]
pub struct Member {
    /// The fleet.
    pub fleet: String,
    /// This host.
    pub host: String,
    /// All hosts, this one among them.
    pub hosts: Vec<String>,
    /// What makes this host's budgets the same as before.
    pub instance: String,
    /// What it says of itself, each time.
    pub about: Arc<RwLock<String>>,
}

/// The ledger.
pub struct Ledger {
    place: Place,
    login: LoginSource,
    member: Member,
    list: String,
    connected: Option<Connected>,
    /// Where this process has begun: the generation, and which of the host's processes it is there.
    begun: Option<(String, u64)>,
    order: u64,
}

struct Connected {
    connection: Connection,
    join: String,
    lend: String,
}

impl Ledger {
    /// For this host.
    pub fn new(place: Place, login: LoginSource, member: Member) -> Self {
        let mut hosts = member.hosts.clone();
        hosts.sort();
        let list = list_digest(&hosts);
        Self {
            place,
            login,
            member: Member { hosts, ..member },
            list,
            connected: None,
            begun: None,
            order: 0,
        }
    }

    /// The connection; none is gone on with that failed, since answers may be under way in it.
    async fn connected(&mut self) -> Result<Connected, FleetError> {
        if let Some(connected) = self.connected.take() {
            return Ok(connected);
        }
        let mut connection = Connection::open(&self.place, &self.login).await?;
        let join = connection.load(JOIN).await?;
        let lend = connection.load(LEND).await?;
        Ok(Connected {
            connection,
            join,
            lend,
        })
    }

    async fn join(
        &mut self,
        fresh: bool,
        reported: Option<&str>,
        lost: Option<&str>,
    ) -> Result<Told, FleetError> {
        let mut connected = self.connected().await?;
        let member = &self.member;
        let about = member.about.read();
        let about = about.unwrap_or_else(PoisonError::into_inner).clone();
        let mut ask = redis::cmd("EVALSHA");
        ask.arg(&connected.join)
            .arg(1)
            .arg(fleet_key(&member.fleet))
            .arg(&member.host)
            .arg(&member.instance)
            .arg(&self.list)
            .arg(about)
            .arg(u8::from(fresh))
            .arg(reported.unwrap_or_default())
            .arg(lost.unwrap_or_default())
            .arg(Uuid::now_v7().simple().to_string());
        for host in &member.hosts {
            ask.arg(host);
        }
        let told: Vec<String> = connected.connection.ask(&ask).await?;
        self.connected = Some(connected);
        Told::read(&told)
    }

    fn asked(&mut self, script: &str, want: &Want, (generation, boot): (&str, u64)) -> Cmd {
        self.order += 1;
        let order = boot.saturating_mul(ORDERS).saturating_add(self.order);
        let bound = |time: Option<i64>| time.map_or_else(String::new, |time| time.to_string());
        let mut ask = redis::cmd("EVALSHA");
        ask.arg(script)
            .arg(2)
            .arg(fleet_key(&self.member.fleet))
            .arg(account_key(&self.member.fleet, &want.account))
            .arg(&self.member.host)
            .arg(generation)
            .arg(boot)
            .arg(order)
            .arg(match want.act {
                Act::Lease => "lease",
                Act::Report => "report",
                Act::Return => "return",
            })
            .arg(bound(want.window.map(|(begins, _)| begins)))
            .arg(bound(want.window.map(|(_, ends)| ends)))
            .arg(&self.list)
            .arg(self.member.hosts.len());
        for host in &self.member.hosts {
            ask.arg(host);
        }
        for Wanted {
            meter,
            allowed,
            used,
            held,
            least,
            wish,
        } in &want.meters
        {
            ask.arg(meter.name());
            for amount in [allowed, used, held, least, wish] {
                ask.arg((*amount).min(SHARED_MAX));
            }
        }
        ask
    }
}

#[async_trait]
impl Lender for Ledger {
    async fn attend(
        &mut self,
        reported: Option<&str>,
        lost: Option<&str>,
    ) -> Result<Joined, LenderError> {
        let fresh = self.begun.is_none();
        let mut told = self.join(fresh, reported, lost).await.map_err(of_lender)?;
        let is_known = |begun: &(String, u64)| begun.0 == told.generation;
        if !fresh && !self.begun.as_ref().is_some_and(is_known) {
            // In another generation this process has to begin, too.
            self.begun = None;
            told = self.join(true, None, None).await.map_err(of_lender)?;
        }
        match &self.begun {
            Some((_, boot)) if *boot != told.boot => {
                let why = "another process goes by this host's name; give each host a name and data of its own";
                return Err(LenderError(why.to_owned()));
            }
            _ => self.begun = Some((told.generation.clone(), told.boot)),
        }
        Ok(Joined {
            generation: told.generation,
            now: told.now,
            closed: told.closed.map(Arc::from),
        })
    }

    async fn lend(&mut self, wants: &[Want]) -> Result<Vec<Lent>, LenderError> {
        if wants.is_empty() {
            return Ok(Vec::new());
        }
        let Some((generation, boot)) = self.begun.clone() else {
            return Ok(vec![Lent::Again; wants.len()]);
        };
        let mut connected = self.connected().await.map_err(of_lender)?;
        let mut all = redis::pipe();
        for want in wants {
            all.add_command(self.asked(&connected.lend, want, (&generation, boot)));
        }
        let told: Vec<Vec<String>> = connected
            .connection
            .ask_all(&all)
            .await
            .map_err(of_lender)?;
        self.connected = Some(connected);
        if told.len() != wants.len() {
            return Err(LenderError("the server answers something else".to_owned()));
        }
        let each = told.iter().zip(wants);
        each.map(|(told, want)| lent(told, want)).collect()
    }
}

/// What a host hears when it says that it is there.
struct Told {
    generation: String,
    now: i64,
    boot: u64,
    closed: Option<String>,
}

impl Told {
    fn read(told: &[String]) -> Result<Self, FleetError> {
        let told: Vec<&str> = told.iter().map(String::as_str).collect();
        match told.as_slice() {
            ["ok", generation, now, boot, missing, unreported, other] => {
                let unread = |_| FleetError("the server answers something else".to_owned());
                Ok(Self {
                    generation: (*generation).to_owned(),
                    now: now.parse().map_err(unread)?,
                    boot: boot.parse().map_err(unread)?,
                    closed: closed(missing, unreported, other),
                })
            }
            ["taken"] => Err(FleetError(
                "this host's name is another's, or its data is gone: give it a name that the fleet has not had yet"
                    .to_owned(),
            )),
            ["unfit", why] => Err(FleetError(format!("the server is not fit for it: {why}"))),
            _ => Err(FleetError("the server answers something else".to_owned())),
        }
    }
}

/// Why nothing is lent.
fn closed(missing: &str, unreported: &str, other: &str) -> Option<String> {
    if !other.is_empty() {
        return Some(format!(
            "these have another list of the fleet's hosts: {other}"
        ));
    }
    if !missing.is_empty() {
        return Some(format!(
            "the ledger is new, and these were not there yet: {missing}"
        ));
    }
    (!unreported.is_empty())
        .then(|| format!("the ledger is new, and these have not reported yet: {unreported}"))
}

fn lent(told: &[String], want: &Want) -> Result<Lent, LenderError> {
    let unread = || LenderError("the server answers something else".to_owned());
    let (how, amounts) = told.split_first().ok_or_else(unread)?;
    match how.as_str() {
        "ok" => {
            let amounts: Option<Vec<u64>> = amounts.iter().map(|it| it.parse().ok()).collect();
            let amounts = amounts.ok_or_else(unread)?;
            if amounts.len() != want.meters.len() * 2 {
                return Err(unread());
            }
            let pairs = amounts.chunks_exact(2);
            let pairs = pairs.filter_map(|pair| match pair {
                [claim, unclaimed] => Some((*claim, *unclaimed)),
                _ => None,
            });
            Ok(Lent::Claims(pairs.collect()))
        }
        "closed" => Ok(Lent::Closed),
        "lost" => Ok(Lent::Lost),
        "again" => Ok(Lent::Again),
        _ => Err(unread()),
    }
}

fn of_lender(error: FleetError) -> LenderError {
    LenderError(error.0)
}

/// What stands in the ledger for a list of hosts, in whatever order.
pub fn list_digest(hosts: &[String]) -> String {
    let mut hosts = hosts.to_vec();
    hosts.sort();
    digest(&hosts.join("\n"))
}

/// Beside the fleet's own key, where a server has its keys in several places.
fn account_key(fleet: &str, account: &str) -> String {
    format!("tidegate:{{{fleet}}}:budget:{}", digest(account))
}

fn digest(text: &str) -> String {
    let digest = hex::encode(Sha256::digest(text.as_bytes()));
    digest.get(..32).unwrap_or(&digest).to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_server_says_is_understood_or_refused() {
        let told = |words: &[&str]| {
            let words: Vec<String> = words.iter().map(|it| (*it).to_owned()).collect();
            Told::read(&words).map(|told| told.closed)
        };
        assert_eq!(told(&["ok", "g", "12", "3", "", "", ""]), Ok(None));
        let why = |words: &[&str]| match told(words) {
            Ok(closed) => closed.unwrap_or_default(),
            Err(error) => error.0,
        };
        assert!(why(&["ok", "g", "12", "3", "b", "c", ""]).contains("not there yet: b"));
        assert!(why(&["ok", "g", "12", "3", "", "c", ""]).contains("not reported yet: c"));
        assert!(why(&["ok", "g", "12", "3", "b", "", "d"]).contains("another list"));
        assert!(why(&["taken"]).contains("another's"));
        assert!(why(&["unfit", "it forgets"]).contains("it forgets"));
        for odd in [
            &[][..],
            &["ok"],
            &["ok", "g", "x", "3", "", "", ""],
            &["what"],
        ] {
            assert!(why(odd).contains("something else"), "{odd:?}");
        }
    }

    #[test]
    fn accounts_of_one_fleet_lie_beside_each_other() {
        let (one, other) = (account_key("prod", "a"), account_key("prod", "b"));
        assert_ne!(one, other);
        for key in [&one, &other, &fleet_key("prod")] {
            assert!(key.starts_with("tidegate:{prod}:"), "{key}");
        }
    }
}
