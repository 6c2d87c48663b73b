//! Every command and flag, in one table; help, completions and the reference
//! page are made from it.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};
use tollgate::{Criticality, ScoresForm};
use tollgate_core::{Task, Usd};
use tollgate_keys::{Expiry, KeyBudget, ModelPattern};
use tollgate_sim::Host;

const EXIT_CODES: &str = "\
Exit codes:
  0  success
  1  a defect of tollgate itself
  2  wrong usage of the command line
  3  the configuration is wrong
  4  the request is wrong, or no model can serve it
  5  the upstreams failed
  6  a cost limit or budget said no
  7  the ledger cannot be read or written
  8  `check` or `ledger verify` found something wrong
  9  `reconcile` found that the books differ by more than the tolerance
130  interrupted";

/// Where `serve` listens, and where its server is looked for.
const LISTEN: &str = "127.0.0.1:8787";

/// One gateway to 400+ language models.
///
/// Picks the model (cheapest, balanced, quality, or your own policy), sends
/// through OpenRouter first, fails over, and accounts for every answer to the
/// nano-dollar.
#[derive(Debug, Parser)]
#[command(name = "tollgate", version, after_help = EXIT_CODES, arg_required_else_help = true)]
pub(crate) struct Cli {
    #[command(flatten)]
    pub(crate) global: Global,
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// Flags that every command takes.
#[derive(Debug, Args)]
pub(crate) struct Global {
    /// Configuration file; without it `tollgate.toml` in this folder is used if
    /// there is one.
    #[arg(
        long,
        short,
        global = true,
        env = "TOLLGATE_CONFIG",
        value_name = "FILE"
    )]
    pub(crate) config: Option<PathBuf>,
    /// Sets one configuration key, such as `openrouter.mode=byok`; may be repeated.
    #[arg(long, global = true, value_name = "KEY=VALUE", value_parser = key_value)]
    pub(crate) set: Vec<(String, String)>,
    /// Prints JSON on standard output instead of text for people.
    #[arg(long, global = true)]
    pub(crate) json: bool,
    /// Prints what happens inside to standard error, whatever `telemetry.log_level` says; twice for
    /// more.
    #[arg(long, short, global = true, action = clap::ArgAction::Count)]
    pub(crate) verbose: u8,
}

fn key_value(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((key, value)) if !key.trim().is_empty() => Ok((key.trim().into(), value.into())),
        _ => Err("write it as KEY=VALUE".into()),
    }
}

/// An address to listen on; `localhost` is this machine, and no other name is looked up.
fn listen(text: &str) -> Result<SocketAddr, String> {
    let (host, port) = text.rsplit_once(':').unwrap_or(("", text));
    let port: Option<u16> = port.parse().ok();
    match (text.parse(), host, port) {
        (Ok(address), ..) => Ok(address),
        (Err(_), "localhost", Some(port)) => Ok((Ipv4Addr::LOCALHOST, port).into()),
        (_, _, Some(port)) => Err(format!(
            "write 127.0.0.1:{port} for this machine alone, 0.0.0.0:{port} for others too"
        )),
        _ => Err(format!("write an address and a port, such as {LISTEN}")),
    }
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Shows everything at work against a built-in simulator: no key, no network.
    Demo(DemoArgs),
    /// Sends a chat and prints the answer as it comes.
    Chat(ChatArgs),
    /// Shows which models would be tried for a chat, and why; sends nothing.
    Plan(PlanArgs),
    /// Lists and searches the models of the catalog.
    Models(ModelsArgs),
    /// Shows what direct providers charge and what they call models, and fetches newer prices.
    #[command(subcommand)]
    Prices(PricesCommand),
    /// Shows where the quality of models comes from, and imports published scores.
    #[command(subcommand)]
    Quality(QualityCommand),
    /// Shows what was used and what it cost.
    Usage(UsageArgs),
    /// Shows what is left of the budgets.
    Budgets,
    /// Makes, lists and revokes the keys that callers of the server show.
    #[command(subcommand)]
    Keys(KeysCommand),
    /// Stores, lists and removes your own keys of providers at OpenRouter.
    #[command(subcommand)]
    Byok(ByokCommand),
    /// Checks the configuration without sending anything.
    Check,
    /// Looks after the ledger.
    Ledger(LedgerArgs),
    /// Serves the gateway over HTTP to any OpenAI client.
    Serve(ServeArgs),
    /// Shows what a running server has seen of its targets; without one, asks
    /// the configured lanes whether they can be used.
    Health(HealthArgs),
    /// Runs the simulator of OpenRouter or of a provider, for testing without a key.
    Sim(SimArgs),
    /// Prints the JSON Schema of the configuration.
    Schema,
    /// Prints a completion script for a shell.
    Completions {
        /// The shell.
        shell: clap_complete::Shell,
    },
    /// Shows what is recorded of calls, and deletes what is too old.
    #[command(subcommand)]
    Record(RecordCommand),
    /// Shows what recorded calls would have cost under another policy; sends nothing.
    Replay(ReplayArgs),
    /// Compares the ledger with what OpenRouter, or a provider's export, has charged.
    Reconcile(ReconcileArgs),
    /// Trains and evaluates a router that learns from recorded outcomes.
    #[command(subcommand)]
    Router(RouterCommand),
}

