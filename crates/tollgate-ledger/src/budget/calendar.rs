//! When windows begin: a pure function of zone, anchor and moment.

use jiff::civil::{self, Weekday};
use jiff::tz::TimeZone;
use jiff::{ToSpan, Zoned};
use tollgate_core::Timestamp;

use super::config::Period;

/// The windows of one budget.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Calendar {
    zone: TimeZone,
    anchor: Anchor,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Anchor {
    Hour { minute: i8 },
    Day { time: civil::Time },
    Week { day: Weekday },
    Month { day: i8 },
    Lifetime,
}

const WEEKDAYS: [(&str, Weekday); 7] = [
    ("monday", Weekday::Monday),
    ("tuesday", Weekday::Tuesday),
    ("wednesday", Weekday::Wednesday),
    ("thursday", Weekday::Thursday),
    ("friday", Weekday::Friday),
    ("saturday", Weekday::Saturday),
    ("sunday", Weekday::Sunday),
];

impl Period {
    /// When the period of a moment began, in UTC. Lifetime began with the epoch.
    ///
    /// ```
    /// use tollgate_core::Timestamp;
    /// use tollgate_ledger::Period;
    /// let begin = Period::Day.begin(Timestamp::from_secs(90_000));
    /// assert_eq!(begin, Timestamp::from_secs(86_400));
    /// ```
    pub fn begin(self, at: Timestamp) -> Timestamp {
        let calendar = Calendar::new(self, None, None);
        calendar.map_or_else(|_| Timestamp::default(), |calendar| calendar.start_of(at))
    }
}

impl Calendar {
    /// The calendar of a budget, or what is wrong with its keys: the key, and
    /// what it has to be.
    pub(crate) fn new(
        period: Period,
        zone: Option<&str>,
        anchor: Option<&str>,
    ) -> Result<Self, (&'static str, String)> {
        let zone = match zone {
            None => TimeZone::UTC,
            Some(name) => TimeZone::get(name).map_err(|_| {
                let message = format!("{name:?} is no time zone; it is one like Europe/Berlin");
                ("zone", message)
            })?,
        };
        let anchor = Anchor::new(period, anchor).map_err(|message| ("anchor", message))?;
        Ok(Self { zone, anchor })
    }

    /// When the window of a moment began.
    pub(crate) fn start_of(&self, at: Timestamp) -> Timestamp {
        let Anchor::Lifetime = self.anchor else {
            // Beyond the years that calendars know there is one window.
            return self.start(at).unwrap_or_default();
        };
        Timestamp::default()
    }

    /// When the window that began then ends; `None` of one without an end.
    pub(crate) fn end_of(&self, start: Timestamp) -> Option<Timestamp> {
        let span = match self.anchor {
            Anchor::Hour { .. } => 1.hour(),
            Anchor::Day { .. } => 1.day(),
            Anchor::Week { .. } => 1.week(),
            Anchor::Month { .. } => 1.month(),
            Anchor::Lifetime => return None,
        };
        let next = self.zoned(start)?.checked_add(span).ok()?;
        // A window that began late because clocks were put forward ends at the
        // usual time.
        let next = Timestamp::from_millis(next.timestamp().as_millisecond());
        Some(self.start_of(next))
    }

    fn start(&self, at: Timestamp) -> Option<Timestamp> {
        let now = self.zoned(at)?;
        let start = match self.anchor {
            Anchor::Hour { minute } => hour(&now, minute)?,
            Anchor::Day { time } => {
                self.latest(&now, 1.day(), |day| Some(day.to_datetime(time)))?
            }
            Anchor::Week { day } => {
                let back = now.weekday().since(day);
                let monday = now.date().checked_sub(i64::from(back).days()).ok()?;
                monday.to_zoned(self.zone.clone()).ok()?
            }
            Anchor::Month { day } => self.latest(&now, 1.month(), |date| {
                let date = civil::Date::new(date.year(), date.month(), day).ok()?;
                Some(date.to_datetime(civil::Time::midnight()))
            })?,
            Anchor::Lifetime => return None,
        };
        Some(Timestamp::from_millis(start.timestamp().as_millisecond()))
    }

