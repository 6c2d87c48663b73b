//! What is left of the money when the process is killed at a random moment;
//! `cargo xtask crash --runs 1000` does it more often.
//!
//! A child, which is this same program, runs a gateway at 200 calls a second,
//! half of them streamed, and says which of them were answered; the parent is
//! the simulator, and kills it again and again with a signal that nobody can
//! handle. At the end a last child takes up what is left and asks what the
//! rest cost: then the ledger has to be the simulator's bill, to the nano.

#![expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]

mod child;
mod dice;

use std::collections::HashSet;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use tollgate_core::{LedgerStore, Usd};
use tollgate_ledger::SqliteStore;
use tollgate_sim::{BillLine, Scenario, Simulator};

use self::child::{Role, Told};
use self::dice::Dice;

/// How often the process is killed; `TOLLGATE_CRASH_RUNS` says otherwise.
const RUNS: u32 = 200;

/// A process that is not ready again within this time hangs; it takes tenths of
/// a second on an idle machine.
const READY: Duration = Duration::from_secs(20);

/// Answers of a life whose ids may not be written yet when it ends: nobody waits
/// for those, so they reach the file some milliseconds later.
const UNWRITTEN: usize = 8;

/// What one process said before it was killed.
#[derive(Default)]
struct Life {
    ready: Duration,
    answered: Vec<String>,
    failed: Vec<String>,
}

#[test]
#[expect(
    clippy::disallowed_methods,
    reason = "how often is for whoever runs the test to say"
)]
fn a_killed_process_loses_no_money_and_finds_none_twice() {
    let runs = std::env::var("TOLLGATE_CRASH_RUNS").map_or(RUNS, |runs| runs.parse().unwrap());
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let simulator = runtime.block_on(simulator());
    let folder = tempfile::tempdir().unwrap();
    let ledger = folder.path().join("ledger.db");
    let url = simulator.base_url();

    let mut dice = Dice::new(7);
    let lives: Vec<Life> = (0..runs)
        .map(|_| {
            let lifetime = Duration::from_millis(dice.between(20, 300));
            live_and_die(&ledger, &url, lifetime)
        })
        .collect();
    runtime.block_on(simulator.idle());
    let last = settle(&ledger, &url);

    let bill = simulator.bill();
    let slowest = lives.iter().map(|life| life.ready).max().unwrap();
    let answered: Vec<&String> = lives.iter().flat_map(|life| &life.answered).collect();
    let failed: Vec<&String> = lives.iter().flat_map(|life| &life.failed).collect();
    let told = format!(
        "{runs} kills: {} answers, {} generations billed ${}, ledger ${} and at most ${} for attempts \
         without an id, slowest start {} ms",
        answered.len(),
        bill.lines.len(),
        bill.total(),
        last.spent,
        last.unresolved,
        slowest.as_millis(),
    );
    println!("{told}");
    assert_eq!(failed, Vec::<&String>::new(), "{told}");
    // How much a life holds is for the machine to say; that much, any can.
    let enough = usize::try_from(runs).unwrap();
    assert!(
        answered.len() >= enough / 4 && bill.lines.len() >= enough,
        "too little happened: {told}"
    );
    assert!(slowest <= READY, "{told}");
    // What is not known by name was killed before its id was recorded: it stays
    // at its worst case, which has to be enough.
    let names = names(&ledger);
    let (known, nameless): (Vec<_>, Vec<_>) = bill
        .lines
        .iter()
        .partition(|line| names.contains(&line.generation));
    assert_eq!(last.spent, sum(&known).to_string(), "{told}");
    assert!(sum(&nameless) <= last.unresolved.parse().unwrap(), "{told}");
    let is_known = |generation: &String| {
        let mut known = known.iter();
        known.any(|line| line.generation == *generation)
    };
    for life in &lives {
        let settled = life.answered.len().saturating_sub(UNWRITTEN);
        for generation in &life.answered[..settled] {
            assert!(
                is_known(generation),
                "{generation} was answered and is not settled: {told}"
            );
        }
    }
    assert_eq!(last.open, 0, "attempts left open: {told}");
    assert_eq!(last.budget, last.owed, "the budget's counter: {told}");
    runtime.block_on(verify(&ledger));
}

/// The generations that the ledger knows.
fn names(ledger: &Path) -> HashSet<String> {
    let file = rusqlite::Connection::open(ledger).unwrap();
    let sql = "SELECT generation FROM terminal WHERE generation IS NOT NULL
        UNION SELECT generation FROM named";
    let mut statement = file.prepare(sql).unwrap();
    let names = statement.query_map([], |row| row.get(0)).unwrap();
    names.collect::<Result<_, _>>().unwrap()
}

fn sum(lines: &[&BillLine]) -> Usd {
    let total = lines
        .iter()
        .map(|line| line.credits + line.fee + line.provider_cost);
    total.map(|cost| Usd::from_nanos(cost.nanos())).sum()
}

async fn simulator() -> Simulator {
    let pace = "latency = { fixed = { first_token_ms = 60, tokens_per_second = 400 } }";
    let scenario = Scenario::from_toml(pace).unwrap();
    let simulator = Simulator::builder().seed(7).scenario(scenario);
    simulator.start().await.unwrap()
}

/// Starts a process, kills it after a while, and returns what it said.
fn live_and_die(ledger: &Path, url: &str, lifetime: Duration) -> Life {
    let begun = Instant::now();
    let mut child = spawn(Role::Work, ledger, url);
    let lines = lines(&mut child);
    let mut life = Life::default();
    let mut killed = false;
    for line in lines {
        match Told::parse(&line) {
            Some(Told::Ready) => {
                life.ready = begun.elapsed();
                std::thread::sleep(lifetime);
                child.kill().unwrap();
                killed = true;
            }
            Some(Told::Answered(generation)) => life.answered.push(generation),
            Some(Told::Failed(why)) => life.failed.push(why),
            Some(Told::Settled(_)) | None => {}
        }
    }
    let status = child.wait().unwrap();
    assert!(
        killed,
        "the child ended by itself before it was ready: {status}"
    );
    life
}

/// Lets a last process find out what everything cost.
fn settle(ledger: &Path, url: &str) -> child::Settled {
    let mut child = spawn(Role::Settle, ledger, url);
    let told: Vec<String> = lines(&mut child).collect();
    let status = child.wait().unwrap();
    let settled = told.iter().find_map(|line| match Told::parse(line) {
        Some(Told::Settled(settled)) => Some(settled),
        _ => None,
    });
    settled.unwrap_or_else(|| panic!("{status}: {told:?}"))
}

fn spawn(role: Role, ledger: &Path, url: &str) -> Child {
    Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "child::runs", "--ignored", "--nocapture"])
        .env(child::ROLE, role.as_str())
        .env(child::LEDGER, ledger)
        .env(child::URL, url)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap()
}

fn lines(child: &mut Child) -> impl Iterator<Item = String> + use<> {
    let reader = BufReader::new(child.stdout.take().unwrap());
    reader.lines().map_while(Result::ok)
}

/// The file replays to what its counters say.
async fn verify(ledger: &Path) {
    let store = SqliteStore::open_read_only(ledger).await.unwrap();
    let verified = store.verify().await.unwrap();
    assert!(verified.is_ok(), "{verified:?}");
    assert_eq!(store.open_attempts().await.unwrap(), []);
}
