//! Comma-separated values with a line of headings.

/// The rows of a file, by heading.
#[derive(Debug)]
pub(super) struct Csv {
    pub(super) headings: Vec<String>,
    pub(super) rows: Vec<Vec<String>>,
    /// Lines with another number of cells: nobody can say which is which.
    pub(super) torn: Vec<String>,
}

impl Csv {
    /// Reads a file. Torn lines are left out.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let mut lines = (1..).zip(text.lines()).filter(|(_, line)| !line.is_empty());
        let (_, first) = lines.next().ok_or("it is empty")?;
        let headings = cells(first);
        let (mut rows, mut torn) = (Vec::new(), Vec::new());
        for (number, line) in lines {
            let row = cells(line);
            if row.len() == headings.len() {
                rows.push(row);
                continue;
            }
            torn.push(format!(
                "line {number}, {}: {} cells under {} headings",
                row.first().map_or("", String::as_str),
                row.len(),
                headings.len()
            ));
        }
        Ok(Self {
            headings,
            rows,
            torn,
        })
    }

    /// The place of a column.
    pub(super) fn column(&self, heading: &str) -> Result<usize, String> {
        let mut headings = self.headings.iter();
        headings
            .position(|known| known == heading)
            .ok_or_else(|| format!("it has no column {heading:?}"))
    }
}

/// The cells of a line. A cell in quotes may hold commas, and quotes as two.
fn cells(line: &str) -> Vec<String> {
    let mut cells = vec![String::new()];
    let mut is_quoted = false;
    let mut characters = line.chars().peekable();
    while let Some(character) = characters.next() {
        let doubled = character == '"' && is_quoted && characters.peek() == Some(&'"');
        match character {
            '"' if doubled => {
                characters.next();
                push(&mut cells, '"');
            }
            '"' => is_quoted = !is_quoted,
            ',' if !is_quoted => cells.push(String::new()),
            other => push(&mut cells, other),
        }
    }
    cells
}

fn push(cells: &mut [String], character: char) {
    if let Some(cell) = cells.last_mut() {
        cell.push(character);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quotes_keep_commas_and_quotes() {
        assert_eq!(cells(r#"a,"b, ""c""",,d"#), ["a", "b, \"c\"", "", "d"]);
    }

    #[test]
    fn a_line_of_another_length_is_left_out_and_named() {
        let table = Csv::parse("a,b\n1,2\n\n3\n").unwrap();
        assert_eq!(table.rows, [["1", "2"]]);
        assert_eq!(table.torn, ["line 4, 3: 1 cells under 2 headings"]);
    }
}
