//! Spans as whoever listens to `tracing` gets them.

use std::io;
use std::sync::{Arc, Mutex};

use futures_util::FutureExt;
use tollgate::{CallProfile, Candidate, Gateway, Ranking, RoutingPolicy, StreamMode, Usd};
use tollgate_sim::Scenario;
use tracing_subscriber::fmt::format::FmtSpan;

use crate::support::{chat, config, simulator};

const PROMPT: &str = "zebrafinch quokkaberry";

/// What was written.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl io::Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Log {
    /// Everything that this thread says from now on, spans and their ends too.
    fn listen(&self) -> tracing::subscriber::DefaultGuard {
        let log = self.clone();
        let subscriber = tracing_subscriber::fmt()
            .with_max_level(tracing::Level::TRACE)
            .with_span_events(FmtSpan::FULL)
            .with_writer(move || log.clone())
            .with_ansi(false)
            .finish();
        tracing::subscriber::set_default(subscriber)
    }

    fn text(&self) -> String {
        String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
    }
}

#[derive(Debug)]
struct Panics;

impl RoutingPolicy for Panics {
    fn rank(&self, _: &CallProfile, _: &[Candidate]) -> Ranking {
        panic!("a policy of somebody's own");
    }
}

#[tokio::test]
async fn a_policy_that_panics_harms_its_own_call_only_and_tells_no_prompt() {
    let log = Log::default();
    let _listening = log.listen();
    let simulator = simulator(Scenario::default()).await;
    let gateway = Gateway::builder(config(&simulator, ""))
        .policy("panics", Arc::new(Panics))
        .seed(7)
        .build()
        .await
        .unwrap();
    let request = chat("tollgate/panics", PROMPT, StreamMode::Whole);
    let ended = std::panic::AssertUnwindSafe(gateway.chat(request));
    assert!(ended.catch_unwind().await.is_err());
    assert_eq!(gateway.totals().unwrap().held, Usd::ZERO);

    let request = chat("tollgate/cheapest", PROMPT, StreamMode::Whole);
    let answer = gateway.chat(request).await.unwrap();
    answer.collect().await.unwrap();
    gateway.shutdown().await;
    let text = log.text();
    assert!(
        text.contains("call settled") && text.contains("plan"),
        "{text}"
    );
    for word in PROMPT.split(' ') {
        let line = text.lines().find(|line| line.contains(word));
        assert_eq!(line, None);
    }
}

#[tokio::test]
async fn the_span_of_a_call_closes_when_it_is_settled_and_not_before() {
    let log = Log::default();
    let _listening = log.listen();
    let simulator = simulator(Scenario::default()).await;
    let gateway = Gateway::builder(config(&simulator, ""))
        .seed(7)
        .build()
        .await
        .unwrap();
    // Spans below it stand behind the colon.
    let closes = |line: &str| {
        let (_, after) = line.split_once(" call{")?.1.split_once("}:")?;
        after.starts_with(" tollgate::span: close").then_some(())
    };
    let is_closed = || log.text().lines().any(|line| closes(line).is_some());
    let request = chat("tollgate/cheapest", PROMPT, StreamMode::Stream);
    let answer = gateway.chat(request).await.unwrap();
    assert!(!is_closed());
    drop(answer);
    gateway.shutdown().await;
    assert!(is_closed(), "{}", log.text());
}
