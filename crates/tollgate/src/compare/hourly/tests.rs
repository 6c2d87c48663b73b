use std::sync::Mutex;

use tollgate_core::FailureKind;
use tollgate_sim::Simulator;
use tollgate_wire::ChatRequest;

use super::*;
use crate::clock::SystemClock;
use crate::lanes::{self, Network, OwnLanes};
use crate::{Config, Gateway, Loader, Order};

/// Both sides, as the test moves them.
#[derive(Clone, Default)]
struct World(Arc<Mutex<State>>);

#[derive(Default)]
struct State {
    charged: Usd,
    is_away: bool,
    ours: Totals,
    alarms: Vec<String>,
}

#[async_trait]
impl Meter for World {
    async fn spent(&self) -> Result<Usd, Failure> {
        let state = self.0.lock().unwrap();
        match state.is_away {
            true => Err(Failure::new(FailureKind::Connect, "away")),
            false => Ok(state.charged),
        }
    }
}

impl Observer for World {
    fn on(&self, event: &Event) {
        if let Event::Alarm { spot, what } = event {
            assert_eq!(spot.to_string(), "key openrouter");
            self.0.lock().unwrap().alarms.push(what.clone());
        }
    }
}

fn usd(text: &str) -> Usd {
    text.parse().unwrap()
}

impl World {
    /// The task at work, after its first reading.
    async fn watched() -> Self {
        let world = Self::default();
        world.watch().await;
        world
    }

    async fn watch(&self) {
        let (ours, observer) = (self.clone(), Arc::new(self.clone()));
        let booked = move || ours.0.lock().unwrap().ours;
        tokio::spawn(run(self.clone(), booked, observer));
        tokio::time::sleep(FIRST_AFTER * 2).await;
    }

    /// Changes both sides, and lets an hour pass.
    async fn hour(&self, change: impl FnOnce(&mut State)) -> Vec<String> {
        change(&mut self.0.lock().unwrap());
        tokio::time::sleep(EVERY).await;
        std::mem::take(&mut self.0.lock().unwrap().alarms)
    }
}

#[tokio::test(start_paused = true)]
async fn books_that_agree_are_not_spoken_of() {
    let world = World::watched().await;
    for _ in 0..48 {
        let alarms = world.hour(|state| {
            state.charged += usd("1.234567891");
            state.ours.credits += usd("1.234567891");
        });
        assert_eq!(alarms.await, [""; 0]);
    }
}

#[tokio::test(start_paused = true)]
async fn a_foreign_charge_raises_one_alarm() {
    let world = World::watched().await;
    let alarms = world.hour(|state| state.charged += usd("0.5")).await;
    assert_eq!(alarms.len(), 1);
    assert!(alarms[0].contains("$0.5 more"), "{alarms:?}");
    assert_eq!(world.hour(|_| ()).await, [""; 0], "it was told");
    let again = world.hour(|state| state.charged += usd("0.25")).await;
    assert!(again[0].contains("$0.25 more"), "{again:?}");
}

#[tokio::test(start_paused = true)]
async fn a_cent_or_a_thousandth_is_let_pass_and_adds_up() {
    let world = World::watched().await;
    let alarms = world.hour(|state| state.charged += usd("0.01"));
    assert_eq!(alarms.await, [""; 0]);
    let alarms = world.hour(|state| {
        state.charged += usd("100.09");
        state.ours.credits += usd("100");
    });
    assert_eq!(alarms.await, [""; 0], "a thousandth of what was charged");
    let alarms = world.hour(|state| state.charged += usd("0.01")).await;
    assert!(alarms[0].contains("$0.11 more"), "{alarms:?}");
}

#[tokio::test(start_paused = true)]
async fn what_runs_and_what_is_unresolved_is_allowed_for() {
    let world = World::watched().await;
    let alarms = world.hour(|state| {
        state.charged += usd("0.9");
        state.ours.held = usd("0.5");
        state.ours.unresolved = usd("0.4");
    });
    assert_eq!(alarms.await, [""; 0]);
    // It ends, and costs what was charged an hour ago.
    let alarms = world.hour(|state| {
        state.ours.held = Usd::ZERO;
        state.ours.credits = usd("0.5");
    });
    assert_eq!(alarms.await, [""; 0]);
    let alarms = world.hour(|state| state.charged += usd("0.02")).await;
    assert_eq!(alarms.len(), 1, "but no more than that");
}

