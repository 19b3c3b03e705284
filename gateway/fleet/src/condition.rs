//! What a ledger needs of its server, for whoever asks before anything is lent.

use crate::{
    FleetError, Host,
    connection::{Connection, LoginSource, Place},
    hosts,
};

/// By how many seconds a host's clock may differ from the server's: `SKEW` of `lend.lua`.
pub const SKEW: u64 = 60;

/// A server, as it is found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Condition {
    /// Its clock, in seconds of the epoch.
    pub now: u64,
    /// Whether it forgets what it has no room for.
    pub forgets: bool,
    /// Who was there since the ledger's generation began, by name.
    pub hosts: Vec<Host>,
}

/// Looks at the server of this fleet, and changes nothing there.
pub async fn examine(
    place: &Place,
    login: &LoginSource,
    fleet: &str,
) -> Result<Condition, FleetError> {
    let mut connection = Connection::open(place, login).await?;
    let mut memory = redis::cmd("INFO");
    memory.arg("memory");
    let memory: String = connection.ask(&memory).await?;
    let (now, hosts) = hosts::known(&mut connection, fleet).await?;
    Ok(Condition {
        now,
        forgets: forgets(&memory),
        hosts,
    })
}

/// As `join.lua` has it.
fn forgets(memory: &str) -> bool {
    let said = |name: &str| {
        let mut lines = memory.lines();
        lines.find_map(|line| line.strip_prefix(name)?.strip_prefix(':'))
    };
    let is_bounded = said("maxmemory").is_some_and(|most| most != "0");
    is_bounded && said("maxmemory_policy").is_some_and(|policy| policy != "noeviction")
}

#[cfg(test)]
mod tests {
    use super::forgets;

    #[test]
    fn a_server_forgets_where_it_is_bounded_and_evicts() {
        let said = |most: &str, policy: &str| {
            format!(
                "# Memory\r\nmaxmemory:{most}\r\nmaxmemory_human:x\r\nmaxmemory_policy:{policy}\r\n"
            )
        };
        assert!(forgets(&said("100", "allkeys-lru")));
        assert!(!forgets(&said("100", "noeviction")));
        assert!(!forgets(&said("0", "allkeys-lru")));
        assert!(!forgets(""));
    }
}
