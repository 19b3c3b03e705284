//! Where policy says `mediate`, a caller gets what the template of its purpose holds and nothing else,
//! whatever it, the service or a model that takes part may say.

use anyhow::{Context as _, Result, ensure};
use serde_json::{Value, json};
use tests::{
    client::Reply,
    peers::{
        Peer,
        chooser::{Chooser, Says},
        roster::{self, Mood, Roster},
    },
    records::{self, Record},
    setup::{Service, Setup},
};

use crate::world::{HERE, World};

mod bounds;
mod corpus;

/// The gateway's own agent, that calls the model.
const MEDIATOR: &str = "spiffe://tests.example/agent/mediator";

/// Longer than anything takes that ends, however busy the machine.
const LONG: &str = "60s";
/// Soon over, for what never ends.
const SHORT: &str = "300ms";

/// Everything is shown that is read, so that nothing but the mediator holds it back; addresses are
/// masked, so that it has only what policy lets through.
const POLICY: &str = r#"
@id("agents-may-call")
permit (principal, action == Action::"call", resource)
when { context.service != "llm" };

@id("customers-are-mediated") @obligation("mediate")
permit (principal, action == Action::"call", resource in Api::"roster");

@id("all-is-shown")
permit (principal, action == Action::"disclose", resource);

@id("addresses-are-masked") @obligation("mask")
forbid (principal, action == Action::"disclose", resource in DataClass::"pii.email");
"#;

/// Who calls the model.
const MODEL_POLICY: &str = r#"
@id("the-mediator-may-ask")
permit (principal in Agent::"spiffe://tests.example/agent/mediator", action == Action::"call",
        resource in Operation::"llm/complete");
"#;

/// What the operator declares.
fn templates() -> Value {
    let rows = json!({
        "name": "contact", "operation": "roster/customer.list", "purposes": ["support"],
        "rows": "/customers", "fields": ["/id", "/plan", "/email"],
        "filters": { "status": "active" }, "pass": ["sort"],
        "page": { "parameter": "limit", "max": 5 },
    });
    let of = |name: &str, purpose: &str, more: Value| {
        let mut template = json!({
            "name": name, "operation": "roster/customer.list", "purposes": [purpose],
            "rows": "/customers",
        });
        if let (Some(all), Value::Object(more)) = (template.as_object_mut(), more) {
            all.extend(more);
        }
        template
    };
    json!([
        rows,
        of("totals", "support", json!({ "fields": ["/id", "/orders/*/total"],
            "page": { "parameter": "limit", "max": 5 } })),
        of("covered", "audit", json!({ "fields": ["/id", "/plan", "/since"], "answer": "masked",
            "mask": ["/plan", "/since"], "page": { "parameter": "limit", "max": 5 } })),
        of("plans", "planning", json!({ "answer": "counts",
            "counts": { "by": ["/plan"], "individual": "/id", "k": 5 } })),
        of("any", "checking", json!({ "answer": "yes_no", "fields": ["/id"], "at_least": 30 })),
        { "name": "card", "operation": "roster/customer.read", "purposes": ["support"],
            "fields": ["/id", "/plan"] },
    ])
}

/// A gateway before the roster, and a model beside it if one takes part.
pub(crate) struct Office {
    world: World,
    roster: Roster,
    chooser: Chooser,
    _peers: [Peer; 2],
}

impl Office {
    fn new() -> Result<Self> {
        Self::within(LONG)
    }

    /// One whose mediator may take so long.
    fn within(deadline: &str) -> Result<Self> {
        let mediator = json!({ "templates": templates(), "deadline": deadline });
        Self::with(&mediator, "")
    }

    /// One with a model, which may take so long.
    fn with_model(on_failure: &str, deadline: &str) -> Result<Self> {
        let mediator = json!({
            "templates": templates(),
            "deadline": LONG,
            "model": {
                "service": "llm", "path": "/v1/chat/completions", "name": "small",
                "agent": MEDIATOR, "deadline": deadline, "on_failure": on_failure,
            },
        });
        Self::with(&mediator, MODEL_POLICY)
    }

