//! `tollgate serve` and `tollgate sim` as processes.

use std::io::{BufRead, BufReader, Read};
use std::process::{Child, ExitStatus, Stdio};
use std::thread::JoinHandle;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tollgate_sim::{Fault, Rule, Scenario};

use crate::support::{Home, MODEL, base_url, simulator};

/// A running command that is killed at the end of the test.
pub(crate) struct Server {
    child: Child,
    pub(crate) address: String,
    printed: Option<JoinHandle<String>>,
}

impl Server {
    pub(crate) fn start(home: &Home, arguments: &[&str]) -> Self {
        let mut child = home
            .command(arguments)
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stderr.take().unwrap());
        let mut line = String::new();
        while !line.contains("http://") {
            line.clear();
            assert!(lines.read_line(&mut line).unwrap() > 0, "the server ended");
        }
        let address = line
            .split("http://")
            .nth(1)
            .unwrap()
            .split('/')
            .next()
            .unwrap()
            .trim();
        let address = address.to_owned();
        // What is printed later must not fill the pipe.
        let printed = std::thread::spawn(move || {
            let mut text = String::new();
            lines.read_to_string(&mut text).unwrap();
            text
        });
        Self {
            child,
            address,
            printed: Some(printed),
        }
    }

    /// Waits for its end; gives back what it printed since it listens.
    #[cfg(unix)]
    pub(crate) async fn end(mut self) -> (ExitStatus, String) {
        tokio::task::spawn_blocking(move || {
            let status = self.child.wait().unwrap();
            (status, self.printed.take().unwrap().join().unwrap())
        })
        .await
        .unwrap()
    }

    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    pub(crate) async fn post(&self, path: &str, body: &str) -> String {
        rest(self.begin(path, "", body).await).await
    }

    /// The same with another key.
    pub(crate) async fn post_as(&self, key: &str, path: &str, body: &str) -> String {
        rest(self.begin_as(key, path, "", body).await).await
    }

    #[cfg(unix)]
    pub(crate) async fn get(&self, path: &str) -> String {
        let mut stream = TcpStream::connect(&self.address).await.unwrap();
        let request =
            format!("GET {path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n");
        stream.write_all(request.as_bytes()).await.unwrap();
        rest(stream).await
    }

    /// Sends a request with more lines in its head, and leaves the reply to be read.
    pub(crate) async fn begin(&self, path: &str, lines: &str, body: &str) -> TcpStream {
        self.begin_as("sk-or-v1-not-a-real-key-000", path, lines, body)
            .await
    }

    async fn begin_as(&self, key: &str, path: &str, lines: &str, body: &str) -> TcpStream {
        let mut stream = TcpStream::connect(&self.address).await.unwrap();
        let request = format!(
            "POST {path} HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\nauthorization: Bearer {key}\r\ncontent-length: {}\r\n{lines}connection: close\r\n\r\n{body}",
            body.len()
        );
        stream.write_all(request.as_bytes()).await.unwrap();
        stream
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Reads a reply to its end, be it proper or not.
pub(crate) async fn rest(mut stream: TcpStream) -> String {
    let mut reply = Vec::new();
    let _ = stream.read_to_end(&mut reply).await;
    String::from_utf8(reply).unwrap()
}

/// Sends a signal to a process.
#[cfg(unix)]
pub(crate) fn signal(name: &str, process: u32) {
    let kill = format!("kill -{name} {process}");
    let status = std::process::Command::new("sh")
        .args(["-c", &kill])
        .status();
    assert!(status.unwrap().success(), "{kill}");
}

pub(crate) fn body(stream: bool) -> String {
    format!(
        r#"{{"model":"{MODEL}","stream":{stream},"messages":[{{"role":"user","content":"Name a colour."}}]}}"#
    )
}

#[tokio::test(flavor = "multi_thread")]
async fn any_openai_client_gets_streams_whole_answers_and_plans() {
    let simulator = simulator(Scenario::default()).await;
    let home = Home::new();
    let server = Server::start(
        &home,
        &["serve", "--listen", "127.0.0.1:0", &base_url(&simulator)],
    );

    let whole = server.post("/v1/chat/completions", &body(false)).await;
    assert!(whole.starts_with("HTTP/1.1 200"), "{whole}");
    assert!(
        whole.contains("x-tollgate-cost: ") && whole.contains("\"choices\""),
        "{whole}"
    );

    let stream = server.post("/api/v1/chat/completions", &body(true)).await;
    assert!(
        stream.contains("text/event-stream") && stream.contains("data: [DONE]"),
        "{stream}"
    );

    let plan = server.post("/v1/plan", &body(false)).await;
    assert!(plan.contains("\"dropped\""), "{plan}");

    let wrong = server
        .post("/v1/chat/completions", "{\"messages\":7}")
        .await;
    assert!(wrong.starts_with("HTTP/1.1 400"), "{wrong}");
    let nowhere = server.post("/v1/nowhere", "{}").await;
    assert!(nowhere.starts_with("HTTP/1.1 404"), "{nowhere}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cut_stream_ends_with_an_error_and_never_with_done() {
    let cut = Rule::new(Fault::named("cut-event=3").unwrap());
    let simulator = simulator(Scenario::default().with_rule(cut).with_output_tokens(40)).await;
    let home = Home::new();
    let server = Server::start(
        &home,
        &["serve", "--listen", "127.0.0.1:0", &base_url(&simulator)],
    );
    let stream = server.post("/v1/chat/completions", &body(true)).await;
    assert!(stream.contains("\"finish_reason\":\"error\""), "{stream}");
    assert!(!stream.contains("[DONE]"), "{stream}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_simulator_runs_as_a_command() {
    let home = Home::new();
    let server = Server::start(&home, &["sim", "--listen", "127.0.0.1:0", "--seed", "3"]);
    let reply = server.post("/api/v1/chat/completions", &body(false)).await;
    assert!(reply.starts_with("HTTP/1.1 200"), "{reply}");
    let fault = server
        .post(
            "/api/v1/chat/completions",
            &body(false).replace(MODEL, "sim/overloaded"),
        )
        .await;
    assert!(fault.starts_with("HTTP/1.1 529"), "{fault}");
}

#[cfg(unix)]
#[tokio::test(flavor = "multi_thread")]
async fn a_terminated_server_lets_a_running_answer_end() {
    let slow = Rule::new(Fault::named("delay-between=100").unwrap()).for_route("chat");
    let simulator = simulator(Scenario::default().with_rule(slow).with_output_tokens(8)).await;
    let home = Home::new();
    let server = Server::start(
        &home,
        &["serve", "--listen", "127.0.0.1:0", &base_url(&simulator)],
    );
    let mut stream = server.begin("/v1/chat/completions", "", &body(true)).await;
    stream.read_exact(&mut [0; 64]).await.unwrap();
    signal("TERM", server.id());
    let reply = rest(stream).await;
    assert!(reply.contains("data: [DONE]"), "{reply}");
    let (status, printed) = server.end().await;
    assert_eq!(status.code(), Some(0), "{printed}");
    for words in ["30 s to end", "all answers have ended", "booked"] {
        assert!(printed.contains(words), "{words}: {printed}");
    }
}

#[cfg(unix)]
#[tokio::test(flavor = "multi_thread")]
async fn patience_or_a_second_signal_cuts_what_still_runs_and_books_it() {
    for (patience, signals) in [("0", 1), ("600", 2)] {
        let stall = Rule::new(Fault::named("stall=3").unwrap()).for_route("chat");
        let simulator = simulator(Scenario::default().with_rule(stall)).await;
        let home = Home::new();
        let url = base_url(&simulator);
        let arguments = [
            "serve",
            "--listen",
            "127.0.0.1:0",
            "--drain",
            patience,
            &url,
        ];
        let server = Server::start(&home, &arguments);
        let mut stream = server.begin("/v1/chat/completions", "", &body(true)).await;
        stream.read_exact(&mut [0; 64]).await.unwrap();
        signal("TERM", server.id());
        if signals == 2 {
            // The first is seen when nobody listens any more.
            while TcpStream::connect(&server.address).await.is_ok() {
                tokio::task::yield_now().await;
            }
            signal("INT", server.id());
        }
        assert!(!rest(stream).await.contains("[DONE]"));
        let (status, printed) = server.end().await;
        assert_eq!(status.code(), Some(0), "{printed}");
        assert!(printed.contains("were cut"), "{printed}");

        let usage = home.run(&["usage", "--json"]).await.json();
        let row = &usage["rows"][0];
        assert_eq!(
            (&row["calls"], &row["attempts"]),
            (&1.into(), &1.into()),
            "{usage}"
        );
    }
}
