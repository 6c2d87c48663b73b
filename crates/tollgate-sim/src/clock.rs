//! Simulated time: seconds since 1970, in the forms that HTTP and JSON want.

use tokio::time::Instant;

/// Noon UTC of the day on which the embedded catalog was recorded.
pub(crate) const SNAPSHOT_NOON: u64 = 1_786_190_400;

/// What the simulator takes for the time of day (`created`, dates, price windows).
///
/// Delays are not affected: they run on Tokio's clock, so paused time works.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Clock {
    /// Always the same second, so that answers are the same bytes on every run. The default,
    /// at noon UTC of the day of the embedded catalog.
    Frozen(u64),
    /// Starts at the given second since 1970 and goes on with Tokio's clock.
    Running(u64),
}

impl Default for Clock {
    fn default() -> Self {
        Self::Frozen(SNAPSHOT_NOON)
    }
}

impl Clock {
    /// Seconds since 1970.
    pub(crate) fn now(self, started: Instant) -> u64 {
        match self {
            Self::Frozen(epoch) => epoch,
            Self::Running(epoch) => epoch + started.elapsed().as_secs(),
        }
    }
}

/// `Sun, 06 Nov 1994 08:49:37 GMT`.
pub(crate) fn http_date(seconds: u64) -> String {
    const MONTHS: [&str; 12] = [
        "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
    ];
    const DAYS: [&str; 7] = ["Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"];
    let (year, month, day) = civil(seconds / 86_400);
    let (hour, minute, second) = time_of_day(seconds);
    let weekday = DAYS[weekday(seconds)];
    let month = MONTHS[month - 1];
    format!("{weekday}, {day:02} {month} {year} {hour:02}:{minute:02}:{second:02} GMT")
}

/// `1994-11-06T08:49:37Z`.
pub(crate) fn iso_date(seconds: u64) -> String {
    let (year, month, day) = civil(seconds / 86_400);
    let (hour, minute, second) = time_of_day(seconds);
    format!("{year}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}Z")
}

/// The next midnight UTC, when daily limits start anew.
pub(crate) fn next_midnight(seconds: u64) -> u64 {
    (seconds / 86_400 + 1) * 86_400
}

/// Midnight UTC before or at that second.
pub(crate) fn day_start(seconds: u64) -> u64 {
    seconds / 86_400 * 86_400
}

/// Midnight UTC of the Monday before or at that second.
pub(crate) fn week_start(seconds: u64) -> u64 {
    let since_monday = (weekday(seconds) + 6) % 7;
    let days = u64::try_from(since_monday).unwrap_or(0);
    day_start(seconds).saturating_sub(days * 86_400)
}

/// Midnight UTC of the first day of that second's month.
pub(crate) fn month_start(seconds: u64) -> u64 {
    let (_, _, day) = civil(seconds / 86_400);
    day_start(seconds) - (day - 1) * 86_400
}

/// The time of day as HHMM, as price windows count it.
pub(crate) fn hhmm(seconds: u64) -> u64 {
    let (hour, minute, _) = time_of_day(seconds);
    hour * 100 + minute
}

/// 0 is Sunday.
pub(crate) fn weekday(seconds: u64) -> usize {
    // 1970-01-01 was a Thursday.
    usize::try_from((seconds / 86_400 + 4) % 7).unwrap_or(0)
}

fn time_of_day(seconds: u64) -> (u64, u64, u64) {
    let rest = seconds % 86_400;
    (rest / 3_600, rest / 60 % 60, rest % 60)
}

/// Year, month (1–12) and day of a number of days since 1970.
fn civil(mut days: u64) -> (u64, usize, u64) {
    let mut year = 1970;
    let leap = |year: u64| {
        year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400))
    };
    while days >= 365 + u64::from(leap(year)) {
        days -= 365 + u64::from(leap(year));
        year += 1;
    }
    let february = 28 + u64::from(leap(year));
    let mut month = 1;
    for length in [31, february, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31] {
        if days < length {
            break;
        }
        days -= length;
        month += 1;
    }
    (year, month, days + 1)
}

#[cfg(test)]
mod tests {
    use super::{
        SNAPSHOT_NOON, day_start, hhmm, http_date, iso_date, month_start, next_midnight, week_start,
    };

    #[test]
    fn windows_begin_at_midnight_on_mondays_and_on_the_first() {
        // A Saturday.
        let starts =
            [day_start, week_start, month_start].map(|start| iso_date(start(SNAPSHOT_NOON)));
        let dates = ["2026-08-08", "2026-08-03", "2026-08-01"];
        assert_eq!(starts, dates.map(|date| format!("{date}T00:00:00Z")));
        let sunday = day_start(SNAPSHOT_NOON) + 86_400;
        assert_eq!(week_start(sunday), week_start(SNAPSHOT_NOON));
        assert_eq!(week_start(sunday + 86_400), sunday + 86_400);
    }

    #[test]
    fn dates_are_right_around_leap_days() {
        assert_eq!(http_date(784_111_777), "Sun, 06 Nov 1994 08:49:37 GMT");
        assert_eq!(iso_date(951_782_400), "2000-02-29T00:00:00Z");
        assert_eq!(iso_date(1_709_251_200), "2024-03-01T00:00:00Z");
        assert_eq!(iso_date(SNAPSHOT_NOON), "2026-08-08T12:00:00Z");
        assert_eq!(
            iso_date(next_midnight(SNAPSHOT_NOON)),
            "2026-08-09T00:00:00Z"
        );
        assert_eq!(hhmm(784_111_777), 849);
    }
}
