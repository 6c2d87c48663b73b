//! How long does a learned router take to read a prompt, and to expect something
//! of 400 models?

use std::fmt::Write as _;
use std::hint::black_box;
use std::io::Write as _;
use std::time::Instant;

use criterion::{Criterion, criterion_group, criterion_main};
use tollgate_benches::{call, optimizer, real_view, request_of};
use tollgate_core::{HealthView, Quality, QualitySource, Task};
use tollgate_router_learned::{OutcomeModel, Outcomes, Scratch, Seat, TrainConfig, train};

const MODELS: usize = 400;
const ROWS: usize = 1_500;
/// Runs that percentiles are taken of.
const RUNS: usize = 20_000;

fn learned(criterion: &mut Criterion) {
    let learned = train(&outcomes(), &TrainConfig::default()).expect("enough rows");
    let seats: Vec<Option<Seat>> = learned
        .models()
        .iter()
        .map(|name| learned.seat(name))
        .collect();
    let mut qualities = vec![
        Quality {
            mean: 0.5,
            error: 0.1,
            source: QualitySource::Benchmark,
        };
        MODELS
    ];
    let mut scratch = Scratch::default();
    let prompt = prompt(2_048);
    let (view, health, optimizer) = (real_view(), HealthView::default(), optimizer());
    let mut call = call(&request_of(2_048));
    call.hints.policy = Some("balanced".to_owned());
    let profile = optimizer.profile(&call).expect("a valid call");

    let mut group = criterion.benchmark_group("learned");
    group.bench_function("read a prompt of 2 KB", |bencher| {
        bencher.iter(|| {
            black_box(learned.assess(Task::Chat, black_box(prompt.as_bytes()), &mut scratch))
        });
    });
    let mut decide = || {
        learned.qualities(
            Task::Chat,
            black_box(prompt.as_bytes()),
            &seats,
            &mut qualities,
            &mut scratch,
        )
    };
    group.bench_function("and qualities of 400 models", |bencher| {
        bencher.iter(|| black_box(decide()));
    });
    group.bench_function("and a plan over the real catalog", |bencher| {
        bencher.iter(|| {
            black_box(decide());
            black_box(optimizer.plan(profile.clone(), &view, &health))
        });
    });
    group.finish();
    percentiles("qualities of 400 models", || {
        black_box(decide());
    });
    percentiles("qualities and a plan", || {
        black_box(decide());
        black_box(optimizer.plan(profile.clone(), &view, &health)).ok();
    });
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

/// Made-up outcomes of as many models as a catalog has, over 24 tasks with words of their own.
fn outcomes() -> Outcomes {
    let models = (0..MODELS)
        .map(|model| OutcomeModel {
            name: format!("maker/model-{model}"),
            input: None,
            output: None,
        })
        .collect();
    let mut lines = String::new();
    for row in 0..ROWS {
        let q: Vec<String> = (0..MODELS)
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
        .map(|word| format!("w{}", task * 50 + (row * 7 + word * word) % 90))
        .collect::<Vec<_>>()
        .join(" ")
}

/// Words of all tasks, so that hardly any is unknown: the dearest kind of prompt.
fn prompt(bytes: usize) -> String {
    let mut text = String::new();
    let mut word = 0;
    while text.len() + 8 < bytes {
        let _ = write!(text, "w{} ", (word * word + word) % 1_200);
        word += 1;
    }
    text
}

criterion_group!(benches, learned);
criterion_main!(benches);
