//! How long does it take to see what a request is about?

use std::hint::black_box;

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use tollgate_benches::{call, optimizer, request_of, request_with_tools};

fn profile(criterion: &mut Criterion) {
    let optimizer = optimizer();
    let mut group = criterion.benchmark_group("profile");
    let inputs = [
        ("short chat", request_of(200)),
        ("4 KB chat", request_of(4_096)),
        ("32 KB chat", request_of(32_768)),
        ("4 KB chat with 20 tools", request_with_tools(4_096)),
    ];
    for (name, body) in inputs {
        let call = call(&body);
        group.throughput(Throughput::Bytes(body.len() as u64));
        group.bench_with_input(BenchmarkId::from_parameter(name), &call, |bencher, call| {
            bencher.iter(|| black_box(optimizer.profile(black_box(call))));
        });
    }
    group.finish();
}

criterion_group!(benches, profile);
criterion_main!(benches);
