//! Normal forms of names.

use tollgate_core::ModelId;

/// A provider's name and its forms, made once for all models that it is compared with.
#[derive(Debug)]
pub(super) struct Form<'a> {
    pub(super) name: &'a ModelId,
    /// In lower case, without what the provider puts before each.
    pub(super) bare: String,
    /// Whether an author stands before a slash in it.
    pub(super) has_author: bool,
    /// And with dashes for points.
    pub(super) spelt: String,
    /// And without a date, or without the provider's own suffix.
    pub(super) stem: String,
    /// The date that the stem lacks.
    pub(super) date: Option<String>,
}

/// Lower case, and dashes where there are points or underscores.
pub(crate) fn spelt(name: &str) -> String {
    name.to_lowercase().replace(['.', '_'], "-")
}

/// A date at the end, as `20250219`, and what stands before it.
/// `-20250219` and `-2025-02-19` are dates; shorter numbers may be versions.
pub(crate) fn dated(name: &str) -> Option<(&str, String)> {
    let digits_from = |start: usize| {
        let text = name.get(start..)?;
        let date: String = text.chars().filter(char::is_ascii_digit).collect();
        let shape: Vec<usize> = text.split('-').skip(1).map(str::len).collect();
        let is_date = text.starts_with('-') && date.starts_with("20") && date.len() == 8;
        (is_date && (shape == [8] || shape == [4, 2, 2])).then_some(date)
    };
    ["-20250219", "-2025-02-19"].into_iter().find_map(|like| {
        let start = name.len().checked_sub(like.len())?;
        Some((name.get(..start)?, digits_from(start)?))
    })
}

/// Puts a point where the provider writes `point` between two digits: `v3p2`.
pub(super) fn with_points(name: &str, point: &str) -> String {
    let mut text = String::with_capacity(name.len());
    for (at, character) in name.char_indices() {
        let digit = |byte: Option<&u8>| byte.is_some_and(u8::is_ascii_digit);
        let before = at.checked_sub(1).and_then(|at| name.as_bytes().get(at));
        let after = name.as_bytes().get(at + character.len_utf8());
        let is_point = point.chars().eq([character]) && digit(before) && digit(after);
        text.push(if is_point { '.' } else { character });
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_have_eight_digits() {
        assert_eq!(dated("a-20250219"), Some(("a", "20250219".into())));
        assert_eq!(
            dated("gpt-5-2025-08-07"),
            Some(("gpt-5", "20250807".into()))
        );
        for plain in [
            "a",
            "gpt-4-0613",
            "a-2512",
            "a-12345678",
            "20250219",
            "a-20250-219",
        ] {
            assert_eq!(dated(plain), None, "{plain}");
        }
    }

    #[test]
    fn points_are_between_digits() {
        assert_eq!(with_points("deepseek-v3p2", "p"), "deepseek-v3.2");
        assert_eq!(with_points("gpt-oss-20b", "p"), "gpt-oss-20b");
        assert_eq!(with_points("llama-4p", "p"), "llama-4p");
    }

    #[test]
    fn spelling_is_case_points_and_underscores() {
        assert_eq!(spelt("Llama-3_1.X"), "llama-3-1-x");
    }
}
