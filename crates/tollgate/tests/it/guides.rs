//! Snippets of the guides, which readers take over.

use tollgate::{Config, Gateway, Loader, StreamMode};

use crate::support::chat;

const PROVIDERS: &str = include_str!("../../../../docs/providers.md");

/// What the snippets read from the environment.
const VARIABLES: [&str; 6] = [
    "ANTHROPIC_API_KEY",
    "OPENAI_API_KEY",
    "OPENAI_API_KEY_2",
    "OPENAI_API_KEY_3",
    "OPENROUTER_API_KEY",
    "OPENROUTER_API_KEY_2",
];

fn snippets(guide: &str) -> Vec<&str> {
    let parts = guide.split("```toml\n").skip(1);
    let snippets = parts.filter_map(|part| Some(part.split_once("\n```")?.0));
    snippets.collect()
}

fn load(snippet: &str) -> Config {
    let variables = VARIABLES.map(|name| (name.to_owned(), format!("sk-{name}")));
    let loader = Loader::new()
        .with_environment(variables.to_vec())
        .with_key("catalog.offline", "true")
        .with_text("guide.toml", snippet);
    loader
        .load()
        .unwrap_or_else(|error| panic!("{error}\n{snippet}"))
}

/// The lanes that comments of a snippet name.
fn named(snippet: &str) -> Vec<&str> {
    let comments = snippet
        .lines()
        .filter_map(|line| Some(line.split_once("# ")?.1));
    comments.filter(|comment| !comment.contains(' ')).collect()
}

#[tokio::test]
async fn every_configuration_of_the_guide_works_and_has_the_lanes_that_it_names() {
    let snippets = snippets(PROVIDERS);
    let mut lanes = 0;
    assert_eq!(snippets.len(), 5);
    for snippet in snippets {
        let builder = Gateway::builder(load(snippet)).without_store();
        let gateway = builder.build().await.unwrap();
        let order = chat("openai/gpt-4o-mini", "Hello", StreamMode::Whole);
        let plan = gateway.plan(order).unwrap();
        for lane in named(snippet) {
            lanes += 1;
            let mut candidates = plan.candidates.iter();
            let is_there = candidates.any(|candidate| candidate.lane.as_str() == lane);
            assert!(is_there, "{lane} of {snippet}");
        }
        gateway.shutdown().await;
    }
    assert_eq!(lanes, 5, "lanes that snippets name");
}