    fn with(mediator: &Value, policy: &str) -> Result<Self> {
        let (roster, chooser) = (Roster::default(), Chooser::default());
        let serve = |router| Peer::serve(router, "127.0.0.1:0", None);
        let peers = [serve(roster.router())?, serve(chooser.router())?];
        let [customers, model] = &peers;
        let services = |setup: Setup| {
            let customers = Service::new("roster", &customers.url(), "DE")
                .operation("customer.list", "GET", "/customers")
                .operation("customer.read", "GET", "/customers/{customer}")
                .operation("customer.write", "POST", "/customers");
            let model = Service::new("llm", &model.url(), "DE").operation(
                "complete",
                "POST",
                "/v1/chat/completions",
            );
            setup.service(customers).service(model)
        };
        let world = World::with(|setup| {
            let setup = services(setup).set("mediator", mediator.clone());
            let setup = setup.set("policies", json!([]));
            setup.policy(&format!("{POLICY}{policy}"))
        })?;
        Ok(Self {
            world,
            roster,
            chooser,
            _peers: peers,
        })
    }

    fn ask(&self, purpose: &str, path: &str, fields: &[(&str, &str)]) -> Result<Reply> {
        let token = self
            .world
            .token(HERE, |claims| claims.task("T-1", purpose))?;
        let url = self.world.gateway.url(path)?;
        let mut headers = fields.to_vec();
        headers.push(("tidegate-token", &token));
        self.world.client.get(&url, &headers)
    }

    /// What is on record of the mediator's part.
    fn mediation(&self, reply: &Reply) -> Result<(Record, Value)> {
        let index = reply.record().context("no record")?;
        let closing = records::closing(&self.world.gateway, index)?;
        let mediation = closing.find("mediation").cloned();
        Ok((closing, mediation.context("nothing of the mediator")?))
    }

    /// That a call is refused for this reason, and says nothing of any customer.
    fn refused(&self, reply: &Reply, status: u16, reason: &str) -> Result<()> {
        let told = reply.json()?;
        let why = told.get("reason").and_then(Value::as_str);
        let fits = reply.status == status && why == Some(reason);
        ensure!(fits, "{} {told}", reply.status);
        ensure!(!reply.text().contains("C-0"), "{told}");
        let (closing, mediation) = self.mediation(reply)?;
        assert_eq!(closing.text("reason"), reason);
        let rule = mediation.get("rule").and_then(Value::as_str);
        assert_eq!(rule, Some("customers-are-mediated"));
        Ok(())
    }
}

/// The members of the rows of an answer.
fn members(rows: &Value) -> Result<Vec<Vec<String>>> {
    let rows = rows.as_array().context("no rows")?;
    let names = |row: &Value| -> Vec<String> {
        row.as_object()
            .into_iter()
            .flatten()
            .map(|(name, _)| name.clone())
            .collect()
    };
    Ok(rows.iter().map(names).collect())
}

