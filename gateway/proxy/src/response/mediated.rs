//! The service's answer on its way to the mediator: read whole, within bounds, through all that policy
//! does to it, and then answered anew. Nothing else of the service's answer goes on, not its fields either.

use admission::Permit;
use audit::{BodyRecord, MEDIATED as MEDIATED_ACTION};
use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Response, StatusCode, header, response::Parts};
use hyper::body::Incoming;
use mediator::{Choice, Unmediated};
use policy::Fields;
use redaction::{
    Coding, Format, Media,
    shape::{Path, Plan},
};
use tokio::time::timeout_at;

use super::{governed, interruption, of_exchange, spend, whole};
use crate::{
    account::Account,
    body::Inbound,
    gateway::Gateway,
    leash::leash,
    media,
    mediation::{Mediation, joined},
    pump::{Broken, Pump},
    refusal::Interruption,
    route::Way,
};

/// What the mediator did, told to the agent.
const MEDIATED: HeaderName = HeaderName::from_static("tidegate-mediated");

/// How much is read before what came of it is looked at, in bytes.
const STEP: u64 = 64 * 1024;

type Failed = (Box<Account>, Interruption);

/// Answers in place of the service.
pub(crate) async fn mediated(
    gateway: &Gateway,
    permit: &Permit,
    way: &Way,
    mut account: Box<Account>,
    answer: Response<Incoming>,
) -> Result<Response<Inbound>, Failed> {
    let built = answer_anew(gateway, (permit, way), &mut account, answer).await;
    let built = match built {
        Ok(built) => built,
        Err(why) => {
            account.response.released = 0;
            return Err((account, why));
        }
    };
    account.response.released = built.len() as u64;
    let told = account.mediation.as_ref().map(|it| it.told().to_owned());
    let (mut parts, ()) = Response::new(()).into_parts();
    parts.headers = fields(told);
    whole(account, parts, Inbound::full(built)).await
}

/// The mediator's answer, from the service's.
async fn answer_anew(
    gateway: &Gateway,
    (permit, way): (&Permit, &Way),
    account: &mut Account,
    answer: Response<Incoming>,
) -> Result<Bytes, Interruption> {
    let rule = permit.mediation().map_or("", |rule| &*rule.id);
    let failed = |why| Interruption::unmediated(why, rule);
    let (parts, incoming) = answer.into_parts();
    if parts.status != StatusCode::OK {
        if let Some(spending) = &mut account.spending {
            spending.shows_nothing();
        }
        return Err(Interruption::mediated_status(parts.status));
    }
    let inspected = json(gateway, &parts).ok_or_else(|| failed(Unmediated::Unparsable))?;
    let mediation = account.mediation.as_ref();
    let mediation = mediation.ok_or_else(|| failed(Unmediated::NoTemplate))?;
    let (deadline, most) = (mediation.deadline(), mediation.bytes_max());
    let plan = plan(permit, way, mediation).ok_or_else(|| failed(Unmediated::NoTemplate))?;
    let described = way.declared_response(parts.status, true);
    let pump = governed(gateway, permit, way, incoming, inspected, described);
    let mut pump = of_exchange(pump.shaped(plan), account, &parts.headers);
    let spending = account.spending.as_ref();
    if spending.is_some_and(|spending| spending.counts()) {
        let service = &permit.operation().service;
        pump = pump.counting(way.answers.records.clone(), service, &gateway.pseudonyms);
    }
    let reading = timeout_at(deadline, read_whole(&mut pump, most));
    let read = tokio::select! {
        biased;
        why = leash(permit, gateway) => Ok(Err(Unread::Leashed(why))),
        read = reading => read,
    };
    let read = match read {
        Err(_) => Err(Interruption::mediation_late()),
        Ok(Err(Unread::Leashed(why))) => Err(why),
        Ok(Err(Unread::Broken(broken))) => Err(interruption(broken)),
        Ok(Err(Unread::TooLarge)) => Err(failed(Unmediated::TooLarge)),
        Ok(Ok(())) => spend(account, &mut pump).await,
    };
    let pieces = pump.take_all();
    let withheld = pump.withheld();
    account.response = pump.record();
    drop(pump);
    let mediation = account.mediation.as_mut();
    let mediation = mediation.ok_or_else(|| failed(Unmediated::NoTemplate))?;
    let choice = mediation.choice();
    let choice = choice.ok_or_else(|| failed(Unmediated::NoTemplate))?;
    told_apart(choice, &mut account.response);
    read?;
    // What is counted of a part is wrong of the whole.
    if !choice.shows_rows() && withheld.records + withheld.fields > 0 {
        return Err(failed(Unmediated::TooLarge));
    }
    let answer = mediation.answer(&joined(pieces), withheld.records);
    let answer = answer.map_err(failed)?;
    Ok(Bytes::from(answer.document.to_string()))
}

