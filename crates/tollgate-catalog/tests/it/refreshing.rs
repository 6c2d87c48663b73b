use std::fs;
use std::sync::{Arc, Mutex, mpsc};
use std::time::Duration;

use tollgate_catalog::CatalogConfig;
use tollgate_core::{Catalog, CatalogSource, Event, FailureKind, OfferIndex, Pricing};

use crate::support::{Script, list, now, open, open_told};

fn open_to_anything() -> CatalogConfig {
    CatalogConfig {
        max_shrink: 1.0,
        max_jumps: 1.0,
        ..CatalogConfig::default()
    }
}

#[tokio::test]
async fn a_good_list_replaces_the_view_and_old_views_stay_as_they_were() {
    let (catalog, heard) = open(
        open_to_anything(),
        Some(Script::of([&*list(&[("a/b", 3)])])),
    );
    let old = catalog.view();
    heard.take();
    let report = catalog.refresh().await.unwrap();
    let new = catalog.view();
    assert_eq!(
        (new.source(), new.as_of(), new.version()),
        (CatalogSource::Network, now(), 2)
    );
    assert_eq!(
        (report.version, report.added.len(), report.removed.len()),
        (2, 1, 400)
    );
    assert_eq!((old.models().len(), new.models().len()), (400, 1));
    assert_eq!(
        heard.take(),
        [(
            "refreshed, 1 models: 1 added, 400 gone, 0 repriced".to_owned(),
            true
        )]
    );
}

