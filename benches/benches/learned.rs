//! How long does a learned router take to read a prompt, and how long is a
//! decision over 400 models with a look at it?

use std::fmt::Write as _;
use std::hint::black_box;
use std::io::Write as _;
use std::sync::Arc;
use std::time::Instant;

use criterion::{Criterion, criterion_group, criterion_main};
use tollgate_benches::{call, optimizer, real_view};
use tollgate_core::{CatalogView, HealthView, Quality, QualitySource, Task};
use tollgate_router::CostOptimizer;
use tollgate_router_learned::{Learned, OutcomeModel, Outcomes, Scratch, TrainConfig, train};

const MODELS: usize = 400;
const ROWS: usize = 1_500;
/// Runs that percentiles are taken of.
const RUNS: usize = 20_000;

fn learned(criterion: &mut Criterion) {
    let names = (0..MODELS).map(|model| format!("maker/model-{model}"));
    let learned = train(&outcomes(names), &TrainConfig::default()).expect("enough rows");
    let published = Quality {
        mean: 0.5,
        error: 0.1,
        source: QualitySource::Benchmark,
    };
    let mut panel = learned.panel(&[[published; Task::COUNT]; MODELS], |name| {
        learned.models().iter().position(|known| known == name)
    });
    let mut scratch = Scratch::default();
    let prompt = prompt(2_048);
    let (view, health, plain) = (real_view(), HealthView::default(), optimizer());
    let looking = plain.clone().with_learned(Arc::new(of_catalog(&view)));
    let call = call(&format!(
        r#"{{"model":"tollgate/balanced:chat","messages":[{{"role":"user","content":"{prompt}"}}]}}"#
    ));

    let mut group = criterion.benchmark_group("learned");
    group.bench_function("read a prompt of 2 KB", |bencher| {
        bencher.iter(|| {
            black_box(learned.assess(Task::Chat, black_box(prompt.as_bytes()), &mut scratch))
        });
    });
    let mut look = || {
        let assessment = learned.assess(Task::Chat, black_box(prompt.as_bytes()), &mut scratch);
        let insight = learned.insight(&mut panel, assessment);
        (0..MODELS)
            .map(|place| insight.quality(place).mean)
            .sum::<f32>()
    };
    group.bench_function("and qualities of 400 models", |bencher| {
        bencher.iter(|| black_box(look()));
    });
    let decide = |optimizer: &CostOptimizer| {
        let profile = optimizer.profile(black_box(&call)).expect("a valid call");
        black_box(optimizer.plan(profile, &view, &health)).expect("a plan");
    };
    for (name, optimizer) in [("without", &plain), ("with", &looking)] {
        group.bench_function(format!("profile and plan {name} a look"), |bencher| {
            bencher.iter(|| decide(optimizer));
        });
    }
    group.finish();
    percentiles("qualities of 400 models", || {
        black_box(look());
    });
    for (name, optimizer) in [("without", &plain), ("with", &looking)] {
        let profile = optimizer.profile(&call).expect("a valid call");
        percentiles(&format!("plan {name} a look"), || {
            black_box(optimizer.plan(profile.clone(), &view, &health)).expect("a plan");
        });
        percentiles(&format!("profile and plan {name} a look"), || {
            decide(optimizer);
        });
    }
}

/// Criterion has no percentiles of single runs.
fn percentiles(name: &str, mut run: impl FnMut()) {
    let mut nanos = Vec::with_capacity(RUNS);
    for _ in 0..RUNS {
        let begun = Instant::now();
        run();
        nanos.push(begun.elapsed().as_nanos());
    }
    nanos.sort_unstable();
    let at = |share: usize| nanos[(RUNS - 1) * share / 100] as f64 / 1e3;
    let _ = writeln!(
        std::io::stderr(),
        "{name}: p50 {:.1} µs, p99 {:.1} µs",
        at(50),
        at(99)
    );
}

/// What was learned of every model of a catalog.
fn of_catalog(view: &CatalogView) -> Learned {
    let names = view.models().iter().map(|model| model.id.to_string());
    train(&outcomes(names), &TrainConfig::default()).expect("enough rows")
}

/// Made-up outcomes of as many models as a catalog has, over 24 tasks with words of their own.
fn outcomes(names: impl Iterator<Item = String>) -> Outcomes {
    let models: Vec<OutcomeModel> = names
        .map(|name| OutcomeModel {
            name,
            input: None,
            output: None,
        })
        .collect();
    let mut lines = String::new();
    for row in 0..ROWS {
        let q: Vec<String> = (0..models.len())
            .map(|model| u8::from((row * 37 + model * 101) % 100 < 40 + model % 50).to_string())
            .collect();
        let text = prompt_of_task(row % 24, row);
        let _ = writeln!(
            lines,
            "{{\"id\":\"{row}\",\"task\":\"t{}\",\"kind\":\"chat\",\"prompt\":\"{text}\",\"q\":[{}]}}",
            row % 24,
            q.join(",")
        );
    }
    Outcomes::parse(models, lines.as_bytes()).expect("valid rows")
}

fn prompt_of_task(task: usize, row: usize) -> String {
    (0..60)
        .map(|place| word(task * 50 + (row * 7 + place * place) % 90))
        .collect::<Vec<_>>()
        .join(" ")
}

/// A word of letters for each number: numbers themselves are read by their length alone.
fn word(number: usize) -> String {
    const SYLLABLES: [&str; 12] = [
        "ba", "ce", "di", "fo", "gu", "ha", "je", "ki", "lo", "mu", "na", "pe",
    ];
    let part = |by: usize| SYLLABLES[number / by % 12];
    format!("{}{}{}", part(144), part(12), part(1))
}

/// Prompts of one task after the other, so that hardly any n-gram is unknown.
fn prompt(bytes: usize) -> String {
    let mut text = String::new();
    for task in (0..24).cycle() {
        text.push_str(&prompt_of_task(task, 7 * task));
        text.push(' ');
        if text.len() >= bytes {
            break;
        }
    }
    text.truncate(bytes);
    text
}

criterion_group!(benches, learned);
criterion_main!(benches);
