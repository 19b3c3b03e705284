//! Rows of others, caps and fields in XML, cut anywhere.

use redaction::shape::{Path, Plan, Shaper, Unbound, Withheld};

use super::rows::{check, mine, refused};
use super::*;

fn rows(array: &str, member: &str, reads: &str) -> Plan {
    let mut plan = mine(array, member);
    plan.rows[0].bound = redaction::shape::Bound::One(reads.into());
    plan
}

fn xml(plan: &Plan, document: &str, expected: &str) -> Withheld {
    check(Media::Xml, plan, document, expected)
}

#[test]
fn elements_of_others_leave_whole() {
    let mine = rows("/customers/customer", "/id", "C-1");
    let withheld = xml(
        &mine,
        "<?xml version=\"1.0\"?><customers total='3'>\n <customer><n>2</n><id>C-2</id></customer>\n <customer>\
         <id>C&#45;<!-- -->1</id><n>1 &lt; 2</n></customer><customer/>\n</customers>\n",
        "<?xml version=\"1.0\"?><customers total='3'>\n \n <customer>\
         <id>C&#45;1</id><n>1 &lt; 2</n></customer>\n</customers>\n",
    );
    assert_eq!((withheld.rows, withheld.unbound), (1, 1));
    // In an attribute, behind a prefix, in a section without entities.
    xml(
        &rows("/customers/customer", "/@id", "C-1"),
        r#"<a:customers xmlns:a="urn:a"><a:customer id="C-2"/><a:customer  id='C-1' n="1"/></a:customers>"#,
        r#"<a:customers xmlns:a="urn:a"><a:customer  id='C-1' n="1"/></a:customers>"#,
    );
    xml(
        &mine,
        "<customers><customer><id><![CDATA[C-1]]></id></customer><customer><id><![CDATA[C-]]>2</id></customer></customers>",
        "<customers><customer><id><![CDATA[C-1]]></id></customer></customers>",
    );
    let nobody = Plan {
        rows: vec![redaction::shape::Rows {
            array: Path::parse("/c/*").unwrap(),
            member: Path::parse("/id").unwrap(),
            bound: redaction::shape::Bound::Nobody,
            unbound: Unbound::Pass,
        }],
        ..Plan::default()
    };
    xml(
        &nobody,
        "<c n=\"2\"><x><id>1</id></x><y>2</y></c>",
        "<c n=\"2\"><y>2</y></c>",
    );
}

#[test]
fn entries_of_a_fhir_bundle_are_rows() {
    let entry = |kind: &str, whose: &str| {
        format!(
            "<entry><fullUrl value=\"urn:1\"/><resource><{kind}><subject><reference value=\"{whose}\"/></subject>\
             <code><text value=\"x\"/></code></{kind}></resource></entry>"
        )
    };
    let bundle = |entries: &[String]| {
        format!(
            "<Bundle xmlns=\"http://hl7.org/fhir\"><type value=\"searchset\"/>{}</Bundle>",
            entries.concat()
        )
    };
    let all = [
        entry("Observation", "Patient/P-2"),
        entry("Observation", "Patient/P-1"),
        entry("Condition", "Patient/P-1"),
        entry("Condition", "Patient/P-12"),
    ];
    let plan = rows(
        "/Bundle/entry",
        "/resource/*/subject/reference",
        "Patient/P-1",
    );
    let withheld = xml(&plan, &bundle(&all), &bundle(&all[1..3]));
    assert_eq!(withheld.rows, 2);
    // Counted as ever: of one's own alone.
    let capped = Plan {
        records_max: Some(1),
        ..plan
    };
    let withheld = xml(&capped, &bundle(&all), &bundle(&all[1..2]));
    assert_eq!((withheld.rows, withheld.records), (2, 1));
}

#[test]
fn caps_and_lists_of_fields_hold_in_elements() {
    let capped = Plan {
        records_max: Some(2),
        ..Plan::default()
    };
    let document = "<c><t>3</t><r><a>1</a><a>2</a></r><r><a>3</a></r><r><a>4</a></r><u/></c>";
    let withheld = xml(
        &capped,
        document,
        "<c><t>3</t><r><a>1</a><a>2</a></r><r><a>3</a></r><u/></c>",
    );
    assert_eq!(withheld.records, 1);
    let few = Plan {
        fields_max: Some(2),
        ..Plan::default()
    };
    xml(
        &few,
        "<c a=\"1\"><t>3</t> <r b='2' d='3'>x</r></c>",
        "<c a=\"1\"><t>3</t> <r></r></c>",
    );
    let listed = Plan {
        fields: vec![Arc::new(
            redaction::shape::Fields::parse("/c/r/a /c/r/@id /c/*/z").unwrap(),
        )],
        ..Plan::default()
    };
    xml(
        &listed,
        "<c n='1'>w<t>3<z>4</z></t><r id=\"7\" k=\"8\"><a x='1'>1<b>2</b></a><b>3</b></r></c>",
        "<c><t><z>4</z></t><r id=\"7\"><a x='1'>1<b>2</b></a></r></c>",
    );
}

