use proptest::prelude::*;

use super::*;

/// What was found: class, pointer, inner pointer, and the raw bytes of each part.
type Finds = Vec<(String, String, Vec<Range<u64>>)>;

fn classify(media: Media, document: &[u8], cuts: &[usize]) -> (Finds, Option<Unreadable>) {
    let mut finds = Vec::new();
    let mut sink = |found: &Found<'_>| {
        finds.push((
            found.finding.class.name().to_owned(),
            [found.path, found.inner].concat(),
            found.ranges.to_vec(),
        ));
    };
    let mut classifier = Classifier::new(media);
    let mut failed = None;
    let mut at = 0;
    let ends = cuts.iter().copied().chain([document.len()]);
    for end in ends {
        let end = end.clamp(at, document.len());
        failed = failed.or(classifier.push(&document[at..end], &mut sink).err());
        at = end;
    }
    failed = failed.or(classifier.finish(&mut sink).err());
    (finds, failed)
}

#[track_caller]
fn check(media: Media, document: &str, expected: &[(&str, &str, &[&str])]) {
    let (finds, failed) = classify(media, document.as_bytes(), &[]);
    assert_eq!(failed, None);
    let text = |range: &Range<u64>| {
        let range = usize::try_from(range.start).unwrap()..usize::try_from(range.end).unwrap();
        String::from_utf8_lossy(&document.as_bytes()[range]).into_owned()
    };
    let found: Vec<(String, String, Vec<String>)> = finds
        .into_iter()
        .map(|(class, path, ranges)| (class, path, ranges.iter().map(text).collect()))
        .collect();
    let expected: Vec<(String, String, Vec<String>)> = expected
        .iter()
        .map(|(class, path, parts)| {
            let parts = parts.iter().map(|part| (*part).to_owned()).collect();
            ((*class).to_owned(), (*path).to_owned(), parts)
        })
        .collect();
    assert_eq!(found, expected);
}

#[test]
fn json_findings_stand_at_their_raw_bytes() {
    check(
        Media::Json,
        r#"{"a/b":[1,{"e":"ann\u0040example.com"}]}"#,
        &[("pii.email", "/a~1b/1/e", &[r"ann\u0040example.com"])],
    );
    check(
        Media::Json,
        r#"{"note":"\ud83d\ude00 bob@example.com\n"}"#,
        &[("pii.email", "/note", &["bob@example.com"])],
    );
    check(
        Media::Json,
        r#"{"cy@example.com":1}"#,
        &[("pii.email", "/?", &["cy@example.com"])],
    );
}

#[test]
fn strings_that_are_documents_are_entered() {
    check(
        Media::Json,
        r#"{"body":"{\"ssn\":\"219-45-6789\"}"}"#,
        &[("pii.us_ssn", "/body/ssn", &["219-45-6789"])],
    );
    check(
        Media::Json,
        r#"{"form":"x=1&email=ann%40example.com"}"#,
        &[("pii.email", "/form/email", &["ann%40example.com"])],
    );
    check(
        Media::Json,
        r#"{"next":"https://api.example.com/v1?first_name=Ann&page=2"}"#,
        &[("pii.person", "/next/first_name", &["Ann"])],
    );
}

#[test]
fn every_line_is_a_document_and_a_broken_one_ends_nothing() {
    check(
        Media::Ndjson,
        "{\"email\":\"a@example.com\"}\n{\"email\": b@example.com\n\n{\"email\":\"c@example.com\"}",
        &[
            ("pii.email", "/0/email", &["a@example.com"]),
            ("pii.email", "/1", &["b@example.com"]),
            ("pii.email", "/2/email", &["c@example.com"]),
        ],
    );
}

