//! How many bytes of a stream are decoded in a second?

use std::fmt::Write;
use std::hint::black_box;

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use tollgate_wire::{SseDecoder, SseItem, StreamEvent};

/// A stream of about a megabyte: chunks as OpenRouter sends them.
fn stream() -> Vec<u8> {
    let mut text = String::new();
    let mut number = 0;
    while text.len() < 1 << 20 {
        let _ = write!(
            text,
            "data: {{\"id\":\"gen-1795000120-Hh1Jj2Kk3Ll4Zz5Xx6Cc\",\"object\":\"chat.completion.chunk\",\"created\":1795000120,\"model\":\"author/model-{number}\",\"provider\":\"Alpha Cloud\",\"choices\":[{{\"index\":0,\"delta\":{{\"role\":\"assistant\",\"content\":\" piece {number}\"}},\"finish_reason\":null,\"native_finish_reason\":null,\"logprobs\":null}}]}}\n\n"
        );
        number += 1;
    }
    text.into_bytes()
}

fn sse(criterion: &mut Criterion) {
    let stream = stream();
    let mut group = criterion.benchmark_group("sse");
    group.throughput(Throughput::Bytes(stream.len() as u64));
    for piece in [16_384, 1_400, 37] {
        group.bench_with_input(
            BenchmarkId::new("decode, pieces of", piece),
            &piece,
            |bencher, piece| {
                bencher.iter(|| {
                    let mut decoder = SseDecoder::new();
                    let mut items = 0;
                    for bytes in stream.chunks(*piece) {
                        decoder.push(bytes);
                        while let Some(item) = decoder.next() {
                            black_box(&item);
                            items += 1;
                        }
                    }
                    items
                });
            },
        );
    }
    group.bench_function("decode and read every chunk", |bencher| {
        bencher.iter(|| {
            let mut decoder = SseDecoder::new();
            let mut semantic = 0;
            for bytes in stream.chunks(16_384) {
                decoder.push(bytes);
                while let Some(Ok(SseItem::Event { data, .. })) = decoder.next() {
                    if let Ok(StreamEvent::Chunk(chunk)) = StreamEvent::parse(&data) {
                        semantic += usize::from(chunk.is_semantic());
                    }
                }
            }
            semantic
        });
    });
    group.finish();
}

criterion_group!(benches, sse);
criterion_main!(benches);
