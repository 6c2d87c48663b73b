//! One conversation leaves by other roads. Whatever is dead, each of its turns is answered, the
//! answers look the same to the caller, and what a model has signed comes back to it as it was.

mod journeys;
mod talk;
mod turn;

use std::collections::BTreeMap;
use std::time::Duration;

use tokio::time::sleep;
use tollgate_sim::{Fault, Rule, Scenario};

use self::journeys::{BYOK_KEY, JOURNEYS, Journey, Road, TURNS, Turn};
use self::talk::{TONGUES, Talk, Tongue};
use self::turn::{Told, take};
use super::Settings;
use super::books::{self, Book};
use crate::condition::{Condition, DOWN};
use crate::contact::Contact;
use crate::host::Host;
use crate::report::{Report, Row};
use crate::rig::{Error, Keep, Rig, Setup, in_virtual_time};

/// Time between two turns, in which breakers close again and keys are found good.
const PAUSE: Duration = Duration::from_secs(600);

/// How long afterwards the gateway may ask what calls have cost.
const AFTERWARDS: Duration = Duration::from_secs(3_600);

/// Conversations that the table shows: each journey on each surface once.
const SHOWN: usize = JOURNEYS.len() * TONGUES.len();

pub(super) fn run(settings: Settings) -> Result<Report, Error> {
    let conversations = (0..settings.calls).map(|number| converse(settings.seed, number));
    let conversations: Vec<Conversation> = conversations.collect::<Result<_, _>>()?;
    let mut report = settings.report(rows(&conversations));
    for conversation in &conversations {
        report.violations.extend(conversation.violations());
    }
    report.table = table(&conversations);
    Ok(report)
}

/// A conversation on one surface, along one journey.
struct Conversation {
    number: u32,
    journey: &'static Journey,
    tongue: &'static Tongue,
    turns: Vec<Told>,
    /// What hosts refused as wrong, in their words.
    refused: Vec<String>,
    books: Vec<Book>,
}

/// Holds one conversation, on a network of its own.
fn converse(seed: u64, number: u32) -> Result<Conversation, Error> {
    let place = number as usize;
    let (journey, rest) = (&JOURNEYS[place % JOURNEYS.len()], place / JOURNEYS.len());
    let (tongue, round) = (&TONGUES[rest % TONGUES.len()], rest / TONGUES.len());
    in_virtual_time(async {
        let (rig, sims) = start(seed.wrapping_add(number.into()), journey).await?;
        let mut talk = Talk::begin(tongue, number);
        let mut turns: Vec<Told> = Vec::new();
        for (index, turn) in journey.turns.iter().enumerate() {
            strike(&rig, &sims, turn)?;
            talk.ask(index);
            let is_stream = (index + round).is_multiple_of(2);
            let told = take(&rig, &mut talk, journey.model, is_stream, &turns).await?;
            turns.push(told);
            strike(&rig, &sims, &Turn::QUIET)?;
            sleep(PAUSE).await;
        }
        rig.rest().await;
        sleep(AFTERWARDS).await;
        Ok(Conversation {
            number,
            journey,
            tongue,
            turns,
            refused: refused(&rig),
            books: Book::by_key(&rig, lane_of).await?,
        })
    })
}

/// A gateway with two keys for each of four hosts, and the scenario of their simulators.
async fn start(seed: u64, journey: &Journey) -> Result<(Rig, Scenario), Error> {
    let sims = Scenario::from_toml("byok_fee_percent = 5")?
        .with_latency(Setup::new(seed).sims().latency)
        .with_output_tokens(24);
    let chain = format!("['{}']", journey.then);
    let byok = format!("[{{ key = '{BYOK_KEY}', mode = 'byok' }}]");
    let rig = Setup::new(seed)
        .hosts(&[Host::A, Host::OpenAi, Host::Anthropic, Host::Gemini])
        .key("openrouter.api_keys", byok)
        .key("openrouter.byok_allowance", 0)
        .key("openrouter.optimization.fallback_chain", chain)
        .keys(Host::OpenAi, 1)
        .keys(Host::Anthropic, 1)
        .keys(Host::Gemini, 1)
        .key("providers.anthropic.thinking", "budget")
        .key("failover.attempts", 8)
        .key("failover.per_target", 1)
        .scenario(sims.clone())
        .keep(Keep::Everything)
        .start()
        .await?;
    Ok((rig, sims))
}

