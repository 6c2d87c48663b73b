//! Reads records back, one by one, so that a year fits into any memory.

use std::fs::File;
use std::io::{self, BufRead, BufReader};
use std::path::Path;

use tollgate_core::Timestamp;

use super::folder::day_files;
use super::{CallRecord, DayFile};

/// The recorded calls of a period, by the day of their admission and within a
/// day in the order in which they were settled.
///
/// ```no_run
/// # fn main() -> std::io::Result<()> {
/// let mut records = tollgate::Records::open("records".as_ref(), None, None)?;
/// while let Some(record) = records.next().transpose()? {
///     println!("{} {} ${}", record.call, record.choice.model, record.cost());
/// }
/// println!("{} lines could not be read", records.unreadable());
/// # Ok(()) }
/// ```
#[derive(Debug)]
pub struct Records {
    days: std::vec::IntoIter<DayFile>,
    open: Option<BufReader<File>>,
    line: Vec<u8>,
    since: Option<Timestamp>,
    until: Option<Timestamp>,
    unreadable: u64,
}

impl Records {
    /// Calls admitted at or after `since` and before `until`. No folder is no
    /// calls.
    ///
    /// # Errors
    /// When the folder is there and cannot be read.
    pub fn open(
        folder: &Path,
        since: Option<Timestamp>,
        until: Option<Timestamp>,
    ) -> io::Result<Self> {
        let mut days = day_files(folder)?;
        days.retain(|file| {
            since.is_none_or(|since| since.day() <= file.day)
                && until.is_none_or(|until| file.day <= until.day())
        });
        Ok(Self {
            days: days.into_iter(),
            open: None,
            line: Vec::new(),
            since,
            until,
            unreadable: 0,
        })
    }

    /// Lines that were no record: what a crash cut off, or what a later
    /// version has written.
    pub fn unreadable(&self) -> u64 {
        self.unreadable
    }

    /// Reads one line; false at the end of all files.
    fn read_line(&mut self) -> io::Result<bool> {
        loop {
            if let Some(file) = &mut self.open {
                self.line.clear();
                if file.read_until(b'\n', &mut self.line)? > 0 {
                    return Ok(true);
                }
            }
            let Some(day) = self.days.next() else {
                return Ok(false);
            };
            self.open = match File::open(&day.path) {
                Ok(file) => Some(BufReader::new(file)),
                // Deleted since it was listed, as a day that is too old.
                Err(error) if error.kind() == io::ErrorKind::NotFound => None,
                Err(error) => return Err(error),
            };
        }
    }

    fn is_within(&self, at: Timestamp) -> bool {
        self.since.is_none_or(|since| at >= since) && self.until.is_none_or(|until| at < until)
    }
}

impl Iterator for Records {
    type Item = io::Result<CallRecord>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            match self.read_line() {
                Ok(true) => {}
                Ok(false) => return None,
                Err(error) => return Some(Err(error)),
            }
            match serde_json::from_slice::<CallRecord>(&self.line) {
                Ok(record) if self.is_within(record.at()) => return Some(Ok(record)),
                Ok(_) => {}
                Err(_) => self.unreadable += 1,
            }
        }
    }
}
