//! “Did you mean …?”

/// The candidate with the fewest single-letter edits to `name`, or an empty
/// text when there are no candidates.
pub(crate) fn nearest<'a>(name: &str, candidates: impl Iterator<Item = &'a str>) -> &'a str {
    candidates
        .min_by_key(|candidate| distance(name, candidate))
        .unwrap_or_default()
}

/// Levenshtein distance, one row at a time.
fn distance(left: &str, right: &str) -> usize {
    let right: Vec<char> = right.chars().collect();
    let mut row: Vec<usize> = (0..=right.len()).collect();
    for (index, left) in left.chars().enumerate() {
        let mut diagonal = std::mem::replace(&mut row[0], index + 1);
        for (column, right) in right.iter().enumerate() {
            let replaced = diagonal + usize::from(left != *right);
            diagonal = row[column + 1];
            row[column + 1] = replaced.min(diagonal + 1).min(row[column] + 1);
        }
    }
    row[right.len()]
}

#[cfg(test)]
mod tests {
    use super::nearest;

    #[test]
    fn a_typo_finds_its_word() {
        assert_eq!(
            nearest("stal", ["reset", "stall", "no-done"].into_iter()),
            "stall"
        );
        assert_eq!(
            nearest("no-doen", ["reset", "stall", "no-done"].into_iter()),
            "no-done"
        );
    }
}
