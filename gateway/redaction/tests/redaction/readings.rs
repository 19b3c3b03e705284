//! Documents that two readers read differently: whatever the other reader takes for a value is judged.

use std::fmt::Write as _;

use redaction::Boundary;

use super::*;

/// Three values that no document below may let through.
const PLANTED: [(&str, &str); 3] = [
    ("$M", "ann@example.com"),
    ("$S", "512456789"),
    ("$D", "512-45-6789"),
];

fn planted(text: &str) -> String {
    PLANTED.iter().fold(text.to_owned(), |text, (mark, value)| {
        text.replace(mark, value)
    })
}

/// What leaves, if it is not refused; the same for every way of cutting.
#[track_caller]
fn edited(media: Media, text: &str) -> String {
    let document = planted(text);
    let disclose = |_: DataClass| Action::Replace;
    let (whole, _) = redact_as(media, document.as_bytes(), &[], disclose).unwrap();
    let every: Vec<usize> = (1..document.len()).collect();
    let (cut, _) = redact_as(media, document.as_bytes(), &every, disclose).unwrap();
    assert_eq!(whole, cut, "{text}");
    String::from_utf8(whole).unwrap()
}

#[track_caller]
fn hides(media: Media, texts: &[&str]) {
    for text in texts {
        let left = edited(media, text);
        for (_, value) in PLANTED {
            assert!(!left.contains(value), "{media:?} {left}");
        }
        assert!(left.contains("pii."), "{media:?} {left}");
    }
}

#[test]
fn every_record_of_a_table_is_judged_wherever_its_first_line_ends() {
    hides(
        Media::Csv,
        &[
            "id,email\r1,$M\r2,bob@example.com\n3,x@example.com\n",
            "id,email\r1,$M\r",
            // The quote of inches opens no field.
            "id,5\" disk\n1,$M\n2,x\"y\n",
            "\"id,email\n1,$M\n",
            "a;\"b,c\n1,$M\n",
        ],
    );
}

#[test]
fn columns_have_their_names_behind_titles_and_between_tabs() {
    hides(
        Media::Csv,
        &[
            "a, b\tssn\n1\t$S\n",
            "Report,2024\n\nid,ssn\n1,$S\n",
            "sep=;\nid;ssn\n1;$S\n",
        ],
    );
}

#[test]
fn a_document_may_go_on_over_lines() {
    hides(
        Media::Ndjson,
        &[
            "{\n  \"ssn\": \"$S\",\n  \"a\": [\n{}\n]\n}\n",
            "[\n{\n\"x\": {\n\"ssn\":\n\"$S\"\n}\n}\n]\n",
            "\u{1e}{\n\"ssn\": \"$S\"\n}\n\u{1e}{\"a\":1}\n",
            // One that was cut short does not take the next with it.
            "{\"a\":\n{\"b\":1}\n{\"ssn\":\"$S\"}\n",
            "{\"a\":\n\u{1e}{\"ssn\":\"$S\"}\n",
            "{\"a\":1}\r{\"ssn\":\"$S\"}\n",
        ],
    );
}

#[test]
fn every_line_of_an_event_stream_is_judged() {
    hides(
        Media::Sse,
        &[
            "$M\n\n",
            "ssn $D\n\n",
            "$M: x\n\n",
            "data: 1\n\n\u{feff}data: {\"ssn\":\"$S\"}\n\n",
            "data: {\"a\":1}\rdata: {\"ssn\":\"$S\"}\r\n\r\n",
        ],
    );
}

#[test]
fn texts_that_grow_side_by_side_are_joined_or_the_stream_breaks_off() {
    let stream = |texts: usize| {
        let mut stream = String::new();
        for piece in ["see ann@ex", "ample.c", "om and so"] {
            for at in 0..texts {
                let choice = serde_json::json!({"index": at, "delta": {"content": piece}});
                write!(stream, "data: {{\"choices\":[{choice}]}}\n\n").unwrap();
            }
        }
        let disclose = |_: DataClass| Action::Replace;
        redact_as(Media::Sse, stream.as_bytes(), &[], disclose)
    };
    let (left, _) = stream(200).unwrap();
    assert!(!String::from_utf8(left).unwrap().contains("ann@ex"));
    assert!(matches!(stream(400), Err(Interrupted::Malformed(_))));
}

