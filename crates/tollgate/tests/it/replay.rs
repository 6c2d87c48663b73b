//! What is recorded of calls, and what they come to under another policy.

use std::path::Path;

use tollgate::{CallRecord, Gateway, Records, ReplayReport, StreamMode, Usd, Verdict};
use tollgate_sim::{Fault, Rule, Scenario, Simulator};

use crate::support::{chat, config, gateway, simulator};

const NAMED: &str = "anthropic/claude-3-haiku";
const SECRET: &str = "Name a colour that nobody else would name.";

/// A gateway that records into a folder.
async fn recording(simulator: &Simulator, folder: &Path) -> Gateway {
    let toml = format!(
        "[record]\nenabled = true\npath = {:?}\n",
        folder.display().to_string()
    );
    gateway(simulator, &toml).await
}

async fn call(gateway: &Gateway, model: &str) -> Usd {
    let answer = gateway
        .chat(chat(model, SECRET, StreamMode::Stream))
        .await
        .unwrap();
    let receipt = answer.collect().await.unwrap().receipt;
    receipt.cost().unwrap().amount()
}

fn records(folder: &Path) -> Vec<CallRecord> {
    let mut records = Records::open(folder, None, None).unwrap();
    let read = records.by_ref().collect::<Result<_, _>>().unwrap();
    assert_eq!(records.unreadable(), 0);
    read
}

fn replay(gateway: &Gateway, policy: &str, records: &[CallRecord]) -> ReplayReport {
    let mut replay = gateway.replay(policy).unwrap();
    for record in records {
        replay.add(record);
    }
    replay.report()
}

#[tokio::test]
async fn a_settled_call_is_one_line_without_a_word_of_it() {
    let simulator = simulator(Scenario::default()).await;
    let folder = tempfile::tempdir().unwrap();
    let gateway = recording(&simulator, folder.path()).await;
    let cost = call(&gateway, "tollgate/quality:code").await;
    gateway.clone().shutdown().await;
    let counts = gateway.recording().unwrap();
    assert_eq!((counts.written, counts.dropped), (1, 0));

    let [record] = records(folder.path()).try_into().unwrap();
    assert_eq!(
        (record.policy.as_str(), record.ended.as_str()),
        ("quality", "complete")
    );
    assert_eq!(record.cost(), cost);
    let served = record.served().unwrap();
    assert_eq!(served.planned, record.choice.model);
    assert!(served.provider.is_some() && served.tokens.output > 0);
    assert_eq!(
        served.tariff.unwrap().price(&served.tokens),
        cost,
        "the prices that were used are in it"
    );

    let file = std::fs::read_dir(folder.path())
        .unwrap()
        .next()
        .unwrap()
        .unwrap();
    let text = std::fs::read_to_string(file.path()).unwrap();
    for secret in ["colour", "nobody", "sk-or"] {
        assert!(!text.contains(secret), "{text}");
    }
}

#[tokio::test]
async fn nothing_is_recorded_unless_it_is_asked_for() {
    let simulator = simulator(Scenario::default()).await;
    let gateway = gateway(&simulator, "").await;
    call(&gateway, NAMED).await;
    assert_eq!(gateway.recording(), None);
}

#[tokio::test]
async fn calls_that_end_in_any_way_are_recorded() {
    let simulator = simulator(Scenario::default()).await;
    let folder = tempfile::tempdir().unwrap();
    let gateway = recording(&simulator, folder.path()).await;
    let answer = gateway
        .chat(chat(NAMED, SECRET, StreamMode::Stream))
        .await
        .unwrap();
    drop(answer);
    let refuse = Rule::new(Fault::named("moderation").unwrap());
    simulator
        .set_scenario(Scenario::default().with_rule(refuse))
        .unwrap();
    let refused = gateway.chat(chat(NAMED, SECRET, StreamMode::Whole)).await;
    refused.unwrap_err();
    gateway.shutdown().await;

    let mut ends: Vec<_> = records(folder.path())
        .into_iter()
        .map(|record| record.ended)
        .collect();
    ends.sort();
    assert_eq!(ends, ["abandoned", "failed"]);
}

