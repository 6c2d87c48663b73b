//! The folder of records: a file per UTC day, which grows at its end.

use std::fs::{File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use tollgate_core::{Dimension, Timestamp};

const ENDING: &str = ".jsonl";

/// The records of one UTC day.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DayFile {
    /// The day, in days since 1970.
    pub day: i64,
    /// The file.
    pub path: PathBuf,
    /// Its size.
    pub bytes: u64,
}

/// What [`prune_records`] has deleted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Pruned {
    /// Files deleted.
    pub files: u64,
    /// Bytes deleted.
    pub bytes: u64,
    /// Bytes that are left.
    pub left: u64,
}

/// The days there are in a folder of records, oldest first. No folder is none.
///
/// # Errors
/// When the folder is there and cannot be read.
pub fn day_files(folder: &Path) -> io::Result<Vec<DayFile>> {
    let entries = match folder.read_dir() {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries?,
    };
    let mut files = Vec::new();
    for entry in entries {
        let entry = entry?;
        if let Some(day) = entry.file_name().to_str().and_then(day_of) {
            let (path, bytes) = (entry.path(), entry.metadata()?.len());
            files.push(DayFile { day, path, bytes });
        }
    }
    files.sort_by_key(|file| file.day);
    Ok(files)
}

/// Deletes the days before the last `keep_days`, and then the oldest that are
/// left while all are larger than `max_bytes`. Today's file stays. Two
/// processes may prune the same folder.
///
/// # Errors
/// When the folder cannot be read or a file cannot be deleted.
pub fn prune_records(
    folder: &Path,
    keep_days: u32,
    max_bytes: u64,
    today: i64,
) -> io::Result<Pruned> {
    let files = day_files(folder)?;
    let first_kept = today.saturating_sub(i64::from(keep_days)) + 1;
    let mut pruned = Pruned {
        left: files.iter().map(|file| file.bytes).sum(),
        ..Pruned::default()
    };
    for file in files.iter().filter(|file| file.day < today) {
        if file.day >= first_kept && pruned.left <= max_bytes {
            break;
        }
        match std::fs::remove_file(&file.path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        pruned.files += 1;
        pruned.bytes += file.bytes;
        pruned.left -= file.bytes;
    }
    Ok(pruned)
}

/// Adds lines to the file of a day. What a crash has left of a line ends
/// there, so that it spoils no other.
pub(super) fn append(folder: &Path, day: i64, lines: &[u8]) -> io::Result<()> {
    std::fs::create_dir_all(folder)?;
    let path = folder.join(format!("{}{ENDING}", Dimension::day(day)));
    let mut options = OpenOptions::new();
    let mut file = options.create(true).append(true).read(true).open(path)?;
    // In one write each, since other processes may add to the same file.
    if ends_within_a_line(&mut file)? {
        return file.write_all(&[b"\n", lines].concat());
    }
    file.write_all(lines)
}

fn ends_within_a_line(file: &mut File) -> io::Result<bool> {
    if file.seek(SeekFrom::End(0))? == 0 {
        return Ok(false);
    }
    file.seek(SeekFrom::End(-1))?;
    let mut last = [0];
    file.read_exact(&mut last)?;
    Ok(last != *b"\n")
}

/// The day that a file of that name is for.
fn day_of(name: &str) -> Option<i64> {
    let day = Timestamp::parse_date(name.strip_suffix(ENDING)?)?.day();
    // No other way to write the same date.
    (name == format!("{}{ENDING}", Dimension::day(day))).then_some(day)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folder(days: &[(i64, usize)]) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        for (day, bytes) in days {
            append(folder.path(), *day, &vec![b'\n'; *bytes]).unwrap();
        }
        folder
    }

    fn days(folder: &Path) -> Vec<i64> {
        let files = day_files(folder).unwrap();
        files.iter().map(|file| file.day).collect()
    }

    #[test]
    fn days_are_found_in_order_and_nothing_else_is() {
        let folder = folder(&[(20_000, 1), (0, 3), (365, 2)]);
        for other in ["notes.txt", "2026-1-1.jsonl", "2026-02-30.jsonl", ".jsonl"] {
            std::fs::write(folder.path().join(other), "x").unwrap();
        }
        let files = day_files(folder.path()).unwrap();
        let found: Vec<_> = files.iter().map(|file| (file.day, file.bytes)).collect();
        assert_eq!(found, [(0, 3), (365, 2), (20_000, 1)]);
        assert_eq!(day_files(&folder.path().join("none")).unwrap(), []);
    }

    #[test]
    fn the_last_days_are_kept_today_included() {
        let folder = folder(&[(1, 1), (7, 1), (8, 1), (9, 1), (10, 1)]);
        let pruned = prune_records(folder.path(), 3, 1_000, 10).unwrap();
        assert_eq!((pruned.files, pruned.bytes, pruned.left), (2, 2, 3));
        assert_eq!(days(folder.path()), [8, 9, 10]);
    }

    #[test]
    fn the_oldest_go_while_there_is_too_much_but_never_today() {
        let folder = folder(&[(7, 10), (8, 10), (9, 10), (10, 50)]);
        let pruned = prune_records(folder.path(), 30, 65, 10).unwrap();
        assert_eq!((pruned.files, pruned.left), (2, 60));
        assert_eq!(days(folder.path()), [9, 10]);
        prune_records(folder.path(), 30, 1, 10).unwrap();
        assert_eq!(days(folder.path()), [10]);
    }

    #[test]
    fn half_a_line_spoils_no_other() {
        let folder = folder(&[]);
        append(folder.path(), 0, b"one\ntwo-hal").unwrap();
        append(folder.path(), 0, b"three\n").unwrap();
        append(folder.path(), 0, b"four\n").unwrap();
        let text = std::fs::read_to_string(folder.path().join("1970-01-01.jsonl")).unwrap();
        assert_eq!(text, "one\ntwo-hal\nthree\nfour\n");
    }
}
