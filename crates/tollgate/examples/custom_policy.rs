//! A routing policy of one's own, plugged in by name from TOML.
//!
//! ```text
//! cargo run -p tollgate --example custom_policy
//! ```

use std::sync::Arc;

use tollgate::{
    CallProfile, Candidate, ChatRequest, Gateway, Loader, Message, Ranking, RoutingPolicy,
};

/// The fastest answer among the models that are good enough for the task.
#[derive(Debug)]
struct FastEnough {
    least_quality: f32,
}

impl RoutingPolicy for FastEnough {
    fn rank(&self, _call: &CallProfile, candidates: &[Candidate]) -> Ranking {
        Ranking::by_score(candidates, |candidate| {
            let good_enough = candidate.quality.mean >= self.least_quality;
            let penalty = if good_enough { 0.0 } else { 1e9 };
            -(f64::from(candidate.latency_ms) + penalty)
        })
    }
}

const CONFIG: &str = r#"
[openrouter]
api_key = "sk-or-v1-not-a-real-key-000"

[openrouter.optimization]
mode = "fast-enough"
max_cost_per_request = 0.05
"#;

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let simulator = tollgate_sim::Simulator::builder().start().await?;
    let config = Loader::new()
        .with_text("example.toml", CONFIG)
        .with_key("openrouter.base_url", simulator.base_url())
        .load()?;
    let gateway = Gateway::builder(config)
        .policy("fast-enough", Arc::new(FastEnough { least_quality: 0.6 }))
        .build()
        .await?;

    let request = ChatRequest::new([Message::user("Name three primes.")])?;
    let answer = gateway.chat(request).await?.collect().await?;
    let served = answer.receipt.served().ok_or("the answer is complete")?;
    #[expect(clippy::print_stdout, reason = "an example speaks to a terminal")]
    {
        println!("{} answered: {}", served.model(), answer.response.text());
        println!("{}", answer.receipt);
    }
    gateway.shutdown().await;
    Ok(())
}
