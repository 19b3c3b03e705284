use std::collections::BTreeMap;

use policy::Country;

use super::*;

fn routes() -> Routes {
    let template = |id: &str, method, path: &str, query: &[(&str, &str)]| {
        let query = query
            .iter()
            .map(|(k, v)| ((*k).to_owned(), (*v).to_owned()))
            .collect();
        Template::new(id, method, path, Effect::Read, &query).expect("a template")
    };
    let service = |name: &str, matches, upstream: &'static str| {
        Arc::new(Service {
            presented: None,
            restoring: Restoring::Nowhere,
            timeouts: Timeouts::default(),
            encodes: true,
            name: Arc::from(name),
            matches,
            upstreams: Upstreams::new(
                Destination::new(Uri::from_static(upstream), Country::UNKNOWN),
                Vec::new(),
            ),
            declared: None,
            descriptors: None,
            usage: None,
            facts: Facts::default(),
            inbound: None,
            speaks: Speaks::Paths(vec![
                template("customer.read", Method::GET, "/customers/{customer}", &[]),
                template(
                    "customer.list",
                    Method::GET,
                    "/customers",
                    &[("customer", "id")],
                ),
                template("root", Method::GET, "/", &[]),
            ]),
        })
    };
    Routes::new(vec![
        service("crm", Match::Prefix("/crm".into()), "http://up:1/base/"),
        service("crm2", Match::Prefix("/crm/two".into()), "http://up:2"),
        service("hosted", Match::Host("crm.internal".into()), "http://up:3"),
    ])
}

fn check(
    method: &Method,
    uri: &str,
    host: Option<&str>,
    expected: Result<(&str, &str, &str, &str), Unroutable>,
) {
    let uri: Uri = uri.parse().expect("a uri");
    let mut fields = HeaderMap::new();
    if let Some(host) = host {
        fields.insert(header::HOST, host.parse().expect("a value"));
    }
    let named = super::host(&uri, &fields);
    let resolved = named.and_then(|host| routes().resolve(method, &uri, host, false));
    let found = resolved.map(|resolved| {
        let Resolved::Whole(asked) = resolved else {
            panic!("a message")
        };
        let Asked { operation, way, .. } = *asked;
        let customer = operation.bound.get("customer").cloned().unwrap_or_default();
        (
            operation.service.to_string(),
            operation.id.to_string(),
            customer,
            way.target,
        )
    });
    let expected =
        expected.map(|(a, b, c, d)| (a.to_owned(), b.to_owned(), c.to_owned(), d.to_owned()));
    assert_eq!(found, expected, "{uri}");
}

#[test]
fn a_request_finds_its_operation_and_what_it_binds() {
    let get = &Method::GET;
    check(
        get,
        "/crm/customers/C-771",
        None,
        Ok(("crm", "customer.read", "C-771", "/base/customers/C-771")),
    );
    check(
        get,
        "/crm/customers/C%2D771?x=1",
        None,
        Ok((
            "crm",
            "customer.read",
            "C-771",
            "/base/customers/C%2D771?x=1",
        )),
    );
    check(
        get,
        "/crm/customers?id=C-1",
        None,
        Ok(("crm", "customer.list", "C-1", "/base/customers?id=C-1")),
    );
    check(
        get,
        "/crm/customers?i%64=C-1",
        None,
        Ok(("crm", "customer.list", "C-1", "/base/customers?i%64=C-1")),
    );
    check(
        get,
        "/crm/two/customers?id=7",
        None,
        Ok(("crm2", "customer.list", "7", "/customers?id=7")),
    );
    check(
        get,
        "/customers?id=7",
        Some("CRM.internal:8080"),
        Ok(("hosted", "customer.list", "7", "/customers?id=7")),
    );
    check(
        get,
        "http://crm.internal/customers?id=7",
        None,
        Ok(("hosted", "customer.list", "7", "/customers?id=7")),
    );
    check(get, "/crm", None, Ok(("crm", "root", "", "/base/")));
}

#[test]
fn what_can_be_read_two_ways_is_refused() {
    for path in [
        "/crm/customers/../x",
        "/crm//customers",
        "/crm/customers/%2e%2e/x",
        "/crm/customers/a%2Fb",
        "/crm/customers/a%5cb",
        "/crm/customers/%00",
        "/crm/customers/%zz",
        "/crm/customers/%C3",
        "/crm/customers/C-771;v=1",
        "/crm/customers/",
        "/crm/customers?id=a&id=b",
        "/crm/customers?id=a&%69d=b",
        "/crm/customers?x=1;id=b",
        "/crm/customers?Id=b",
        "/crm/customers?id[]=b",
        "/crm/customers?id=a&id%5B%5D=b",
        "/crm/customers?id.x=b",
    ] {
        check(&Method::GET, path, None, Err(Unroutable::Ambiguous));
    }
}

