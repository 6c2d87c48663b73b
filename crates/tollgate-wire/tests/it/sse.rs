//! The event stream decoder, against a simple one that reads the whole stream at once.

use proptest::prelude::*;
use tollgate_wire::{DEFAULT_EVENT_LIMIT, Incomplete, SseDecoder, SseError, SseItem, StreamEnd};

use crate::fixtures::{decode, sample, samples};

/// The living standard's algorithm, one line at a time over the whole text.
fn reference(bytes: &[u8]) -> (Vec<SseItem>, Option<Incomplete>) {
    let mut rest = bytes.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(bytes);
    let (mut items, mut event, mut data): (_, Option<Vec<u8>>, Option<Vec<u8>>) =
        (Vec::new(), None, None);
    let mut end = StreamEnd::AfterLine;
    while !rest.is_empty() {
        let length = rest.iter().position(|byte| matches!(byte, b'\n' | b'\r'));
        let line = &rest[..length.unwrap_or(rest.len())];
        rest = match length {
            None => &[],
            Some(length) if rest[length..].starts_with(b"\r\n") => &rest[length + 2..],
            Some(length) => &rest[length + 1..],
        };
        if length.is_none() {
            end = StreamEnd::InLine;
        }
        if line.is_empty() {
            let event = event.take();
            if let Some(data) = data.take() {
                items.push(SseItem::Event {
                    event: event.map(Into::into),
                    data: data.into(),
                });
            }
            continue;
        }
        let (name, value) = match line.iter().position(|byte| *byte == b':') {
            Some(colon) => (&line[..colon], &line[colon + 1..]),
            None => (line, &b""[..]),
        };
        let value = value.strip_prefix(b" ").unwrap_or(value);
        match name {
            b"" if length.is_some() => items.push(SseItem::Comment(value.to_vec().into())),
            b"data" => match &mut data {
                None => data = Some(value.to_vec()),
                Some(data) => data.extend([b"\n", value].concat()),
            },
            b"event" => event = (!value.is_empty()).then(|| value.to_vec()),
            _ => {}
        }
    }
    let left = data.map(|data| Incomplete {
        event: event.map(Into::into),
        data: data.into(),
        end,
    });
    (items, left)
}

fn in_pieces(pieces: &[&[u8]]) -> (Vec<SseItem>, Option<Incomplete>) {
    let mut decoder = SseDecoder::new();
    let items = pieces
        .iter()
        .flat_map(|piece| decode(&mut decoder, piece))
        .collect();
    (items, decoder.finish())
}

/// Fragments out of which every confusing stream can be made: line ends next to each other, marks in the wrong place.
fn stream() -> impl Strategy<Value = Vec<u8>> {
    let fragment = prop::sample::select(vec![
        "\n",
        "\r",
        "\r\n",
        "\n\n",
        "\u{feff}",
        ":",
        " ",
        "data",
        "data:",
        "data: ",
        "event: x",
        "id: 1",
        "retry: 9",
        ": c",
        "{\"a\":1}",
        "東🚆",
        "dataset: 1",
        "[DONE]",
    ]);
    let bytes = prop_oneof![9 => fragment.prop_map(|text| text.as_bytes().to_vec()), 1 => prop::collection::vec(any::<u8>(), 0..3)];
    prop::collection::vec(bytes, 0..40).prop_map(|fragments| fragments.concat())
}

proptest! {
    #[test]
    fn items_do_not_depend_on_how_the_bytes_are_split(bytes in stream(), cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..8)) {
        let mut cuts: Vec<usize> = cuts.iter().map(|cut| cut.index(bytes.len() + 1)).chain([0, bytes.len()]).collect();
        cuts.sort_unstable();
        let pieces: Vec<&[u8]> = cuts.windows(2).map(|cut| &bytes[cut[0]..cut[1]]).collect();
        prop_assert_eq!(in_pieces(&pieces), reference(&bytes));
    }

    #[test]
    fn failures_do_not_depend_on_how_the_bytes_are_split(bytes in stream(), size in 1_usize..9, limit in 0_usize..12) {
        let run = |size: usize| {
            let mut decoder = SseDecoder::with_limit(limit);
            let mut items = Vec::new();
            for piece in bytes.chunks(size) {
                decoder.push(piece);
                items.extend(std::iter::from_fn(|| decoder.next()));
            }
            items
        };
        prop_assert_eq!(run(size), run(bytes.len().max(1)));
    }
}

#[test]
fn every_sample_reads_the_same_cut_at_every_byte() {
    for (name, bytes) in samples(".sse") {
        let expected = reference(&bytes);
        assert!(expected.0.len() > 1 && expected.1.is_none(), "{name}");
        let bytewise: Vec<&[u8]> = bytes.chunks(1).collect();
        assert_eq!(in_pieces(&bytewise), expected, "{name} byte by byte");
        for cut in 0..bytes.len() {
            assert_eq!(
                in_pieces(&[&bytes[..cut], &bytes[cut..]]),
                expected,
                "{name} cut at {cut}"
            );
        }
    }
}

