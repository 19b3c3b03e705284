//! Budgets over a takeover: calls and bytes are counted once, whichever process serves them, and none comes back.

use super::*;

/// What one budget's allowance is used up to, as operators are told.
fn used(gateway: &Gateway, budget: &str) -> Result<u64> {
    let admin = gateway.admin_url("")?;
    let admin = admin.trim_start_matches("http://");
    let output = gateway.cli(&["budgets", "--admin", admin, "-o", "json"])?;
    ensure!(output.status.success(), "{output:?}");
    let told = String::from_utf8(output.stdout)?;
    for line in told.lines() {
        let line: Value = serde_json::from_str(line)?;
        if line.get("budget").and_then(Value::as_str) == Some(budget) {
            return line
                .get("used")
                .and_then(Value::as_u64)
                .context("no number");
        }
    }
    bail!("nothing of `{budget}` is used: {told}")
}

fn budget(id: &str, operation: &str, (meter, allowed): (&str, u64)) -> Value {
    json!({ "id": id, "per": "agent", "operations": [operation], meter: allowed })
}

/// Clients that have a connection to the gateway that runs now.
fn connected(shop: &Shop, url: &str, count: u64) -> Result<Vec<Client>> {
    let client = |_| {
        let client = Client::plain()?;
        let reply = client.get(url, &[])?;
        ensure!(reply.status == 200, "{}", reply.text());
        Ok(client)
    };
    let clients = (0..count).map(client).collect::<Result<_>>()?;
    ensure!(shop.gateway.pid()? > 0);
    Ok(clients)
}

#[test]
fn both_gateways_spend_from_the_same_accounts() -> Result<()> {
    let many = 1_000_000_000;
    let budgets = [
        budget("things", "thing", ("calls", many)),
        budget("streams", "stream", ("bytes", many)),
    ];
    let mut shop = Shop::with(|setup| setup.set("budgets", budgets.as_slice().into()))?;
    let url = shop.gateway.url("/shop/things/one")?;
    let old = shop.begin("old", 10)?;
    let kept = connected(&shop, &url, 10)?;
    let (former, calls) = {
        let gateway = &mut shop.gateway;
        steadily(&url, |steady| {
            steady.more()?;
            let former = gateway.take_over(&[])?;
            // On connections of the one before, while it has them.
            for client in &kept {
                let reply = client.get(&url, &[])?;
                ensure!(reply.status == 200, "{}", reply.text());
            }
            steady.more()?;
            Ok(former)
        })?
    };
    let new = shop.begin("new", 3)?;
    shop.place.let_go();
    let whole = shop.whole()?;
    let streams = shop.end(old, &whole)? + shop.end(new, &whole)? + 1;
    ended(former)?;
    let things = calls + 20;
    assert_eq!(used(&shop.gateway, "things")?, things);
    let bytes = streams * u64::try_from(whole.len())?;
    assert_eq!(used(&shop.gateway, "streams")?, bytes);
    shop.finish(things + streams)?;
    Ok(())
}

#[test]
fn what_is_used_up_is_refused_by_both() -> Result<()> {
    let begins = "data: {\"begins\":1}\n\n".len();
    // What three begin with, and an end and a half.
    let bytes = u64::try_from(3 * begins)? + 70;
    let budgets = [
        budget("things", "thing", ("calls", 40)),
        budget("streams", "stream", ("bytes", bytes)),
    ];
    let mut shop = Shop::with(|setup| setup.set("budgets", budgets.as_slice().into()))?;
    let url = shop.gateway.url("/shop/things/one")?;
    let streams = shop.begin("old", 3)?;
    let kept = connected(&shop, &url, 10)?;
    // A successor that fails once it has the log gives nothing back.
    let mut asking = False::meet(&shop.gateway)?;
    asking.say(r#"{"ask":60}"#)?;
    asking.hear("yours")?;
    drop(asking);
    let mut went = 10;
    for client in &kept {
        let reply = client.get(&url, &[])?;
        ensure!(reply.status == 200, "{}", reply.text());
        went += 1;
    }
    let former = shop.gateway.take_over(&[])?;
    let others = [&shop.client];
    let refused = 'calls: loop {
        for client in kept.iter().chain(others) {
            let reply = client.get(&url, &[])?;
            if reply.status != 200 {
                break 'calls reply;
            }
            went += 1;
        }
    };
    assert_eq!(refused.status, 429, "{}", refused.text());
    ensure!(refused.text().contains("budget_exhausted"));
    assert_eq!((went, used(&shop.gateway, "things")?), (40, 40));
    // The streams of the one before end where the account does.
    shop.place.let_go();
    let whole = streams.into_iter().filter_map(|it| shop.client.end(it));
    let whole: Vec<String> = whole.collect();
    let over = whole.iter().filter(|it| it.contains("budget_exhausted"));
    ensure!(over.count() == 2 && whole.len() == 3, "{whole:?}");
    ended(former)?;
    ensure!(used(&shop.gateway, "streams")? <= bytes);
    ensure!(shop.gateway.stop()?.success(), "{}", shop.gateway.stderr());
    verified(&shop.gateway)?;
    let records = records::list(&shop.gateway)?;
    let aborted = records
        .iter()
        .filter(|it| it.kind() == "close" && it.text("result") == "aborted");
    assert_eq!(aborted.count(), 2);
    Ok(())
}