#[test]
fn what_no_table_names_is_unknown() {
    check(
        &Method::GET,
        "/other",
        None,
        Err(Unroutable::ServiceUnknown),
    );
    check(
        &Method::GET,
        "/crmx/customers",
        None,
        Err(Unroutable::ServiceUnknown),
    );
    check(
        &Method::POST,
        "/crm/customers",
        None,
        Err(Unroutable::OperationUnknown),
    );
    check(
        &Method::GET,
        "/crm/customers/C-1/x",
        None,
        Err(Unroutable::OperationUnknown),
    );
}

#[test]
fn a_bad_template_is_refused() {
    let make = |path: &str| {
        Template::new("x", Method::GET, path, Effect::Read, &BTreeMap::new()).map(|_| ())
    };
    assert_eq!(make("a"), Err(TemplateFault::Relative("a".into())));
    assert_eq!(make("/a{b}"), Err(TemplateFault::Segment("a{b}".into())));
    assert_eq!(make("/{a}/{a}"), Err(TemplateFault::Twice("a".into())));
    for odd in ["/{a}:", "/{a}x", "/:{a}", "/{a}.{b}"] {
        let segment = odd.trim_start_matches('/');
        assert_eq!(
            make(odd),
            Err(TemplateFault::Segment(segment.into())),
            "{odd}"
        );
    }
}

#[test]
fn what_follows_a_parameter_is_no_part_of_it() {
    let bind = |path: &str, segment: &'static str| {
        let template = Template::new("x", Method::POST, path, Effect::Write, &BTreeMap::new());
        let template = template.expect("a template");
        let bound = template.bind(&[segment.into()], &[])?;
        bound.ok()?.into_values().next()
    };
    let generate = "/{model}:generate";
    assert_eq!(bind(generate, "m-2.5:generate").as_deref(), Some("m-2.5"));
    assert_eq!(bind("/{sid}.json", "SM07.json").as_deref(), Some("SM07"));
    for other in [
        ":generate",
        "m",
        "m:Generate",
        "m:count",
        "m:generate:generate",
        "m:generate2",
    ] {
        assert_eq!(bind(generate, other), None, "{other}");
    }
}

#[test]
fn a_word_that_is_a_call_of_its_own_is_no_parameter() {
    let made = |word: &str| {
        let words = BTreeMap::from([(word.to_owned(), vec!["search".to_owned()])]);
        Template::new(
            "x",
            Method::GET,
            "/charges/{id}",
            Effect::Read,
            &BTreeMap::new(),
        )?
        .except(&words)
    };
    assert_eq!(
        made("charge").err(),
        Some(TemplateFault::NoParameter("charge".into()))
    );
    let template = made("id").expect("a template");
    let takes = |template: &Template, id: &'static str| {
        let segments = ["charges".into(), id.into()];
        template.bind(&segments, &[]).is_some()
    };
    assert!(takes(&template, "ch_1") && takes(&template, "searched"));
    for word in [
        "search",
        "Search",
        "search.json",
        "search.",
        "search ",
        "%73earch",
        "search\u{200b}",
    ] {
        assert!(!takes(&template, word), "{word}");
    }
    // Where calls end in verbs, a colon begins one.
    let mut template = template;
    assert!(takes(&template, "ch:refund"));
    template.know_verbs();
    assert!(!takes(&template, "ch:refund") && takes(&template, "ch_1"));
}

#[test]
fn what_binds_an_operation_must_be_there_and_short() {
    let long = format!("/crm/customers/{}", "x".repeat(PARAMETER_BYTES_MAX + 1));
    check(
        &Method::GET,
        "/crm/customers",
        None,
        Err(Unroutable::ParameterMissing),
    );
    check(
        &Method::GET,
        "/crm/customers?other=1",
        None,
        Err(Unroutable::ParameterMissing),
    );
    check(&Method::GET, &long, None, Err(Unroutable::ParameterTooLong));
}

#[test]
fn a_request_names_one_host_or_none() {
    let named = |uri: &str, hosts: &[&str]| {
        let uri: Uri = uri.parse().expect("a uri");
        let mut fields = HeaderMap::new();
        for host in hosts {
            fields.append(header::HOST, host.parse().expect("a value"));
        }
        host(&uri, &fields).map(|host| host.map(ToOwned::to_owned))
    };
    let one = |host: &str| Ok(Some(host.to_owned()));
    assert_eq!(named("/a", &[]), Ok(None));
    assert_eq!(named("/a", &["crm.internal:8080"]), one("crm.internal"));
    assert_eq!(named("http://crm.internal/a", &[]), one("crm.internal"));
    assert_eq!(
        named("http://crm.internal:80/a", &["CRM.internal"]),
        one("crm.internal")
    );
    assert_eq!(named("http://[::1]:80/a", &["[::1]"]), one("[::1]"));
    for (uri, hosts) in [
        ("/a", &["crm.internal", "crm.internal"][..]),
        ("http://crm.internal/a", &["other.internal"]),
        ("http://other.internal@crm.internal/a", &["crm.internal"]),
        ("http://crm.internal@other.internal/a", &[]),
    ] {
        assert_eq!(named(uri, hosts), Err(Unroutable::Ambiguous), "{uri}");
    }
}
