mod counting;
mod models;
mod narrowing;

use std::sync::Arc;

use crate::{Ask, Choice, Counts, Field, Form, Page, Template};

fn field(text: &str) -> Field {
    Field::parse(text).expect("a field")
}

fn fields(text: &str) -> Vec<Field> {
    text.split_ascii_whitespace().map(field).collect()
}

/// A template for `support` over `/customers`.
fn template(name: &str, form: Form) -> Template {
    Template {
        name: name.into(),
        purposes: vec!["support".to_owned()],
        rows: Some(field("/customers")),
        fields: fields("/id /name /orders/*/total"),
        filters: vec![("status".to_owned(), "open".to_owned())],
        passes: vec!["sort".to_owned()],
        page: Some(Page {
            parameter: "limit".to_owned(),
            rows_max: 3,
        }),
        form,
    }
}

fn counts(k: u64, individual: Option<&str>) -> Counts {
    Counts {
        by: fields("/plan"),
        individual: individual.map(field),
        k,
    }
}

fn whole(template: Template) -> Choice {
    Choice::of(&[Arc::new(template)], &Ask::default()).expect("a choice")
}