#[tokio::test(start_paused = true)]
async fn what_ran_at_the_first_reading_may_have_been_charged_before_it() {
    for (held, unresolved) in [("0.5", "0"), ("0", "0.5")] {
        let world = World::default();
        world.0.lock().unwrap().ours.held = usd(held);
        world.0.lock().unwrap().ours.unresolved = usd(unresolved);
        world.watch().await;
        let known = |state: &mut State| {
            state.ours.held = Usd::ZERO;
            state.ours.unresolved = Usd::ZERO;
            state.ours.credits = usd("0.5");
        };
        assert_eq!(world.hour(known).await, [""; 0]);
        assert_eq!(world.hour(|_| ()).await, [""; 0], "nor an hour later");
        let more = |state: &mut State| state.ours.credits += usd("0.02");
        assert_eq!(world.hour(more).await, [""; 0]);
        let alarms = world.hour(|_| ()).await;
        assert!(alarms[0].contains("$0.02 less"), "{alarms:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn an_upstream_that_is_late_is_given_a_second_hour() {
    let world = World::watched().await;
    let late = world.hour(|state| state.ours.credits += usd("1"));
    assert_eq!(late.await, [""; 0]);
    let caught_up = world.hour(|state| state.charged += usd("1"));
    assert_eq!(caught_up.await, [""; 0]);
    assert_eq!(
        world.hour(|state| state.ours.credits += usd("1")).await,
        [""; 0]
    );
    let alarms = world.hour(|_| ()).await;
    assert!(alarms[0].contains("$1 less"), "{alarms:?}");
    assert_eq!(world.hour(|_| ()).await, [""; 0]);
}

#[tokio::test(start_paused = true)]
async fn an_upstream_that_is_away_is_asked_again() {
    let world = World::watched().await;
    let away = world.hour(|state| {
        state.is_away = true;
        state.charged += usd("3");
    });
    assert_eq!(away.await, [""; 0]);
    assert_eq!(world.hour(|state| state.is_away = false).await.len(), 1);
}

/// A gateway in front of a simulator, with a ledger of its own.
async fn gateway(config: &Config) -> Gateway {
    Gateway::from_config(config.clone()).await.unwrap()
}

async fn call(gateway: &Gateway, simulator: &Simulator) {
    let request = ChatRequest::from_prompt("Name a colour.").with_model("openai/gpt-5.6-sol");
    let request = request.with_max_tokens(2_000);
    let answer = gateway.chat(Order::from(request)).await.unwrap();
    answer.collect().await.unwrap();
    simulator.idle().await;
}

#[tokio::test]
async fn the_simulators_own_count_agrees_until_somebody_else_uses_the_key() {
    let scenario = tollgate_sim::Scenario::default().with_output_tokens(2_000);
    let simulator = Simulator::builder()
        .scenario(scenario)
        .start()
        .await
        .unwrap();
    let config = Loader::new()
        .with_environment(Vec::new())
        .with_key("openrouter.api_key", "sk-or-v1-not-a-real-key-000")
        .with_key("openrouter.base_url", simulator.base_url())
        .load()
        .unwrap();
    let network = Network {
        clock: Arc::new(SystemClock),
        http: None,
        around: None,
        own: OwnLanes::default(),
    };
    let meter = lanes::openrouter(&config.openrouter, &network).unwrap();
    let (ours, foreign) = (gateway(&config).await, gateway(&config).await);
    let booked = || ours.totals().unwrap();

    let mut watch = Watch::default();
    assert_eq!(watch.look(&meter, booked).await, None);
    call(&ours, &simulator).await;
    assert!(
        booked().credits > TOLERANCE.0,
        "it would be noticed: {:?}",
        booked()
    );
    assert_eq!(watch.look(&meter, booked).await, None);
    call(&foreign, &simulator).await;
    let alarm = watch.look(&meter, booked).await.unwrap();
    assert!(
        alarm.contains(&format!("${} more", booked().credits)),
        "{alarm}"
    );
    assert_eq!(watch.look(&meter, booked).await, None);
}