#[test]
fn events_carry_json_in_any_line_ending() {
    for end in ["\n", "\r", "\r\n"] {
        let stream = [
            "\u{feff}: hi d@example.com",
            "event: update",
            "data: {\"email\":",
            "data:\"a@example.com\"}",
            "",
            "data: {\"email\":\"b@example.com\"}",
            "",
        ];
        check(
            Media::Sse,
            &stream.join(end),
            &[
                ("pii.email", "", &["d@example.com"]),
                ("pii.email", "/0/email", &["a@example.com"]),
                ("pii.email", "/1/email", &["b@example.com"]),
            ],
        );
    }
}

#[test]
fn a_value_split_over_deltas_is_one_finding() {
    let chat = |text: &str, index: u8| {
        format!(
            "data: {{\"choices\":[{{\"delta\":{{\"content\":\"{text}\"}},\"index\":{index}}}]}}\n\n"
        )
    };
    let stream = [
        chat("mail an", 0),
        chat("x", 1),
        chat("n@exa", 0),
        chat("mple.com now", 0),
    ];
    check(
        Media::Sse,
        &stream.concat(),
        &[(
            "pii.email",
            "/0/choices/0/delta/content",
            &["an", "n@exa", "mple.com"],
        )],
    );
    let block = |text: &str| {
        format!(
            "event: content_block_delta\ndata: {{\"type\":\"content_block_delta\",\"index\":0,\"delta\":{{\"type\":\"text_delta\",\"text\":\"{text}\"}}}}\n\n"
        )
    };
    check(
        Media::Sse,
        &[block("SSN 219-4"), block("5-6789.")].concat(),
        &[("pii.us_ssn", "/0/delta/text", &["219-4", "5-6789"])],
    );
    let response = |text: &str| {
        format!(
            "data: {{\"type\":\"response.output_text.delta\",\"item_id\":\"m\",\"output_index\":0,\"content_index\":0,\"delta\":\"{text}\"}}\n\n"
        )
    };
    check(
        Media::Sse,
        &[response(r"an\u006e@"), response("example.com")].concat(),
        &[("pii.email", "/0/delta", &[r"an\u006e@", "example.com"])],
    );
    let gemini = |text: &str| {
        format!(
            "data: {{\"candidates\":[{{\"content\":{{\"parts\":[{{\"text\":\"{text}\"}}]}}}}]}}\n\n"
        )
    };
    check(
        Media::Sse,
        &[gemini("ann@"), gemini("example.com")].concat(),
        &[(
            "pii.email",
            "/0/candidates/0/content/parts/0/text",
            &["ann@", "example.com"],
        )],
    );
}

#[test]
fn long_streams_are_judged_in_parts_without_losing_any() {
    let mut stream = String::new();
    let mut count = 0;
    while stream.len() < 300_000 {
        for piece in [
            "lorem ipsum dolor sit ",
            "write to an",
            "n@exam",
            "ple.com. ",
        ] {
            let event = format!("data: {{\"delta\":{{\"text\":\"{piece}\"}}}}\n\n");
            stream.push_str(&event);
        }
        count += 1;
    }
    let (finds, failed) = classify(Media::Sse, stream.as_bytes(), &[]);
    assert_eq!((finds.len(), failed), (count, None));
    assert!(finds.iter().all(|(_, _, ranges)| ranges.len() == 3));
}

#[test]
fn columns_are_known_by_their_header() {
    check(
        Media::Csv,
        "id;e-mail;first name\r\n1;a@example.com;Ann\r\n2;\"b@example.com\";\"Bo \"\"B\"\" Li\"\r\n",
        &[
            ("pii.email", "/0/e-mail", &["a@example.com"]),
            ("pii.person", "/0/first name", &["Ann"]),
            ("pii.email", "/1/e-mail", &["b@example.com"]),
            ("pii.person", "/1/first name", &["Bo \"\"B\"\" Li"]),
        ],
    );
}

