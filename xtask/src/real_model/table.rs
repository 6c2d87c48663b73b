//! The table of what was checked.

use std::fmt::Write as _;

use super::checks::Checked;

/// The table, in Markdown.
pub(super) fn of(checked: &[Checked]) -> String {
    let mut text = String::from("| check | | found |\n|---|---|---|\n");
    for Checked { what, found } in checked {
        let (mark, note) = match found {
            Ok(note) => ("✓", note),
            Err(why) => ("✗", why),
        };
        // A line end or a bar would break the table.
        let note = note.replace('|', "\\|").replace(['\n', '\r'], " ");
        let _ = writeln!(text, "| {what} | {mark} | {note} |");
    }
    text.trim_end().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_found_stays_in_its_cell() {
        let checked = [
            Checked {
                what: "one",
                found: Ok("a|b".into()),
            },
            Checked {
                what: "two",
                found: Err("c\nd".into()),
            },
        ];
        assert_eq!(
            of(&checked),
            "| check | | found |\n|---|---|---|\n| one | ✓ | a\\|b |\n| two | ✗ | c d |"
        );
    }
}
