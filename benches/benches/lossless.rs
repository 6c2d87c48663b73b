//! What does it cost to read a request, change its model and write it?

use std::hint::black_box;

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use tollgate_benches::request_of;
use tollgate_wire::ChatRequest;

fn lossless(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("lossless");
    for (name, bytes) in [("1 KB", 1 << 10), ("32 KB", 32 << 10), ("1 MB", 1 << 20)] {
        let body = request_of(bytes);
        group.throughput(Throughput::Bytes(body.len() as u64));
        group.bench_with_input(
            BenchmarkId::new("parse, set model, write", name),
            &body,
            |bencher, body| {
                bencher.iter(|| {
                    let request =
                        ChatRequest::parse(black_box(body.as_bytes())).expect("a valid request");
                    black_box(request.with_model("author/other-model").to_vec())
                });
            },
        );
    }
    group.finish();
}

criterion_group!(benches, lossless);
criterion_main!(benches);
