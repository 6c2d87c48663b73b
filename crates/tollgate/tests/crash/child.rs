//! The process that is killed.

use std::env;
use std::io::Write;
use std::time::{Duration, Instant};

use futures_util::StreamExt;
use tokio::time::{interval, sleep};
use tollgate::{ChatRequest, Gateway, Loader, Message, StreamMode, UsageQuery, UsageRow};

pub(crate) const ROLE: &str = "TOLLGATE_CRASH_ROLE";
pub(crate) const LEDGER: &str = "TOLLGATE_CRASH_LEDGER";
pub(crate) const URL: &str = "TOLLGATE_CRASH_URL";

/// 200 calls a second.
const PACE: Duration = Duration::from_millis(5);

/// Longest time until everything that can be known is known.
const PATIENCE: Duration = Duration::from_secs(120);

const MODEL: &str = "anthropic/claude-3-haiku";

#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Role {
    /// Makes calls until it is killed.
    Work,
    /// Finds out what everything cost, says so, and ends.
    Settle,
}

impl Role {
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Work => "work",
            Self::Settle => "settle",
        }
    }
}

/// What a child says, a line each.
pub(crate) enum Told {
    Ready,
    /// The caller has the whole answer of this generation.
    Answered(String),
    Failed(String),
    Settled(Settled),
}

/// What the ledger holds at the end.
pub(crate) struct Settled {
    pub(crate) spent: String,
    pub(crate) unresolved: String,
    /// Both together, and what the budget's counter says.
    pub(crate) owed: String,
    pub(crate) budget: String,
    pub(crate) open: usize,
}

impl Told {
    /// Reads a line; the test harness says other things too.
    pub(crate) fn parse(line: &str) -> Option<Self> {
        // The first line begins where the harness stopped.
        let (_, said) = line.split_once("said ")?;
        let words: Vec<&str> = said.split(' ').collect();
        match words.as_slice() {
            ["ready"] => Some(Self::Ready),
            ["answered", generation] => Some(Self::Answered((*generation).to_owned())),
            ["failed", ..] => Some(Self::Failed(said.to_owned())),
            ["settled", spent, unresolved, owed, budget, open] => Some(Self::Settled(Settled {
                spent: (*spent).to_owned(),
                unresolved: (*unresolved).to_owned(),
                owed: (*owed).to_owned(),
                budget: (*budget).to_owned(),
                open: open.parse().ok()?,
            })),
            _ => None,
        }
    }
}

fn say(what: &str) {
    let mut out = std::io::stdout().lock();
    // The parent may be gone; then nobody is left to tell.
    let _ = writeln!(out, "said {what}");
    let _ = out.flush();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "the process that the crash test starts and kills"]
#[expect(
    clippy::disallowed_methods,
    reason = "a process of its own learns by its environment what to do"
)]
async fn runs() {
    let (url, ledger) = (env::var(URL).unwrap(), env::var(LEDGER).unwrap());
    let gateway = gateway(&url, &ledger).await;
    say("ready");
    match env::var(ROLE).unwrap().as_str() {
        "work" => work(gateway).await,
        _ => settle(gateway).await,
    }
}

async fn gateway(url: &str, ledger: &str) -> Gateway {
    // Collected from streams, whole answers have a generation id early too.
    let toml = r#"
        [failover]
        upstream_stream = "always"
        [ledger]
        store = "sqlite"
        [budgets.all]
        limit = 100000
        window = "lifetime"
    "#;
    let config = Loader::new()
        .with_environment(Vec::new())
        .with_key("openrouter.api_key", "sk-or-v1-not-a-real-key-000")
        .with_key("openrouter.base_url", url)
        .with_key("ledger.path", ledger)
        .with_text("crash.toml", toml);
    Gateway::from_config(config.load().unwrap()).await.unwrap()
}

async fn work(gateway: Gateway) {
    let mut pace = interval(PACE);
    for number in 0_u64.. {
        pace.tick().await;
        let gateway = gateway.clone();
        tokio::spawn(async move {
            match call(&gateway, number).await {
                Ok(generation) => say(&format!("answered {generation}")),
                Err(why) => say(&format!("failed {}", why.replace('\n', " "))),
            }
        });
    }
}

/// Makes a call, reads all of it, and returns its generation.
async fn call(gateway: &Gateway, number: u64) -> Result<String, String> {
    let mode = match number % 2 {
        0 => StreamMode::Stream,
        _ => StreamMode::Whole,
    };
    let prompt = format!("Say something short, {number}.");
    let request = ChatRequest::new([Message::user(&prompt)])
        .map_err(|error| error.to_string())?
        .with_model(MODEL)
        .with_max_tokens(20)
        .with_stream(mode);
    let mut answer = gateway
        .chat(request)
        .await
        .map_err(|error| format!("{error:?}"))?;
    while let Some(frame) = answer.next().await {
        frame.map_err(|failure| format!("{failure:?}"))?;
    }
    let receipt = answer.receipt().ok_or("no receipt")?;
    let served = receipt.served().ok_or("nobody served it")?;
    let generation = served.generation().ok_or("no generation")?;
    Ok(generation.to_string())
}

async fn settle(gateway: Gateway) {
    let deadline = Instant::now() + PATIENCE;
    // Until everything that has an id is known, nothing changes any more.
    let (mut last, mut quiet) = (None, 0);
    while quiet < 50 && Instant::now() < deadline {
        sleep(Duration::from_millis(100)).await;
        let row = total(&gateway).await;
        quiet = if last.as_ref() == Some(&row) {
            quiet + 1
        } else {
            0
        };
        last = Some(row);
    }
    let row = last.unwrap_or_default();
    let held = gateway
        .totals()
        .map(|totals| totals.held)
        .unwrap_or_default();
    let budget = gateway
        .budgets()
        .first()
        .map(|(_, spent, _)| *spent)
        .unwrap_or_default();
    let owed = row.cost() + row.unresolved;
    let open = usize::from(held != tollgate::Usd::ZERO);
    say(&format!(
        "settled {} {} {owed} {budget} {open}",
        row.cost(),
        row.unresolved
    ));
    gateway.shutdown().await;
}

async fn total(gateway: &Gateway) -> UsageRow {
    let rows = gateway.usage(&UsageQuery::default()).await.unwrap();
    rows.into_iter().next().unwrap_or_default()
}
