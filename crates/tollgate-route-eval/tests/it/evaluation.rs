use tollgate_route_eval::{
    EvalConfig, GUARDED, Priced, Report, Reward, ScoreConfig, Thompson, bandit, evaluate, folds,
    forecast, forecast_with, score, worse_than_fixed,
};
use tollgate_router_learned::{TrainConfig, train};

use crate::world::{poems_and_sums, sample};

fn config() -> ScoreConfig {
    ScoreConfig {
        resamples: 50,
        ..ScoreConfig::default()
    }
}

fn scores(caution: Option<f32>) -> tollgate_route_eval::Scores {
    let table = Priced::of(&poems_and_sums(600), &[]).expect("two priced models");
    let splits = folds(&table.outcomes, 4, 1);
    let train = TrainConfig {
        caution,
        ..TrainConfig::default()
    };
    let forecast = forecast(&table, &splits, &train).expect("enough rows");
    score("world", &forecast, &config())
}

#[test]
fn what_can_be_known_is_won() {
    let scores = scores(None);
    let of = |name: &str| scores.method(name).unwrap();
    assert_eq!(scores.rows, 600);
    // Two thirds of the prompts can go to the model of a tenth of the price.
    for name in ["task label", "learned", GUARDED] {
        let saved = of(name).saved[0].unwrap();
        assert!((saved.value - 0.6).abs() < 0.03, "{name}: {saved:?}");
        assert!(
            of(name).over_fixed.low > 0.05,
            "{name}: {:?}",
            of(name).over_fixed
        );
    }
    let saved = of(GUARDED).saved[0].unwrap();
    assert!(
        0.4 < saved.low && saved.low < saved.value && saved.value < saved.high,
        "{saved:?}"
    );
    assert!(of("global means").saved[0].unwrap().value < 0.01);
    assert!(of("oracle").aiq.value >= of("learned").aiq.value);
    assert!(scores.brier < scores.brier_of_means);
}

#[test]
fn caution_that_nothing_passes_leaves_the_fixed_choice() {
    let scores = scores(Some(100.0));
    let (guarded, fixed) = (
        scores.method(GUARDED).unwrap(),
        scores.method("global means").unwrap(),
    );
    assert_eq!(guarded.aiq.value, fixed.aiq.value);
    assert_eq!(guarded.accuracy.value, fixed.accuracy.value);
}

#[test]
fn modes_lie_in_order_on_the_curve() {
    let scores = scores(None);
    let [(_, quality), (_, balanced), (_, cheapest)] = scores.modes[..] else {
        panic!("three modes")
    };
    assert!(quality.cost >= balanced.cost && balanced.cost >= cheapest.cost);
    assert!(quality.quality >= balanced.quality && balanced.quality >= cheapest.quality);
    assert!(
        balanced.cost < quality.cost,
        "sums are not worth ten times the price"
    );
}

#[test]
fn a_table_is_evaluated_whole_and_the_same_again() {
    let table = tollgate_route_eval::read_table(&sample("llmrouter.jsonl")).unwrap();
    let whole = EvalConfig {
        left_out: Vec::new(),
        folds: 3,
        labels: None,
        train: TrainConfig::default(),
        score: config(),
    };
    let run = || evaluate(&table, &whole).unwrap();
    let report = run();
    assert_eq!(report.scores[0].models, 9);
    assert_eq!(report.cold.unwrap().models, 4);
    assert_eq!(
        report.bandit.as_ref().unwrap().steps,
        table.outcomes.rows.len()
    );
    let without_times = |report: &Report| {
        let mut value = serde_json::to_value(report).unwrap();
        value["scores"][0]["decision_us"] = serde_json::Value::Null;
        value
    };
    assert_eq!(without_times(&report), without_times(&run()));
    let text = report.to_string();
    for word in [
        "zero router",
        "learned, guarded",
        "cold start",
        "bandit",
        "Thompson, daring 0.5:  prior 2 ",
        "mode balanced",
    ] {
        assert!(text.contains(word), "{word} is not in\n{text}");
    }
}

#[test]
fn a_stream_with_feedback_is_played_with_each_daring_and_prior() {
    let table = Priced::of(&poems_and_sums(600), &[]).unwrap();
    let played = bandit(&table, 5);
    assert_eq!(played.thompson.len(), 9);
    for way in &played.thompson {
        let Reward { mean, error } = way.reward;
        assert!(error > 0.0, "{way:?}");
        assert!(mean > played.random.mean, "{way:?}");
        assert!(mean <= played.best_by_kind, "{way:?}");
    }
    // Poems and sums are kinds of their own, and who learns tells them apart.
    let is_better = |way: &Thompson| way.reward.mean > played.best_fixed;
    assert!(played.thompson.iter().any(is_better), "{played:?}");
    assert!(played.scores.mean < played.best_by_kind);
}

#[test]
fn violations_are_found_in_a_router_that_learned_the_opposite() {
    let mut inverted = poems_and_sums(600).outcomes;
    inverted.rows.iter_mut().for_each(|row| row.q.swap(0, 1));
    let careless = TrainConfig {
        caution: Some(0.0),
        ..TrainConfig::default()
    };
    let learned = train(&inverted, &careless).unwrap();
    let table = poems_and_sums(300);
    let forecast = forecast_with(&Priced::of(&table, &[]).unwrap(), &learned);
    let report = Report::of(&table, &forecast, &config());
    let worse = worse_than_fixed(std::slice::from_ref(&report));
    assert!(worse.iter().any(|one| one.is_sure), "{report}");
    let honest = train(&poems_and_sums(600).outcomes, &TrainConfig::default()).unwrap();
    let forecast = forecast_with(&Priced::of(&table, &[]).unwrap(), &honest);
    let report = Report::of(&table, &forecast, &config());
    assert_eq!(worse_than_fixed(&[report]), []);
}

#[test]
fn the_gap_of_two_models_is_recovered_by_who_knows_it() {
    let table = poems_and_sums(600);
    let priced = Priced::of(&table, &[]).unwrap();
    let splits = folds(&priced.outcomes, 4, 1);
    let forecast = forecast(&priced, &splits, &TrainConfig::default()).unwrap();
    let report = Report::of(&table, &forecast, &config());
    let learned = report
        .gap
        .iter()
        .find(|gap| gap.method == "learned")
        .unwrap();
    assert!(
        learned.apgr.value > 0.8 && learned.cpt80 < 0.35,
        "{learned:?}"
    );
}