#[test]
fn all_data_about_everybody_is_what_the_template_holds() -> Result<()> {
    let office = Office::new()?;
    let everything =
        "/roster/customers?fields=*&expand=all&include=secrets&limit=1000000&status=any&sort=id";
    let asks = [("x-expand", "all"), ("prefer", "return=representation")];
    let reply = office.ask("support", everything, &asks)?;
    assert_eq!(reply.status, 200, "{}", reply.text());

    // Extra fields and rows are gone, and what policy masks is masked.
    let body = reply.json()?;
    assert_eq!(
        body.as_object().map(serde_json::Map::len),
        Some(1),
        "{body}"
    );
    let rows = members(&body["customers"])?;
    assert_eq!(rows, vec![["email", "id", "plan"]; 5]);
    ensure!(
        !reply.text().contains("ada.") && !reply.text().contains("heron"),
        "{body}"
    );
    ensure!(reply.header("link").is_none(), "{:?}", reply.headers);
    let told = reply.header("tidegate-mediated").context("no note")?;
    assert_eq!(
        told,
        "template=contact; answer=rows; chosen-by=deterministic; parameters=4; headers=2; page=1; \
         rows=35"
    );

    // The service was asked for no more than that.
    let [heard] =
        <[String; 1]>::try_from(office.roster.heard()).map_err(|all| anyhow::anyhow!("{all:?}"))?;
    ensure!(
        heard.starts_with("/customers?sort=id&limit=5&status=active\n"),
        "{heard}"
    );
    ensure!(
        !heard.contains("expand") && !heard.contains("prefer"),
        "{heard}"
    );

    // And the record says what was narrowed, in names and counts.
    let (closing, mediation) = office.mediation(&reply)?;
    assert_eq!(mediation["template"], "contact");
    assert_eq!(mediation["fields"], json!(["/id", "/plan", "/email"]));
    assert_eq!(mediation["filters"], json!(["status"]));
    let narrowed = mediation["narrowed"].to_string();
    for name in ["parameters", "headers", "page"] {
        ensure!(narrowed.contains(name), "{narrowed}");
    }
    let withheld = closing.0["event"]["response"]["withheld"].to_string();
    ensure!(
        withheld.contains("unlisted") && withheld.contains("records"),
        "{closing:?}"
    );
    for value in ["1000000", "secrets", "return=", "C-00"] {
        ensure!(
            !closing.0.to_string().contains(value),
            "{value} is on record: {closing:?}"
        );
    }
    let shown = office
        .world
        .gateway
        .audit(&["show", &reply.record().context("no record")?.to_string()])?;
    let shown = String::from_utf8(shown.stdout)?;
    ensure!(
        shown.contains("mediation.template") && shown.contains("contact"),
        "{shown}"
    );
    office.world.finish()
}

#[test]
fn each_form_answers_as_it_is_declared() -> Result<()> {
    let office = Office::new()?;
    let ask = |purpose: &str, path: &str, fields: &[(&str, &str)]| -> Result<(Reply, Value)> {
        let reply = office.ask(purpose, path, fields)?;
        ensure!(reply.status == 200, "{purpose}: {}", reply.text());
        let body = reply.json()?;
        Ok((reply, body))
    };
    let list = "/roster/customers";
    let (_, masked) = ask("audit", list, &[])?;
    assert_eq!(
        masked["customers"][0],
        json!({ "id": "C-000", "plan": "********", "since": null })
    );
    // Three of platinum are too few, and gold goes with them: the rest would give them away.
    let (reply, counts) = ask("planning", list, &[])?;
    assert_eq!(
        counts,
        json!({ "counts": [{ "plan": "free", "count": 22 }], "suppressed": true })
    );
    ensure!(!reply.text().contains("C-0"), "{counts}");
    let (_, mediation) = office.mediation(&reply)?;
    ensure!(
        mediation["narrowed"].to_string().contains("groups"),
        "{mediation}"
    );
    assert_eq!(ask("checking", list, &[])?.1, json!({ "answer": "yes" }));

    // A caller may ask for another template of its purpose, and for fewer fields.
    let (_, totals) = ask("support", list, &[("tidegate-template", "totals")])?;
    assert_eq!(
        totals["customers"][1],
        json!({ "id": "C-001", "orders": [{ "total": 10 }] })
    );
    let (reply, fewer) = ask(
        "support",
        list,
        &[("tidegate-fields", "/plan /remark /orders")],
    )?;
    assert_eq!(members(&fewer["customers"])?, vec![["plan"]; 5]);
    ensure!(
        reply
            .header("tidegate-mediated")
            .is_some_and(|it| it.contains("fields=2")),
        "{reply:?}"
    );
    let (_, one) = ask("support", "/roster/customers/C-007?expand=orders", &[])?;
    assert_eq!(one, json!({ "id": "C-007", "plan": "gold" }));
    office.world.finish()
}

