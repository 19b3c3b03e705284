//! Multipart forms: every part is edited as what it is; delimiters and fields stay.

use proptest::prelude::*;
use redaction::{Boundary, Format, Opaque};

use super::documents::words;
use super::keys::TestKeys;
use super::properties::{hiding, planted};
use super::restoring::token_of;
use super::*;

const BOUNDARY: &str = "multipart/form-data; boundary=\"x-7f\"";

fn edit(
    form: &str,
    cuts: &[usize],
    opaque: Opaque,
    disclose: impl Disclose + Clone,
) -> Result<(String, Summary), Interrupted> {
    let format = Format::Multipart(Boundary::named(BOUNDARY).unwrap(), opaque);
    let (released, summary) = redact_as(format, form.as_bytes(), cuts, disclose)?;
    Ok((String::from_utf8(released).unwrap(), summary))
}

fn form(parts: &[(&str, &str)]) -> String {
    let parts = parts
        .iter()
        .map(|(head, body)| format!("--x-7f\r\n{head}\r\n\r\n{body}\r\n"));
    format!("{}--x-7f--\r\n", parts.collect::<String>())
}

#[test]
fn every_part_is_edited_as_what_it_is() {
    let parts = |email: &str, quoted: &str, ssn: &str| {
        form(&[
            ("Content-Disposition: form-data; name=\"ssn\"", ssn),
            (
                "content-disposition: form-data; name=\"doc\"\r\ncontent-type: application/json",
                &format!("{{\"a\":\"{email}\"}}"),
            ),
            (
                &format!(
                    "content-disposition: form-data; name=\"f\"; filename=\"{email}\"\r\ncontent-type: text/csv"
                ),
                &format!("id,email\r\n1,{quoted}\r\n"),
            ),
        ])
    };
    let came = parts("ann@example.com", "ann@example.com", "512456789");
    let (left, summary) = edit(&came, &[], Opaque::Refuse, |_: DataClass| Action::Replace).unwrap();
    assert_eq!(left, parts("[pii.email]", "[pii.email]", "[pii.us_ssn]"));
    let paths: Vec<_> = summary.places.iter().map(|place| &*place.path).collect();
    assert_eq!(paths, ["/ssn", "/doc/a", "/@headers", "/f/*/email"]);
}

#[test]
fn what_can_be_parted_in_two_ways_is_refused() {
    let good = form(&[("content-disposition: form-data; name=\"a\"", "1")]);
    let show = |_: DataClass| Action::Show;
    assert!(edit(&good, &[], Opaque::Refuse, show).is_ok());
    for bad in [
        format!("preamble\r\n{good}"),
        format!("{good}epilogue"),
        good.replace("\r\n", "\n"),
        good.trim_end_matches("--\r\n").to_owned(),
        good.replacen("--x-7f\r\n", "--x-7fz\r\n", 1),
        good.replace("content-disposition", " content-disposition"),
        good.replace("content-disposition: form-data; name=\"a\"", "x: 1"),
    ] {
        let edited = edit(&bad, &[], Opaque::Refuse, show);
        assert!(
            matches!(edited, Err(Interrupted::Form(_))),
            "{bad}: {edited:?}"
        );
    }
}

#[test]
fn a_part_that_cannot_be_inspected_is_refused_or_told() {
    let image = "content-disposition: form-data; name=\"a\"\r\ncontent-type: image/png";
    let form = form(&[(image, "ann@example.com")]);
    let hide = |_: DataClass| Action::Replace;
    assert_eq!(
        edit(&form, &[], Opaque::Refuse, hide),
        Err(Interrupted::Uninspected(Gap::PartUnknown))
    );
    assert_eq!(edit(&form, &[], Opaque::Pass, hide).unwrap().0, form);
}

proptest! {
    #[test]
    fn a_form_is_edited_alike_however_it_is_cut(
        planted in planted(),
        (before, after) in (words(4), words(4)),
        cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..6),
        action in hiding(),
    ) {
        let text = format!("{before} {planted}\r\n--x {after}");
        let head = "content-disposition: form-data; name=\"note\"";
        let json = serde_json::json!({ "note": text }).to_string();
        let form = form(&[
            (head, &text),
            (&format!("{head}\r\nContent-Type: application/json"), &json),
            (&format!("{head}; filename=\"n.html\"\r\nContent-Type: text/html"), &text),
        ]);
        let disclose = move |_: DataClass| action;
        let whole = edit(&form, &[], Opaque::Refuse, disclose).unwrap();
        let mut cuts: Vec<_> = cuts.iter().map(|cut| cut.index(form.len())).collect();
        cuts.sort_unstable();
        prop_assert_eq!(&edit(&form, &cuts, Opaque::Refuse, disclose).unwrap(), &whole);
        let every: Vec<_> = (1..form.len()).collect();
        prop_assert_eq!(&edit(&form, &every, Opaque::Refuse, disclose).unwrap(), &whole);
        prop_assert!(!whole.0.contains(&planted), "{}", whole.0);
        prop_assert_eq!(whole.0.matches("--x-7f").count(), 4);
        let read = parts(&whole.0);
        prop_assert_eq!(read.len(), 3);
        serde_json::from_str::<serde_json::Value>(&read[1]).unwrap();
    }
}