#[derive(Debug, Args)]
pub(crate) struct DemoArgs {
    /// Seed of the simulator and of the gateway's jitter.
    #[arg(long, default_value_t = 7)]
    pub(crate) seed: u64,
    /// Requests per policy in the batch.
    #[arg(long, default_value_t = 200, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    pub(crate) requests: u32,
    /// Makes calls instead of a show, and leaves their ledger, records and bill in this folder, for
    /// `usage`, `replay` and `reconcile`.
    #[arg(long, value_name = "DIR")]
    pub(crate) keep: Option<PathBuf>,
    /// Calls to make for `--keep`.
    #[arg(long, default_value_t = 1_000, requires = "keep", value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    pub(crate) calls: u32,
}

/// What to send, and how to choose a model for it.
#[derive(Debug, Args)]
pub(crate) struct CallArgs {
    /// The prompt; `-` or nothing reads standard input.
    #[arg(value_name = "PROMPT")]
    pub(crate) prompt: Vec<String>,
    /// Model to use: an id such as `author/slug`, or `tollgate/POLICY[:TASK]`.
    #[arg(long, short)]
    pub(crate) model: Option<String>,
    /// Policy that ranks models: cheapest, balanced, quality, or one of your own.
    #[arg(long, short)]
    pub(crate) policy: Option<String>,
    /// What the call is about, instead of having it guessed.
    #[arg(long, short, value_parser = str::parse::<Task>)]
    pub(crate) task: Option<Task>,
    /// Most that the call may cost, in US dollars.
    #[arg(long, value_name = "USD", value_parser = str::parse::<Usd>)]
    pub(crate) max_cost: Option<Usd>,
    /// Limit of output tokens.
    #[arg(long, value_name = "TOKENS", value_parser = clap::value_parser!(u64).range(1..))]
    pub(crate) max_tokens: Option<u64>,
    /// Puts free variants first.
    #[arg(long)]
    pub(crate) free_first: bool,
    /// System prompt.
    #[arg(long, value_name = "TEXT")]
    pub(crate) system: Option<String>,
    /// A whole chat request as JSON, in place of a prompt; `-` reads standard input.
    #[arg(long, value_name = "FILE", conflicts_with_all = ["prompt", "system"])]
    pub(crate) request: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(crate) struct ChatArgs {
    #[command(flatten)]
    pub(crate) call: CallArgs,
    /// Waits for the whole answer instead of printing it as it comes.
    #[arg(long)]
    pub(crate) no_stream: bool,
    /// Prints the answer alone, without plan, events and receipt.
    #[arg(long, short)]
    pub(crate) quiet: bool,
}

#[derive(Debug, Args)]
pub(crate) struct PlanArgs {
    #[command(flatten)]
    pub(crate) call: CallArgs,
    /// Lists every model that was left out, instead of counts.
    #[arg(long, short)]
    pub(crate) all: bool,
}

#[derive(Debug, Args)]
pub(crate) struct ModelsArgs {
    /// Words that name or id must hold; one exact id shows its card.
    pub(crate) query: Vec<String>,
    /// Author, the part of the id before the slash.
    #[arg(long)]
    pub(crate) author: Option<String>,
    /// What the model must be able to do, such as `tools` or `image_input`; may be repeated.
    #[arg(long = "can", value_name = "CAPABILITY")]
    pub(crate) can: Vec<String>,
    /// Highest price of a million input tokens, in US dollars.
    #[arg(long, value_name = "USD", value_parser = str::parse::<Usd>)]
    pub(crate) max_price: Option<Usd>,
    /// Least context window, in tokens.
    #[arg(long, value_name = "TOKENS")]
    pub(crate) min_context: Option<u64>,
    /// Free models only.
    #[arg(long)]
    pub(crate) free: bool,
    /// Order.
    #[arg(long, value_enum, default_value_t = Order::Newest)]
    pub(crate) sort: Order,
    /// Most rows to print; 0 for all.
    #[arg(long, default_value_t = 25)]
    pub(crate) limit: usize,
    /// Fetches the list from the network first.
    #[arg(long)]
    pub(crate) refresh: bool,
}

#[derive(Debug, Subcommand)]
pub(crate) enum PricesCommand {
    /// Lists the providers of the price table, or the models of one with their prices.
    List(PricesArgs),
    /// Compares the table with what OpenRouter lists.
    Check(PricesArgs),
    /// Takes a newer table in place of all that is known, after all of it was checked, and keeps it
    /// beside the catalog's cache.
    Refresh {
        /// File or URL of the table; redirects are not followed.
        #[arg(long, value_name = "FILE|URL")]
        from: String,
        /// Takes it also when more than half of the known models would be gone.
        #[arg(long)]
        force: bool,
    },
}

#[derive(Debug, Args)]
pub(crate) struct PricesArgs {
    /// This provider alone, as the table calls it.
    #[arg(long, value_name = "NAME")]
    pub(crate) provider: Option<String>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum QualityCommand {
    /// Makes a scores file, for `catalog.scores_path`, out of published tables.
    Import(ImportArgs),
    /// Shows the figures of a model with their sources, best first; without one, how many models
    /// each source rates.
    Show {
        /// The model.
        model: Option<String>,
    },
}

#[derive(Debug, Args)]
pub(crate) struct ImportArgs {
    /// The files. LiveBench's table needs its file of categories beside it.
    #[arg(required = true, value_name = "FILE")]
    pub(crate) files: Vec<PathBuf>,
    /// Their form, instead of telling it by their content: aider, livebench, lmarena, catalog (a
    /// list of models with `benchmarks`) or scores.
    #[arg(long, value_name = "FORM", value_parser = str::parse::<ScoresForm>)]
    pub(crate) format: Option<ScoresForm>,
    /// Where the scores file is written; JSON by its ending, else TOML; standard output without.
    #[arg(long, value_name = "FILE")]
    pub(crate) out: Option<PathBuf>,
    /// When they were measured, where neither rows nor names of files say so.
    #[arg(long, value_name = "YYYY-MM-DD")]
    pub(crate) date: Option<String>,
    /// Under which terms they may be used, instead of what their publisher states.
    #[arg(long, value_name = "NAME")]
    pub(crate) licence: Option<String>,
}

/// Orders of the model list.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Order {
    Newest,
    Price,
    Context,
    Chat,
    Code,
    Reasoning,
}

#[derive(Debug, Args)]
pub(crate) struct UsageArgs {
    /// Breakdown, comma-separated, outermost first: any of model, requested, planned, provider,
    /// task, policy, caller, lane, billing, source, day, hour, and tag.NAME [default: model].
    #[arg(long, value_delimiter = ',', value_name = "DIMENSIONS")]
    pub(crate) by: Vec<String>,
    /// From when on: a date, a moment such as `2026-11-01T08:30:00Z`, or a span before now such
    /// as `24h`, `7d`.
    #[arg(long, value_name = "WHEN")]
    pub(crate) since: Option<String>,
    /// Before when, written the same way; a date is its beginning.
    #[arg(long, value_name = "WHEN")]
    pub(crate) until: Option<String>,
    /// Prints comma-separated values with all figures.
    #[arg(long)]
    pub(crate) csv: bool,
    /// Prints charges as comma-separated values in the shape of FOCUS 1.2.
    #[arg(long)]
    pub(crate) focus: bool,
    /// Draws the spend of each day, of the last 30 unless `--since` says otherwise.
    #[arg(long, conflicts_with = "by")]
    pub(crate) chart: bool,
    /// Says what was saved against a policy, by the recorded calls of the period.
    #[arg(long, value_name = "POLICY", conflicts_with_all = ["chart", "csv", "focus"])]
    pub(crate) baseline: Option<String>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum KeysCommand {
    /// Makes a key, keeps its hash, and prints the key on standard output, this once.
    Create(CreateKeyArgs),
    /// Lists the keys that were made, with their limits.
    List,
    /// Removes a key: what shows it is refused from then on.
    Revoke {
        /// Its name.
        name: String,
    },
}

#[derive(Debug, Subcommand)]
pub(crate) enum ByokCommand {
    /// Lists the keys that are stored: their ids, and as much of them as OpenRouter shows.
    List,
    /// Stores a key, which is read from standard input or from a variable, never from the command
    /// line, where other programs could see it.
    Add(AddByokArgs),
    /// Has a key used no more, and keeps it.
    Disable {
        /// Its id, as `list` shows it.
        id: String,
    },
    /// Has a key used again.
    Enable {
        /// Its id, as `list` shows it.
        id: String,
    },
    /// Removes a key for good.
    Remove {
        /// Its id, as `list` shows it.
        id: String,
    },
}

#[derive(Debug, Args)]
pub(crate) struct AddByokArgs {
    /// The provider, by OpenRouter's slug for it.
    pub(crate) provider: String,
    /// Variable of the environment that has the key, instead of standard input.
    #[arg(long, value_name = "VARIABLE")]
    pub(crate) key_env: Option<String>,
    /// A name of your own for it.
    #[arg(long, value_name = "NAME")]
    pub(crate) name: Option<String>,
    /// Model that it may be used for; may be repeated; all without.
    #[arg(long = "model", short, value_name = "MODEL")]
    pub(crate) models: Vec<String>,
    /// Uses it when shared capacity fails, and not before.
    #[arg(long)]
    pub(crate) fallback: bool,
    /// Never falls back to shared capacity of the provider.
    #[arg(long, conflicts_with = "fallback")]
    pub(crate) required: bool,
    /// What was typed beside the provider: refused without being repeated, since it may be the key.
    #[arg(hide = true)]
    pub(crate) misplaced: Vec<String>,
}

#[derive(Debug, Args)]
pub(crate) struct CreateKeyArgs {
    /// Its name, by which the ledger knows its calls.
    pub(crate) name: String,
    /// When it ends: a date, which is its beginning in UTC, or a moment such as
    /// `2027-01-01T08:30:00Z`.
    #[arg(long, value_name = "WHEN", value_parser = str::parse::<Expiry>)]
    pub(crate) expires: Option<Expiry>,
    /// Most requests in any minute.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) rpm: Option<u32>,
    /// Most tokens in any minute, of prompts and answers.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    pub(crate) tpm: Option<u64>,
    /// Most requests at the same time.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) max_concurrent: Option<u32>,
    /// Model that it may use: an id, `author/*`, or `tollgate/*`; may be repeated; all without.
    #[arg(long = "model", short, value_name = "MODEL", value_parser = str::parse::<ModelPattern>)]
    pub(crate) models: Vec<ModelPattern>,
    /// Policy that it may choose; may be repeated; all without.
    #[arg(long = "policy", short, value_name = "POLICY")]
    pub(crate) policies: Vec<String>,
    /// What becomes of its calls when there is too much to do: critical, default or sheddable.
    #[arg(long, default_value = "default", value_parser = str::parse::<Criticality>)]
    pub(crate) criticality: Criticality,
    /// What may be spent with it, in US dollars, such as `10/month`.
    #[arg(long, value_name = "USD/WHILE", value_parser = str::parse::<KeyBudget>)]
    pub(crate) budget: Option<KeyBudget>,
    /// Team that it belongs to.
    #[arg(long)]
    pub(crate) team: Option<String>,
    /// Lets it do what operators do.
    #[arg(long)]
    pub(crate) admin: bool,
}

#[derive(Debug, Args)]
pub(crate) struct LedgerArgs {
    #[command(subcommand)]
    pub(crate) command: LedgerCommand,
}

#[derive(Debug, Subcommand)]
pub(crate) enum LedgerCommand {
    /// Replays every event and compares with the chain of digests, the counters of budgets and
    /// the reports; changes nothing, also while a server writes.
    Verify {
        /// The file [default: the configured ledger].
        path: Option<PathBuf>,
    },
}

#[derive(Debug, Args)]
pub(crate) struct ServeArgs {
    /// Address to listen on. Without keys only loopback addresses are allowed.
    #[arg(long, value_name = "ADDRESS:PORT", default_value = LISTEN, value_parser = listen)]
    pub(crate) listen: SocketAddr,
    /// How long running answers may take to end when the server is told to stop.
    #[arg(long, value_name = "SECONDS", default_value_t = 30)]
    pub(crate) drain: u64,
}

#[derive(Debug, Args)]
pub(crate) struct HealthArgs {
    /// Address of the server: `http://HOST:PORT`, or `HOST:PORT` alone.
    #[arg(long, default_value_t = format!("http://{LISTEN}"))]
    pub(crate) url: String,
    /// Variable of the environment that has a key with `admin = true`, for a server that has keys.
    #[arg(long, value_name = "VARIABLE")]
    pub(crate) key_env: Option<String>,
}

#[derive(Debug, Args)]
pub(crate) struct SimArgs {
    /// Whom to answer as: openrouter, openai, anthropic or gemini; what the scenario says, else
    /// openrouter, unless told otherwise.
    #[arg(long = "as", value_name = "HOST", value_parser = str::parse::<Host>)]
    pub(crate) host: Option<Host>,
    /// Address to listen on.
    #[arg(long, value_name = "ADDRESS:PORT", default_value = "127.0.0.1:8788", value_parser = listen)]
    pub(crate) listen: SocketAddr,
    /// Scenario file (TOML) with the faults to inject.
    #[arg(long, value_name = "FILE")]
    pub(crate) scenario: Option<PathBuf>,
    /// Catalog to serve, as `GET /api/v1/models` answers it.
    #[arg(long, value_name = "FILE")]
    pub(crate) catalog: Option<PathBuf>,
    /// Seed of everything that is random.
    #[arg(long, default_value_t = 7)]
    pub(crate) seed: u64,
    /// Prints the table of faults that requests can ask for, and ends.
    #[arg(long)]
    pub(crate) faults: bool,
}

#[derive(Debug, Subcommand)]
pub(crate) enum RecordCommand {
    /// Whether calls are recorded, where, and how many there are.
    Status,
    /// Deletes the records of old days, as `record.keep_days` and `record.max_mb` say.
    Prune {
        /// Days to keep, today included, instead of `record.keep_days`.
        #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
        keep_days: Option<u32>,
    },
}

#[derive(Debug, Args)]
pub(crate) struct ReplayArgs {
    /// Policy to replay under: cheapest, balanced, quality, or one of your own.
    #[arg(long, short)]
    pub(crate) policy: String,
    /// From when on: a date, a moment, or a span before now such as `24h`, `7d`.
    #[arg(long, value_name = "WHEN")]
    pub(crate) since: Option<String>,
    /// Before when, written the same way; a date is its beginning.
    #[arg(long, value_name = "WHEN")]
    pub(crate) until: Option<String>,
    /// Folder of the records, instead of `record.path`.
    #[arg(long, value_name = "DIR")]
    pub(crate) records: Option<PathBuf>,
    /// Lets the policy also choose for calls that named their model.
    #[arg(long)]
    pub(crate) named: bool,
    /// Prints a line per call as comma-separated values.
    #[arg(long, conflicts_with = "json")]
    pub(crate) csv: bool,
}

#[derive(Debug, Args)]
pub(crate) struct ReconcileArgs {
    /// From which UTC day on: a date, a moment, or a span before now such as `7d`; the last 30 days
    /// unless told otherwise.
    #[arg(long, value_name = "WHEN")]
    pub(crate) since: Option<String>,
    /// Before which UTC day, written the same way.
    #[arg(long, value_name = "WHEN")]
    pub(crate) until: Option<String>,
    /// How far apart figures may be, in US dollars; a thousandth of theirs always passes.
    #[arg(long, value_name = "USD", default_value = "0.01", value_parser = str::parse::<Usd>)]
    pub(crate) tolerance: Usd,
    /// Compares with this export of a provider, comma-separated with a line of headings, instead of
    /// asking OpenRouter.
    #[arg(long, value_name = "FILE")]
    pub(crate) csv: Option<PathBuf>,
    /// Names a column of the export, such as `cost=Amount`; of date, model, cost, byok, requests,
    /// input and output; may be repeated.
    #[arg(long, value_name = "FIGURE=HEADING", value_parser = key_value, requires = "csv")]
    pub(crate) map: Vec<(String, String)>,
    /// Lane whose part of the ledger is compared.
    #[arg(long, default_value = tollgate::OPENROUTER_LANE, requires = "csv")]
    pub(crate) lane: String,
    /// Compares the activity of one key alone, by its hash.
    #[arg(long, value_name = "HASH", conflicts_with = "csv")]
    pub(crate) api_key_hash: Option<String>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum RouterCommand {
    /// Learns from outcomes, and writes what was learned to a file.
    Train {
        /// File of outcomes (JSON lines, plain or gzip), with `models.json` beside it; may be repeated.
        #[arg(long, required = true, value_name = "FILE")]
        outcomes: Vec<PathBuf>,
        /// File to write.
        #[arg(long, value_name = "MODEL")]
        out: PathBuf,
        /// Learns how hard prompts are, and nothing of single models.
        #[arg(long)]
        neutral: bool,
    },
    /// Shows what a trained router would have earned and cost on outcomes, beside what is easy.
    Eval {
        /// File of outcomes that it was not trained on, with `models.json` beside it.
        #[arg(long, value_name = "FILE")]
        outcomes: PathBuf,
        /// File that `train` wrote, or `neutral` for what comes with the program.
        #[arg(long, value_name = "MODEL")]
        model: PathBuf,
        /// Draws of the bootstrap that gives the intervals.
        #[arg(long, default_value_t = 1_000)]
        resamples: usize,
    },
}
