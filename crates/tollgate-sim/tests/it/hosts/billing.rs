//! The bill of a direct provider: the catalog's prices, and the tokens that were told.

use tollgate_sim::{Fault, Host, Rule, Scenario, Simulator};

use super::peer::{PEERS, direct};
use crate::surface::{Wish, events};

/// Nano-dollars per token of input and of output, from the catalog's prices per million.
fn prices(host: Host) -> (u64, u64) {
    match host {
        Host::OpenAi => (150, 600),
        Host::Anthropic => (1_000, 5_000),
        _ => (300, 2_500),
    }
}

#[tokio::test(start_paused = true)]
async fn what_is_told_is_billed_at_the_price_of_the_catalog() {
    for peer in PEERS {
        let sim = direct(peer.host).await;
        let mut total = 0;
        for stream in [false, true] {
            for wish in [Wish::Text, Wish::Tool, Wish::Limited(20)] {
                let more = match (peer.name, stream) {
                    ("openai chat", true) => {
                        serde_json::json!({"stream_options": {"include_usage": true}})
                    }
                    _ => serde_json::json!({}),
                };
                let reply = peer.ask_with(wish, stream, more).send(&sim).await;
                let told = match stream {
                    true => (peer.stream)(&events(&reply)),
                    false => (peer.whole)(&reply.json()),
                };
                let bill = sim.bill();
                let line = bill.lines.last().unwrap();
                let name = format!("{} {stream} {wish:?}", peer.name);
                assert_eq!(
                    (line.prompt_tokens, line.completion_tokens),
                    told.tokens,
                    "{name}"
                );
                assert_eq!(
                    (line.host, line.model.as_str()),
                    (peer.host, peer.id),
                    "{name}"
                );
                assert!(reply.text().contains(&line.generation), "{name}");
                let (input, output) = prices(peer.host);
                let cost = told.tokens.0 * input + told.tokens.1 * output;
                assert_eq!(u64::try_from(line.credits.nanos()).unwrap(), cost, "{name}");
                assert!(!line.is_byok, "{name}");
                total += cost;
            }
        }
        assert_eq!(
            u64::try_from(sim.bill().total().nanos()).unwrap(),
            total,
            "{}",
            peer.name
        );
    }
}

#[tokio::test(start_paused = true)]
async fn refusals_cost_nothing_and_cut_streams_what_they_sent() {
    for peer in PEERS {
        let sim = direct(peer.host).await;
        let ask = peer.ask(Wish::Text, true);
        ask.clone()
            .with("x-sim-fault", "overloaded")
            .send(&sim)
            .await;
        assert!(sim.bill().lines.is_empty(), "{}", peer.name);
        ask.clone()
            .with("x-sim-fault", "cut-event=8")
            .send(&sim)
            .await;
        ask.send(&sim).await;
        let bill = sim.bill();
        let [cut, whole] = &bill.lines[..] else {
            panic!("{bill:?}");
        };
        let sent = cut.completion_tokens;
        assert!(
            sent > 0 && sent < whole.completion_tokens,
            "{} {sent}",
            peer.name
        );
    }
}

#[tokio::test(start_paused = true)]
async fn spent_credits_and_rules_are_those_of_the_host() {
    for peer in PEERS {
        let provider = match peer.host {
            Host::OpenAi => "openai",
            Host::Anthropic => "anthropic",
            _ => "google-ai-studio",
        };
        let rule = Rule::new(Fault::status(500))
            .for_provider(provider)
            .times(1);
        let mut scenario = Scenario::default()
            .with_rule(rule)
            .with_rule(Rule::new(Fault::status(503)).for_model(peer.id).times(1));
        scenario.credits = tollgate_sim::NanoUsd::new(1);
        let builder = Simulator::builder().host(peer.host).scenario(scenario);
        let sim = builder.start().await.unwrap();
        let mut statuses = Vec::new();
        for _ in 0..4 {
            let reply = peer.ask(Wish::Text, false).send(&sim).await;
            statuses.push(reply.status.unwrap());
        }
        let spent_out = if peer.host == Host::Anthropic {
            400
        } else {
            429
        };
        assert_eq!(statuses, [503, 500, 200, spent_out], "{}", peer.name);
        // A rule names the model as the catalog does; the answer names it as the host does.
        let limited = Rule::new(Fault::named("rate-limited").unwrap()).for_model(peer.id);
        sim.set_scenario(Scenario::default().with_rule(limited))
            .unwrap();
        let text = peer.ask(Wish::Text, false).send(&sim).await.text();
        assert!(!text.contains(peer.id), "{text}");
        assert_eq!(
            text.contains(peer.model),
            peer.host == Host::OpenAi,
            "{text}"
        );
    }
}
