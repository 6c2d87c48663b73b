//! Processes that are killed, and disks that are full, for real.

use std::io::{BufRead, BufReader, Lines, Write};
use std::path::Path;
use std::process::{Child, ChildStdout, Command, Stdio};

use tollgate_core::{LedgerEvent, LedgerStore};
use tollgate_ledger::Durability;

use crate::ledger::{Folder, is_whole, open, triple, verify};

const LEDGER: &str = "TOLLGATE_TEST_CHILD_LEDGER";
const FROM: &str = "TOLLGATE_TEST_CHILD_FROM";

/// Attempts in a batch, and what each costs.
const ATTEMPTS: u64 = 10;
const NANOS: i64 = 3;

fn batch(number: u64) -> Vec<LedgerEvent> {
    let calls = (1..=ATTEMPTS).map(|n| u128::from(number * ATTEMPTS + n));
    calls.flat_map(|call| triple(call, NANOS)).collect()
}

/// The process that is killed: appends one batch after the other and says so,
/// until it cannot.
#[test]
#[ignore = "runs as a child of the tests below"]
#[expect(
    clippy::disallowed_methods,
    reason = "a test binary that starts itself has no other arguments"
)]
fn child() {
    let (Some(ledger), Ok(from)) = (std::env::var_os(LEDGER), std::env::var(FROM)) else {
        return;
    };
    let runtime = tokio::runtime::Builder::new_current_thread();
    let runtime = { runtime }.build().unwrap();
    runtime.block_on(async {
        let store = open(Path::new(&ledger), Durability::Default).await;
        for number in from.parse::<u64>().unwrap().. {
            if let Err(refused) = store.append(&batch(number)).await {
                say(&format!("refused {number} {}", refused.source));
                assert!(store.append(&batch(number)).await.is_err(), "and again");
                return;
            }
            say(&format!("written {number}"));
        }
    });
}

fn say(line: &str) {
    let mut out = std::io::stdout().lock();
    writeln!(out, "{line}").unwrap();
    out.flush().unwrap();
}

/// The child, as seen from here.
struct Appending {
    process: Child,
    lines: Lines<BufReader<ChildStdout>>,
}

impl Appending {
    /// Starts it with that shell script in front, if any.
    fn start(ledger: &Path, from: u64, script: Option<&str>) -> Self {
        let this = std::env::current_exe().unwrap();
        let mut command = match script {
            Some(script) => {
                let mut shell = Command::new("sh");
                shell.args(["-c", script]).arg(&this);
                shell
            }
            None => Command::new(&this),
        };
        let mut process = command
            .args(["--exact", "crash::child", "--ignored", "--nocapture"])
            .env(LEDGER, ledger)
            .env(FROM, from.to_string())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let lines = BufReader::new(process.stdout.take().unwrap()).lines();
        Self { process, lines }
    }

    /// The next line that begins like this, without its beginning.
    fn next(&mut self, beginning: &str) -> Option<String> {
        let mut lines = self.lines.by_ref().map(Result::unwrap);
        // The harness may have begun the line with the name of the test.
        lines.find_map(|line| Some(line.split_once(beginning)?.1.to_owned()))
    }

    fn written(&mut self) -> Option<u64> {
        self.next("written ").map(|number| number.parse().unwrap())
    }

    /// Kills it, and returns the last batch that it said is written.
    fn kill(mut self) -> Option<u64> {
        self.process.kill().unwrap();
        self.process.wait().unwrap();
        std::iter::from_fn(|| self.written()).last()
    }
}

#[tokio::test]
async fn twenty_kills_lose_nothing_that_was_acknowledged() {
    let folder = Folder::new();
    let mut next = 0;
    for round in 0..20 {
        let mut child = Appending::start(&folder.ledger(), next, None);
        let mut last = None;
        for _ in 0..1 + round * 7 % 13 {
            last = child.written();
        }
        let last = child.kill().or(last).unwrap();

        let verified = verify(&folder.ledger()).await;
        is_whole(&verified);
        let batches = verified.attempts / ATTEMPTS;
        assert_eq!(verified.attempts % ATTEMPTS, 0, "batches are whole");
        assert!(
            batches == last + 1 || batches == last + 2,
            "{} batches were acknowledged, {batches} are there",
            last + 1
        );
        // The next process repeats what this one was told of last.
        next = last;
    }
    let store = folder.open().await;
    is_whole(&store.verify().await.unwrap());
    let rows = store.report(&Default::default()).await.unwrap();
    let attempts = i64::try_from(rows[0].attempts).unwrap();
    assert_eq!(rows[0].cost().nanos(), attempts * NANOS);
}

/// A file that may not grow behaves like a full disk: the signal that comes
/// with it is ignored, so writing fails.
#[cfg(unix)]
#[tokio::test]
async fn a_full_disk_refuses_and_once_there_is_space_everything_is_there_once() {
    let folder = Folder::new();
    let script = "trap '' XFSZ; ulimit -f 1200; exec \"$0\" \"$@\"";
    let mut child = Appending::start(&folder.ledger(), 0, Some(script));
    let mut written = 0;
    let refused = loop {
        let line = child.lines.next().unwrap().unwrap();
        match line.split_once("refused ") {
            Some((_, refused)) => break refused.to_owned(),
            None => written += u64::from(line.contains("written ")),
        }
    };
    assert!(child.process.wait().unwrap().success());
    assert!(written > 5, "only {written} batches before {refused}");
    assert!(refused.starts_with(&format!("{written} ")), "{refused}");

    let verified = verify(&folder.ledger()).await;
    is_whole(&verified);
    assert_eq!(verified.attempts, written * ATTEMPTS, "nothing by halves");
    let store = folder.open().await;
    for number in 0..=written {
        store.append(&batch(number)).await.unwrap();
    }
    let verified = store.verify().await.unwrap();
    is_whole(&verified);
    assert_eq!(verified.attempts, (written + 1) * ATTEMPTS);
}
