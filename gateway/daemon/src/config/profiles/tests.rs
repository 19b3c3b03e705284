use std::fs;

use policy::{Effect, Training};
use proxy::{credential::Form, route::Match};

use super::{
    super::{facts::training, load},
    CredentialForm, Provider,
};
use crate::config::Config;

/// A configuration with one service, of which this is said.
fn loaded(service: &str) -> miette::Result<Config> {
    let text = format!(
        "listen: [{{ address: 127.0.0.1:0 }}]\ncountry: DE\nagents: []\nservices:\n  - {{ name: it, {service} }}\n\
         policies: [a.cedar]\naudit: {{ directory: data }}\n"
    );
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("a.cedar"), "").unwrap();
    let path = folder.path().join("tidegate.yaml");
    fs::write(&path, text).unwrap();
    load(&path)
}

fn refused(service: &str) -> String {
    let Err(report) = loaded(service) else {
        panic!("{service} was taken")
    };
    let help = report.help().map(|it| it.to_string()).unwrap_or_default();
    format!("{report} ({help})")
}

/// What an operator says of a service of this provider beside its profile.
fn own(provider: Provider) -> &'static str {
    let place = "upstream: \"https://acme.example\", country: SE, host: acme.example";
    match provider {
        Provider::AzureOpenai => place,
        Provider::Bedrock => {
            "upstream: \"https://acme.example\", country: SE, host: acme.example, credential: { name: key, as: bearer }"
        }
        Provider::Twilio => "credential: { name: key, as: { basic: AC07 } }",
        _ => "credential: { name: key }",
    }
}

#[test]
fn each_says_what_a_service_needs() {
    for provider in Provider::ALL {
        let name = provider.name();
        let profile = provider
            .profile()
            .unwrap_or_else(|report| panic!("{report:?}"));
        let config = loaded(&format!("profile: {name}, {}", own(provider)));
        let config = config.unwrap_or_else(|report| panic!("{name}: {report:?}"));
        let service = config.services.first().unwrap();
        assert_eq!(config.providers.get("it"), Some(&provider));
        assert_eq!(
            service.operations().len(),
            profile.operations.len(),
            "{name}"
        );
        // Money and messages move: whoever lets an agent read lets it do neither.
        for operation in &profile.operations {
            let (_, effect) = service.effect(&operation.id).unwrap();
            let groups = service.facts.groups_of(&operation.id);
            let moves = |group: &str| groups.iter().any(|it| &**it == group);
            assert!(
                groups.iter().all(|it| policy::GROUPS.contains(&&**it)),
                "{name}/{}",
                operation.id
            );
            let reads = effect == Effect::Read;
            assert!(
                !reads || !(moves("money") || moves("messages")),
                "{name}/{}",
                operation.id
            );
        }
    }
}

#[test]
fn what_the_operator_says_wins() {
    let config = loaded(
        "profile: stripe, prefix: /pay, upstream: \"http://127.0.0.1:9\", country: IE, training: never, \
         credential: { name: key, as: { header: x-key } }, operations: [\
         { id: refund, method: POST, path: /v1/refunds, groups: [careful], body: { amount: amount }, \
           arguments: { amount: { type: money, currency: EUR } } },\
         { id: GetBalance, method: GET, path: /v1/own }]",
    );
    let config = config.unwrap_or_else(|report| panic!("{report:?}"));
    let service = config.services.first().unwrap();
    assert_eq!(service.matches, Match::Prefix("/pay".into()));
    assert_eq!(service.upstreams.first().country.code(), "IE");
    assert_eq!(service.facts.training, Training::Never);
    let presented = service.presented.as_ref().unwrap();
    assert!(matches!(&presented.form, Form::Header(name) if name == "x-key"));
    // One of the same name or of the same call is in place of the profile's.
    let ids = service.operations();
    let count = |id: &str| ids.iter().filter(|it| &****it == id).count();
    assert_eq!(
        (count("refund"), count("PostRefunds"), count("GetBalance")),
        (1, 0, 1)
    );
    assert_eq!(
        service.facts.groups_of("refund").first().map(|it| &**it),
        Some("careful")
    );
    assert!(count("PostPayouts") == 1);
}

