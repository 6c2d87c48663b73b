//! `tollgate usage` over a ledger with known entries, in each of its forms.

use insta::assert_snapshot;
use tollgate::Usd;

use crate::books;
use crate::support::Home;

async fn with_books() -> Home {
    let home = Home::new();
    books::keep(&home).await;
    home
}

/// What the command prints, of one that must succeed.
async fn usage(home: &Home, arguments: &[&str]) -> String {
    let arguments = [&["usage"], arguments].concat();
    let run = home.run(&arguments).await;
    assert_eq!((run.code(), run.err().as_str()), (0, ""), "{arguments:?}");
    assert!(!run.out().contains('\u{1b}'), "a pipe gets no colours");
    run.out()
}

/// What it says on standard error when it is used wrongly.
async fn refused(arguments: &[&str]) -> String {
    let arguments = [&["usage"], arguments].concat();
    let run = Home::new().run(&arguments).await;
    assert_eq!(run.code(), 2, "{arguments:?}");
    let is_json = arguments.contains(&"--json");
    assert_eq!(run.out().contains("\"error\""), is_json, "{}", run.out());
    assert!(is_json || run.out().is_empty(), "{}", run.out());
    run.err()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_table_has_the_figures_that_are_not_nothing_and_a_total() {
    let home = with_books().await;
    assert_snapshot!("table", usage(&home, &[]).await);
    let by = "--by=requested,planned,served,provider,lane,billing,source";
    assert_snapshot!("table_of_models", usage(&home, &[by]).await);
    let by = "--by=hour,task,policy,key,tag.env";
    assert_snapshot!("table_of_calls", usage(&home, &[by]).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn json_has_rows_and_their_total() {
    let home = with_books().await;
    let arguments = ["--json", "--by", "day,tag.env", "--since", "2026-08-01"];
    assert_snapshot!("json", usage(&home, &arguments).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn csv_has_all_figures_and_no_formulas() {
    let home = with_books().await;
    assert_snapshot!(
        "csv",
        usage(&home, &["--csv", "--by", "caller,tag.env"]).await
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn focus_has_a_charge_for_each_payee() {
    let home = with_books().await;
    assert_snapshot!("focus", usage(&home, &["--focus"]).await);
    let by = "--by=hour,requested,tag.env,model";
    assert_snapshot!("focus_by_hour", usage(&home, &["--focus", by]).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn charges_add_up_to_the_report() {
    let home = with_books().await;
    for by in ["--by=day", "--by=hour", "--by=requested,tag.env,source"] {
        let charges = usage(&home, &["--focus", by]).await;
        let billed = charges.lines().skip(1).map(|line| {
            let (billed, _) = line.split_once(',').unwrap();
            billed.parse::<Usd>().unwrap()
        });
        assert_eq!(billed.sum::<Usd>().to_string(), "2.005174", "{by}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_chart_has_a_bar_for_each_day_between_the_first_and_the_last() {
    let home = with_books().await;
    assert_snapshot!(
        "chart",
        usage(&home, &["--chart", "--since", "2026-08-01"]).await
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_period_begins_with_since_and_ends_before_until() {
    let home = with_books().await;
    let period = [
        "--json",
        "--since=2026-08-08T15:00:00+02:00",
        "--until=2026-08-10",
    ];
    let out = usage(&home, &period).await;
    let report: serde_json::Value = serde_json::from_str(&out).unwrap();
    assert_eq!(report["since"], "2026-08-08T13:00:00Z");
    assert_eq!(report["until"], "2026-08-10T00:00:00Z");
    assert_eq!(report["total"]["calls"], 1);
    assert_eq!(report["total"]["cost"], "0.004001");
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_used_is_a_heading_for_programs() {
    let home = Home::new();
    let csv = usage(&home, &["--csv"]).await;
    assert!(
        csv.starts_with("model,calls,attempts,") && csv.lines().count() == 1,
        "{csv}"
    );
    assert_eq!(usage(&home, &["--focus"]).await.lines().count(), 1);
    let run = home.run(&["usage", "--chart"]).await;
    assert_eq!((run.code(), run.out().as_str()), (0, ""));
    assert!(run.err().contains("nothing was used yet"), "{}", run.err());
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_asked_wrongly_is_told_what_there_is() {
    let unknown = refused(&["--by", "day,modle"]).await;
    assert!(
        unknown.contains("\"modle\"") && unknown.contains("requested"),
        "{unknown}"
    );
    assert!(unknown.contains("tag.NAME"), "{unknown}");
    let span = refused(&["--since", "7 days"]).await;
    assert!(
        span.contains("\"7 days\"") && span.contains("24h"),
        "{span}"
    );
    let backwards = refused(&["--since", "1h", "--until", "1d"]).await;
    assert!(backwards.contains("no time is since"), "{backwards}");
    let forms = refused(&["--csv", "--json"]).await;
    assert!(forms.contains("--focus"), "{forms}");
    assert!(
        refused(&["--chart", "--by", "day"])
            .await
            .contains("cannot be used with")
    );
}