#[tokio::test]
async fn the_same_policy_with_the_same_prices_moves_nothing() {
    let simulator = simulator(Scenario::default()).await;
    let folder = tempfile::tempdir().unwrap();
    let gateway = recording(&simulator, folder.path()).await;
    let mut sum = Usd::ZERO;
    for target in [
        "tollgate/auto",
        "tollgate/balanced:code",
        "tollgate/auto:reasoning",
        NAMED,
    ] {
        sum += call(&gateway, target).await;
    }
    gateway.clone().shutdown().await;

    let report = replay(&gateway, "balanced", &records(folder.path()));
    assert_eq!(
        (report.calls, report.compared.calls, report.named),
        (4, 4, 1)
    );
    assert_eq!((report.moved, report.retired, report.unanswered), (0, 0, 0));
    assert_eq!(report.compared.actual, sum);
    assert_eq!(report.compared.replayed, sum);
    assert_eq!(report.compared.difference.total(), Usd::ZERO);
    let quality = report.quality.unwrap();
    assert_eq!(quality.old.to_bits(), quality.new.to_bits());
}

#[tokio::test]
async fn another_policy_moves_calls_and_the_parts_of_the_difference_add_up() {
    let simulator = simulator(Scenario::default()).await;
    let folder = tempfile::tempdir().unwrap();
    let gateway = recording(&simulator, folder.path()).await;
    for target in ["tollgate/quality", "tollgate/quality:code", NAMED] {
        call(&gateway, target).await;
    }
    gateway.clone().shutdown().await;
    let records = records(folder.path());

    let report = replay(&gateway, "cheapest", &records);
    assert_eq!((report.compared.calls, report.moved), (3, 2));
    let sums = report.compared;
    assert_eq!(sums.replayed - sums.actual, sums.difference.total());
    let saved: Usd = report.moves.iter().map(|one| one.saved).sum();
    assert!(saved > Usd::ZERO);
    assert_eq!(Usd::ZERO - saved, sums.difference.choice);

    let mut all = gateway.replay("cheapest").unwrap().with_named();
    let moved = records.iter().filter(
        |record| matches!(all.add(record), Verdict::Compared(compared) if compared.route.moves()),
    );
    assert_eq!(
        moved.count(),
        3,
        "a policy may also choose for calls that named a model"
    );
}

#[tokio::test]
async fn a_price_that_changed_since_is_told_apart_from_the_choice() {
    let simulator = simulator(Scenario::default()).await;
    let folder = tempfile::tempdir().unwrap();
    let gateway = recording(&simulator, folder.path()).await;
    call(&gateway, NAMED).await;
    gateway.clone().shutdown().await;
    let mut records = records(folder.path());
    // As if it had cost nothing then.
    let served = records[0].served().unwrap().clone();
    let paid = served.known_cost().unwrap();
    records[0].choice.tariff = Some(tollgate::Tariff {
        rates: tollgate::Rates::default(),
        fee_basis_points: 0,
    });
    records[0].attempts[0].cost.as_mut().unwrap().credits = Usd::ZERO;

    let report = replay(&gateway, "balanced", &records);
    assert_eq!(report.moved, 0);
    assert_eq!(report.compared.difference.prices, paid);
    assert_eq!(report.compared.difference.total(), paid);
}

