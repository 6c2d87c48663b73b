//! What an upstream says goes to the log without the words of the prompt, which
//! it may repeat.

use tollgate_core::Attempt;

/// What stands for words that are left out.
const LEFT_OUT: char = '…';

/// Longest word that is shown, in bytes: what is longer is an id or a code.
const LONGEST_WORD: usize = 40;

/// Members of a request that an upstream may name: they say nothing of the
/// prompt, and are what its reasons are mostly about.
const NAMEABLE: [&str; 3] = ["model", "models", "provider"];

/// A text without the words of the request. Words are compared as the request
/// spells them, whatever their case. Shown are those of the gateway's and the
/// upstream's vocabulary, such as the names of fields; not shown is what is not
/// ASCII, or too long. What an upstream has encoded is not recognised.
pub(crate) fn without_words_of(attempt: &Attempt, text: &str) -> String {
    if text.is_empty() {
        return String::new();
    }
    let members = attempt.request.object().iter();
    let texts = members
        .filter(|(key, _)| !NAMEABLE.contains(key))
        .map(|(_, value)| value.get())
        // Numbers and switches are knobs.
        .filter(|value| value.starts_with(['"', '[', '{']));
    let prompt = texts.collect::<Vec<_>>().join(" ").to_ascii_lowercase();
    without(&prompt, text)
}

/// `prompt` is in lower case.
fn without(prompt: &str, text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let word = rest.len() - rest.trim_start_matches(is_of_a_word).len();
        let length = match word {
            0 => escape(rest).unwrap_or(first.len_utf8()),
            word => word,
        };
        let (piece, after) = rest.split_at(length);
        rest = after;
        match word {
            0 if first.is_ascii() && length == 1 => shown.push(first),
            0 => leave_out(&mut shown),
            _ if is_harmless(prompt, piece) => shown.push_str(piece),
            _ => leave_out(&mut shown),
        }
    }
    shown
}

fn is_of_a_word(letter: char) -> bool {
    letter.is_ascii_alphanumeric() || letter == '_'
}

fn is_harmless(prompt: &str, word: &str) -> bool {
    // Two digits may be a group of a longer number.
    let is_alphabetic = || word.bytes().all(|byte| byte.is_ascii_alphabetic());
    let is_particle = word.len() == 1 || (word.len() == 2 && is_alphabetic());
    let is_of_the_prompt = || prompt.contains(&word.to_ascii_lowercase());
    is_particle || (word.len() <= LONGEST_WORD && !is_of_the_prompt())
}

/// The length of an escape, whose letters belong to no word: `\n`, `\u00e9`,
/// `%20`. A text within a text has several strokes.
fn escape(text: &str) -> Option<usize> {
    let strokes = text.len() - text.trim_start_matches('\\').len();
    let (escaped, digits) = match (strokes, &text.as_bytes()[strokes..]) {
        (0, [b'%', ..]) => (1, 2),
        (1.., [b'u', ..]) => (strokes + 1, 4),
        (1.., [letter, ..]) if letter.is_ascii() => return Some(strokes + 1),
        _ => return None,
    };
    let digits = text.as_bytes().get(escaped..escaped + digits)?;
    let is_hex = digits.iter().all(u8::is_ascii_hexdigit);
    is_hex.then_some(escaped + digits.len())
}

/// Pieces in a row are left out as one.
fn leave_out(shown: &mut String) {
    if !shown.ends_with(LEFT_OUT) {
        shown.push(LEFT_OUT);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::without;

    const PROMPT: &str = r#"[{"role":"user","content":"my account 4711\nis at zürich savings"}]"#;

    #[track_caller]
    fn check(text: &str, expected: &str) {
        assert_eq!(
            without(&PROMPT.to_ascii_lowercase(), text),
            expected,
            "{text}"
        );
    }

    #[test]
    fn words_of_the_upstream_stay() {
        for text in [
            "",
            "max_tokens must be below 4096",
            r#"{"error":{"code":"invalid_value","param":"temperature"}}"#,
            "model a/b-1.5:free has no endpoint",
        ] {
            check(text, text);
        }
    }

    #[test]
    fn words_of_the_prompt_go_however_they_are_cut_or_escaped() {
        for (text, expected) in [
            ("cannot parse 'My ACCOUNT 4711'", "cannot parse 'My … …'"),
            ("bad input: account 4711 savi", "bad input: … … …"),
            (r"near \naccount\n", "near …"),
            (r"near \\naccount\\u0021", "near …"),
            ("near %20savings", "near …"),
            (r"near Z\u00fcrich", "near Z…"),
            ("near zürich", "near z…"),
            ("错误", "…"),
        ] {
            check(text, expected);
        }
    }

    #[test]
    fn what_is_as_long_as_an_encoded_prompt_goes() {
        check(&format!("near {}", "A".repeat(41)), "near …");
    }

    proptest! {
        #[test]
        fn no_word_of_the_prompt_is_ever_shown(before in ".{0,20}", after in "[^a-zA-Z0-9_].{0,20}") {
            let text = format!("{before} savings{after}");
            let shown = without(&PROMPT.to_ascii_lowercase(), &text);
            let stood_before = before.contains("savings");
            prop_assert!(stood_before || !shown.contains("savings"), "{shown}");
        }
    }
}