#[test]
fn what_cannot_be_mediated_is_refused() -> Result<()> {
    let office = Office::new()?;
    let list = "/roster/customers";
    let refused = |purpose: &str, fields: &[(&str, &str)], status, reason| -> Result<()> {
        let reply = office.ask(purpose, list, fields)?;
        office.refused(&reply, status, reason)
    };
    refused("marketing", &[], 403, "mediation_unavailable")?;
    refused("", &[], 403, "purpose_missing")?;
    // The templates of other purposes are not there for this one.
    refused(
        "support",
        &[("tidegate-template", "plans")],
        403,
        "mediation_refused",
    )?;
    refused(
        "support",
        &[("tidegate-fields", "/remark")],
        403,
        "mediation_refused",
    )?;
    let token = office
        .world
        .token(HERE, |claims| claims.task("T-1", "support"))?;
    let url = office.world.gateway.url(list)?;
    let token = [("tidegate-token", token.as_str())];
    let write = office.world.client.post(&url, &token, "{}")?;
    office.refused(&write, 403, "mediation_unavailable")?;
    ensure!(
        office.roster.heard().is_empty(),
        "the service heard of a refused call"
    );

    for (mood, status, reason) in [
        (Mood::Broken, 502, "response_unreadable"),
        (Mood::Other, 502, "mediation_failed"),
        (Mood::Huge, 502, "mediation_failed"),
        (Mood::Failing, 409, "mediation_failed"),
    ] {
        office.roster.is(mood);
        let reply = office.ask("support", list, &[])?;
        office
            .refused(&reply, status, reason)
            .with_context(|| format!("{mood:?}"))?;
        assert_eq!(office.roster.heard().len(), 1, "{mood:?}");
    }
    office.world.finish()
}

#[test]
fn what_never_ends_is_refused_once_time_is_over() -> Result<()> {
    let office = Office::within(SHORT)?;
    for mood in [Mood::Silent, Mood::Stuck] {
        office.roster.is(mood);
        let reply = office.ask("support", "/roster/customers", &[])?;
        office
            .refused(&reply, 504, "mediation_timeout")
            .with_context(|| format!("{mood:?}"))?;
    }
    office.world.finish()
}

#[test]
fn policies_say_what_is_mediated_and_are_checked() -> Result<()> {
    let office = Office::new()?;
    let gateway = &office.world.gateway;
    let cases = "cases:\n\
        - { name: list, agent: x, call: roster/customer.list, expect: mediate, rule: customers-are-mediated }\n\
        - { name: model, agent: x, call: llm/complete, expect: deny }\n";
    std::fs::write(gateway.folder().join("cases.yaml"), cases)?;
    let config = ["--config", "tidegate.yaml"];
    let tested = gateway.cli(&[&["policy", "test", "cases.yaml"], &config[..]].concat())?;
    ensure!(
        tested.status.success(),
        "{}",
        String::from_utf8_lossy(&tested.stdout)
    );
    let folder = gateway.folder().join("other");
    std::fs::create_dir(&folder)?;
    let rule = "@id(\"m\") @obligation(\"mediate\") permit (principal, action == Action::\"call\", \
                resource in Operation::\"roster/customer.write\");";
    std::fs::write(folder.join("other.cedar"), rule)?;
    let folder = folder.to_string_lossy();
    let checked =
        gateway.cli(&[&["policy", "check", "--policies", &*folder], &config[..]].concat())?;
    let told = String::from_utf8_lossy(&checked.stderr).into_owned();
    ensure!(
        !checked.status.success() && told.contains("nothing is declared to mediate"),
        "{told}"
    );
    office.world.finish()
}

#[test]
fn a_model_narrows_and_its_call_is_an_exchange_of_its_own() -> Result<()> {
    let office = Office::with_model("deterministic", LONG)?;
    office.chooser.says(Says::Text(
        r#"{"template":"totals","fields":["/id"]}"#.to_owned(),
    ));
    let reply = office.ask("support", "/roster/customers?q=heron-blue", &[])?;
    assert_eq!(reply.status, 200, "{}", reply.text());
    assert_eq!(members(&reply.json()?["customers"])?, vec![["id"]; 5]);

    let (_, mediation) = office.mediation(&reply)?;
    assert_eq!(mediation["chosen_by"], "model");
    let model = &mediation["model"];
    assert_eq!(
        (&model["outcome"], &model["tokens_in"]),
        (&json!("chosen"), &json!(321))
    );
    ensure!(model["took_us"].as_u64() > Some(0), "{mediation}");
    let index = model["record"].as_u64().context("no record of the call")?;
    let call = records::show(&office.world.gateway, index)?;
    assert_eq!(call.text("agent"), MEDIATOR);
    let asked = call.find("operation").map(|it| &it["operation"]);
    assert_eq!(asked, Some(&json!("complete")));
    records::closing(&office.world.gateway, index)?;

    // It saw names of the operator's, and no value of the caller's or the service's.
    let heard = office.chooser.heard().join("\n");
    ensure!(
        heard.contains("contact") && heard.contains("customer.list"),
        "{heard}"
    );
    for value in ["heron", "C-00", "ada.", "active", "gold"] {
        ensure!(!heard.contains(value), "{value} was shown: {heard}");
    }
    office.world.finish()
}

