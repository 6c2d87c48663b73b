use std::sync::atomic::AtomicI64;

use tollgate_core::{CallFacts, Ended, Hold, Outcome, Receipt, Timestamp, Usd};
use tollgate_testkit::builders::{NOON, call, plan, planned};

use super::*;
use crate::record::{Records, day_files};

const DAY_MS: i64 = 86_400_000;

/// A call that nobody answered, admitted at that moment.
fn record(at: Timestamp) -> CallRecord {
    let call = call(1, "tollgate/auto");
    let mut plan = plan(vec![planned("a/one", "openrouter")]);
    Arc::make_mut(&mut plan.profile).at = at;
    let hold = Hold::new(CallFacts::of(&call, &plan), Usd::ZERO);
    let outcome = Outcome {
        ended: Ended::Abandoned,
        attempts: Vec::new(),
        took_ms: 1,
    };
    CallRecord::new(&plan, &Receipt::new(&hold, outcome))
}

fn config(folder: &tempfile::TempDir) -> RecordConfig {
    RecordConfig {
        enabled: true,
        path: folder.path().to_owned(),
        keep_days: 2,
        max_mb: 1,
    }
}

fn days(folder: &tempfile::TempDir) -> Vec<i64> {
    let files = day_files(folder.path()).unwrap();
    files.iter().map(|file| file.day - NOON.day()).collect()
}

#[test]
fn what_finds_the_queue_full_is_dropped_and_counted() {
    let (inbox, mut calls) = mpsc::channel(1);
    let counts = Arc::default();
    let recorder = Recorder { inbox, counts };
    recorder.record(record(NOON));
    recorder.record(record(NOON));
    assert_eq!(recorder.recording().dropped, 1);
    assert!(calls.try_recv().is_ok());
    recorder.record(record(NOON));
    assert_eq!(recorder.recording().dropped, 1, "there is room again");
}

#[tokio::test]
async fn records_go_to_the_day_of_admission_and_old_days_go() {
    let folder = tempfile::tempdir().unwrap();
    let now = Arc::new(AtomicI64::new(NOON.millis()));
    let clock = now.clone();
    let clock = move || Timestamp::from_millis(clock.load(Ordering::Relaxed));
    let recorder = Recorder::start(config(&folder), Arc::new(clock)).unwrap();
    for day in 0..4 {
        let at = NOON.millis() + day * DAY_MS;
        now.store(at, Ordering::Relaxed);
        recorder.record(record(Timestamp::from_millis(at)));
        // One that was admitted yesterday and ends now.
        recorder.record(record(Timestamp::from_millis(at - DAY_MS)));
        recorder.flush().await;
    }
    assert_eq!(recorder.recording().written, 8);
    assert_eq!(days(&folder), [2, 3]);
    let read = Records::open(folder.path(), None, None).unwrap();
    let days: Vec<_> = read
        .map(|record| record.unwrap().at().day() - NOON.day())
        .collect();
    assert_eq!(days, [2, 2, 3]);
}

#[tokio::test]
async fn beyond_the_limit_the_oldest_day_goes_and_then_nothing_is_added() {
    let folder = tempfile::tempdir().unwrap();
    let (yesterday, today) = (NOON.day() - 1, NOON.day());
    append(folder.path(), yesterday, &vec![b'\n'; 900_000]).unwrap();
    append(folder.path(), today, &vec![b'\n'; 99_900]).unwrap();
    let recorder = Recorder::start(config(&folder), Arc::new(|| NOON)).unwrap();
    recorder.record(record(NOON));
    recorder.flush().await;
    assert_eq!(days(&folder), [0], "yesterday made room");
    assert_eq!(recorder.recording().written, 1);

    append(folder.path(), today, &vec![b'\n'; 950_000]).unwrap();
    let recorder = Recorder::start(config(&folder), Arc::new(|| NOON)).unwrap();
    recorder.record(record(NOON));
    recorder.flush().await;
    let counts = recorder.recording();
    assert_eq!((counts.written, counts.dropped), (0, 1));
}

#[tokio::test]
async fn a_disk_that_refuses_costs_records_and_nothing_else() {
    let folder = tempfile::tempdir().unwrap();
    let recorder = Recorder::start(config(&folder), Arc::new(|| NOON)).unwrap();
    let file = day_files(folder.path()).unwrap().remove(0).path;
    std::fs::remove_file(&file).unwrap();
    std::fs::create_dir(&file).unwrap();
    recorder.record(record(NOON));
    recorder.flush().await;
    assert_eq!(recorder.recording().dropped, 1);
    std::fs::remove_dir(&file).unwrap();
    recorder.record(record(NOON));
    recorder.flush().await;
    assert_eq!(recorder.recording().written, 1);
}