    /// The beginning on this date, or on the one before when it is still to come.
    fn latest(
        &self,
        now: &Zoned,
        step: jiff::Span,
        begin: impl Fn(civil::Date) -> Option<civil::DateTime>,
    ) -> Option<Zoned> {
        let on = |date| begin(date)?.to_zoned(self.zone.clone()).ok();
        let today = now.date();
        let start = on(today)?;
        if start <= *now {
            return Some(start);
        }
        // From the first, so that every month has the day that is stepped to.
        let before = match step.get_months() {
            0 => today.checked_sub(step).ok()?,
            _ => today.first_of_month().checked_sub(step).ok()?,
        };
        on(before)
    }

    fn zoned(&self, at: Timestamp) -> Option<Zoned> {
        let at = jiff::Timestamp::from_millisecond(at.millis()).ok()?;
        Some(at.to_zoned(self.zone.clone()))
    }
}

fn hour(now: &Zoned, minute: i8) -> Option<Zoned> {
    // Elapsed minutes, not the clock's: an hour that comes twice is two.
    let into = i64::from(now.minute() - minute).rem_euclid(60);
    let seconds = i64::from(now.second());
    let nanos = i64::from(now.subsec_nanosecond());
    let back = into.minutes().seconds(seconds).nanoseconds(nanos);
    now.checked_sub(back).ok()
}

impl Anchor {
    fn new(period: Period, text: Option<&str>) -> Result<Self, String> {
        let wrong = |what: &str| {
            let text = text.unwrap_or_default();
            format!("{text:?} does not begin a {}; {what}", period.as_str())
        };
        match period {
            Period::Hour => {
                let minute = text.unwrap_or("0").parse().ok();
                let minute = minute.filter(|minute| (0..60).contains(minute));
                let minute = minute.ok_or_else(|| wrong("give a minute from \"0\" to \"59\""))?;
                Ok(Self::Hour { minute })
            }
            Period::Day => {
                let time = time(text.unwrap_or("00:00"));
                let time = time.ok_or_else(|| wrong("give a time such as \"09:30\""))?;
                Ok(Self::Day { time })
            }
            Period::Week => {
                let name = text.unwrap_or("monday").to_lowercase();
                let day = WEEKDAYS.iter().find(|(known, _)| *known == name);
                let (_, day) = day.ok_or_else(|| wrong("give a weekday such as \"monday\""))?;
                Ok(Self::Week { day: *day })
            }
            Period::Month => {
                let day = text.unwrap_or("1").parse().ok();
                let day = day.filter(|day| (1..=28).contains(day));
                let day = day.ok_or_else(|| wrong("give a day from \"1\" to \"28\""))?;
                Ok(Self::Month { day })
            }
            Period::Lifetime => match text {
                None => Ok(Self::Lifetime),
                Some(_) => Err(wrong("it has no beginning: leave the anchor out")),
            },
        }
    }
}

