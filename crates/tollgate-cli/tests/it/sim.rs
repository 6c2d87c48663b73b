//! `tollgate sim` as one host or another, and a failover from one to another.

use std::io::{BufRead as _, BufReader};
use std::process::Stdio;

use tollgate_sim::{Fault, Host, Rule, Scenario, Simulator};

use crate::support::{Home, simulator};

#[test]
fn the_simulator_says_whom_it_answers_as() {
    let home = Home::new();
    for (flag, title, path) in [
        ("--as=openrouter", "OpenRouter", "/api/v1"),
        ("--as=openai", "OpenAI", "/v1"),
        ("--as=anthropic", "Anthropic", "/v1"),
        ("--as=gemini", "Gemini", "/v1beta"),
    ] {
        let mut command = home.command(&["sim", flag, "--listen", "127.0.0.1:0"]);
        let mut child = command.stderr(Stdio::piped()).spawn().unwrap();
        let mut line = String::new();
        let stderr = child.stderr.take().unwrap();
        BufReader::new(stderr).read_line(&mut line).unwrap();
        child.kill().unwrap();
        child.wait().unwrap();
        let (said, address) = line.trim().rsplit_once(' ').unwrap();
        assert_eq!(said, format!("simulating {title} at"));
        assert!(
            address.starts_with("http://127.0.0.1:") && address.ends_with(path),
            "{line}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_host_that_is_none_is_named_with_the_closest_one() {
    let run = Home::new().run(&["sim", "--as", "antropic"]).await;
    assert_eq!(run.code(), 2);
    assert!(
        run.err().contains("did you mean `anthropic`"),
        "{}",
        run.err()
    );
}

/// OpenRouter is down, and OpenAI itself answers, as strict as it is.
#[tokio::test(flavor = "multi_thread")]
async fn a_chat_that_openrouter_cannot_serve_is_served_by_openai_itself() {
    const CHAT: &str = "openai/gpt-4o-mini";
    let down = Scenario::default().with_rule(Rule::new(Fault::status(503)));
    let openrouter = simulator(down).await;
    let openai = Simulator::builder()
        .host(Host::OpenAi)
        .start()
        .await
        .unwrap();
    let home = Home::new();
    home.write(
        "tollgate.toml",
        &format!(
            r#"
            [openrouter]
            api_key = "sk-or-v1-not-a-real-key-000"
            base_url = "{}"

            [providers.openai]
            base_url = "{}"
            api_key = "sk-not-a-real-key-0000001"
            models = {{ "{CHAT}" = "gpt-4o-mini" }}
            prices = {{ "{CHAT}" = {{ base = {{ input = "0.00000015", output = "0.0000006" }} }} }}
            "#,
            openrouter.base_url(),
            openai.base_url()
        ),
    );
    for flags in [&[][..], &["--json"]] {
        let run = home
            .run(&[&["chat", "Name a colour.", "-m", CHAT], flags].concat())
            .await;
        assert_eq!(run.code(), 0, "{}", run.err());
    }
    openai.idle().await;
    assert_eq!(openrouter.bill().lines.len(), 0);
    let bill = openai.bill();
    assert!(
        bill.lines
            .iter()
            .all(|line| line.model == CHAT && line.provider == "OpenAI")
    );
    // What the gateway booked is what the witness charged, though OpenAI tells no cost.
    let usage = home.run(&["usage", "--json"]).await.json();
    let text = usage.to_string();
    assert_eq!(bill.lines.len(), 2, "{text}");
    assert!(
        text.contains(&bill.total().to_string()),
        "{} in {text}",
        bill.total()
    );
}
