//! Every case of `docs/cookbook.md` is asked, of the policies that stand beside it.

use super::{cases, tests::asked_of};

const BOOK: &str = include_str!("../../../../../docs/cookbook.md");

/// The text of each block in this language, in order.
fn blocks<'t>(text: &'t str, language: &str) -> Vec<&'t str> {
    let fence = format!("```{language}\n");
    let begun = text.split(fence.as_str()).skip(1);
    begun
        .map(|rest| rest.split_once("```").map_or(rest, |(block, _)| block))
        .collect()
}

#[test]
fn every_case_comes_out_as_the_book_says() {
    let config = blocks(BOOK, "yaml")[0];
    let recipes: Vec<&str> = BOOK.split("\n### ").skip(1).collect();
    assert_eq!(recipes.len(), 22);
    let mut failed = Vec::new();
    for recipe in recipes {
        let title = recipe.lines().next().unwrap();
        let (policies, asked) = (blocks(recipe, "cedar"), blocks(recipe, "yaml"));
        assert_eq!((policies.len(), asked.len()), (1, 1), "{title}");
        let known = asked_of(config, policies[0]);
        let questions =
            cases::parse(asked[0], title).unwrap_or_else(|error| panic!("{title}: {error:?}"));
        let report = cases::run(&questions, &known).unwrap();
        if report.failed > 0 {
            failed.push(format!("{title}\n{report}"));
        }
    }
    assert!(failed.is_empty(), "{}", failed.join("\n"));
}
