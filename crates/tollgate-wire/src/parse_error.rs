//! The one error of this crate: some text is not the JSON that it should be, and where.

use std::fmt;

/// Some JSON text could not be read: what was wrong, and where.
///
/// The place is a path in the document (`messages[2].role`); line and column count from one within the text (or the
/// value) that was parsed, and are zero when the fault is not one of syntax.
///
/// ```
/// let error = tollgate_wire::Object::parse(b"{\"a\":1,,}").unwrap_err();
/// assert_eq!((error.line(), error.column()), (1, 8));
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ParseError {
    place: String,
    message: String,
    line: usize,
    column: usize,
}

impl ParseError {
    /// An error with a message and no place yet; see [`ParseError::at`].
    pub fn new(message: impl Into<String>) -> Self {
        Self {
            place: String::new(),
            message: message.into(),
            line: 0,
            column: 0,
        }
    }

    /// Puts a key in front of the place: `role` at `message` is `message.role`.
    #[must_use]
    pub fn at(mut self, key: &str) -> Self {
        let separator = if self.place.is_empty() || self.place.starts_with('[') {
            ""
        } else {
            "."
        };
        self.place = format!("{key}{separator}{}", self.place);
        self
    }

    /// Puts an array index in front of the place: `role` at 2 is `[2].role`.
    #[must_use]
    pub fn at_index(self, index: usize) -> Self {
        self.at(&format!("[{index}]"))
    }

    /// Says where in the text the fault is.
    pub(crate) fn on(mut self, line: usize, column: usize) -> Self {
        (self.line, self.column) = (line, column);
        self
    }

    /// The path of the value at fault, empty for the whole text.
    pub fn place(&self) -> &str {
        &self.place
    }

    /// What is wrong, without the place.
    pub fn message(&self) -> &str {
        &self.message
    }

    /// Line of the fault, from one; zero when it is not one of syntax.
    pub fn line(&self) -> usize {
        self.line
    }

    /// Column of the fault in bytes, from one; zero when it is not one of syntax.
    pub fn column(&self) -> usize {
        self.column
    }
}

impl std::error::Error for ParseError {}

impl fmt::Display for ParseError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.place.is_empty() {
            write!(f, "`{}`: ", self.place)?;
        }
        f.write_str(&self.message)?;
        if self.line > 0 {
            write!(f, " at line {} column {}", self.line, self.column)?;
        }
        Ok(())
    }
}

impl From<serde_json::Error> for ParseError {
    fn from(error: serde_json::Error) -> Self {
        let (line, column) = (error.line(), error.column());
        let mut message = error.to_string();
        // serde_json appends the position to its text; it is kept as numbers here.
        if let Some(cut) = message.rfind(" at line ") {
            message.truncate(cut);
        }
        Self {
            place: String::new(),
            message,
            line,
            column,
        }
    }
}

/// A key as it is shown in the place of an error or a loss: callers choose keys, so it may be long, or none to print.
pub(crate) fn shown(key: &str) -> String {
    const MOST: usize = 64;
    let printable = |one: char| if one.is_control() { '\u{fffd}' } else { one };
    let mut shown: String = key.chars().take(MOST).map(printable).collect();
    if shown.len() < key.len() && key.chars().nth(MOST).is_some() {
        shown.push('…');
    }
    shown
}
