//! Many streams at once at a running `tollgate serve`, and what becomes of them
//! when it is told to stop.
//!
//! `cargo xtask streams` runs it with a thousand streams of a minute.

#![cfg(unix)]
#![expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]
#![expect(
    clippy::disallowed_methods,
    reason = "the numbers come from the environment"
)]

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::Duration;

use futures_util::future::join_all;
use futures_util::stream::{self, StreamExt};
use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tollgate_sim::{Latency, Scenario, Simulator};

const MODEL: &str = "anthropic/claude-3-haiku";

/// Tokens of an answer, in a second.
const SPEED: u64 = 4;

fn number(name: &str, usual: u64) -> u64 {
    let set = std::env::var(name).ok();
    set.map_or(usual, |text| text.parse().unwrap())
}

/// A server in front of a simulator whose answers take so long.
struct Rig {
    child: Child,
    address: String,
    home: TempDir,
    simulator: Simulator,
}

impl Rig {
    async fn start(seconds: u64, arguments: &[&str]) -> Self {
        let scenario = Scenario::default()
            .with_output_tokens(seconds * SPEED)
            .with_latency(Latency::Fixed {
                first_token_ms: 50,
                tokens_per_second: SPEED,
            });
        let simulator = Simulator::builder().seed(7).scenario(scenario);
        let simulator = simulator.start().await.unwrap();
        let home = tempfile::tempdir().unwrap();
        let base = format!("--set=openrouter.base_url={}", simulator.base_url());
        let mut child = Command::new(env!("CARGO_BIN_EXE_tollgate"))
            .args(["serve", "--listen", "127.0.0.1:0", &base])
            .args(arguments)
            .current_dir(home.path())
            .env_clear()
            .env("HOME", home.path())
            .env("OPENROUTER_API_KEY", "sk-or-v1-not-a-real-key-000")
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
        let address = lines
            .find_map(|line| Some(line.unwrap().split_once("http://")?.1.replace("/v1", "")))
            .unwrap();
        // What is printed later must not fill the pipe.
        std::thread::spawn(move || lines.for_each(drop));
        Self {
            child,
            address: address.trim().to_owned(),
            home,
            simulator,
        }
    }

    /// Sends a request for a stream, and waits for its first token.
    async fn begin(&self) -> Streaming {
        let body = format!(
            r#"{{"model":"{MODEL}","stream":true,"messages":[{{"role":"user","content":"Tell a story."}}]}}"#
        );
        let request = format!(
            "POST /v1/chat/completions HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{body}",
            body.len()
        );
        let mut stream = TcpStream::connect(&self.address).await.unwrap();
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut seen = Vec::new();
        while !String::from_utf8_lossy(&seen).contains("\"content\":\"") {
            let mut piece = [0; 4_096];
            let length = stream.read(&mut piece).await.unwrap();
            assert!(length > 0, "{}", String::from_utf8_lossy(&seen));
            seen.extend(&piece[..length]);
        }
        Streaming { stream, seen }
    }

    /// Begins many, so many at a time: it is about those that run, not about
    /// a thousand connections in one moment.
    async fn begin_all(&self, streams: u64) -> Vec<Streaming> {
        const AT_A_TIME: usize = 50;
        let begun = stream::iter(0..streams).map(|_| self.begin());
        begun.buffer_unordered(AT_A_TIME).collect().await
    }

    /// Resident memory of the server, in KiB.
    fn memory(&self) -> u64 {
        let status = format!("/proc/{}/status", self.child.id());
        let status = std::fs::read_to_string(status).unwrap();
        let line = status.lines().find(|line| line.starts_with("VmRSS:"));
        let number = line.unwrap().split_whitespace().nth(1);
        number.unwrap().parse().unwrap()
    }

    fn terminate(&self) {
        let id = self.child.id().to_string();
        let status = Command::new("kill").args(["-TERM", &id]).status();
        assert!(status.unwrap().success());
    }

    async fn end(&mut self) -> ExitStatus {
        loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                return status;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// Checks that the books are whole when the server is gone, and that every
    /// attempt in them has ended: nothing is held any more.
    fn check_books(&self, attempts: u64) {
        let output = Command::new(env!("CARGO_BIN_EXE_tollgate"))
            .args(["ledger", "verify", "--json"])
            .current_dir(self.home.path())
            .env_clear()
            .env("HOME", self.home.path())
            .output()
            .unwrap();
        assert!(output.status.success(), "{output:?}");
        let checks: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
        assert_eq!(checks[0]["ok"], true, "{checks}");
        assert_eq!(checks[0]["attempts"], attempts, "{checks}");
    }
}

impl Drop for Rig {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

struct Streaming {
    stream: TcpStream,
    seen: Vec<u8>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum End {
    Whole,
    Error,
    Cut,
}

impl Streaming {
    async fn rest(mut self) -> End {
        let _ = self.stream.read_to_end(&mut self.seen).await;
        let text = String::from_utf8(self.seen).unwrap();
        if text.contains("data: [DONE]") {
            return End::Whole;
        }
        match text.contains("\"finish_reason\":\"error\"") {
            true => End::Error,
            false => End::Cut,
        }
    }
}

async fn ends(streams: Vec<Streaming>) -> Vec<End> {
    join_all(streams.into_iter().map(Streaming::rest)).await
}

#[tokio::test(flavor = "multi_thread")]
async fn no_stream_of_many_is_dropped_and_each_takes_little_memory() {
    let streams = number("TOLLGATE_STREAMS", 100);
    let seconds = number("TOLLGATE_STREAM_SECONDS", 3);
    let rig = Rig::start(seconds, &[]).await;
    // Whatever a first call allocates for good.
    rig.begin().await.rest().await;
    let before = rig.memory();
    let running = rig.begin_all(streams).await;
    let during = rig.memory();
    let ends = ends(running).await;
    let whole = ends.iter().filter(|end| **end == End::Whole).count() as u64;
    let each = during.saturating_sub(before) / streams;
    eprintln!(
        "{streams} streams of {seconds} s: {whole} whole; {before} KiB before, {during} KiB with all, {each} KiB each"
    );
    assert_eq!(whole, streams);
    assert!(each <= 100, "{each} KiB each");
    let billed = rig.simulator.bill().lines.len() as u64;
    assert_eq!(billed, streams + 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn streams_end_by_themselves_when_the_server_is_told_to_stop() {
    let streams = number("TOLLGATE_STREAMS", 200).min(200);
    let mut rig = Rig::start(3, &["--drain", "60"]).await;
    let running = rig.begin_all(streams).await;
    rig.terminate();
    let ends = ends(running).await;
    assert!(ends.iter().all(|end| *end == End::Whole), "{ends:?}");
    assert!(rig.end().await.success());
    rig.check_books(streams);
}

#[tokio::test(flavor = "multi_thread")]
async fn streams_that_run_too_long_end_with_an_error_when_the_server_stops() {
    let streams = number("TOLLGATE_STREAMS", 200).min(200);
    let mut rig = Rig::start(300, &["--drain", "1"]).await;
    let running = rig.begin_all(streams).await;
    rig.terminate();
    let ends = ends(running).await;
    assert!(ends.iter().all(|end| *end == End::Error), "{ends:?}");
    assert!(rig.end().await.success());
    rig.check_books(streams);
}
