//! What a client says that it is, beside what was recognised. It proves nothing; a client that says
//! otherwise than its agent is known as runs what its operator does not expect.

use std::{
    collections::{HashMap, HashSet},
    sync::{Arc, Mutex, PoisonError},
};

use audit::DeclaredRecord;
use hashlink::LruCache;
use http::{HeaderMap, HeaderName, header};
use identity::{Caller, Declared};
use serde_json::{Map, Value};

use crate::{
    account::Account,
    fields,
    gateway::Gateway,
    jsonrpc::{Kind, Message},
    notice::Notice,
};

/// The longest name that is kept, in bytes.
pub const NAME_BYTES_MAX: usize = 64;

/// The longest version that is kept, in bytes.
const VERSION_BYTES_MAX: usize = 32;

/// Clients of MCP whose names are remembered; who was quiet longest is forgotten first.
const CLIENTS_MAX: usize = 8192;

/// Values of one field that are kept.
const VALUES_MAX: usize = 4;

/// What stands for a name that holds something personal, or a secret.
const WITHHELD: &str = "[withheld]";

/// The ways in which a client names itself.
const USER_AGENT: &str = "user-agent";
const HEADER: &str = "header";
const MCP: &str = "mcp";

/// Where a request of MCP says who its client is since 2026-07-28, in `_meta`.
const CLIENT_IN_META: &str = "io.modelcontextprotocol/clientInfo";

/// What a client says that it is, in one of the ways.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Said {
    by: &'static str,
    name: Arc<str>,
    version: Option<Arc<str>>,
    /// Whether it cannot be read, or is not all that is said in this way: then it is nobody's.
    is_odd: bool,
}

/// What a message of MCP says of its client.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Client {
    said: Said,
    /// Whether it holds for the session, as what `initialize` says does.
    lasts: bool,
}

/// As what agents are known, and what clients said.
#[derive(Debug)]
pub struct Declarations {
    header: Option<HeaderName>,
    /// The agents by each name, in lower case.
    known: HashMap<Box<str>, Known>,
    /// The agents that have names.
    named: HashSet<Arc<str>>,
    /// The clients of MCP by session and service, since they say it once.
    clients: Mutex<LruCache<Session, Said>>,
}

/// A client of MCP: its session, and the service.
type Session = (Arc<str>, Arc<str>);

/// A name of the configuration.
#[derive(Debug)]
struct Known {
    name: Arc<str>,
    agents: Vec<Arc<str>>,
}

impl Declarations {
    /// Of agents, by id, with the names that they are known as. `header` is a field in which a client
    /// names itself, beside `user-agent`.
    pub fn new<'a>(
        header: Option<HeaderName>,
        agents: impl IntoIterator<Item = (&'a Arc<str>, &'a [Box<str>])>,
    ) -> Self {
        let mut known: HashMap<Box<str>, Known> = HashMap::new();
        let mut named = HashSet::new();
        for (agent, names) in agents {
            for name in names {
                named.insert(Arc::clone(agent));
                let entry = known.entry(name.to_ascii_lowercase().into());
                let entry = entry.or_insert_with(|| Known {
                    name: Arc::from(&**name),
                    agents: Vec::new(),
                });
                entry.agents.push(Arc::clone(agent));
            }
        }
        Self {
            header,
            known,
            named,
            clients: Mutex::new(LruCache::new(CLIENTS_MAX)),
        }
    }

    /// What the fields of a request say. A field that comes twice, or is not text, says each of its values,
    /// and none of them is anybody's.
    pub(crate) fn said(&self, gateway: &Gateway, headers: &HeaderMap) -> Vec<Said> {
        let fields = [
            (USER_AGENT, Some(&header::USER_AGENT)),
            (HEADER, self.header.as_ref()),
        ];
        let mut all = Vec::new();
        for (by, name) in fields {
            let Some(name) = name else { continue };
            let is_double = headers.get_all(name).iter().nth(1).is_some();
            for value in headers.get_all(name).iter().take(VALUES_MAX) {
                let is_odd = is_double || value.to_str().is_err();
                let text = String::from_utf8_lossy(value.as_bytes());
                let said = match by {
                    USER_AGENT => {
                        product(&text).and_then(|(name, version)| said(by, name, version))
                    }
                    _ => said(by, &text, None),
                };
                all.extend(said.map(|said| withheld(gateway, Said { is_odd, ..said })));
            }
        }
        all
    }

    /// The caller, with what its client says held against what its agent is known as. All that is said goes
    /// on record, and so does a conflict, as what was noticed.
    pub(crate) fn declare(
        &self,
        account: &mut Account,
        caller: &Caller,
        service: &Arc<str>,
    ) -> Caller {
        let client = account.client.take();
        account
            .said
            .extend(self.client(&caller.session, service, client));
        let mut caller = caller.clone();
        if let Some(declared) = self.judge(caller.agent.id.shared(), &account.said) {
            if let Some(by) = declared.1 {
                account.notices.push(Notice::DeclaredConflict(by));
            }
            caller.declared = Some(Arc::new(declared.0));
        }
        caller
    }

    /// What the client of MCP said, now or when its session began.
    fn client(&self, session: &Arc<str>, service: &Arc<str>, now: Option<Client>) -> Option<Said> {
        if let Some(Client { said, lasts: false }) = now {
            return Some(said);
        }
        let mut clients = self.clients.lock().unwrap_or_else(PoisonError::into_inner);
        if clients.is_empty() && now.is_none() {
            return None;
        }
        let key = (Arc::clone(session), Arc::clone(service));
        match now {
            Some(Client { said, .. }) => {
                clients.insert(key, said.clone());
                Some(said)
            }
            None => clients.get(&key).cloned(),
        }
    }

    /// The names of the configuration that are said, and by which way first one is said that is not the
    /// agent's; nothing where no agent has a name.
    fn judge(&self, agent: &Arc<str>, said: &[Said]) -> Option<(Declared, Option<&'static str>)> {
        if self.known.is_empty() {
            return None;
        }
        let mut names: Vec<Arc<str>> = Vec::new();
        let mut conflict = None;
        for said in said {
            let known = self.known.get(&*said.name.to_ascii_lowercase());
            let is_own = match known {
                Some(known) => known.agents.contains(agent),
                // Who has names has no others; who has none may have any that is nobody's.
                None => !self.named.contains(agent),
            } && !said.is_odd;
            names.extend(known.map(|known| Arc::clone(&known.name)));
            conflict = conflict.or((!is_own).then_some(said.by));
        }
        names.sort_unstable();
        names.dedup();
        let declared = Declared {
            names: names.into(),
            conflict: conflict.is_some(),
        };
        Some((declared, conflict))
    }
}

