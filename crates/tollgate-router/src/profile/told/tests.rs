use super::{HALF, Told, append, last};

/// What is read of texts, the first of them the system prompt, as one text and
/// its full length.
fn read(texts: &[&str]) -> String {
    let json: Vec<String> = texts
        .iter()
        .map(|text| serde_json::to_string(text).unwrap())
        .collect();
    let mut told = Told::default();
    for (number, (json, text)) in json.iter().zip(texts).enumerate() {
        let inner = &json[1..json.len() - 1];
        match number {
            0 => told.add_system(inner, text.len() as u64),
            _ => told.add_asked(1, inner, text.len() as u64),
        }
    }
    let (mut beginning, mut end) = (Vec::new(), Vec::new());
    format!("{:?}", told.prompt(&mut beginning, &mut end))
}

/// The same of one text that was never JSON.
fn plain(text: &str) -> String {
    format!(
        "{:?}",
        tollgate_router_learned::Prompt::from(text.as_bytes())
    )
}

#[test]
fn texts_are_read_as_a_row_with_all_of_them_would_be() {
    let short = ["Answer in verse.", "Say \"hi\"\n\tto \\me\\, é 🦀 \u{1}."];
    assert_eq!(read(&short), plain(&short.join("\n")));
}

#[test]
fn of_long_texts_both_ends_are_read_as_of_a_row() {
    // Escapes of every length and parity at every place of a cut.
    for shift in 0..40 {
        let hard = "\\\\\"\n\u{1}é🦀x".repeat(2_000);
        let system = format!("{}{hard}", "s".repeat(shift));
        let asked = format!("{hard}{}", "a".repeat(shift));
        for texts in [
            [&system[..], &asked[..]],
            [&system, "short"],
            ["short", &asked],
            [&"\\".repeat(9_000 + shift), &"\u{1}".repeat(2_000 + shift)],
        ] {
            assert_eq!(read(&texts), plain(&texts.join("\n")), "{shift}");
        }
    }
}

#[test]
fn a_later_message_takes_the_place_of_an_earlier_one() {
    let mut told = Told::default();
    told.add_asked(1, "first", 5);
    told.add_asked(3, "second", 6);
    told.add_asked(3, "with a part more", 16);
    let (mut beginning, mut end) = (Vec::new(), Vec::new());
    let read = format!("{:?}", told.prompt(&mut beginning, &mut end));
    assert_eq!(read, plain("second\nwith a part more"));
}

#[test]
fn what_is_no_escape_is_no_panic() {
    for json in [
        "\\",
        "\\u",
        "\\u12",
        "\\ud800",
        "\\ud800\\u0041",
        "\\u00e",
        "\\uéé",
        "\\x",
    ] {
        let mut text = Vec::new();
        append(json, &mut text);
        assert!(std::str::from_utf8(&text).is_ok());
        last(&json.repeat(HALF * 4));
    }
}