#[tokio::test]
async fn failing_over_is_told_apart_from_the_choice() {
    let simulator = simulator(Scenario::default()).await;
    let folder = tempfile::tempdir().unwrap();
    let gateway = recording(&simulator, folder.path()).await;
    let plan = gateway
        .plan(chat("tollgate/cheapest", SECRET, StreamMode::Stream))
        .unwrap();
    let first = plan.candidates[0].model.as_str();
    let down = Rule::new(Fault::named("unavailable").unwrap()).for_model(first);
    simulator
        .set_scenario(Scenario::default().with_rule(down))
        .unwrap();
    // Before something is learned from the call.
    let mut replay = gateway.replay("cheapest").unwrap();
    call(&gateway, "tollgate/cheapest").await;
    gateway.clone().shutdown().await;

    let [record] = records(folder.path()).try_into().unwrap();
    replay.add(&record);
    let report = replay.report();
    assert_eq!(report.moved, 0, "the first choice is what it was");
    let difference = report.compared.difference;
    assert!(difference.serving < Usd::ZERO, "{difference:?}");
    assert_eq!(difference.total(), difference.serving);
}

#[tokio::test]
async fn what_a_policy_cannot_serve_is_counted_with_the_reason() {
    let simulator = simulator(Scenario::default()).await;
    let folder = tempfile::tempdir().unwrap();
    let gateway = recording(&simulator, folder.path()).await;
    let cost = call(&gateway, "tollgate/cheapest").await;
    gateway.clone().shutdown().await;
    let mut records = records(folder.path());
    records[0].profile.ceiling = Some(Usd::from_nanos(1));

    let report = replay(&gateway, "quality", &records);
    assert_eq!(report.compared.calls, 0);
    let [unserved] = report.unserved.try_into().unwrap();
    assert_eq!((unserved.calls, unserved.actual), (1, cost));
    assert!(
        unserved.reason.contains("over_ceiling"),
        "{}",
        unserved.reason
    );
    assert!(
        !unserved.reason.contains('$'),
        "reasons of calls alike are counted together"
    );
}

#[tokio::test]
async fn a_policy_that_nobody_knows_is_refused_with_those_there_are() {
    let simulator = simulator(Scenario::default()).await;
    let gateway = gateway(&simulator, "").await;
    let refused = gateway.replay("cheepest").unwrap_err();
    assert!(
        refused
            .hint()
            .unwrap()
            .contains("balanced, cheapest, quality")
    );
}

#[tokio::test]
async fn periods_torn_lines_and_foreign_lines_are_read_past() {
    let simulator = simulator(Scenario::default()).await;
    let folder = tempfile::tempdir().unwrap();
    let gateway = recording(&simulator, folder.path()).await;
    call(&gateway, NAMED).await;
    gateway.shutdown().await;
    let at = records(folder.path())[0].at();
    let file = tollgate::day_files(folder.path()).unwrap().remove(0);
    let text = std::fs::read_to_string(&file.path).unwrap();
    std::fs::write(&file.path, format!("{{\"call\":1}}\n{text}{}", &text[..40])).unwrap();

    let count = |since, until| {
        let mut records = Records::open(folder.path(), since, until).unwrap();
        let count = records.by_ref().count();
        (count, records.unreadable())
    };
    let later = tollgate::Timestamp::from_millis(at.millis() + 1);
    assert_eq!(count(None, None), (1, 2));
    assert_eq!(count(Some(at), Some(later)), (1, 2));
    assert_eq!(count(Some(later), None), (0, 2));
    assert_eq!(count(None, Some(at)), (0, 2));
    let next_day = tollgate::Timestamp::from_secs((at.day() + 1) * 86_400);
    assert_eq!(
        count(Some(next_day), None),
        (0, 0),
        "other days are not opened"
    );
}

#[tokio::test]
async fn a_folder_that_cannot_be_used_stops_the_start() {
    let simulator = simulator(Scenario::default()).await;
    let file = tempfile::NamedTempFile::new().unwrap();
    let mut config = config(&simulator, "[record]\nenabled = true\n");
    config.record.path = file.path().join("records");
    let refused = Gateway::from_config(config).await.unwrap_err();
    assert!(refused.to_string().contains("record.path"), "{refused}");
}