/// What a message of MCP says of its client: at the beginning of a session, or each time.
pub(crate) fn client(gateway: &Gateway, message: &Message<'_>) -> Option<Client> {
    let Kind::Call {
        method,
        params: Some(params),
    } = message.kind
    else {
        return None;
    };
    let lasts = method == "initialize";
    let info = if lasts {
        object(params, "clientInfo")
    } else {
        object(params, "_meta").and_then(|meta| object(meta, CLIENT_IN_META))
    }?;
    let text = |name: &str| info.get(name).and_then(Value::as_str);
    let said = withheld(gateway, said(MCP, text("name")?, text("version"))?);
    Some(Client { said, lasts })
}

fn object<'v>(within: &'v Map<String, Value>, name: &str) -> Option<&'v Map<String, Value>> {
    within.get(name)?.as_object()
}

/// As records have it.
pub(crate) fn records(said: &[Said]) -> Vec<DeclaredRecord> {
    let record = |said: &Said| DeclaredRecord {
        by: said.by.into(),
        name: said.name.to_string(),
        version: said.version.as_deref().map(str::to_owned),
    };
    said.iter().map(record).collect()
}

/// The first product of a `user-agent` (RFC 9110, 10.1.5) and its version.
fn product(text: &str) -> Option<(&str, Option<&str>)> {
    let first = text.split_ascii_whitespace().next()?;
    Some(match first.split_once('/') {
        Some((name, version)) => (name, Some(version)),
        None => (first, None),
    })
}

/// A name as it may stand in a record: short, of plain characters, others as `_`; none if nothing is left.
fn said(by: &'static str, name: &str, version: Option<&str>) -> Option<Said> {
    let plain = |text: &str, bytes_max: usize| -> Arc<str> {
        let plain = |it: char| it.is_ascii_alphanumeric() || " .-_+@/:".contains(it);
        let written = text.trim().chars().take(bytes_max);
        let written: String = written.map(|it| if plain(it) { it } else { '_' }).collect();
        written.into()
    };
    let name = plain(name, NAME_BYTES_MAX);
    let version = version.map(|version| plain(version, VERSION_BYTES_MAX));
    (!name.is_empty()).then_some(Said {
        by,
        name,
        version,
        is_odd: false,
    })
}

/// The same without a name in which something is found that nobody needs there.
fn withheld(gateway: &Gateway, said: Said) -> Said {
    let version = said.version.as_deref().unwrap_or_default();
    if fields::is_clean(gateway, said.by, &format!("{}/{version}", said.name)) {
        return said;
    }
    Said {
        name: WITHHELD.into(),
        version: None,
        ..said
    }
}

