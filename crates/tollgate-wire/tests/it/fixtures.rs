//! Where the fixtures are, and a way to compare JSON text that does not use the crate.

use std::path::PathBuf;

use tollgate_wire::{ChunkMerger, ErrorBody, SseDecoder, SseItem, StreamEvent};

pub(crate) fn sample(name: &str) -> Vec<u8> {
    let path = directory("samples").join(name);
    std::fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

pub(crate) fn samples(extension: &str) -> Vec<(String, Vec<u8>)> {
    let mut names: Vec<String> = std::fs::read_dir(directory("samples"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| name.ends_with(extension))
        .collect();
    names.sort();
    assert!(!names.is_empty());
    names
        .into_iter()
        .map(|name| (name.clone(), sample(&name)))
        .collect()
}

pub(crate) fn directory(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
        .join("tests/fixtures")
        .join(name)
}

/// The text without white space outside strings; keys, order, numbers and escapes as they are.
pub(crate) fn minified(text: &[u8]) -> String {
    let (mut out, mut in_string, mut escaped) = (Vec::new(), false, false);
    for &byte in text {
        if in_string || !byte.is_ascii_whitespace() {
            out.push(byte);
        }
        (in_string, escaped) = match (byte, in_string, escaped) {
            (_, true, true) => (true, false),
            (b'\\', true, false) => (true, true),
            (b'"', inside, false) => (!inside, false),
            (_, inside, _) => (inside, false),
        };
    }
    String::from_utf8(out).unwrap()
}

pub(crate) fn decode(decoder: &mut SseDecoder, bytes: &[u8]) -> Vec<SseItem> {
    decoder.push(bytes);
    std::iter::from_fn(|| decoder.next())
        .map(|item| item.unwrap())
        .collect()
}

/// Everything that a stream of chat chunks holds.
#[derive(Debug, Default)]
pub(crate) struct Stream {
    pub(crate) merger: ChunkMerger,
    pub(crate) comments: usize,
    pub(crate) chunks: usize,
    pub(crate) usages: usize,
    pub(crate) error: Option<ErrorBody>,
    pub(crate) done: bool,
}

pub(crate) fn read_stream(bytes: &[u8]) -> Stream {
    let mut decoder = SseDecoder::new();
    let mut stream = Stream::default();
    for item in decode(&mut decoder, bytes) {
        let SseItem::Event { data, .. } = item else {
            stream.comments += 1;
            continue;
        };
        match StreamEvent::parse(&data).unwrap() {
            StreamEvent::Chunk(chunk) => {
                stream.chunks += 1;
                stream.usages += usize::from(chunk.usage().is_some());
                stream.merger.push(&chunk).unwrap();
            }
            StreamEvent::Error(error) => stream.error = Some(error),
            StreamEvent::Done => stream.done = true,
        }
    }
    assert_eq!(decoder.finish(), None);
    stream
}