#[test]
fn who_may_train_is_said_of_the_providers_own_hosts() {
    let training = |service: &str| {
        let config = loaded(&format!("{service}, credential: {{ name: key }}"));
        let config = config.unwrap_or_else(|report| panic!("{service}: {report:?}"));
        config.services.first().unwrap().facts.training
    };
    let azure = |host: &str| {
        training(&format!(
            "profile: azure-openai, host: {host}, upstream: \"https://{host}\", country: SE"
        ))
    };
    let at = |upstream: &str| {
        training(&format!(
            "profile: anthropic, prefix: /a, upstream: \"{upstream}\", country: US"
        ))
    };
    assert_eq!(training("profile: anthropic"), Training::Never);
    assert_eq!(at("https://API.anthropic.com"), Training::Never);
    assert_eq!(at("https://api.anthropic.com.example"), Training::Unknown);
    assert_eq!(azure("acme.openai.azure.com"), Training::Never);
    assert_eq!(azure("openai.azure.com.example"), Training::Unknown);
}

#[test]
fn what_nobody_says_is_asked_for() {
    let told = refused("profile: twilio, credential: { name: key }");
    assert!(told.contains("how the credential is presented"), "{told}");
    let told = refused("profile: azure-openai, host: acme.example, credential: { name: key }");
    assert!(told.contains("has no upstream"), "{told}");
    // Where an own upstream keeps its data is nothing that a profile knows.
    let told =
        refused("profile: openai, upstream: \"https://eu.example\", credential: { name: key }");
    assert!(told.contains("does not say clearly where it is"), "{told}");
    let told = refused("profile: openapi, credential: { name: key }");
    assert!(told.contains("openapi"), "{told}");
    let told = refused(
        "profile: slack, operations: [{ id: a, method: GET, path: /a, groups: [\"a b\"] }]",
    );
    assert!(told.contains("no name of a group"), "{told}");
}

/// A row of the table in `docs/configuration.md`.
fn row(provider: Provider) -> String {
    let profile = provider
        .profile()
        .unwrap_or_else(|report| panic!("{report:?}"));
    let own = || "yours to say".to_owned();
    let key = match profile.credential {
        None => own(),
        Some(CredentialForm::Bearer) => "`bearer`".to_owned(),
        Some(CredentialForm::Header(name)) => format!("`{name}`"),
        Some(other) => panic!("the table has no words for {other:?}"),
    };
    let of = |group: &str| {
        let all = profile.operations.iter();
        all.filter(|it| it.groups.iter().any(|it| it == group))
            .count()
    };
    let [money, messages, models] = policy::GROUPS.map(of);
    format!(
        "| `{}` | {} | {key} | {} | `{}` | {} | {money}, {messages}, {models} |\n",
        provider.name(),
        profile.host.unwrap_or_else(own),
        profile.country.unwrap_or_else(own),
        training(profile.training.may).name(),
        profile.operations.len(),
    )
}

#[test]
fn the_documentation_lists_them() {
    let table: String = Provider::ALL.map(row).concat();
    let docs = include_str!("../../../../../docs/configuration.md");
    assert!(
        docs.contains(&table),
        "docs/configuration.md should have:\n{table}"
    );
}

#[test]
fn tools_and_root_fields_are_in_groups_too() {
    let groups = |service: &str, id: &str| {
        let place = "prefix: /it, upstream: \"http://127.0.0.1:9\", country: DE";
        let config = loaded(&format!("{place}, {service}"));
        let config = config.unwrap_or_else(|report| panic!("{report:?}"));
        let service = config.services.first().unwrap();
        assert!(service.effect(id).is_some(), "{id}");
        service
            .facts
            .groups_of(id)
            .iter()
            .map(ToString::to_string)
            .collect::<Vec<_>>()
    };
    let tools =
        "mcp: { endpoints: [/mcp], tools: [{ name: pay, groups: [money] }, { name: look }] }";
    assert_eq!(groups(tools, "tools/call/pay"), ["money"]);
    assert!(groups(tools, "tools/call/look").is_empty());
    let fields = "graphql: { endpoints: [/graphql], queries: [{ field: people, groups: [careful] }], \
                  mutations: [{ field: send, groups: [messages] }] }";
    assert_eq!(groups(fields, "query/people"), ["careful"]);
    assert_eq!(groups(fields, "mutation/send"), ["messages"]);
}

#[test]
fn a_key_for_another_host_does_not_go_to_the_providers() {
    let said = refused("profile: github, host: github.acme.example, credential: { name: key }");
    assert!(said.contains("upstream"), "{said}");
}