/// The bodies of a form's parts, as a parser of somebody else's reads them.
fn parts(form: &str) -> Vec<String> {
    let bytes = form.as_bytes().to_vec();
    let stream = futures_util::stream::iter([Ok::<_, std::convert::Infallible>(bytes)]);
    let read = async {
        let mut form = multer::Multipart::new(stream, "x-7f");
        let mut parts = Vec::new();
        while let Some(field) = form.next_field().await.unwrap() {
            parts.push(field.text().await.unwrap());
        }
        parts
    };
    let mut context = std::task::Context::from_waker(std::task::Waker::noop());
    match Future::poll(std::pin::pin!(read), &mut context) {
        std::task::Poll::Ready(parts) => parts,
        std::task::Poll::Pending => Vec::new(),
    }
}

/// A form with its tokens turned back, cut into pieces of this length.
fn restored(form: &str, length: usize, may: bool) -> Result<(String, (u64, u64)), Interrupted> {
    let format = Format::Multipart(Boundary::named(BOUNDARY).unwrap(), Opaque::Pass);
    let mut body = Body::new(
        Coding::Identity,
        format,
        |_: DataClass| Action::Show,
        TestKeys::of(1),
        Box::new(Workspace::new()),
    );
    body.restore(Box::new(move |_: DataClass| may));
    let (mut out, mut left) = (Output::new(), Vec::new());
    for piece in form.as_bytes().chunks(length) {
        body.push(&Bytes::copy_from_slice(piece), &mut out)?;
        left.extend(out.by_ref().flatten());
    }
    body.finish(&mut out)?;
    left.extend_from_slice(&out.contiguous());
    let restored = body.restored().unwrap();
    let turned = restored.classes.iter().map(|(_, count)| count).sum();
    Ok((String::from_utf8(left).unwrap(), (turned, restored.refused)))
}

#[test]
fn tokens_in_parts_are_turned_back_for_whom_it_is_allowed() {
    let parts = |email: &str| {
        form(&[
            ("content-disposition: form-data; name=\"to\"", email),
            (
                "content-disposition: form-data; name=\"doc\"\r\ncontent-type: application/json",
                &format!("{{\"a\":[\"{email}\",1]}}"),
            ),
            (
                "content-disposition: form-data; name=\"f\"; filename=\"f.csv\"\r\ncontent-type: text/csv",
                &format!("id,email\r\n1,{email}\r\n"),
            ),
        ])
    };
    let tokens = parts(&token_of(DataClass::EMAIL, "ann@example.com"));
    for length in [1, 7, 64, tokens.len()] {
        let turned = restored(&tokens, length, true).unwrap();
        assert_eq!(turned, (parts("ann@example.com"), (3, 0)), "{length}");
        let same = restored(&tokens, length, false).unwrap();
        assert_eq!(same, (tokens.clone(), (0, 3)), "{length}");
    }
}

#[test]
fn a_value_that_would_end_its_part_is_not_turned_back() {
    let head = "content-disposition: form-data; name=\"note\"";
    // A reader of line feeds, or of carriage returns, would see a part of its own.
    for (before, value) in [
        ("", "--x-7f--"),
        ("a\r\n", "--x-7f"),
        ("a\n", "--x-7f"),
        ("a\r", "--x-7f"),
    ] {
        let token = token_of(DataClass::ADDRESS, &format!("{value} Long Road 7"));
        let form = form(&[(head, &format!("{before}{token} b"))]);
        for length in [1, form.len()] {
            let refused = restored(&form, length, true);
            assert!(matches!(refused, Err(Interrupted::Form(_))), "{refused:?}");
        }
    }
    // Line ends of a value are spaces in a text, and no delimiter begins.
    let token = token_of(DataClass::ADDRESS, "\r\n--x-7f--\r\n Long Road 7");
    let form = form(&[(head, &format!("a {token} b"))]);
    let (left, _) = restored(&form, 1, true).unwrap();
    assert!(left.contains("Long Road 7"), "{left}");
    assert_eq!(left.matches("\r\n--x-7f").count(), 1, "{left}");
}
