use std::fmt;

/// One thing that is wrong with a `[keys.NAME]` table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InvalidKey {
    /// The key of the configuration, such as `keys.ci.hash`.
    pub key: String,
    /// The file, or wherever else the table was read from.
    pub origin: String,
    /// What is wrong; it never quotes a key or a hash.
    pub message: String,
    /// How to mend it.
    pub hint: String,
}

impl fmt::Display for InvalidKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            key,
            origin,
            message,
            hint,
        } = self;
        write!(f, "{origin}: {key}: {message}\n  hint: {hint}")
    }
}

/// All that is wrong with the keys, at once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InvalidKeys {
    /// In the order of the names; never empty.
    pub problems: Vec<InvalidKey>,
}

impl fmt::Display for InvalidKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (place, problem) in self.problems.iter().enumerate() {
            if place > 0 {
                f.write_str("\n")?;
            }
            write!(f, "{problem}")?;
        }
        Ok(())
    }
}

impl std::error::Error for InvalidKeys {}