#[test]
fn a_file_without_header_is_judged_by_looks() {
    check(
        Media::Csv,
        "1,a@example.com\n2,b@example.com\n",
        &[
            ("pii.email", "/0/1", &["a@example.com"]),
            ("pii.email", "/1/1", &["b@example.com"]),
        ],
    );
}

#[test]
fn elements_and_attributes_are_names() {
    check(
        Media::Xml,
        "<r><person email='a@example.com'><firstName>Ann</firstName></person>\
         <x:mail>b&#64;example<!-- - -->.com</x:mail><y><![CDATA[c@example.com]]></y>\
         <f name=\"ssn\">219-45-6789</f></r>",
        &[
            ("pii.email", "/r/person/@email", &["a@example.com"]),
            ("pii.person", "/r/person/firstName", &["Ann"]),
            ("pii.email", "/r/x:mail", &["b&#64;example", ".com"]),
            ("pii.email", "/r/y", &["c@example.com"]),
            ("pii.us_ssn", "/r/f", &["219-45-6789"]),
        ],
    );
}

#[test]
fn arrays_and_scalars_of_xml_are_what_they_are_in_json() {
    check(
        Media::Xml,
        "<r><emails><item>a@example.com</item></emails><first_name value=\"Ann\"/>\
         <medications><item>Atorvastatin 20 MG</item></medications></r>",
        &[
            ("pii.email", "/r/emails/item", &["a@example.com"]),
            ("pii.person", "/r/first_name/@value", &["Ann"]),
            (
                "phi.medication",
                "/r/medications/item",
                &["Atorvastatin 20 MG"],
            ),
        ],
    );
}

#[test]
fn fhir_is_known_in_its_xml_form() {
    check(
        Media::Xml,
        "<Patient xmlns=\"http://hl7.org/fhir\"><name><family value=\"Oak\"/></name></Patient>",
        &[("pii.person", "/Patient/name/family/@value", &["Oak"])],
    );
}

#[test]
fn xml_that_readers_would_read_in_different_ways_is_refused() {
    for (document, expected) in [
        ("<!DOCTYPE r [<!ENTITY a 'x'>]><r/>", FlawXml::DocumentType),
        ("<r><a></b></r>", FlawXml::EndTag),
        ("<r>", FlawXml::Truncated),
        (
            "<?xml version='1.0' encoding='UTF-7'?><r>a+AEA-b.example</r>",
            FlawXml::Encoding,
        ),
        ("<r><1</r>", FlawXml::EndTag),
    ] {
        let (_, failed) = classify(Media::Xml, document.as_bytes(), &[]);
        let Some(Unreadable::Xml { flaw, .. }) = failed else {
            panic!("{document}: {failed:?}");
        };
        if document != "<r><1</r>" {
            assert_eq!(flaw, expected, "{document}");
        }
    }
}

#[test]
fn pairs_of_a_form_are_members() {
    check(
        Media::Form,
        "user%5Bfirst_name%5D=Ann+Lee&q=a%40example.com",
        &[
            ("pii.person", "/user[first_name]", &["Ann+Lee"]),
            ("pii.email", "/q", &["a%40example.com"]),
        ],
    );
}

#[test]
fn pages_are_read_as_text_and_attributes() {
    check(
        Media::Html,
        "<!doctype html><p>ann<b>@example</b>.com &lt; 3 < 4</p><a href=\"mailto:b&#64;example.com\">x</a>\
         <script>if (a<b) mail('c@example.com')</script><th>SSN</th><td>219-45-6789</td>",
        &[
            ("pii.email", "", &["ann", "@example", ".com"]),
            ("pii.email", "", &["b&#64;example.com"]),
            ("pii.email", "", &["c@example.com"]),
            ("pii.us_ssn", "", &["219-45-6789"]),
        ],
    );
}

