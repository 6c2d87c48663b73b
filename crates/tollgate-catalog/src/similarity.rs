//! How alike two short texts are.

/// One minus the number of edits per letter of the longer text, 0 to 1. An
/// edit inserts, deletes or replaces a letter, or swaps two neighbours.
pub(crate) fn similarity(a: &str, b: &str) -> f64 {
    let (a, b): (Vec<char>, Vec<char>) = (a.chars().collect(), b.chars().collect());
    let longer = a.len().max(b.len());
    if longer == 0 {
        return 1.0;
    }
    1.0 - edits(&a, &b) as f64 / longer as f64
}

/// Optimal string alignment: three rows of the table are enough, as a swap
/// looks two rows back.
fn edits(a: &[char], b: &[char]) -> usize {
    let mut before_last = vec![0; b.len() + 1];
    let mut last: Vec<usize> = (0..=b.len()).collect();
    for i in 1..=a.len() {
        let mut row = vec![i; b.len() + 1];
        for j in 1..=b.len() {
            let replaced = last[j - 1] + usize::from(a[i - 1] != b[j - 1]);
            row[j] = replaced.min(last[j] + 1).min(row[j - 1] + 1);
            if i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] {
                row[j] = row[j].min(before_last[j - 2] + 1);
            }
        }
        before_last = std::mem::replace(&mut last, row);
    }
    last[b.len()]
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn count(a: &str, b: &str) -> usize {
        edits(
            &a.chars().collect::<Vec<_>>(),
            &b.chars().collect::<Vec<_>>(),
        )
    }

    #[test]
    fn swaps_count_once() {
        for (a, b, expected) in [
            ("", "abc", 3),
            ("abc", "acb", 1),
            ("kitten", "sitting", 3),
            ("é", "e", 1),
        ] {
            assert_eq!(count(a, b), expected, "{a} {b}");
        }
    }

    proptest! {
        #[test]
        fn it_is_symmetric_and_between_zero_and_one(a in "[a-c]{0,8}", b in "[a-c]{0,8}") {
            let alike = similarity(&a, &b);
            prop_assert_eq!(alike, similarity(&b, &a));
            prop_assert!((0.0..=1.0).contains(&alike));
            prop_assert_eq!(alike == 1.0, a == b);
        }
    }
}