/// Notes of values that policy shows whether the caller saw them, or they were covered or counted.
fn told_apart(choice: &Choice, response: &mut BodyRecord) {
    for finding in &mut response.findings {
        if finding.action == "show" && !choice.shows(&finding.path) {
            finding.action = MEDIATED_ACTION.into();
        }
    }
}

/// How to read the answer, if it is one document of JSON.
fn json(gateway: &Gateway, parts: &Parts) -> Option<(Format, Coding)> {
    let media = media::of_response(parts.status, &parts.headers, false);
    let is_json = |(format, _): &(Format, Coding)| *format == Format::Document(Media::Json);
    media.inspected(gateway.uninspected).filter(is_json)
}

/// The fields of the mediator's own answer.
fn fields(told: Option<String>) -> HeaderMap {
    let told = told.and_then(|told| HeaderValue::try_from(told).ok());
    let mut fields = HeaderMap::new();
    let json = HeaderValue::from_static("application/json");
    fields.insert(header::CONTENT_TYPE, json);
    // It is an answer to this caller and purpose alone.
    fields.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    fields.extend(told.map(|told| (MEDIATED, told)));
    fields
}

/// What of the service's answer is looked at: what its permit and its operation let go on, and of that
/// what the template needs.
fn plan(permit: &Permit, way: &Way, mediation: &Mediation) -> Option<Plan> {
    let choice = mediation.choice()?;
    let mut plan = way.answers.plan(permit);
    let places = choice.places().into_iter();
    let needed = places.map(|place| Path::parse(&place).ok());
    // What budgets count by is looked at too; the answer is built without it.
    let counted = way.answers.records.iter().flat_map(|records| {
        let each = [Some(&records.id), records.subject.as_ref()];
        let each = each.into_iter().flatten();
        each.map(|inner| Some(records.array.each(inner)))
    });
    let needed = needed.chain(counted).collect::<Option<Vec<Path>>>()?;
    plan.fields.push(Fields::of(needed).into());
    // What shows rows need not look at more of them either.
    let page = choice
        .template
        .page
        .as_ref()
        .filter(|_| choice.shows_rows());
    let most = page.map(|page| page.rows_max);
    plan.records_max = plan.records_max.into_iter().chain(most).min();
    Some(plan)
}

/// Why an answer was not read to its end.
enum Unread {
    Broken(Broken),
    TooLarge,
    Leashed(Interruption),
}

/// Reads it to its end, unless it is larger than `bytes`, as it comes or once it is decoded.
async fn read_whole(pump: &mut Pump, bytes: u64) -> Result<(), Unread> {
    let mut upto = 0;
    while !pump.ended() {
        if upto >= bytes || pump.waiting_bytes() > bytes {
            return Err(Unread::TooLarge);
        }
        upto = (upto + STEP).min(bytes);
        pump.read_up_to(upto).await.map_err(Unread::Broken)?;
    }
    if pump.waiting_bytes() > bytes {
        return Err(Unread::TooLarge);
    }
    Ok(())
}