#[test]
fn a_text_that_is_nothing_but_a_number_is_one_if_its_check_hardly_errs() {
    for (class, number) in [
        ("pii.pl_pesel", "44051401359"),
        ("phi.de_kvnr", "A123456780"),
        ("pii.us_aba_routing", "121000358"),
        ("phi.us_npi", "1245319599"),
        ("pii.phone", "09171234567"),
    ] {
        check(Media::Text, number, &[(class, "", &[number])]);
        check(
            Media::Text,
            &format!("{number}\n"),
            &[(class, "", &[number])],
        );
    }
    check(Media::Text, "BB1388569, GL0285191", &[]);
    check(
        Media::Text,
        "BB1388568, GL0285191",
        &[
            ("phi.us_dea", "", &["BB1388568"]),
            ("phi.us_dea", "", &["GL0285191"]),
        ],
    );
}

#[test]
fn a_number_that_stands_alone_may_be_anything_else() {
    for text in [
        // A number of nine digits of which every tenth passes some check; an instant; an amount.
        "876543210",
        "1600000004",
        "1700000000123",
        "44051401358",
        "9171234567",
        "0000000000",
        "121000358 items",
        "count\n121000358",
    ] {
        check(Media::Text, text, &[]);
    }
    // What a page or a record holds in a cell has names around it, or none that matter.
    check(Media::Html, "<td>121000358</td>", &[]);
    check(Media::Json, "[\"121000358\"]", &[]);
}

#[test]
fn lines_of_text_say_what_they_hold() {
    check(
        Media::Text,
        "Name of sender: none\nfirst name: Ann\r\nSee a@example.com\n\n- ssn: 219-45-6789\n",
        &[
            ("pii.person", "/first name", &["Ann"]),
            ("pii.email", "", &["a@example.com"]),
            ("pii.us_ssn", "/ssn", &["219-45-6789"]),
        ],
    );
}

#[test]
fn a_value_in_quotes_that_says_nothing_alone_is_read_with_its_line() {
    // A text in quotes is a document of JSON, which is no reason to leave the line alone.
    let key = ["7c9e6679", "7425", "40de", "944b", "e07fc1f90ae7"].join("-");
    let line = format!("hubspot_key=\"{key}\"\n");
    check(
        Media::Text,
        &line,
        &[("secret.vendor_token", "", &[key.as_str()])],
    );
}

#[test]
fn a_table_drawn_in_text_has_columns() {
    check(
        Media::Text,
        "Team:\n| Name of file | SSN |\n|---|:--|\n| a.txt | 219-45-6789 |\n\
         b.txt        | 219456789\nend a@example.com",
        &[
            ("pii.us_ssn", "/SSN", &["219-45-6789"]),
            ("pii.us_ssn", "/SSN", &["219456789"]),
            ("pii.email", "", &["a@example.com"]),
        ],
    );
}

#[test]
fn a_document_is_known_by_how_it_begins() {
    for (head, media) in [
        ("\u{feff} {\"a\":\n1}", Media::Json),
        ("[1]", Media::Json),
        ("{\"a\":1}\n{\"a\":2}\n", Media::Ndjson),
        ("{\"a\":1}\n", Media::Json),
        ("<!DOCTYPE html><p>", Media::Html),
        ("<?xml version='1.0'?><r/>", Media::Xml),
        ("data: {}\n\n", Media::Sse),
        ("a=1&b=2", Media::Form),
        ("a;b\n1;2\n", Media::Csv),
        ("Dear Ann, hello.\nHow are you", Media::Text),
    ] {
        assert_eq!(Media::of_content(head.as_bytes()), media, "{head:?}");
    }
}

const KINDS: [Media; 8] = [
    Media::Json,
    Media::Ndjson,
    Media::Sse,
    Media::Csv,
    Media::Xml,
    Media::Form,
    Media::Html,
    Media::Text,
];

