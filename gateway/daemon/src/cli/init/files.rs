//! The files that `init` writes, and what to do next.

use std::{
    fmt::Display,
    path::{self, Path},
};

use policy::Country;
use serde_json::Value;

use super::{Answers, Init, answers::Agent, answers::Service};

/// The agent that is written.
const AGENT: &str = "spiffe://host.local/agent/first";

/// A text as YAML and Cedar both read it: in JSON's quotes.
fn quoted(text: impl Display) -> String {
    Value::from(text.to_string()).to_string()
}

pub(super) fn config(arguments: &Init, answers: &Answers) -> String {
    let Init {
        listen,
        admin,
        data,
        ..
    } = arguments;
    // In the file a relative path begins at the file's folder; whoever types one means where they stand.
    let data = path::absolute(data).unwrap_or_else(|_| data.clone());
    let country = match answers.country {
        Country::UNKNOWN => {
            "country: ZZ     # not known, which is nowhere that a rule names: say where this host is (ISO 3166-1)"
                .to_owned()
        }
        country => format!("country: {country}     # of this host and its agents: where what they read goes"),
    };
    format!(
        "# Tidegate. What every key means: docs/configuration.md, in packages /usr/share/doc/tidegate.\n\
         # After a change: `tidegate check`, then start the gateway again.\n\
         listen:\n  - address: {listen}     # where agents connect\n\
         admin: {{ address: {admin} }}     # health, metrics, flows: for operators, not for agents\n\
         {country}\n\n{}\n{}\n\
         policies: [\"policies/*.cedar\"]\n\
         uninspected: refuse     # bodies that cannot be looked into; `record` lets them pass, on record\n\
         audit: {{ directory: {} }}\n",
        agents(answers.agent.as_ref()),
        services(answers.service.as_ref()),
        quoted(data.display()),
    )
}

fn agents(agent: Option<&Agent>) -> String {
    let Some(Agent { program, user }) = agent else {
        return format!(
            "# Who may call, told apart by what the kernel says of a process.\n\
             agents: []\n\
             #  - id: {AGENT}\n\
             #    selectors: [\"unix:path:/usr/bin/python3.11\", \"unix:uid:1001\"]\n\
             #    token: optional     # `required` once `tokens` says who issues them\n"
        );
    };
    let user = user.map_or_else(String::new, |user| format!(", \"unix:uid:{user}\""));
    let path = quoted(format!("unix:path:{}", program.display()));
    format!(
        "# Who may call, told apart by what the kernel says of a process.\n\
         agents:\n  - id: {AGENT}\n    selectors: [{path}{user}]\n    \
         token: optional     # `required` once `tokens` says who issues them\n"
    )
}

fn services(service: Option<&Service>) -> String {
    let Some(service) = service else {
        return "# What may be called. What is not listed is refused.\n\
                services: []\n\
                #  - name: crm\n\
                #    prefix: /crm\n\
                #    upstream: https://crm.example.com\n\
                #    country: DE\n\
                #    operations:\n\
                #      - { id: customer.read, method: GET, path: \"/customers/{customer}\" }\n"
            .to_owned();
    };
    let Service {
        name,
        upstream,
        country,
        path,
    } = service;
    format!(
        "# What may be called. What is not listed is refused.\n\
         services:\n  - name: {name}\n    prefix: /{name}\n    upstream: {}\n    \
         country: {country}     # where it keeps data\n    operations:\n      \
         - {{ id: read, method: GET, path: {} }}\n",
        quoted(upstream),
        quoted(path),
    )
}

pub(super) fn calls(answers: &Answers) -> String {
    let mut rules = vec![
        "// Who may call what. Nothing that is not permitted here happens, and a `forbid` always wins.\n"
            .to_owned(),
    ];
    if let (Some(_), Some(service)) = (&answers.agent, &answers.service) {
        let name = &service.name;
        rules.push(format!(
            "@id(\"first-reads-{name}\")\n\
             @reason(\"The first agent reads from {name}.\")\n\
             permit (\n  principal in Agent::\"{AGENT}\",\n  action == Action::\"call\",\n  \
             resource in Api::\"{name}\"\n)\nwhen {{ context.effect == \"read\" }};\n"
        ));
    }
    // Those that nothing binds yet cost nothing, and hold from the day on which something does.
    let bound = answers.service.iter().flat_map(Service::parameters);
    let mut parameters: Vec<&str> = bound.chain(["customer", "patient"]).collect();
    parameters.sort_unstable();
    parameters.dedup();
    for parameter in parameters {
        rules.push(format!(
            "@id(\"task-sees-only-its-{parameter}\")\n@category(\"scope\")\n\
             @reason(\"A task for one {parameter} sees that one and no other.\")\n\
             @basis(\"GDPR Art. 5(1)(b)\")\n\
             forbid (principal, action == Action::\"call\", resource)\n\
             when {{ principal.hasTag(\"{parameter}\") && resource.hasTag(\"{parameter}\") }}\n\
             unless {{ principal.getTag(\"{parameter}\") == resource.getTag(\"{parameter}\") }};\n"
        ));
    }
    rules.join("\n")
}

pub(super) fn disclosures(answers: &Answers) -> String {
    let mut rules = vec![
        "// What may be seen of what comes back. A class of data that no rule names is taken out.\n\
         // The classes: `tidegate classify --list-classes`.\n"
            .to_owned(),
        "@id(\"secrets-stop-here\")\n\
         @obligation(\"block\")\n\
         @reason(\"Keys, tokens and passwords are for nobody's context window.\")\n\
         @basis(\"GDPR Art. 32\")\n\
         forbid (principal, action == Action::\"disclose\", resource in DataClass::\"secret\");\n"
            .to_owned(),
    ];
    if answers.agent.is_some() {
        rules.push(format!(
            "@id(\"first-sees-that-there-is-something\")\n\
             @obligation(\"replace\")\n\
             @reason(\"Placeholders tell what stood there, and nothing of whom.\")\n\
             @basis(\"GDPR Art. 5(1)(c)\")\n\
             forbid (principal in Agent::\"{AGENT}\", action == Action::\"disclose\", resource)\n\
             when {{ resource in [DataClass::\"pii\", DataClass::\"phi\", DataClass::\"pci\"] }};\n"
        ));
    }
    rules.join("\n")
}

/// What to do next.
pub(super) fn next(arguments: &Init, config: &Path, answers: &Answers) -> String {
    let (shown, data, listen) = (config.display(), arguments.data.display(), arguments.listen);
    let call = match (&answers.service, &answers.agent) {
        (Some(Service { name, path, .. }), Some(_)) => {
            format!("    let the agent call http://{listen}/{name}{path}\n")
        }
        _ => format!("    say in `{shown}` who may call what: it has examples to go by\n"),
    };
    let country = match answers.country {
        Country::UNKNOWN => {
            format!(
                "    say in `{shown}` where this host is (`country`): until then it is nowhere\n"
            )
        }
        _ => String::new(),
    };
    format!(
        "\nNext:\n{country}    tidegate doctor\n    tidegate run --config {shown}\n{call}    \
         tidegate audit list --data {data}"
    )
}
