//! Who is of the fleet, for whoever asks.

use std::collections::BTreeMap;

use crate::{
    FleetError,
    connection::{Connection, LoginSource, Place},
};

const HOSTS: &str = include_str!("hosts.lua");

/// A host, as the ledger knows it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Host {
    /// Its name.
    pub name: String,
    /// What it said of itself.
    pub about: String,
    /// How long ago that was, in seconds, by the ledger's clock.
    pub ago: u64,
    /// Whether all that it has of budgets stands in the ledger.
    pub reported: bool,
    /// The [digest](crate::list_digest) of the hosts that it takes for the fleet's.
    pub list: String,
}

/// All that have been there since the ledger's generation began, by name.
pub async fn hosts(
    place: &Place,
    login: &LoginSource,
    fleet: &str,
) -> Result<Vec<Host>, FleetError> {
    let mut connection = Connection::open(place, login).await?;
    let (_, hosts) = known(&mut connection, fleet).await?;
    Ok(hosts)
}

/// The same, and the ledger's clock.
pub(crate) async fn known(
    connection: &mut Connection,
    fleet: &str,
) -> Result<(u64, Vec<Host>), FleetError> {
    let script = connection.load(HOSTS).await?;
    let mut ask = redis::cmd("EVALSHA");
    ask.arg(script).arg(1).arg(fleet_key(fleet));
    let (now, fields): (String, Vec<String>) = connection.ask(&ask).await?;
    let now = now.parse().unwrap_or(0);
    Ok((now, read(now, &fields)))
}

pub(crate) fn fleet_key(fleet: &str) -> String {
    format!("tidegate:{{{fleet}}}:fleet")
}

fn read(now: u64, fields: &[String]) -> Vec<Host> {
    let mut hosts: BTreeMap<&str, Host> = BTreeMap::new();
    for field in fields.chunks_exact(2) {
        let [name, value] = field else { continue };
        let Some((what, host)) = name.split_once(':') else {
            continue;
        };
        let known = hosts.entry(host).or_insert_with(|| Host {
            name: host.to_owned(),
            ..Host::default()
        });
        match what {
            "about" => known.about.clone_from(value),
            "seen" => known.ago = now.saturating_sub(value.parse().unwrap_or(0)),
            "reported" => known.reported = true,
            "list" => known.list.clone_from(value),
            _ => {}
        }
    }
    hosts.into_values().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_host_is_what_it_said_of_itself() {
        let fields = [
            ("generation", "g"),
            ("run", "r"),
            ("seen:a", "90"),
            ("about:a", "{}"),
            ("reported:a", "1"),
            ("seen:b", "100"),
            ("list:b", "l"),
        ];
        let fields = fields.iter().flat_map(|(name, value)| [*name, *value]);
        let fields: Vec<String> = fields.map(str::to_owned).collect();
        let hosts = read(100, &fields);
        let told = |host: &Host| (host.name.clone(), host.ago, host.reported);
        let told: Vec<_> = hosts.iter().map(told).collect();
        let expected = [("a".to_owned(), 10, true), ("b".to_owned(), 0, false)];
        assert_eq!(told, expected);
        assert_eq!(hosts[1].list, "l");
    }
}