/// Bits that documents of all kinds are made of, and the bits that break them.
fn fragment() -> impl Strategy<Value = Vec<u8>> {
    let known = prop::sample::select(vec![
        "{\"email\":\"a@example.com\"}",
        "{",
        "}",
        "[",
        "]",
        ",",
        ":",
        "\"",
        "\\u0040",
        "\\\"",
        "\n",
        "\r\n",
        "\n\n",
        "\r",
        "data: ",
        "data: {\"delta\":{\"text\":\"219-45\"}}\n\n",
        "data: {\"delta\":{\"text\":\"-6789\"}}\n\n",
        ";",
        "\t",
        "\"\"",
        "<a>",
        "</a>",
        "<ssn x='1'>",
        "</ssn>",
        "<!--",
        "-->",
        "<![CDATA[",
        "]]>",
        "<?",
        "?>",
        "&#64;",
        "&amp;",
        "=",
        "&",
        "%40",
        "+",
        "<script>",
        "</script>",
        "<",
        ">",
        "'",
        "first name: ",
        "a|ssn\n--|--\n",
        "|",
        "Ann Lee",
        "219-45-6789",
        "a@example.com",
        "4111 1111 1111 1111",
        "é",
        "\u{ff11}",
        "\u{2011}",
        "\u{feff}",
        " ",
    ])
    .prop_map(|text| text.as_bytes().to_vec());
    prop_oneof![
        9 => known,
        1 => prop::collection::vec(any::<u8>(), 0..4),
    ]
}

proptest! {
    #[test]
    fn the_same_is_found_however_a_document_is_cut(
        parts in prop::collection::vec(fragment(), 0..40),
        mut cuts in prop::collection::vec(0usize..400, 0..12),
    ) {
        let document = parts.concat();
        cuts.sort_unstable();
        let bytewise: Vec<usize> = (0..document.len()).collect();
        for media in KINDS {
            let whole = classify(media, &document, &[]);
            prop_assert_eq!(&whole, &classify(media, &document, &cuts), "{:?}", media);
            prop_assert_eq!(&whole, &classify(media, &document, &bytewise), "{:?}", media);
        }
    }

    #[test]
    fn nothing_is_found_before_what_is_held(
        parts in prop::collection::vec(fragment(), 0..40),
        flushed in prop::collection::vec(any::<bool>(), 400),
    ) {
        let document = parts.concat();
        for media in KINDS {
            let mut classifier = Classifier::new(media);
            let mut released = 0;
            for (at, byte) in document.iter().enumerate() {
                let mut first = u64::MAX;
                let mut sink = |found: &Found<'_>| {
                    let start = found.ranges.iter().chain(found.token).map(|range| range.start);
                    first = start.chain([first]).min().unwrap();
                };
                let mut read = classifier.push(std::slice::from_ref(byte), &mut sink);
                if read.is_ok() && flushed.get(at) == Some(&true) {
                    read = classifier.flush(&mut sink);
                }
                prop_assert!(first >= released, "{media:?} {first} {released}");
                if read.is_err() {
                    break;
                }
                released = at as u64 + 1 - classifier.held();
                prop_assert!(classifier.held() <= HELD_BYTES_MAX);
            }
        }
    }

    #[test]
    fn findings_stand_in_the_document_and_cut_no_character(
        parts in prop::collection::vec(fragment(), 0..40),
    ) {
        let document = parts.concat();
        let text = String::from_utf8_lossy(&document).into_owned();
        for media in KINDS {
            let (finds, _) = classify(media, text.as_bytes(), &[]);
            for (_, _, ranges) in finds {
                prop_assert!(!ranges.is_empty(), "{:?}", media);
                let mut last = 0;
                for range in ranges {
                    let start = usize::try_from(range.start).unwrap();
                    let end = usize::try_from(range.end).unwrap();
                    prop_assert!(last <= start && start < end, "{:?}", media);
                    prop_assert!(
                        text.is_char_boundary(start) && text.is_char_boundary(end),
                        "{media:?} {text:?} {start} {end}"
                    );
                    last = end;
                }
            }
        }
    }
}
