//! Words that must not be in the repository.

use super::{Finding, Tree};

/// One word, in pieces so that this file does not contain it.
struct Word {
    word: &'static str,
    /// Extensions of the files that are searched; none means all files.
    files: &'static [&'static str],
    why: &'static str,
}

const MEND: &str = "reword it";

#[rustfmt::skip]
const WORDS: &[Word] = &[
    Word { word: concat!("to", "do!("), files: &["rs"], why: "is unfinished code" },
    Word { word: concat!("un", "implemented!("), files: &["rs"], why: "is unfinished code" },
    Word { word: concat!("FIX", "ME"), files: &[], why: "is unfinished work" },
    Word { word: concat!("/wo", "rk/"), files: &[], why: "is a path of one machine" },
    Word { word: concat!("/ro", "ot/"), files: &[], why: "is a path of one machine" },
    Word { word: concat!("..", "/shared"), files: &[], why: "leads out of the repository" },
];

/// Finds every [`WORDS`] entry that stands alone.
pub(crate) fn check(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for file in &tree.files {
        for (number, line) in file.text.lines().enumerate() {
            for word in WORDS.iter().filter(|word| searches(word, &file.path)) {
                if stands_in(line, word.word) {
                    findings.push(Finding::new(
                        format!("{}:{}", file.path.display(), number + 1),
                        format!("`{}` {}", word.word, word.why),
                        MEND,
                    ));
                }
            }
        }
    }
    findings
}

fn searches(word: &Word, path: &std::path::Path) -> bool {
    let extension = path.extension().and_then(|end| end.to_str());
    word.files.is_empty() || extension.is_some_and(|end| word.files.contains(&end))
}

/// Whether `word` is in `line` and is not the end of a longer word.
fn stands_in(line: &str, word: &str) -> bool {
    line.match_indices(word).any(|(at, _)| {
        !line[..at]
            .chars()
            .next_back()
            .is_some_and(|before| before.is_alphanumeric() || before == '_')
    })
}

#[cfg(test)]
mod tests {
    use super::{Tree, WORDS, check};

    fn found(path: &str, text: &str) -> usize {
        check(&Tree::of(&[(path, text)])).len()
    }

    #[test]
    fn each_word_is_found_where_it_is_searched() {
        for word in WORDS {
            let line = format!("x {} y", word.word);
            assert_eq!(found("a.rs", &line), 1, "{line}");
        }
    }

    #[test]
    fn longer_words_and_other_files_are_left_alone() {
        let path = WORDS[3].word;
        assert_eq!(found("a.md", &format!("https://example.org{path}x")), 0);
        assert_eq!(found("a.md", WORDS[0].word), 0);
    }
}