#[test]
fn no_word_of_a_caller_or_a_model_widens_an_answer() -> Result<()> {
    let offices = [LONG, SHORT].map(|deadline| Office::with_model("deterministic", deadline));
    let [patient, hasty] = offices;
    let (patient, hasty) = (patient?, hasty?);
    // What may be told at all, by whatever template of the purpose.
    let allowed = ["id", "plan", "email", "orders"];
    let cases = corpus::cases();
    ensure!(cases.len() >= 30, "{} cases", cases.len());
    for case in &cases {
        let never_ends = case.outcome.contains("late");
        let office = if never_ends { &hasty } else { &patient };
        office.chooser.says(case.says.clone());
        let reply = office.ask("support", &case.path, &case.fields)?;
        let what = &case.name;
        ensure!(
            reply.status == 200 || reply.status == 403 || reply.status == 400,
            "{what}: {}",
            reply.text()
        );
        if reply.status == 200 {
            let rows = members(&reply.json()?["customers"]).context(what.clone())?;
            ensure!(rows.len() <= 5, "{what}: {} rows", rows.len());
            let names = rows.iter().flatten();
            ensure!(
                names.clone().all(|name| allowed.contains(&name.as_str())),
                "{what}: {rows:?}"
            );
            let (_, mediation) = office.mediation(&reply)?;
            let outcome = mediation.pointer("/model/outcome").and_then(Value::as_str);
            // Whether what never ends is too long or too late depends on how fast it comes.
            let fits = outcome.is_some_and(|it| case.outcome.split('|').any(|one| one == it));
            ensure!(fits, "{what}: {mediation}");
            let expected = if case.outcome == "chosen" {
                "model"
            } else {
                "deterministic"
            };
            assert_eq!(mediation["chosen_by"], expected, "{what}");
        }
        for secret in ["heron", "4111", "since", "ada."] {
            ensure!(
                !reply.text().contains(secret),
                "{what}: {secret} in {}",
                reply.text()
            );
        }
        for heard in office.roster.heard() {
            let query = heard.lines().next().unwrap_or_default();
            ensure!(query.contains("limit=5"), "{what}: {heard}");
            ensure!(!heard.contains("evil"), "{what}: {heard}");
        }
        for heard in office.chooser.heard() {
            ensure!(!heard.to_lowercase().contains("evil"), "{what}: {heard}");
        }
    }
    hasty.world.finish()?;
    patient.world.finish()
}

#[test]
fn without_a_choice_a_strict_model_refuses() -> Result<()> {
    let refuses = |office: &Office, says: Says| -> Result<()> {
        office.chooser.says(says.clone());
        let reply = office.ask("support", "/roster/customers", &[])?;
        office
            .refused(&reply, 502, "mediation_failed")
            .with_context(|| format!("{says:?}"))?;
        ensure!(office.roster.heard().is_empty(), "{says:?}");
        Ok(())
    };
    let hasty = Office::with_model("refuse", SHORT)?;
    refuses(&hasty, Says::Nothing)?;
    hasty.world.finish()?;
    let office = Office::with_model("refuse", LONG)?;
    let everything = "{\"template\":\"everything\",\"fields\":[\"/id\"]}";
    refuses(&office, Says::Text(everything.to_owned()))?;
    refuses(&office, Says::Body(500, "{}".to_owned()))?;
    let good = r#"{"template":"contact","fields":["/plan"]}"#;
    office.chooser.says(Says::Text(good.to_owned()));
    let reply = office.ask("support", "/roster/customers", &[])?;
    assert_eq!(members(&reply.json()?["customers"])?, vec![["plan"]; 5]);
    ensure!(roster::CUSTOMERS > 5);
    office.world.finish()
}
