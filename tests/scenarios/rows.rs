//! Rows of others stay behind, answers are capped, and a purpose gets only its fields.

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};
use tests::{
    agent::{Agent, Ask},
    client::Client,
    gateway::Gateway,
    peers::{self, Peer},
    people::Home,
    records,
    setup::{Service, Setup},
    tokens::{Issuer, claims},
};

use crate::world::{HERE, SUPPORT, path_selector, verified};

const POLICY: &str = r#"
@id("agents-may-call")
permit (principal, action == Action::"call", resource);

@id("billing-sees-plans")
@fields("/customers/*/id /customers/*/plan /total")
permit (principal, action == Action::"call", resource in Operation::"crm/customer.list")
when { context.purpose == "billing" };

@id("all-is-shown")
permit (principal, action == Action::"disclose", resource);
"#;

struct Office {
    gateway: Gateway,
    issuer: Issuer,
    crm: Peer,
}

impl Office {
    fn new() -> Result<Self> {
        let crm = peers::start("crm", "127.0.0.1:0", Home::De, None)?;
        let issuer = Issuer::new()?;
        let rows = json!([{ "array": "/customers", "member": "/id", "scope": "customer" }]);
        let service = Service::new("crm", &crm.url(), "DE").governed(
            "customer.list",
            "GET",
            "/customers",
            json!({ "rows": rows }),
        );
        let capped = Service::new("capped", &crm.url(), "DE").governed(
            "customer.list",
            "GET",
            "/customers",
            json!({ "records_max": 3, "fields_max": 40 }),
        );
        let setup = Setup::new()
            .issuer(&issuer)
            .agent(
                SUPPORT,
                &[path_selector(Agent::curl()?.program())],
                "required",
            )
            .agent(
                HERE,
                &[path_selector(&std::env::current_exe()?.canonicalize()?)],
                "optional",
            )
            .service(service)
            .service(capped)
            .policy(POLICY);
        let gateway = Gateway::start(&setup)?;
        Ok(Self {
            gateway,
            issuer,
            crm,
        })
    }

    /// The list of customers as a support agent on a task of this purpose gets it.
    fn list(&self, purpose: &str, limit: usize) -> Result<(tests::agent::Answer, Value)> {
        let shape = claims(SUPPORT)
            .task("T-1", purpose)
            .scope("customer", "C-017");
        let token = self.issuer.mint(&shape)?;
        let url = self.gateway.url(&format!("/crm/customers?limit={limit}"))?;
        let answer = Agent::curl()?.ask(&Ask::get(url).token(&token))?;
        ensure!(answer.status == 200, "{}", answer.text());
        let body = answer.json()?;
        Ok((answer, body))
    }

    fn finish(mut self) -> Result<()> {
        ensure!(self.gateway.stop()?.success(), "{}", self.gateway.stderr());
        verified(&self.gateway)?;
        drop(self.crm);
        Ok(())
    }
}

#[test]
fn rows_of_others_never_leave() -> Result<()> {
    let office = Office::new()?;
    let (answer, body) = office.list("support", 1000)?;
    let customers = body["customers"].as_array().context("no customers")?;
    ensure!(customers.iter().all(|row| row["id"] == "C-017"), "{body}");
    assert_eq!(customers.len(), 1);
    let record = records::closing(&office.gateway, answer.record().context("no record")?)?;
    let withheld = record.0["event"]["response"]["withheld"].to_string();
    ensure!(withheld.contains("\"rows\""), "{record:?}");
    office.finish()
}

#[test]
fn a_purpose_gets_the_fields_that_policy_lists() -> Result<()> {
    let office = Office::new()?;
    let (answer, body) = office.list("billing", 1000)?;
    let row = body["customers"][0].as_object().context("no row")?;
    let names: Vec<&str> = row.keys().map(String::as_str).collect();
    assert_eq!(names, ["id", "plan"]);
    ensure!(body["total"].is_u64(), "{body}");
    let record = records::closing(&office.gateway, answer.record().context("no record")?)?;
    let withheld = record.0["event"]["response"]["withheld"].to_string();
    ensure!(withheld.contains("\"unlisted\""), "{record:?}");
    office.finish()
}

#[test]
fn caps_are_kept_and_told_in_header_and_record() -> Result<()> {
    let office = Office::new()?;
    let url = office.gateway.url("/capped/customers?limit=10")?;
    let reply = Client::plain()?.get(&url, &[])?;
    assert_eq!(reply.status, 200, "{}", reply.text());
    let body = reply.json()?;
    assert_eq!(body["customers"].as_array().map(Vec::len), Some(3));
    let told = reply.header("tidegate-withheld").context("no header")?;
    ensure!(
        told.contains("records=7") && told.contains("fields="),
        "{told}"
    );
    let record = records::closing(&office.gateway, reply.record().context("no record")?)?;
    let withheld = record.0["event"]["response"]["withheld"].to_string();
    ensure!(withheld.contains("\"records\""), "{record:?}");
    office.finish()
}