/// Kills hosts and keys, and brings all others back.
fn strike(rig: &Rig, sims: &Scenario, turn: &Turn) -> Result<(), Error> {
    for host in rig.network.hosts() {
        let condition = match turn.dead.contains(&host) {
            true => Condition::mixed(1.0, &DOWN).on_all_routes(),
            false => Condition::good(),
        };
        rig.network.set(host, condition);
        let mut refused = turn.refused.iter().filter(|road| road.host == host);
        let scenario = refused.try_fold(sims.clone(), |scenario, road| {
            let unknown = Rule::new(Fault::named("unauthorized")?);
            let unknown = unknown.for_key(road.key()).for_route("*");
            Ok::<_, tollgate_sim::Error>(scenario.with_rule(unknown))
        })?;
        rig.network.service(host).set_scenario(scenario)?;
    }
    Ok(())
}

/// What hosts did not understand, in their words.
fn refused(rig: &Rig) -> Vec<String> {
    rig.network.contacts(|contacts| {
        let is_wrong = |contact: &&Contact| {
            contact.is_chat() && matches!(contact.status, Some(400 | 404 | 422))
        };
        let wrong = contacts.iter().filter(is_wrong);
        let words = wrong.map(|contact| format!("{} says {}", contact.host, contact.answer()));
        words.collect()
    })
}

fn lane_of(key: &str) -> String {
    let roads = Host::EVERY
        .into_iter()
        .flat_map(|host| [1, 2].map(|number| Road { host, number }));
    let road = roads.into_iter().find(|road| road.key() == key);
    road.map_or_else(|| key.to_owned(), |road| road.lane())
}

impl Conversation {
    /// What went against the promise, and where.
    fn violations(&self) -> Vec<String> {
        let turns = self.turns.iter().zip(&self.journey.turns).enumerate();
        let of_turns = turns.flat_map(|(index, (told, turn))| {
            let mut wrong = told.wrong.clone();
            let lane = turn.by.lane();
            if told.is_answered && told.lane != lane {
                wrong.push(format!("the answer is from {}, not {lane}", told.lane));
            }
            wrong
                .into_iter()
                .map(move |wrong| format!("turn {}: {wrong}", index + 1))
        });
        let refused = self.refused.iter().cloned();
        let (journey, surface) = (self.journey.name, self.tongue.name);
        of_turns
            .chain(refused)
            .map(|wrong| {
                format!(
                    "{journey}, {surface} (conversation {}): {wrong}",
                    self.number
                )
            })
            .collect()
    }
}

fn rows(conversations: &[Conversation]) -> Vec<Row> {
    let turns = || conversations.iter().flat_map(|one| &one.turns);
    let sum = |figure: fn(&Told) -> usize| turns().map(figure).sum::<usize>();
    let answered = sum(|told| told.is_answered.into());
    let moved = sum(|told| usize::from(told.attempts > 1));
    let refused = conversations.iter().map(|one| one.refused.len()).sum();
    let mut rows = vec![
        Row::share("turns that are answered", (answered, turns().count())).at_least(100.0),
        Row::count("turns that move while they are asked", moved),
        Row::count("requests that hosts refuse as wrong", refused).none(),
        Row::count(
            "signatures that come back to their maker",
            sum(|told| told.signed),
        )
        .at_least(1.0),
        Row::count(
            "calls of tools whose ids come back",
            sum(|told| told.called),
        )
        .at_least(1.0),
    ];
    rows.extend(books::rows(&sums(conversations)));
    rows
}

/// The books of all conversations as one; a difference in one is not made up for by another's.
fn sums(conversations: &[Conversation]) -> Vec<Book> {
    let mut lanes: BTreeMap<&str, Book> = BTreeMap::new();
    for book in conversations.iter().flat_map(|one| &one.books) {
        lanes.entry(&book.lane).or_default().add(book);
    }
    lanes.into_values().collect()
}

/// A line for each turn of the first conversations.
fn table(conversations: &[Conversation]) -> Vec<String> {
    let head = format!(
        "{:<12} {:<10} {:>4}  {:<14} {:>8} {:>12}   {}",
        "journey", "surface", "turn", "road", "attempts", "cost", "lost in translation"
    );
    let lines = conversations.iter().take(SHOWN).flat_map(|one| {
        (1..=TURNS).zip(&one.turns).map(|(number, told)| {
            let (journey, surface) = (one.journey.name, one.tongue.name);
            let Told { lane, attempts, cost, .. } = told;
            let line = format!(
                "{journey:<12} {surface:<10} {number:>4}  {lane:<14} {attempts:>8} {cost:>9} n$   {}",
                told.lost.join(", ")
            );
            line.trim_end().to_owned()
        })
    });
    std::iter::once(head).chain(lines).collect()
}
