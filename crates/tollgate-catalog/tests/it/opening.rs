use std::fs;

use tollgate_catalog::{CatalogConfig, CatalogError};
use tollgate_core::{Catalog, CatalogSource, ModelId, Timestamp};

use crate::support::{Script, all_on, list, now, open, open_with};

#[test]
fn with_nothing_else_the_snapshot_is_used_and_said_to_be_stale() {
    let (catalog, heard) = open(CatalogConfig::default(), None);
    let view = catalog.view();
    assert_eq!(
        (view.source(), view.models().len(), view.version()),
        (CatalogSource::Embedded, 400, 1)
    );
    assert_eq!(Timestamp::parse_date("2026-08-08"), Some(view.as_of()));
    let said =
        "using the embedded snapshot of 2026-08-08, 24 days old: prices are stale until a refresh";
    assert_eq!(heard.take(), [(said.to_owned(), true)]);
}

#[tokio::test]
async fn a_fetched_list_is_found_again_by_the_next_start() {
    let folder = tempfile::tempdir().unwrap();
    let config = CatalogConfig {
        cache_path: Some(folder.path().join("new/catalog.json")),
        max_shrink: 1.0,
        ..CatalogConfig::default()
    };
    let (catalog, _) = open(
        config.clone(),
        Some(Script::of([&*list(&[("a/b", 3), ("a/c", 4)])])),
    );
    catalog.refresh().await.unwrap();

    let (next, heard) = open(config, None);
    let view = next.view();
    assert_eq!(
        (view.source(), view.as_of(), view.models().len()),
        (CatalogSource::DiskCache, now(), 2)
    );
    assert_eq!(view.offers(), catalog.view().offers());
    assert_eq!(heard.take(), []);
    let files: Vec<_> = fs::read_dir(folder.path().join("new"))
        .unwrap()
        .map(|file| file.unwrap().file_name())
        .collect();
    assert_eq!(files, ["catalog.json"], "no temporary file stays behind");
}

#[tokio::test]
async fn rows_are_whole_after_a_restart_and_each_is_found_by_its_id() {
    let folder = tempfile::tempdir().unwrap();
    let config = CatalogConfig {
        cache_path: Some(folder.path().join("catalog.json")),
        max_shrink: 1.0,
        ..CatalogConfig::default()
    };
    const ROW: &str = r#"{"id":"a/b","description":"new","architecture":{"new":1.10}}"#;
    let body = format!(r#"{{"data":[{{"id":"a/a"}},{ROW}]}}"#);
    let (catalog, _) = open(config.clone(), Some(Script::of([&*body])));
    catalog.refresh().await.unwrap();

    let (next, _) = open(config, None);
    let row = next.row(&ModelId::new("a/b").unwrap()).unwrap();
    assert_eq!(row.to_object().to_vec(), ROW.as_bytes());
    assert_eq!(next.rows()[1], row);
    assert_eq!(next.row(&ModelId::new("a/c").unwrap()), None);
}

#[tokio::test]
async fn a_price_that_is_held_back_is_still_held_after_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let config = CatalogConfig {
        cache_path: Some(folder.path().join("catalog.json")),
        max_shrink: 1.0,
        max_jumps: 1.0,
        ..CatalogConfig::default()
    };
    let (calm, jumped) = (list(&[("a/b", 1)]), list(&[("a/b", 50)]));
    let mut seen = Vec::new();
    for answers in [vec![&*calm, &*jumped], vec![&*jumped], vec![&*jumped]] {
        let count = answers.len();
        let (catalog, _) = open(config.clone(), Some(Script::of(answers)));
        for _ in 0..count {
            let report = catalog.refresh().await.unwrap();
            seen.push(report.quarantined.first().map(|held| held.seen));
        }
    }
    assert_eq!(seen, [None, Some(1), Some(2), None]);
}

#[tokio::test]
async fn a_cache_serves_the_upstream_that_it_is_of() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("catalog.json");
    let config = CatalogConfig {
        cache_path: Some(path.clone()),
        ..CatalogConfig::default()
    };
    let of = |upstream| Some(Script::of_upstream(upstream, [&*list(&[("a/b", 3)])]));
    let (catalog, _) = open(config.clone(), of("proxy/v1"));
    catalog.refresh().await.unwrap();

    let (own, heard) = open(config.clone(), of("proxy/v1"));
    assert_eq!(own.view().source(), CatalogSource::DiskCache);
    assert_eq!(heard.take(), []);
    for other in [of("other/v1"), Some(Script::of([])), None] {
        let (catalog, heard) = open(config.clone(), other);
        assert_eq!(catalog.view().source(), CatalogSource::Embedded);
        let heard = heard.take();
        assert!(
            heard[0].0.contains("is of another upstream") && !heard[0].1,
            "{heard:?}"
        );
    }
    let (other, _) = open(config.clone(), of("other/v1"));
    other.refresh().await.unwrap();
    let (own, _) = open(config.clone(), of("other/v1"));
    assert_eq!(own.view().source(), CatalogSource::DiskCache);

    // Files of earlier versions name nobody.
    let old = r#"{"fetched_at":1788000000000,"held":{},"data":[{"id":"a/b"}]}"#;
    fs::write(&path, old).unwrap();
    let (catalog, _) = open(config.clone(), Some(Script::of([])));
    assert_eq!(catalog.view().source(), CatalogSource::DiskCache);
    let (catalog, _) = open(config, of("proxy/v1"));
    assert_eq!(catalog.view().source(), CatalogSource::Embedded);
}

#[test]
fn a_damaged_or_outdated_cache_is_passed_over_with_a_word() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("catalog.json");
    let config = CatalogConfig {
        cache_path: Some(path.clone()),
        ..CatalogConfig::default()
    };
    let outdated = r#"{"fetched_at":1000,"held":{},"data":[{"id":"a/b"}]}"#;
    let empty = r#"{"fetched_at":1788000000000,"held":{},"data":[]}"#;
    for (content, said) in [
        ("{\"fetched_at\":17", "cannot be read"),
        (empty, "holds no model"),
        (outdated, "older than the embedded snapshot"),
    ] {
        fs::write(&path, content).unwrap();
        let (catalog, heard) = open(config.clone(), None);
        assert_eq!(catalog.view().source(), CatalogSource::Embedded);
        let heard = heard.take();
        assert!(heard[0].0.contains(said) && !heard[0].1, "{heard:?}");
    }
}

#[test]
fn what_cannot_work_stops_the_start() {
    let lanes = || vec![all_on("openrouter")];
    let config = CatalogConfig {
        jump_factor: 1,
        ..CatalogConfig::default()
    };
    assert!(matches!(
        open_with(config, lanes()),
        Err(CatalogError::OutOfRange {
            key: "jump_factor",
            ..
        })
    ));
    assert!(matches!(
        open_with(CatalogConfig::default(), vec![]),
        Err(CatalogError::NoLane)
    ));
    let twice = vec![all_on("a"), all_on("a")];
    assert!(matches!(
        open_with(CatalogConfig::default(), twice),
        Err(CatalogError::DuplicateLane(_))
    ));
    let config = CatalogConfig {
        scores_path: Some("no/such/file.toml".into()),
        ..CatalogConfig::default()
    };
    assert!(matches!(
        open_with(config, lanes()),
        Err(CatalogError::ScoresUnreadable { .. })
    ));
}