#[test]
fn what_no_parser_of_xml_reads_is_refused() {
    let plan = rows("/c/r", "/id", "C-1");
    for document in [
        "<!DOCTYPE c [<!ENTITY x \"C-1\">]><c><r><id>&x;</id></r></c>",
        "<c><r><id>&x;</id></r></c>",
        "<c><r><id>C-1</r></id></c>",
        "<c><r id=C-1></r></c>",
        "<c><r>",
        "text",
        "<c><r><id>C-1</id>x<id>C-2</id></r></c>",
        "<c><r ",
    ] {
        refused(Media::Xml, &plan, document);
    }
    let deep = "<c>".repeat(200);
    refused(Media::Xml, &plan, &deep);
    let long = format!("<c><r>{}", "x".repeat(300 * 1024));
    refused(Media::Xml, &plan, &long);
    // Long rows are told apart as far as they are held.
    let long = format!(
        "<c><r>{}<id>C-1</id></r></c>",
        "<x>0123456789</x>".repeat(20_000)
    );
    let mut shaper = Shaper::of(Media::Xml, plan).unwrap();
    let mut out = Vec::new();
    for piece in long.as_bytes().chunks(1000) {
        shaper.push(piece, &mut out).unwrap();
        assert!(shaper.held() < 260 * 1024);
    }
    shaper.finish(&mut out).unwrap();
    assert_eq!((&*out, shaper.withheld().unbound), (&b"<c></c>"[..], 1));
}

#[test]
fn a_row_that_is_the_whole_document_says_whose_it_is_or_is_refused() {
    let mine = rows("/customer", "/id", "C-1");
    let own = "\u{feff}<?xml version=\"1.0\"?>\n<customer><n>1</n><id>C-1</id></customer>\n";
    xml(&mine, own, own);
    let long = "<n>0123456789</n>".repeat(20_000);
    for others in [
        "<customer><n>2</n></customer>",
        "<customer/>",
        "<customer><id>C-2</id></customer>",
        &format!("<customer>{long}</customer>"),
    ] {
        refused(Media::Xml, &mine, others);
    }
    // What no rule names is no row: an error, most often.
    xml(&mine, "<error>no such</error>", "<error>no such</error>");
    let mut passing = mine;
    passing.rows[0].unbound = Unbound::Pass;
    let open = "<customer><n>2</n></customer>";
    assert_eq!(xml(&passing, open, open).unbound_passed, 1);
}

#[test]
fn comments_and_instructions_carry_nothing_past_the_rules() {
    let mine = rows("/c/r", "/id", "C-1");
    let withheld = xml(
        &mine,
        "<?xml version='1.0'?><!-- C-2 owes 7 --><c><!--<r><id>C-2</id></r>--><r><id>C-<?x C-2?>1</id><!-- C-2 --></r>\
         <r><id>C-2</id><!-- with its row --></r><?xml C-2?></c><!-- C-2 -->",
        "<?xml version='1.0'?><c><r><id>C-1</id></r></c>",
    );
    assert_eq!((withheld.rows, withheld.unlisted), (1, 6));
    assert!(withheld.changed());
    // Nor does what only looks like the declaration.
    let long = format!("<?xml {}?><c/>", "C-2 ".repeat(100));
    xml(&mine, &long, "<c/>");
}

#[test]
fn names_that_are_told_apart_are_bounded_in_bytes() {
    let capped = Plan {
        records_max: Some(2),
        ..Plan::default()
    };
    let names = (0..900).map(|at| format!("<{}{at}/>", "n".repeat(1000)));
    let document = format!("<c>{}</c>", names.collect::<String>());
    refused(Media::Xml, &capped, &document);
    // What ended is forgotten.
    let elements = (0..900).map(|at| format!("<e><{}{at}/></e>", "n".repeat(1000)));
    let document = format!("<c>{}</c>", elements.collect::<String>());
    let mut shaper = Shaper::of(Media::Xml, capped).unwrap();
    let mut out = Vec::new();
    for piece in document.as_bytes().chunks(64 * 1024) {
        shaper.push(piece, &mut out).unwrap();
    }
    shaper.finish(&mut out).unwrap();
    assert_eq!(shaper.withheld().records, 898);
}
