//! Reports as text.

use std::fmt;

use crate::report::{Bound, Report, Row, Unit};

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let verdict = if self.passes() { "ok" } else { "FAILED" };
        writeln!(
            f,
            "{} {verdict} (seed {}, {} calls)",
            self.trial, self.seed, self.calls
        )?;
        for row in &self.rows {
            writeln!(f, "{row}")?;
        }
        for line in &self.table {
            writeln!(f, "    {line}")?;
        }
        if let Some(digest) = self.digest {
            writeln!(f, "    trace {digest}")?;
        }
        for violation in &self.violations {
            writeln!(f, "  ✗ {violation}")?;
        }
        Ok(())
    }
}

/// `  ✓ calls that fail                       0   ≤ 0`.
impl fmt::Display for Row {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            what,
            found,
            unit,
            bound,
            passes,
        } = self;
        let mark = match (bound, passes) {
            (Bound::Told, _) => ' ',
            (_, true) => '✓',
            (_, false) => '✗',
        };
        let found = found.map_or_else(|| "never".to_owned(), |found| unit.show(found));
        let bound = match bound {
            Bound::Told => String::new(),
            Bound::AtLeast(bound) => format!("≥ {}", unit.show(*bound)),
            Bound::AtMost(bound) => format!("≤ {}", unit.show(*bound)),
        };
        let line = format!("  {mark} {what:<50} {found:>12}   {bound}");
        f.write_str(line.trim_end())
    }
}

impl Unit {
    fn show(self, figure: f64) -> String {
        match self {
            Self::Count => format!("{figure}"),
            Self::Percent => format!("{figure:.3} %"),
            Self::Ratio => format!("{figure:.3}"),
            Self::Seconds => format!("{figure:.3} s"),
            Self::NanoUsd => format!("{figure} n$"),
        }
    }
}
