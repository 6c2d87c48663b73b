//! What is recorded of calls.

use std::io::{self, BufRead, BufReader};

use serde_json::json;
use tollgate::{Clock, DayFile, Dimension, RecordConfig, SystemClock, day_files, prune_records};

use crate::args::{Global, RecordCommand};
use crate::exit::{Trouble, code};
use crate::{config, ui};

pub(crate) fn run(command: RecordCommand, global: &Global) -> Result<(), Trouble> {
    let record = config::load(global)?.record;
    let done = match command {
        RecordCommand::Status => status(&record, global),
        RecordCommand::Prune { keep_days } => prune(&record, keep_days, global),
    };
    done.map_err(|error| {
        let path = record.path.display();
        Trouble::new(code::LEDGER, format!("the records in {path}: {error}"))
    })
}

fn status(record: &RecordConfig, global: &Global) -> io::Result<()> {
    let files = day_files(&record.path)?;
    let calls = files.iter().map(lines).sum::<io::Result<u64>>()?;
    let bytes: u64 = files.iter().map(|file| file.bytes).sum();
    let day = |file: Option<&DayFile>| file.map(|file| Dimension::day(file.day));
    let (first, last) = (day(files.first()), day(files.last()));
    if global.json {
        ui::json(&json!({
            "enabled": record.enabled,
            "path": record.path,
            "days": files.len(),
            "first": first,
            "last": last,
            "calls": calls,
            "bytes": bytes,
            "keep_days": record.keep_days,
            "max_mb": record.max_mb,
        }));
        return Ok(());
    }
    let on = match record.enabled {
        true => "on",
        false => "off; `record.enabled = true` in the configuration turns it on",
    };
    let days = match (first, last) {
        (Some(first), Some(last)) => format!("{}, from {first} to {last}", files.len()),
        _ => "none".to_owned(),
    };
    ui::data(format!("recording  {on}"));
    ui::data(format!("folder     {}", record.path.display()));
    ui::data(format!("days       {days}; {} are kept", record.keep_days));
    ui::data(format!("calls      {calls}"));
    ui::data(format!(
        "size       {}, of at most {} MB",
        megabytes(bytes),
        record.max_mb
    ));
    Ok(())
}

fn prune(record: &RecordConfig, keep_days: Option<u32>, global: &Global) -> io::Result<()> {
    let (days, today) = (
        keep_days.unwrap_or(record.keep_days),
        SystemClock.now().day(),
    );
    let most = u64::from(record.max_mb) * 1_000_000;
    let pruned = prune_records(&record.path, days, most, today)?;
    if global.json {
        ui::json(&json!({
            "files": pruned.files,
            "bytes": pruned.bytes,
            "left": pruned.left,
        }));
        return Ok(());
    }
    let freed = megabytes(pruned.bytes);
    let left = megabytes(pruned.left);
    ui::data(format!(
        "{} days deleted, {freed}; {left} are left",
        pruned.files
    ));
    Ok(())
}

fn lines(file: &DayFile) -> io::Result<u64> {
    let mut reader = BufReader::new(std::fs::File::open(&file.path)?);
    let mut lines = 0;
    loop {
        let held = reader.fill_buf()?;
        if held.is_empty() {
            return Ok(lines);
        }
        let ends = held.iter().filter(|byte| **byte == b'\n').count();
        lines += u64::try_from(ends).unwrap_or(u64::MAX);
        let length = held.len();
        reader.consume(length);
    }
}

/// `12.3 MB`.
fn megabytes(bytes: u64) -> String {
    format!("{}.{} MB", bytes / 1_000_000, bytes % 1_000_000 / 100_000)
}