fn time(text: &str) -> Option<civil::Time> {
    let (hour, minute) = text.split_once(':')?;
    civil::Time::new(hour.parse().ok()?, minute.parse().ok()?, 0, 0).ok()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn calendar(period: Period, zone: &str, anchor: Option<&str>) -> Calendar {
        Calendar::new(period, Some(zone), anchor).unwrap()
    }

    fn at(text: &str) -> Timestamp {
        let at: jiff::Timestamp = text.parse().unwrap();
        Timestamp::from_millis(at.as_millisecond())
    }

    #[test]
    fn windows_begin_where_the_calendar_says() {
        let cases = [
            (
                Period::Hour,
                "UTC",
                None,
                "2026-03-04T05:59:59.999Z",
                "2026-03-04T05:00:00Z",
            ),
            (
                Period::Hour,
                "UTC",
                Some("15"),
                "2026-03-04T05:10:00Z",
                "2026-03-04T04:15:00Z",
            ),
            (
                Period::Hour,
                "Asia/Kolkata",
                None,
                "2026-03-04T05:10:00Z",
                "2026-03-04T04:30:00Z",
            ),
            (
                Period::Day,
                "UTC",
                None,
                "2026-03-04T00:00:00Z",
                "2026-03-04T00:00:00Z",
            ),
            (
                Period::Day,
                "Europe/Berlin",
                None,
                "2026-07-04T22:30:00Z",
                "2026-07-04T22:00:00Z",
            ),
            (
                Period::Day,
                "UTC",
                Some("09:30"),
                "2026-03-04T09:29:59Z",
                "2026-03-03T09:30:00Z",
            ),
            (
                Period::Week,
                "UTC",
                None,
                "2026-11-24T12:00:00Z",
                "2026-11-23T00:00:00Z",
            ),
            (
                Period::Week,
                "UTC",
                Some("Friday"),
                "2026-11-24T12:00:00Z",
                "2026-11-20T00:00:00Z",
            ),
            (
                Period::Month,
                "UTC",
                None,
                "2024-02-29T12:00:00Z",
                "2024-02-01T00:00:00Z",
            ),
            (
                Period::Month,
                "UTC",
                Some("28"),
                "2026-03-10T00:00:00Z",
                "2026-02-28T00:00:00Z",
            ),
            (
                Period::Month,
                "UTC",
                Some("15"),
                "2026-03-31T00:00:00Z",
                "2026-03-15T00:00:00Z",
            ),
            (
                Period::Month,
                "UTC",
                Some("15"),
                "2026-01-03T00:00:00Z",
                "2025-12-15T00:00:00Z",
            ),
            (
                Period::Lifetime,
                "UTC",
                None,
                "2026-01-03T00:00:00Z",
                "1970-01-01T00:00:00Z",
            ),
        ];
        for (period, zone, anchor, moment, start) in cases {
            let calendar = calendar(period, zone, anchor);
            assert_eq!(
                calendar.start_of(at(moment)),
                at(start),
                "{period:?} {zone} {anchor:?} {moment}"
            );
        }
    }

    #[test]
    fn days_have_23_to_25_hours_when_clocks_change() {
        let berlin = calendar(Period::Day, "Europe/Berlin", None);
        for (moment, hours) in [
            ("2026-03-29T12:00:00Z", 23),
            ("2026-10-25T12:00:00Z", 25),
            ("2026-10-26T12:00:00Z", 24),
        ] {
            let start = berlin.start_of(at(moment));
            let end = berlin.end_of(start).unwrap();
            assert_eq!(end.since(start).as_secs(), hours * 3_600, "{moment}");
        }
        // Midnight does not exist there on that day: the window begins at one.
        let beirut = calendar(Period::Day, "Asia/Beirut", None);
        let start = beirut.start_of(at("2026-03-29T12:00:00Z"));
        assert_eq!(start, at("2026-03-28T22:00:00Z"));
        assert_eq!(beirut.end_of(start), Some(at("2026-03-29T21:00:00Z")));
    }

    #[test]
    fn keys_that_cannot_work_are_named() {
        let wrong = [
            (Period::Day, Some("Mars/Olympus"), None, "zone"),
            (Period::Hour, None, Some("60"), "anchor"),
            (Period::Day, None, Some("25:00"), "anchor"),
            (Period::Week, None, Some("someday"), "anchor"),
            (Period::Month, None, Some("29"), "anchor"),
            (Period::Lifetime, None, Some("1"), "anchor"),
        ];
        for (period, zone, anchor, key) in wrong {
            let (found, message) = Calendar::new(period, zone, anchor).unwrap_err();
            assert_eq!(found, key, "{message}");
        }
    }

    proptest! {
        /// Every moment is in exactly one window, and windows follow each other.
        #[test]
        fn windows_tile_time(
            millis in 0_i64..4_102_444_800_000,
            which in 0_usize..4,
            zone in prop::sample::select(vec!["UTC", "Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Asia/Beirut"]),
        ) {
            let periods = [Period::Hour, Period::Day, Period::Week, Period::Month];
            let calendar = calendar(periods[which], zone, None);
            let moment = Timestamp::from_millis(millis);
            let start = calendar.start_of(moment);
            let end = calendar.end_of(start).unwrap();
            prop_assert!(start <= moment && moment < end, "{start} <= {moment} < {end}");
            prop_assert_eq!(calendar.start_of(start), start);
            prop_assert_eq!(calendar.start_of(end), end);
            let last = Timestamp::from_millis(end.millis() - 1);
            prop_assert_eq!(calendar.start_of(last), start);
        }
    }
}