#[test]
fn an_answer_that_streams_tells_its_caps_in_a_trailer() -> Result<()> {
    let office = Office::new()?;
    let url = office.gateway.url("/capped/customers?limit=200")?;
    let reply = Client::plain()?.get(&url, &[("te", "trailers")])?;
    assert_eq!(reply.status, 200, "{}", reply.text());
    assert_eq!(reply.json()?["customers"].as_array().map(Vec::len), Some(3));
    assert_eq!(reply.header("tidegate-withheld"), None);
    let told = reply
        .trailers
        .get("tidegate-withheld")
        .context("no trailer")?;
    ensure!(told.to_str()?.contains("records=197"), "{told:?}");
    office.finish()
}

#[test]
fn what_cannot_be_searched_for_rows_is_refused_whatever_passes_else() -> Result<()> {
    let peer = peers::start("trouble", "127.0.0.1:0", Home::De, None)?;
    let rows = json!([{ "array": "", "member": "/id", "scope": "customer" }]);
    let here = path_selector(&std::env::current_exe()?.canonicalize()?);
    let setup = Setup::new()
        .agent(HERE, &[here], "optional")
        .service(Service::new("bound", &peer.url(), "DE").governed(
            "page",
            "GET",
            "/{verb}",
            json!({ "rows": rows }),
        ))
        .service(Service::new("free", &peer.url(), "DE").operation("page", "GET", "/{verb}"))
        .policy(POLICY.replace("crm/customer.list", "free/page").as_str())
        .set("uninspected", "record".into());
    let mut gateway = Gateway::start(&setup)?;
    let client = Client::plain()?;
    for kind in ["image", "page"] {
        let status = |service: &str| -> Result<u16> {
            let url = gateway.url(&format!("/{service}/{kind}"))?;
            Ok(client.get(&url, &[])?.status.as_u16())
        };
        assert_eq!(status("free")?, 200, "{kind}");
        assert_eq!(status("bound")?, 502, "{kind}");
    }
    ensure!(gateway.stop()?.success(), "{}", gateway.stderr());
    verified(&gateway)?;
    Ok(())
}

/// Observations of two patients, as a server of FHIR searches them.
async fn bundle() -> ([(&'static str, &'static str); 1], String) {
    let entry = |patient: &str| {
        format!(
            "<entry><resource><Observation><subject><reference value=\"Patient/{patient}\"/></subject>\
             <valueString value=\"of {patient}\"/></Observation></resource></entry>"
        )
    };
    let entries = [entry("P-2"), entry("P-1"), entry("P-12"), entry("P-1")].concat();
    let body = format!("<Bundle xmlns=\"http://hl7.org/fhir\">{entries}</Bundle>");
    ([("content-type", "application/fhir+xml")], body)
}

#[test]
fn entries_of_others_leave_a_bundle_in_xml() -> Result<()> {
    let router = axum::Router::new().route("/Observation", axum::routing::get(bundle));
    let peer = Peer::serve(router, "127.0.0.1:0", None)?;
    let issuer = Issuer::new()?;
    let rows = json!([{
        "array": "/Bundle/entry",
        "member": "/resource/*/subject/reference",
        "scope": "patient",
        "reads": "Patient/{}",
    }]);
    let here = path_selector(&std::env::current_exe()?.canonicalize()?);
    let service = Service::new("clinic", &peer.url(), "DE").governed(
        "observation.search",
        "GET",
        "/Observation",
        json!({ "rows": rows }),
    );
    let setup = Setup::new()
        .issuer(&issuer)
        .agent(HERE, &[here], "required")
        .service(service)
        .policy(
            POLICY
                .replace("crm/customer.list", "clinic/observation.search")
                .as_str(),
        );
    let mut gateway = Gateway::start(&setup)?;
    let shape = claims(HERE).task("T-1", "care").scope("patient", "P-1");
    let token = issuer.mint(&shape)?;
    let url = gateway.url("/clinic/Observation")?;
    let reply = Client::plain()?.get(&url, &[("tidegate-token", &token)])?;
    assert_eq!(reply.status, 200, "{}", reply.text());
    let text = reply.text();
    assert_eq!(text.matches("<entry>").count(), 2, "{text}");
    assert_eq!(text.matches("of P-1\"").count(), 2, "{text}");
    ensure!(!text.contains("P-2") && !text.contains("P-12"), "{text}");
    let record = records::closing(&gateway, reply.record().context("no record")?)?;
    let withheld = record.0["event"]["response"]["withheld"].to_string();
    ensure!(withheld.contains("\"rows\""), "{record:?}");
    ensure!(gateway.stop()?.success(), "{}", gateway.stderr());
    verified(&gateway)?;
    Ok(())
}
