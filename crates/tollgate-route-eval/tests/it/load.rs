//! The replay of choices among endpoints, on made-up samples.

use std::fmt::Write as _;

use tollgate_route_eval::{EvalError, LoadConfig, LoadReport, LoadScore, read_load, replay_load};

const HEADER: &str = "scraped_at,model_slug,variant,endpoint_id,provider_slug,price_prompt,price_completion,p50_latency,p90_latency,p50_throughput,status";

/// An endpoint: its price in dollars per million tokens, and by sample the
/// milliseconds to its first token (none told: empty) and its status.
struct Host<'a> {
    tag: &'a str,
    dollars: f64,
    samples: &'a [(&'a str, i8)],
}

fn table(hosts: &[Host<'_>]) -> String {
    let mut text = format!("{HEADER}\n");
    for host in hosts {
        let price = host.dollars / 1e6;
        for (number, (first, status)) in host.samples.iter().enumerate() {
            let at = format!("2026-08-01T01:{:02}:00+00:00", 5 * number);
            let tag = host.tag;
            writeln!(
                text,
                "{at},a/b,standard,id-{tag},{tag},{price:.9},{price:.9},{first},{first},100,{status}"
            )
            .unwrap();
        }
    }
    text
}

fn replayed(text: &str) -> Result<LoadReport, EvalError> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("load.csv");
    std::fs::write(&path, text).unwrap();
    let config = LoadConfig {
        resamples: 10,
        ..LoadConfig::default()
    };
    Ok(replay_load(&read_load(&path)?, &config))
}

fn score<'a>(report: &'a LoadReport, name: &str) -> &'a LoadScore {
    let mut scores = report.scores.iter();
    scores.find(|score| score.name == name).unwrap()
}

fn first_token(report: &LoadReport, name: &str) -> f64 {
    (score(report, name).first_token.value * 1e3).round()
}

#[test]
fn a_decision_sees_the_sample_before_and_is_judged_by_the_next() {
    let report = replayed(&table(&[
        Host {
            tag: "soon-slow",
            dollars: 1.0,
            samples: &[("100", 0), ("9000", 0)],
        },
        Host {
            tag: "soon-fast",
            dollars: 1.0,
            samples: &[("4000", 0), ("200", 0)],
        },
    ]))
    .unwrap();
    assert_eq!((report.models, report.decisions), (1, 1));
    for way in ["time alone", "cheapest", "balanced"] {
        assert_eq!(first_token(&report, way), 9_000.0, "{way}");
    }
    assert_eq!(first_token(&report, "price alone"), 4_600.0);
    assert_eq!(first_token(&report, "draw"), 4_600.0);
}

#[test]
fn price_alone_takes_what_is_deranked_and_the_others_do_not() {
    let report = replayed(&table(&[
        Host {
            tag: "deranked",
            dollars: 1.0,
            samples: &[("5000", -2); 3],
        },
        Host {
            tag: "good",
            dollars: 1.05,
            samples: &[("500", 0); 3],
        },
    ]))
    .unwrap();
    let deranked: Vec<f64> = report.scores.iter().map(|score| score.deranked).collect();
    assert_eq!(deranked, [1.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0]);
    assert!((score(&report, "balanced").cost_ratio.value - 1.05).abs() < 1e-9);
    assert_eq!(report.violations(), [""; 0]);
}

#[test]
fn an_endpoint_that_stops_telling_keeps_its_last_times_for_a_while() {
    let silent = [("500", 0), ("", 0), ("", 0)];
    let report = replayed(&table(&[
        Host {
            tag: "silent",
            dollars: 1.0,
            samples: &silent,
        },
        Host {
            tag: "mute",
            dollars: 1.0,
            samples: &[("", 0); 3],
        },
        Host {
            tag: "slow",
            dollars: 1.0,
            samples: &[("5000", 0); 3],
        },
    ]))
    .unwrap();
    // What never told anything is no choice of anybody.
    assert_eq!(report.decisions, 2);
    assert_eq!(first_token(&report, "price alone"), 2_750.0);
    assert_eq!(first_token(&report, "balanced"), 500.0);
}

#[test]
fn the_check_says_where_the_choice_is_no_gain() {
    let report = replayed(&table(&[
        Host {
            tag: "cheap",
            dollars: 1.0,
            samples: &[("9000", 0), ("100", 0)],
        },
        Host {
            tag: "fast",
            dollars: 1.2,
            samples: &[("100", 0), ("9000", 0)],
        },
    ]))
    .unwrap();
    let violations = report.violations();
    let has = |text: &str| violations.iter().any(|one| one.starts_with(text));
    assert!(
        has("balanced: takes") && has("balanced: costs at least 1.2"),
        "{violations:?}"
    );
    assert!(!has("balanced: takes deranked"), "{violations:?}");
}

#[test]
fn a_table_of_something_else_is_refused_with_the_line() {
    let check = |text: &str, expected: &str| {
        let error = replayed(text).unwrap_err().to_string();
        assert!(error.ends_with(expected), "{error}");
    };
    check("", "line 1: there is no header");
    check("a,b\n", "line 1: scraped_at");
    check(&format!("{HEADER}\n1,2\n"), "line 2: too few cells");
    let row = "2026-08-01T01:00:00Z,a/b,standard,id,tag,free,1,1,1,1,0";
    check(
        &format!("{HEADER}\n{row}\n"),
        "line 2: a price is no number",
    );
}

#[test]
fn what_may_be_chance_is_no_violation() {
    let model = |name: &str, then: &str| {
        let text = table(&[
            Host {
                tag: "slow",
                dollars: 1.0,
                samples: &[("9000", 0); 2],
            },
            Host {
                tag: "fast",
                dollars: 1.0,
                samples: &[("100", 0), (then, 0)],
            },
        ]);
        text.replace("a/b", name)
    };
    // What was known to be fast stays so for one model, and not for the other.
    let loses = model("b/loses", "30000");
    let rows = loses.strip_prefix(&format!("{HEADER}\n")).unwrap();
    let report = replayed(&format!("{}{rows}", model("a/gains", "100"))).unwrap();
    let ratio = score(&report, "balanced").time_ratio;
    assert!(ratio.value > 1.0 && ratio.low < 1.0, "{ratio:?}");
    assert_eq!(report.violations(), [""; 0]);
}
