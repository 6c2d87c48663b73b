use std::fs;

use tollgate_catalog::{CatalogConfig, Feedback};
use tollgate_core::{
    Catalog, CatalogView, FeedbackRow, FeedbackSource, ModelFacts, ModelId, QualitySource, Task,
};

use crate::support::{Script, all_on, list, open, open_with, snapshot};

fn sources(view: &CatalogView, task: Task) -> [usize; 3] {
    [
        QualitySource::Benchmark,
        QualitySource::RelatedBenchmark,
        QualitySource::Prior,
    ]
    .map(|source| {
        view.models()
            .iter()
            .filter(|model| model.quality[task.index()].source == source)
            .count()
    })
}

#[test]
fn every_model_has_a_quality_with_an_honest_error() {
    let view = snapshot();
    for task in Task::ALL {
        for model in view.models() {
            let quality = model.quality[task.index()];
            let least = match quality.source {
                QualitySource::Benchmark => 0.03,
                QualitySource::RelatedBenchmark => 0.08,
                _ => 0.1,
            };
            assert!(
                (0.01..=0.99).contains(&quality.mean) && quality.error >= least,
                "{} {quality:?}",
                model.id
            );
            assert!(quality.error < 0.26, "{} {quality:?}", model.id);
        }
    }
}

#[test]
fn the_snapshot_is_rated_by_all_kinds_of_evidence() {
    let view = snapshot();
    let [benchmark, related, prior] = sources(&view, Task::Code);
    assert!(
        benchmark > 150 && related > 50 && prior > 50,
        "{benchmark} {related} {prior}"
    );
    assert_eq!(benchmark + related + prior, 400);
}

#[test]
fn variants_and_aliases_are_as_good_as_their_base() {
    let view = snapshot();
    let mut compared = 0;
    for model in view.models() {
        let base = model
            .alias_of
            .as_ref()
            .map_or(model.id.without_variant(), |target| target.as_str());
        if let Some(base) = view
            .find(base)
            .filter(|base| view.model(*base).id != model.id)
        {
            assert_eq!(model.quality, view.model(base).quality, "{}", model.id);
            compared += 1;
        }
    }
    assert!(compared > 60, "{compared}");
}

#[test]
fn the_users_scores_come_first_and_strangers_are_reported() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("scores.toml");
    let view = snapshot();
    let model = view
        .models()
        .iter()
        .find(|model| model.id.variant() == Some("batch"))
        .unwrap();
    let base = model.id.without_variant();
    let scores = format!(
        "source = \"ours\"\ndate = \"2026-08-30\"\n[models]\n\"{base}\" = {{ code = {{ value = 0.123, error = 0.01 }} }}\n\"no/such*\" = {{ chat = 0.5 }}\n"
    );
    fs::write(&path, scores).unwrap();
    let config = CatalogConfig {
        scores_path: Some(path),
        ..CatalogConfig::default()
    };
    let (catalog, heard) = open(config, None);
    let scored = catalog.view();
    for name in [base, model.id.as_str()] {
        let facts = scored.model(scored.find(name).unwrap());
        let code = facts.quality[Task::Code.index()];
        assert_eq!(
            (code.mean, code.error, code.source),
            (0.123, 0.01, QualitySource::Scores)
        );
        assert_eq!(
            facts.quality[Task::Chat.index()],
            view.model(view.find(name).unwrap()).quality[Task::Chat.index()]
        );
    }
    let said = "1 rows of the scores file fit no model: no/such*";
    assert!(heard.take().iter().any(|(what, _)| what == said));
}

#[test]
fn a_scores_file_with_a_mistake_stops_the_start_and_names_the_row() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("scores.json");
    fs::write(
        &path,
        r#"{"source":"x","date":"2026-08-30","models":{"a/b":{"chat":2}}}"#,
    )
    .unwrap();
    let config = CatalogConfig {
        scores_path: Some(path),
        ..CatalogConfig::default()
    };
    let error = open_with(config, vec![all_on("openrouter")]).unwrap_err();
    assert!(error.to_string().contains("a/b: chat = 2"), "{error}");
    assert!(error.hint().contains("from 0 to 1"));
}

#[tokio::test]
async fn without_any_benchmark_nobody_is_preferred() {
    let config = CatalogConfig {
        max_shrink: 1.0,
        ..CatalogConfig::default()
    };
    let (catalog, _) = open(
        config,
        Some(Script::of([&*list(&[("a/b", 1), ("a/c", 100)])])),
    );
    catalog.refresh().await.unwrap();
    let view = catalog.view();
    for quality in view.models().iter().flat_map(|model| model.quality) {
        assert_eq!(
            (quality.mean, quality.error, quality.source),
            (0.5, 0.25, QualitySource::Prior)
        );
    }
}

#[test]
fn what_is_said_counts_for_a_model_of_which_a_variant_alone_is_listed() {
    let (catalog, _) = open(CatalogConfig::default(), None);
    let view = catalog.view();
    let alone = |model: &&ModelFacts| {
        model.id.variant() == Some("free") && view.find(model.id.without_variant()).is_none()
    };
    let model = view.models().iter().find(alone).unwrap();
    let mut feedback = Feedback::new(20);
    feedback.add(&FeedbackRow {
        day: 20_000,
        model: ModelId::new(model.id.without_variant()).unwrap(),
        task: Task::Chat,
        source: FeedbackSource::Rating,
        weight: 1_000,
        sum: 1_000,
    });
    catalog.set_learned(Some(feedback), None);
    let rated = catalog.view();
    let facts = rated.model(rated.find(model.id.as_str()).unwrap());
    let quality = facts.quality[Task::Chat.index()];
    assert_eq!(quality.source, QualitySource::Feedback);
    assert!(quality.mean > model.quality[Task::Chat.index()].mean);
    let layers = catalog.quality_of(&model.id);
    assert!(format!("{layers:?}").contains("Feedback"), "{layers:?}");
}