#[test]
fn line_ends_may_be_lf_cr_or_crlf() {
    let text = String::from_utf8(sample("chat-stream.sse")).unwrap();
    let expected = in_pieces(&[text.as_bytes()]);
    for end in ["\r", "\r\n"] {
        let other = text.replace('\n', end);
        assert_eq!(in_pieces(&[other.as_bytes()]), expected);
        assert_eq!(
            in_pieces(&other.as_bytes().chunks(1).collect::<Vec<_>>()),
            expected
        );
    }
}

#[test]
fn an_event_is_given_at_its_carriage_return_without_waiting_for_more() {
    let mut decoder = SseDecoder::new();
    assert_eq!(decode(&mut decoder, b"data: 1\r\r").len(), 1);
    assert_eq!(decode(&mut decoder, b"\ndata: 2\r\n\r").len(), 1);
    assert_eq!(decode(&mut decoder, b"\n"), []);
}

#[test]
fn lines_of_one_event_are_joined_and_names_are_kept() {
    let (items, _) = in_pieces(&[
        b"event: message_start\ndata:a\ndata\ndata:  b\n\ndata: [DONE]\n\ndata: late\n\n",
    ]);
    let event = |event: Option<&'static str>, data: &'static str| SseItem::Event {
        event: event.map(Into::into),
        data: data.into(),
    };
    assert_eq!(
        items,
        [
            event(Some("message_start"), "a\n\n b"),
            event(None, "[DONE]"),
            event(None, "late")
        ]
    );
}

#[test]
fn a_stream_that_ends_early_says_how_far_it_came() {
    let left = |bytes: &[u8]| in_pieces(&[bytes]).1.map(|left| (left.data, left.end));
    assert_eq!(
        left(b"data: 1\n\ndata: {\"a\":"),
        Some(("{\"a\":".into(), StreamEnd::InLine))
    );
    assert_eq!(
        left(b"data: 1\n\ndata: 2\n"),
        Some(("2".into(), StreamEnd::AfterLine))
    );
    assert_eq!(left(b"data: 1\n\n: c"), None);
    assert_eq!(left(b"\xEF\xBB"), None);
}

#[test]
fn bytes_that_are_not_utf8_are_passed_on_and_replaced_on_demand() {
    let event = |data: &'static [u8]| SseItem::Event {
        event: None,
        data: data.into(),
    };
    let (items, _) = in_pieces(&[b"data: a\xFFb\n\ndata: \xC3\xBC\n\n"]);
    assert_eq!(items, [event(b"a\xFFb"), event(b"\xC3\xBC")]);
    let valid: Vec<SseItem> = items.into_iter().map(SseItem::into_valid_utf8).collect();
    assert_eq!(
        valid,
        [event("a\u{fffd}b".as_bytes()), event("ü".as_bytes())]
    );
}

#[test]
fn an_event_of_sixteen_mebibytes_passes_and_one_byte_more_does_not() {
    let run = |length: usize| {
        let stream = [b"data: ", "x".repeat(length).as_bytes(), b"\n\n"].concat();
        let mut decoder = SseDecoder::new();
        // Pieces as small as a network's; a decoder that rescans its buffer would not come to an end here.
        stream.chunks(1400).find_map(|piece| {
            decoder.push(piece);
            decoder.next()
        })
    };
    let Some(Ok(SseItem::Event { data, .. })) = run(DEFAULT_EVENT_LIMIT) else {
        panic!("expected the event")
    };
    assert_eq!(data.len(), DEFAULT_EVENT_LIMIT);
    let limit = DEFAULT_EVENT_LIMIT;
    assert_eq!(run(limit + 1), Some(Err(SseError::LineTooLong { limit })));
}

#[test]
fn a_line_without_end_is_stopped_at_the_limit_and_nothing_follows() {
    let mut decoder = SseDecoder::with_limit(100);
    let mut pushed = 0;
    let error = loop {
        decoder.push(&[b'x'; 10]);
        pushed += 10;
        if let Some(item) = decoder.next() {
            break item;
        }
    };
    assert_eq!(
        (error, pushed),
        (Err(SseError::LineTooLong { limit: 100 }), 110)
    );
    decoder.push(b"\n\ndata: 1\n\n");
    assert_eq!((decoder.next(), decoder.finish()), (None, None));
}

#[test]
fn many_lines_of_one_event_are_stopped_at_the_limit() {
    let mut decoder = SseDecoder::with_limit(10);
    decoder.push(b"data: 12345\ndata: 1234\n\ndata: 12345\ndata: 12345\n\n");
    assert!(
        matches!(decoder.next(), Some(Ok(SseItem::Event { data, .. })) if data == "12345\n1234")
    );
    assert_eq!(
        decoder.next(),
        Some(Err(SseError::EventTooLong { limit: 10 }))
    );
    assert_eq!(decoder.next(), None);
}

#[test]
fn a_single_line_is_not_copied() {
    let mut decoder = SseDecoder::new();
    decoder.push(b"data: first\n\ndata: second\n\n");
    let data = |item: Option<Result<SseItem, SseError>>| match item {
        Some(Ok(SseItem::Event { data, .. })) => data,
        other => panic!("{other:?}"),
    };
    let (first, second) = (data(decoder.next()), data(decoder.next()));
    assert_eq!(
        second.as_ptr() as usize - first.as_ptr() as usize,
        "first\n\ndata: ".len()
    );
}
