//! What a person sees: data on standard output, the rest on standard error,
//! colour where there is a terminal that wants it.

use std::fmt::Display;
use std::io::{IsTerminal, Write};
use std::sync::atomic::{AtomicBool, Ordering};

use anstream::adapter::strip_str;
use comfy_table::{ContentArrangement, Table, presets};
use owo_colors::OwoColorize;
use tollgate::Usd;

use crate::log;

/// Whether anything was written to standard output.
static HAS_PRINTED: AtomicBool = AtomicBool::new(false);

pub(crate) fn has_printed() -> bool {
    HAS_PRINTED.load(Ordering::Relaxed)
}

/// Writes a line to standard output.
pub(crate) fn data(text: impl Display) {
    HAS_PRINTED.store(true, Ordering::Relaxed);
    let mut out = anstream::stdout().lock();
    let _ = writeln!(out, "{text}");
}

/// Writes text to standard output without a line end, at once.
pub(crate) fn piece(text: &str) {
    HAS_PRINTED.store(true, Ordering::Relaxed);
    let mut out = anstream::stdout().lock();
    let _ = out.write_all(text.as_bytes());
    let _ = out.flush();
}

/// Writes a line to standard error.
pub(crate) fn note(text: impl Display) {
    if log::is_json() {
        let text = text.to_string();
        return tracing::info!(target: log::TARGET, "{}", strip_str(&text));
    }
    let _ = writeln!(anstream::stderr().lock(), "{text}");
}

/// Writes an error with its hint to standard error.
pub(crate) fn error(message: &str, hint: Option<&str>) {
    if log::is_json() {
        return tracing::error!(target: log::TARGET, hint, "{message}");
    }
    note(format!("{} {message}", "error:".red().bold()));
    if let Some(hint) = hint {
        note(format!("{} {hint}", "hint:".cyan().bold()));
    }
}

/// Writes a warning to standard error.
pub(crate) fn warning(message: &str) {
    if log::is_json() {
        return tracing::warn!(target: log::TARGET, "{message}");
    }
    note(format!("{} {message}", "warning:".yellow().bold()));
}

/// Writes a value as one JSON document to standard output.
pub(crate) fn json(value: &impl serde::Serialize) {
    match serde_json::to_string_pretty(value) {
        Ok(text) => data(text),
        Err(problem) => error(&format!("cannot write JSON: {problem}"), None),
    }
}

/// Whether standard error takes colours.
pub(crate) fn is_coloured() -> bool {
    anstream::AutoStream::choice(&std::io::stderr()) != anstream::ColorChoice::Never
}

/// Columns of the terminal that standard output is, or 80 when it is none.
pub(crate) fn width() -> usize {
    let out = std::io::stdout();
    let size = terminal_size::terminal_size_of(&out).filter(|_| out.is_terminal());
    size.map_or(80, |(width, _)| width.0.into())
}

/// A borderless table.
pub(crate) fn table(headings: &[&str]) -> Table {
    let mut table = Table::new();
    table
        .load_style(presets::NOTHING)
        .set_content_arrangement(ContentArrangement::Dynamic);
    table.set_header(headings.iter().map(|heading| heading.to_uppercase()));
    table
}

/// A line on standard error that is replaced by the next one, on terminals only.
pub(crate) struct Progress {
    live: bool,
}

impl Progress {
    pub(crate) fn new() -> Self {
        Self {
            live: std::io::stderr().is_terminal(),
        }
    }

    pub(crate) fn show(&self, text: impl Display) {
        if self.live {
            let mut err = anstream::stderr().lock();
            let _ = write!(err, "\r\x1b[2K{text}");
            let _ = err.flush();
        }
    }

    pub(crate) fn clear(&self) {
        self.show("");
        if self.live {
            let _ = write!(anstream::stderr().lock(), "\r");
        }
    }
}

/// Dollars with as many digits as a person needs: at least two places, at
/// least three significant digits, never rounded to zero.
pub(crate) fn dollars(amount: Usd) -> String {
    let exact = amount.to_string();
    let Some((whole, fraction)) = exact.split_once('.') else {
        return format!("${exact}.00");
    };
    let zeros = fraction.len() - fraction.trim_start_matches('0').len();
    let places = if whole == "0" { zeros + 3 } else { 2 }
        .max(2)
        .min(fraction.len());
    format!("${whole}.{:0<2}", &fraction[..places])
}

/// [`dollars`] with a sign: `+$1.50`, `-$0.25`.
pub(crate) fn signed_dollars(amount: Usd) -> String {
    match amount.nanos() {
        0 => dollars(amount),
        ..0 => format!("-{}", dollars(Usd::ZERO - amount)),
        1.. => format!("+{}", dollars(amount)),
    }
}

/// How much of a whole it is, in percent with a tenth; of nothing, nothing.
pub(crate) fn percent(part: Usd, whole: Usd) -> String {
    let tenths = match whole.nanos() {
        0 => 0,
        whole => i128::from(part.nanos()) * 1_000 / i128::from(whole),
    };
    let sign = if tenths < 0 { "-" } else { "" };
    let tenths = tenths.unsigned_abs();
    format!("{sign}{}.{} %", tenths / 10, tenths % 10)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dollars_never_look_like_nothing() {
        let show = |text: &str| dollars(text.parse().expect("a valid amount"));
        assert_eq!(show("0"), "$0.00");
        assert_eq!(show("1.5"), "$1.50");
        assert_eq!(show("12.3456"), "$12.34");
        assert_eq!(show("0.000123456"), "$0.000123");
        assert_eq!(show("0.000000001"), "$0.000000001");
    }

    #[test]
    fn differences_have_a_sign_and_shares_a_tenth() {
        let usd = |text: &str| text.parse().expect("a valid amount");
        assert_eq!(signed_dollars(usd("-0.25")), "-$0.25");
        assert_eq!(signed_dollars(usd("1.5")), "+$1.50");
        assert_eq!(signed_dollars(Usd::ZERO), "$0.00");
        assert_eq!(percent(usd("-0.5"), usd("1.5")), "-33.3 %");
        assert_eq!(percent(usd("-0.0001"), usd("1")), "0.0 %");
        assert_eq!(percent(usd("1"), usd("0")), "0.0 %");
    }
}
