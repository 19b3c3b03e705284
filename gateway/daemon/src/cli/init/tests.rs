use std::io::Cursor;

use policy::Country;

use super::*;

fn arguments(to: &Path, asked: Asked) -> Init {
    Init {
        to: to.to_owned(),
        data: "/var/lib/tidegate".into(),
        listen: "127.0.0.1:8440".parse().unwrap(),
        admin: "127.0.0.1:8441".parse().unwrap(),
        yes: true,
        asked,
    }
}

fn told(said: &str) -> (Result<Answers>, String) {
    let mut shown = Vec::new();
    let asked = Asked {
        country: Country::parse("DE"),
        ..Asked::default()
    };
    let answers = Answers::ask(&asked, Cursor::new(said), &mut shown);
    (answers, String::from_utf8(shown).unwrap())
}

#[test]
fn what_is_written_holds_with_and_without_answers() {
    let asked = Asked {
        country: Country::parse("DE"),
        service: Some("crm".to_owned()),
        upstream: Some("https://crm.example.com".to_owned()),
        service_country: Country::parse("IE"),
        path: Some("/customers/{customer}".to_owned()),
        program: Some("/usr/bin/agent \"one\"".into()),
        user: Some(1001),
    };
    let nothing = Asked {
        country: Some(Country::UNKNOWN),
        ..Asked::default()
    };
    for (name, asked) in [("whole", asked), ("bare", nothing)] {
        let folder = tempfile::tempdir().unwrap();
        let arguments = arguments(folder.path(), asked);
        init(&arguments).unwrap();
        let answers = Answers::of(&arguments.asked);
        let written = |file| fs::read_to_string(folder.path().join(file)).unwrap();
        insta::assert_snapshot!(
            name,
            [
                written("tidegate.yaml"),
                written("policies/calls.cedar"),
                written("policies/disclosures.cedar"),
                files::next(
                    &arguments,
                    Path::new("/etc/tidegate/tidegate.yaml"),
                    &answers
                ),
            ]
            .join("\n----\n")
        );
        let again = init(&arguments).unwrap_err();
        assert!(again.to_string().contains("is there already"), "{again}");
    }
}

#[test]
fn what_does_not_fit_is_asked_again() {
    let said = "CRM\ncrm\nftp://x\nhttps://crm.example.com\nie\nIE\n/customers/{customer}\n\n";
    let (answers, shown) = told(said);
    let service = answers.unwrap().service.unwrap();
    assert_eq!(service.parameters().collect::<Vec<_>>(), ["customer"]);
    assert_eq!(shown.matches("wanted:").count(), 3, "{shown}");
}

#[test]
fn who_says_nothing_gets_what_can_be_filled_in_later() {
    let (answers, _) = told("");
    let answers = answers.unwrap();
    assert!(answers.service.is_none() && answers.agent.is_none());
}

#[test]
fn half_an_answer_is_none() {
    let (answers, _) = told("crm\nhttps://crm.example.com\n\n\n");
    assert!(answers.unwrap_err().to_string().contains("crm"));
}

#[test]
fn the_log_is_where_whoever_typed_its_folder_stands() {
    let mut arguments = arguments(Path::new("etc"), Asked::default());
    arguments.data = "data".into();
    let written = files::config(&arguments, &Answers::of(&arguments.asked));
    let whole = std::env::current_dir().unwrap().join("data");
    let expected = format!("directory: \"{}\"", whole.display());
    assert!(written.contains(&expected), "{written}");
}
