//! Policies at work on a real log: what was denied is explained, what is on record decided again.

use anyhow::{Context as _, Result, ensure};
use tests::{records, tokens::Claims};

use crate::world::{HERE, World};

fn own(claims: Claims) -> Claims {
    claims.scope("customer", "C-771")
}

/// What `tidegate policy ...` prints; `code` is how it must end.
fn policy(world: &World, arguments: &[&str], code: i32) -> Result<String> {
    let arguments = [&["policy"], arguments, &["--config", "tidegate.yaml"]].concat();
    let output = world.gateway.cli(&arguments)?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let errors = String::from_utf8_lossy(&output.stderr);
    ensure!(
        output.status.code() == Some(code),
        "{arguments:?}: {text}{errors}"
    );
    Ok(text)
}

fn says(text: &str, words: &[&str]) -> Result<()> {
    for word in words {
        ensure!(text.contains(word), "`{word}` is not in\n{text}");
    }
    Ok(())
}

#[test]
fn what_policies_decided_is_explained_and_decided_again() -> Result<()> {
    let world = World::new()?;
    let token = world.token(HERE, own)?;
    let token = [("tidegate-token", token.as_str())];
    let read = |customer: &str| {
        let url = world.gateway.url(&format!("/crm/customers/{customer}"))?;
        world.client.get(&url, &token)
    };
    let (allowed, denied) = (read("C-771")?, read("C-332")?);
    assert_eq!(
        (allowed.status.as_u16(), denied.status.as_u16()),
        (200, 403)
    );
    assert_eq!(read("C-332")?.status, 403);

    let record = denied.record().context("no record")?.to_string();
    let text = policy(&world, &["explain", &record], 0)?;
    says(
        &text,
        &[
            "the call was denied (403 scope_mismatch)",
            "session-sees-only-its-customer",
            "customer: task C-771, call C-332: ANOTHER",
            "deny by session-sees-only-its-customer (the same policies)",
            "allowed if the call names customer C-771",
            "allowed if the task's scope has customer C-332",
        ],
    )?;
    let record = allowed.record().context("no record")?.to_string();
    let text = policy(&world, &["explain", &record], 0)?;
    says(
        &text,
        &[
            "the call was allowed",
            "pii.email",
            "mask by contact-is-masked",
        ],
    )?;

    // The same policies decide the same; without the rule of scope, two calls would go.
    let folder = world.gateway.folder().join("next");
    std::fs::create_dir(&folder)?;
    let now = include_str!("policy.cedar");
    std::fs::write(folder.join("next.cedar"), now)?;
    let next = folder.to_string_lossy().into_owned();
    let same = policy(&world, &["simulate", "--policies", &next], 0)?;
    says(&same, &["nothing would be otherwise"])?;
    let (before, rest) = now.split_once("@id(\"session-sees").context("no rule")?;
    let (_, after) = rest.split_once(";\n").context("no end")?;
    let looser = format!("{before}{after}");
    std::fs::write(
        folder.join("next.cedar"),
        looser.replace("\"mask\"", "\"drop\""),
    )?;
    let other = policy(&world, &["simulate", "--policies", &next], 1)?;
    says(
        &other,
        &["denied -> allowed  x2", "pii.email to agent: mask -> drop"],
    )?;

    let cases = "cases:\n  - { name: own, agent: x, scope: { customer: C-1 }, \
                 call: crm/customer.read, bound: { customer: C-2 }, expect: deny, \
                 rule: session-sees-only-its-customer }\n";
    let file = world.gateway.folder().join("cases.yaml");
    std::fs::write(&file, cases)?;
    let file = file.to_string_lossy().into_owned();
    policy(&world, &["test", &file], 0)?;
    policy(&world, &["test", &file, "--policies", &next], 1)?;
    says(
        &policy(&world, &["unused"], 0)?,
        &["used    agents-may-call", "UNUSED  operation mail/send"],
    )?;
    says(&policy(&world, &["check"], 0)?, &["policies hold"])?;
    reported(&world)?;
    world.finish()
}

/// What reports tell of the policies is what the commands do: their proofs, with the cases against them, and grants.
fn reported(world: &World) -> Result<()> {
    let report = |kind: &str, code: i32| -> Result<String> {
        let arguments = ["report", kind, "--config", "tidegate.yaml", "-o", "csv"];
        let output = world.gateway.cli(&arguments)?;
        let errors = String::from_utf8_lossy(&output.stderr);
        ensure!(output.status.code() == Some(code), "{kind}: {errors}");
        Ok(String::from_utf8(output.stdout)?)
    };
    says(&report("unused", 0)?, &["agents-may-call", "mail/send,0,"])?;
    let proven = policy(world, &["prove"], 1)?;
    let refuted = proven.lines().filter(|line| line.contains("REFUTED"));
    let refuted: Vec<&str> = refuted
        .filter_map(|line| line.split_whitespace().nth(1))
        .collect();
    ensure!(!refuted.is_empty(), "{proven}");
    let proofs = report("proofs", 1)?;
    says(&proofs, &["REFUTED", "a session of"])?;
    says(&proofs, &refuted)
}

/// With a token a caller is proven better than without, whether the kernel attests it or `/proc` is asked.
const STRONG: &str = r#"
@id("reads-need-strong-proof")
@reason("a customer is for who shows a token")
forbid (principal, action == Action::"call", resource in Operation::"crm/customer.read")
unless { context.proof.rank >= 4 || (!context.proof.kernel && context.proof.rank >= 2) };
"#;

#[test]
fn a_policy_demands_how_strong_the_proof_is() -> Result<()> {
    let world = World::with(|setup| setup.policy(STRONG))?;
    let url = world.gateway.url("/crm/customers/C-771")?;
    let token = world.token(HERE, own)?;
    let (with, without) = (
        world.client.get(&url, &[("tidegate-token", &token)])?,
        world.client.get(&url, &[])?,
    );
    assert_eq!((with.status.as_u16(), without.status.as_u16()), (200, 403));
    ensure!(
        without.text().contains("reads-need-strong-proof"),
        "{}",
        without.text()
    );
    let record = without.record().context("no record")?;
    let shown = records::show(&world.gateway, record)?;
    let evidence = shown.text("evidence");
    let (rank, enough) = match evidence.as_str() {
        "kernel" => (
            "(kernel, rank 3)",
            "allowed if the evidence is kernel+token",
        ),
        _ => (
            "(inferred, rank 1)",
            "allowed if the evidence is inferred+token",
        ),
    };
    let text = policy(&world, &["explain", &record.to_string()], 0)?;
    says(&text, &[rank, enough])?;
    world.finish()
}