#[test]
fn all_of_a_tag_is_judged() {
    for media in [Media::Xml, Media::Html] {
        hides(
            media,
            &[
                "<a><$M/></a>",
                "<a $M=\"1\"></a>",
                "<a>ann&#00000000000064;example.com<b x='$M'/></a>",
                "<a>ann&#64example.com, $M</a>",
                "<a '><b>$M</b><c x='1'/></a>",
            ],
        );
    }
    hides(
        Media::Xml,
        &["<p:r xmlns:p='http://x/$M'><p:ssn>$S</p:ssn></p:r>"],
    );
    let end = planted("<a>1</a $M>");
    let refused = redact_as(Media::Xml, end.as_bytes(), &[], |_: DataClass| Action::Show);
    assert!(refused.is_err());
    assert_eq!(
        edited(Media::Xml, "<a><$M>1</$M></a>"),
        "<a><_pii.email_>1</_pii.email_></a>"
    );
    hides(
        Media::Html,
        &[
            "<p>From: Ann <$M></p>",
            "<p>x</$M></p>",
            "<p>x</p title='$M'>",
            "<!doctype html '$M'><p>x</p>",
            "<!$M><p>x</p>",
            "<a title=Ann's>x</a> <p>$M</p> <p>it's</p>",
            "<p '>SSN $D, mail $M' ></p>",
            "<p x='$M'",
            "<p>x</p $M",
            "<input name=ssn value=$S>",
            "<meta content='$S' name='ssn'>",
        ],
    );
}

#[test]
fn a_long_piece_is_cut_between_values() {
    let planted = PLANTED[0].1;
    for lead in 65_536 - 24..65_536 {
        for (media, head, filler) in [
            (Media::Html, "<pre>", "xx "),
            (Media::Html, "<p title='", "xx "),
            (Media::Html, "<script>", "xx;"),
            (Media::Text, "", "x,"),
        ] {
            let lead = filler.repeat((lead - head.len()) / filler.len());
            let document = format!("{head}{lead}{planted} and more");
            let disclose = |_: DataClass| Action::Replace;
            let (left, _) = redact_as(media, document.as_bytes(), &[], disclose).unwrap();
            assert!(
                !String::from_utf8(left).unwrap().contains(planted),
                "{media:?} {lead}"
            );
        }
    }
}

#[test]
fn lines_that_name_several_things_and_tables_without_names_are_judged() {
    hides(
        Media::Text,
        &["SSN $D phone: 555-123-4567\n", "$M | x\n---|---\nbob | y\n"],
    );
    let folded = "BEGIN:VCALENDAR\r\nATTENDEE:mailto:ann@exam\r\n ple.com\r\nEND:VCALENDAR\r\n";
    let left = edited(Media::Text, folded);
    assert!(
        !left.contains("ann@exam") && !left.contains("ple.com"),
        "{left}"
    );
}

#[test]
fn a_form_that_reads_differently_without_carriage_returns_is_refused() {
    let field = "content-disposition: form-data; name=\"a\"";
    let other = "content-disposition: form-data; name=\"ssn\"";
    for form in [
        format!("--x-7f\r\n{field}\r\n\r\nfoo\n--x-7f\r\n{other}\r\n\r\n1\r\n--x-7f--\r\n"),
        format!("--x-7f\r\n{field}\r\n\r\n--x-7f\r\n{other}\r\n\r\n1\r\n--x-7f--\r\n"),
        format!("--x-7f\r\n{field}\nx: 1\r\n\r\n1\r\n--x-7f--\r\n"),
    ] {
        let boundary = Boundary::named("multipart/form-data; boundary=x-7f").unwrap();
        let format = Format::Multipart(boundary, Opaque::Refuse);
        let every: Vec<usize> = (1..form.len()).collect();
        for cuts in [&[][..], &every] {
            let edited = redact_as(format, form.as_bytes(), cuts, |_: DataClass| Action::Show);
            assert!(matches!(edited, Err(Interrupted::Form(_))), "{form}");
        }
    }
    for other in ["boundary*=utf-8''x; boundary=y", "boundary=y; boundary*0=x"] {
        assert_eq!(
            Boundary::named(&format!("multipart/form-data; {other}")),
            None
        );
    }
}

#[test]
fn a_type_that_is_two_is_none() {
    assert_eq!(Media::named("text/plain, application/json"), None);
    assert_eq!(Media::named("text/x-json"), Some(Media::Ndjson));
    assert!(!redaction::media_type::is_utf8(
        "text/plain; charset*=utf-7"
    ));
}