/// A name as a record may have it, told as `by`: without what nobody needs there.
pub(crate) fn safe(gateway: &Gateway, by: &str, name: String) -> String {
    if fields::is_clean(gateway, by, &name) {
        name
    } else {
        WITHHELD.to_owned()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const ONE: &str = "spiffe://tests.example/one";
    const TWO: &str = "spiffe://tests.example/two";
    const FREE: &str = "spiffe://tests.example/free";

    fn declarations() -> Declarations {
        let (one, two, free) = (Arc::from(ONE), Arc::from(TWO), Arc::from(FREE));
        let names =
            |names: &[&str]| -> Vec<Box<str>> { names.iter().map(|&name| name.into()).collect() };
        let (ones, twos) = (
            names(&["Support-Bot", "httpx"]),
            names(&["planner", "httpx"]),
        );
        Declarations::new(None, [(&one, &*ones), (&two, &*twos), (&free, &[][..])])
    }

    fn judged(agent: &str, names: &[&str]) -> (Vec<String>, Option<&'static str>) {
        let ways = [USER_AGENT, MCP, HEADER];
        let said: Vec<Said> = names
            .iter()
            .zip(ways)
            .map(|(name, by)| said(by, name, None).expect("a name"))
            .collect();
        let judged = declarations().judge(&agent.into(), &said);
        let (declared, by) = judged.expect("agents have names");
        assert_eq!(declared.conflict, by.is_some());
        (declared.names.iter().map(ToString::to_string).collect(), by)
    }

    #[test]
    fn an_agent_is_known_as_what_it_says_or_there_is_a_conflict() {
        let none = Vec::<String>::new();
        assert_eq!(judged(ONE, &[]), (none.clone(), None));
        assert_eq!(judged(ONE, &["support-bot"]).1, None);
        let both = vec!["Support-Bot".to_owned(), "httpx".to_owned()];
        assert_eq!(judged(ONE, &["HTTPX", "support-bot"]), (both, None));
        assert_eq!(judged(ONE, &["curl"]), (none.clone(), Some(USER_AGENT)));
        assert_eq!(judged(ONE, &["httpx", "planner"]).1, Some(MCP));
        // Who has no name may have any, but not another's.
        assert_eq!(judged(FREE, &["curl"]), (none, None));
        assert_eq!(judged(FREE, &["planner"]).1, Some(USER_AGENT));
    }

    #[test]
    fn what_cannot_be_read_is_nobodys() {
        let own = said(USER_AGENT, "httpx", None).expect("a name");
        let odd = Said {
            is_odd: true,
            ..own.clone()
        };
        for agent in [ONE, FREE] {
            let judged = declarations().judge(&agent.into(), std::slice::from_ref(&odd));
            assert_eq!(judged.expect("names").1, Some(USER_AGENT));
        }
        let judged = declarations().judge(&ONE.into(), &[own]);
        assert_eq!(judged.expect("names").1, None);
    }

    #[test]
    fn where_nobody_has_a_name_nothing_is_judged() {
        let one = Arc::from(ONE);
        let declarations = Declarations::new(None, [(&one, &[][..])]);
        let curl = said(USER_AGENT, "curl", None).expect("a name");
        assert_eq!(declarations.judge(&one, &[curl]), None);
    }

    #[test]
    fn a_client_says_once_what_it_is() {
        let declarations = declarations();
        let (session, tools, other) = (Arc::from("s"), Arc::from("tools"), Arc::from("other"));
        assert_eq!(declarations.client(&session, &tools, None), None);
        let client = said(MCP, "claude-code", Some("2.0"));
        let says = |said: &Option<Said>, lasts| said.clone().map(|said| Client { said, lasts });
        let begins = says(&client, true);
        assert_eq!(declarations.client(&session, &tools, begins), client);
        // What one message says is of that message.
        let other_name = said(MCP, "planner", None);
        let message = says(&other_name, false);
        assert_eq!(declarations.client(&session, &tools, message), other_name);
        assert_eq!(declarations.client(&session, &tools, None), client);
        assert_eq!(declarations.client(&session, &other, None), None);
        assert_eq!(declarations.client(&"t".into(), &tools, None), None);
    }

    #[test]
    fn the_first_product_names_a_user_agent() {
        for (text, expected) in [
            ("curl/8.5.0", Some(("curl", Some("8.5.0")))),
            ("  Mozilla/5.0 (X11) x/1", Some(("Mozilla", Some("5.0")))),
            ("bot", Some(("bot", None))),
            (" ", None),
        ] {
            assert_eq!(product(text), expected);
        }
    }

    proptest! {
        #[test]
        fn what_is_kept_is_short_and_plain(name: String, version: Option<String>) {
            if let Some(said) = said(HEADER, &name, version.as_deref()) {
                let version = said.version.as_deref().unwrap_or_default();
                prop_assert!(!said.name.is_empty() && said.name.len() <= NAME_BYTES_MAX);
                prop_assert!(version.len() <= VERSION_BYTES_MAX);
                let plain = |it: u8| (b' '..=b'~').contains(&it) && !b"\"'<>\\`{}".contains(&it);
                prop_assert!(said.name.bytes().chain(version.bytes()).all(plain));
            }
        }
    }
}
