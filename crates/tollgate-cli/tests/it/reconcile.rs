//! `tollgate reconcile` against the simulator's own bill.

use serde_json::Value;
use tollgate::{Clock as _, SystemClock};
use tollgate_sim::{Clock, Scenario, Simulator};

use crate::support::{Home, MODEL, base_url};

const MANAGED: &str = "--set=openrouter.management_key=sk-or-management-not-real-000";

/// A simulator that lives today, and shows today's activity.
async fn simulator() -> Simulator {
    let now = u64::try_from(SystemClock.now().secs()).unwrap();
    Simulator::builder()
        .seed(7)
        .clock(Clock::Running(now))
        .scenario(Scenario {
            activity_lag_days: 0,
            ..Scenario::default()
        })
        .start()
        .await
        .unwrap()
}

async fn chat(home: &Home, simulator: &Simulator) {
    let url = base_url(simulator);
    let chat = home
        .run(&["chat", "Name a colour.", "-m", MODEL, &url])
        .await;
    assert_eq!(chat.code(), 0, "{}", chat.err());
    simulator.idle().await;
}

/// What is printed as JSON, and the exit code.
async fn reconcile(home: &Home, arguments: &[&str]) -> (Value, i32) {
    let arguments = [&["reconcile", "--json"], arguments].concat();
    let run = home.run(&arguments).await;
    let value = serde_json::from_str(&run.out());
    (
        value.unwrap_or_else(|_| panic!("{}", run.err())),
        run.code(),
    )
}

#[tokio::test(flavor = "multi_thread")]
async fn equal_books_are_a_success_and_a_call_past_the_gateway_is_named() {
    let simulator = simulator().await;
    let url = base_url(&simulator);
    let (home, elsewhere) = (Home::new(), Home::new());
    chat(&home, &simulator).await;
    chat(&home, &simulator).await;
    let arguments = [MANAGED, &url, "--tolerance=0"];
    let (books, code) = reconcile(&home, &arguments).await;
    assert_eq!(
        (code, &books["comparison"]["agrees"]),
        (0, &true.into()),
        "{books}"
    );
    assert_eq!(books["comparison"]["theirs"]["requests"], 2);
    assert_eq!(books["comparison"]["drifts"], serde_json::json!([]));

    // With the same key, from where this ledger does not hear of it.
    chat(&elsewhere, &simulator).await;
    let (books, code) = reconcile(&home, &arguments).await;
    let drift = &books["comparison"]["drifts"][0];
    assert_eq!(code, 9, "{books}");
    assert_eq!(
        (&drift["cause"], &drift["model"]),
        (&"past_the_gateway".into(), &MODEL.into())
    );
    assert_eq!(drift["theirs"]["requests"], 3);
    let text = home.run(&[&["reconcile"], &arguments[..]].concat()).await;
    assert!(
        text.out().contains("calls made past the gateway"),
        "{}",
        text.out()
    );
    assert!(text.out().contains(MODEL), "{}", text.out());
    assert!(
        text.out().lines().all(|line| line.chars().count() <= 80),
        "{}",
        text.out()
    );
    assert!(
        text.err().contains("differ by more than the tolerance"),
        "{}",
        text.err()
    );

    let (_, code) = reconcile(&home, &[MANAGED, &url, "--tolerance=1"]).await;
    assert_eq!(code, 0, "a call is within a dollar");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_other_side_lost_is_named_too() {
    let simulator = simulator().await;
    let url = base_url(&simulator);
    let home = Home::new();
    chat(&home, &simulator).await;
    simulator.reset();
    // Something of today is shown, so all of it is.
    let (elsewhere, other) = (Home::new(), "openai/gpt-4o-mini");
    let run = elsewhere
        .run(&["chat", "Name a colour.", "-m", other, &url])
        .await;
    assert_eq!(run.code(), 0, "{}", run.err());
    simulator.idle().await;
    let (books, code) = reconcile(&home, &[MANAGED, &url, "--tolerance=0"]).await;
    assert_eq!(code, 9, "{books}");
    let causes: Vec<_> = books["comparison"]["drifts"]
        .as_array()
        .unwrap()
        .iter()
        .map(|drift| {
            (
                drift["model"].as_str().unwrap(),
                drift["cause"].as_str().unwrap(),
            )
        })
        .collect();
    assert!(causes.contains(&(MODEL, "not_listed")), "{causes:?}");
    assert!(causes.contains(&(other, "past_the_gateway")), "{causes:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_management_key_the_sums_of_the_key_are_compared() {
    let simulator = simulator().await;
    let url = base_url(&simulator);
    let (home, elsewhere) = (Home::new(), Home::new());
    chat(&home, &simulator).await;
    let (sums, code) = reconcile(&home, &[&url, "--tolerance=0"]).await;
    assert_eq!(code, 0, "{sums}");
    let month = &sums["windows"][2];
    assert_eq!(
        (&month["name"], &month["difference"]),
        (&"this month".into(), &"0".into())
    );
    assert_ne!(month["theirs"], "0");

    chat(&elsewhere, &simulator).await;
    let (sums, code) = reconcile(&home, &[&url, "--tolerance=0"]).await;
    assert_eq!((code, &sums["agrees"]), (9, &false.into()), "{sums}");
    let since = home.run(&["reconcile", &url, "--since=7d"]).await;
    assert_eq!(since.code(), 3);
    assert!(
        since.err().contains("openrouter.management_key"),
        "{}",
        since.err()
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn an_ordinary_key_is_no_management_key() {
    let simulator = simulator().await;
    let url = base_url(&simulator);
    let key = "--set=openrouter.management_key=sk-or-v1-not-a-real-key-000";
    let run = Home::new().run(&["reconcile", key, &url]).await;
    assert_eq!((run.code(), run.out().as_str()), (5, ""), "{}", run.err());
    assert!(run.err().contains("make a management key"), "{}", run.err());
}

#[tokio::test(flavor = "multi_thread")]
async fn an_export_is_read_by_its_headings() {
    let simulator = simulator().await;
    let url = base_url(&simulator);
    let home = Home::new();
    chat(&home, &simulator).await;
    let bill = simulator.bill();
    let day = tollgate::Dimension::day(SystemClock.now().day());
    let cost = bill.total();
    home.write(
        "bill.csv",
        &format!("Day,SKU,Price\n{day},{MODEL},${cost}\n"),
    );
    let arguments = [&url, "--csv=bill.csv", "--tolerance=0", "--map=cost=Price"];
    let (books, code) = reconcile(&home, &arguments).await;
    assert_eq!(code, 0, "{books}");
    let unnamed = home.run(&["reconcile", &url, "--csv=bill.csv"]).await;
    assert_eq!(unnamed.code(), 2);
    assert!(
        unnamed.err().contains("--map cost=HEADING"),
        "{}",
        unnamed.err()
    );
}