#[tokio::test]
async fn a_list_that_looks_wrong_is_kept_out_and_reported() {
    let good = list(&[("a/b", 3)]);
    let cut = &good[..good.len() / 2];
    let paged = good.replacen('{', r#"{"links":{"next":"/models?offset=1"},"#, 1);
    let cases = [
        (cut, "cannot be read"),
        ("<html>502</html>", "cannot be read"),
        (r#"{"data":[]}"#, "holds no model"),
        (
            r#"{"error":{"code":500,"message":"internal"}}"#,
            "holds no model",
        ),
        (&paged, "one page of several"),
        (&good, "it has 1 models where 400 were known"),
    ];
    let script = Script::of(cases.iter().map(|(body, _)| *body));
    let (catalog, heard) = open(CatalogConfig::default(), Some(script));
    heard.take();
    for (_, said) in cases {
        let failure = catalog.refresh().await.unwrap_err();
        assert_eq!(failure.kind(), FailureKind::BadReply);
        assert!(failure.to_string().contains(said), "{failure}");
        assert!(failure.hint().is_some());
        let heard = heard.take();
        assert!(
            heard[0]
                .0
                .ends_with("in use is the list of 2026-08-08T00:00:00Z")
                && !heard[0].1,
            "{heard:?}"
        );
    }
    let view = catalog.view();
    assert_eq!((view.version(), view.models().len()), (1, 400));
}

#[tokio::test]
async fn a_jumped_price_is_not_used_but_counts_for_the_worst_case() {
    let (calm, jumped) = (
        list(&[("a/b", 1), ("a/c", 1)]),
        list(&[("a/b", 50), ("a/c", 1)]),
    );
    let (catalog, _) = open(open_to_anything(), Some(Script::of([&*calm, &*jumped])));
    catalog.refresh().await.unwrap();
    let report = catalog.refresh().await.unwrap();
    assert_eq!(
        report.to_string(),
        "2 models: 0 added, 0 gone, 0 repriced, 1 price jumps held back (a/b)"
    );
    let view = catalog.view();
    let Pricing::Known(price) = view.pricing(OfferIndex(0)) else {
        panic!("the price is gone")
    };
    let per_million = |rate: tollgate_core::Rate| rate.per_million().to_string();
    assert_eq!(per_million(view.offer(OfferIndex(0)).rates.input), "1");
    assert_eq!(
        (
            per_million(price.at(10, now()).input),
            per_million(price.ceiling(10).input)
        ),
        ("1".into(), "50".into())
    );
}

#[tokio::test]
async fn offline_or_without_a_source_nothing_is_fetched() {
    let script = Script::of([&*list(&[("a/b", 3)])]);
    let config = CatalogConfig {
        offline: true,
        ..open_to_anything()
    };
    for (config, source) in [(config, Some(script.clone())), (open_to_anything(), None)] {
        let (catalog, _) = open(config, source);
        assert_eq!(
            catalog.refresh().await.unwrap_err().kind(),
            FailureKind::Configuration
        );
        assert!(!catalog.start_refresh(1).is_active());
    }
    assert!(script.fetches.lock().unwrap().is_empty());
}

#[tokio::test(start_paused = true)]
async fn in_the_background_it_fetches_at_once_then_after_each_interval_and_sooner_after_a_failure()
{
    let good = list(&[("a/b", 3)]);
    let script = Script::of([&*good, "broken", &*good]);
    let start = tokio::time::Instant::now();
    let (catalog, _) = open(open_to_anything(), Some(script.clone()));
    let guard = catalog.start_refresh(42);
    tokio::time::sleep(Duration::from_secs(40 * 60)).await;
    let minutes: Vec<_> = script
        .fetches
        .lock()
        .unwrap()
        .iter()
        .map(|at| (*at - start).as_secs_f64() / 60.0)
        .collect();
    // At once; 15 min later a broken list; a minute after that a good one; 15 min later a failure, and so on.
    let expected = [0.0, 15.0, 16.0, 31.0, 32.0, 34.0, 38.0];
    assert_eq!(minutes.len(), expected.len(), "{minutes:?}");
    for (minute, expected) in minutes.iter().zip(expected) {
        assert!(
            (minute - expected).abs() <= expected * 0.1 + 0.01,
            "{minutes:?}"
        );
    }
    assert_eq!(catalog.view().version(), 3);

    drop(guard);
    tokio::time::sleep(Duration::from_secs(3600)).await;
    assert_eq!(script.fetches.lock().unwrap().len(), expected.len());
}

#[tokio::test(start_paused = true)]
async fn a_young_cache_is_waited_out() {
    let folder = tempfile::tempdir().unwrap();
    let config = CatalogConfig {
        cache_path: Some(folder.path().join("catalog.json")),
        ..open_to_anything()
    };
    let good = list(&[("a/b", 3)]);
    let (catalog, _) = open(config.clone(), Some(Script::of([&*good])));
    catalog.refresh().await.unwrap();

    let script = Script::of([&*good]);
    let (catalog, _) = open(config, Some(script.clone()));
    let _guard = catalog.start_refresh(42);
    tokio::time::sleep(Duration::from_secs(14 * 60)).await;
    assert!(script.fetches.lock().unwrap().is_empty());
    tokio::time::sleep(Duration::from_secs(2 * 60)).await;
    assert!(!script.fetches.lock().unwrap().is_empty());
}

#[tokio::test(start_paused = true)]
async fn what_was_fetched_at_the_start_is_not_fetched_again_before_the_interval() {
    let good = list(&[("a/b", 3)]);
    let script = Script::of([&*good, &*good]);
    let (catalog, _) = open(open_to_anything(), Some(script.clone()));
    catalog.refresh().await.unwrap();
    let _guard = catalog.start_refresh(42);
    tokio::time::sleep(Duration::from_secs(14 * 60)).await;
    assert_eq!(script.fetches.lock().unwrap().len(), 1);
    tokio::time::sleep(Duration::from_secs(2 * 60)).await;
    assert_eq!(script.fetches.lock().unwrap().len(), 2);
}

#[tokio::test]
async fn a_list_is_measured_by_those_of_its_own_upstream_alone() {
    // The embedded snapshot has it at 0.25 dollars per million.
    let known = "anthropic/claude-3-haiku";
    let (few, fewer) = (
        list(&[(known, 90), ("a/b", 3), ("a/c", 3)]),
        list(&[(known, 90)]),
    );
    let script = Script::of_upstream("proxy/v1", [&*few, &*fewer]);
    let (catalog, _) = open(CatalogConfig::default(), Some(script));
    let report = catalog.refresh().await.unwrap();
    assert_eq!((report.models, report.quarantined), (3, vec![]));
    let refused = catalog.refresh().await.unwrap_err();
    assert!(
        refused
            .to_string()
            .contains("it has 1 models where 3 were known"),
        "{refused}"
    );
}

#[tokio::test]
async fn while_a_cache_is_written_the_list_can_be_read_and_none_newer_is_taken() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("catalog.json");
    // A file cannot take the place of a folder; that is told in the middle of the writing.
    fs::create_dir(&path).unwrap();
    let config = CatalogConfig {
        cache_path: Some(path),
        ..open_to_anything()
    };
    let (writes, mut writing) = tokio::sync::mpsc::unbounded_channel();
    let (go_on, goes_on) = mpsc::channel::<()>();
    let goes_on = Mutex::new(goes_on);
    let observer = move |event: &Event| match event {
        Event::Catalog { what, .. } if what.starts_with("cannot write") => {
            writes.send(()).unwrap();
            // A test that has failed sends nothing.
            let _ = goes_on.lock().unwrap().recv();
        }
        _ => {}
    };
    let good = list(&[("a/b", 3)]);
    let script = Script::of([&*good, &*good]);
    let catalog = open_told(config, Some(Arc::clone(&script)), observer);
    let first = tokio::spawn({
        let catalog = catalog.clone();
        async move { catalog.refresh().await.map(|_| ()) }
    });
    writing.recv().await.unwrap();

    let (read, rows) = mpsc::channel();
    let reader = catalog.clone();
    std::thread::spawn(move || read.send(reader.rows().len()));
    assert_eq!(rows.recv_timeout(Duration::from_secs(5)), Ok(1));

    // Nobody waits for the first any more, and still it is not over.
    first.abort();
    assert!(first.await.unwrap_err().is_cancelled());
    let mut second = Box::pin(catalog.refresh());
    tokio::select! {
        biased;
        _ = &mut second => panic!("the first is not over"),
        () = tokio::task::yield_now() => {}
    }
    assert_eq!(script.fetches.lock().unwrap().len(), 1);
    go_on.send(()).unwrap();
    go_on.send(()).unwrap();
    assert_eq!(second.await.unwrap().version, 3);
}
