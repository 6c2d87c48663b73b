use tollgate_sim::{Fault, Rule, Scenario};

use crate::support::{Home, MODEL, base_url, simulator};

#[tokio::test(flavor = "multi_thread")]
async fn a_chat_needs_a_key_and_nothing_else_and_the_ledger_remembers_it() {
    let simulator = simulator(Scenario::default()).await;
    let home = Home::new();
    let set = base_url(&simulator);
    let run = home
        .run(&["chat", &set, "--model", MODEL, "Name a colour."])
        .await;
    assert_eq!(run.code(), 0, "{}", run.err());
    assert!(!run.out().trim().is_empty());
    assert!(
        run.err().contains("receipt") && run.err().contains("(reported)"),
        "{}",
        run.err()
    );

    let usage = home
        .run(&["usage", "--json", "--by", "model,billing"])
        .await
        .json();
    let row = &usage["rows"][0];
    assert_eq!(row["calls"], 1);
    assert_eq!(row["credits"], simulator.bill().total().to_string());
    assert_eq!(row["key"][1], "credits");
}

#[tokio::test(flavor = "multi_thread")]
async fn commands_at_the_same_time_each_keep_a_ledger_and_reports_add_them_up() {
    let simulator = simulator(Scenario::default()).await;
    let home = Home::new();
    let set = base_url(&simulator);
    let arguments = ["chat", &set, "--model", MODEL, "Name a colour."];
    let (one, two, three) = tokio::join!(
        home.run(&arguments),
        home.run(&arguments),
        home.run(&arguments)
    );
    for run in [one, two, three] {
        assert_eq!(run.code(), 0, "{}", run.err());
    }
    let usage = home.run(&["usage", "--json", "--by", "lane"]).await.json();
    assert_eq!(usage["rows"].as_array().unwrap().len(), 1);
    assert_eq!(usage["rows"][0]["calls"], 3);
    assert_eq!(
        usage["rows"][0]["credits"],
        simulator.bill().total().to_string()
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn json_holds_answer_and_receipt() {
    let simulator = simulator(Scenario::default()).await;
    let home = Home::new();
    let set = base_url(&simulator);
    let answer = home
        .run(&["chat", &set, "--json", "-m", MODEL, "Name a colour."])
        .await
        .json();
    assert!(!answer["text"].as_str().unwrap().is_empty());
    assert_eq!(
        answer["receipt"]["total"],
        simulator.bill().total().to_string()
    );
    assert_eq!(answer["receipt"]["attempts"].as_array().unwrap().len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_prompt_may_come_through_a_pipe() {
    use std::io::Write;
    use std::process::Stdio;
    let simulator = simulator(Scenario::default()).await;
    let home = Home::new();
    let mut command = home.command(&["chat", &base_url(&simulator), "-q", "-m", MODEL]);
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    child
        .stdin
        .take()
        .unwrap()
        .write_all(b"Name a colour.")
        .unwrap();
    let output = tokio::task::spawn_blocking(move || child.wait_with_output())
        .await
        .unwrap()
        .unwrap();
    assert!(output.status.success());
    assert!(!output.stdout.is_empty());
}

/// Fault of the simulator, and the exit code it leads to.
const ENDS: [(&str, i32); 5] = [
    ("bad-request", 4),
    ("moderation", 4),
    ("internal", 5),
    ("unauthorized", 5),
    ("cut-event=3", 5),
];

#[tokio::test(flavor = "multi_thread")]
async fn exit_codes_say_whose_fault_it_was() {
    for (fault, code) in ENDS {
        let rule = Rule::new(Fault::named(fault).unwrap()).for_route("chat");
        let simulator = simulator(Scenario::default().with_rule(rule)).await;
        let home = Home::new();
        let run = home
            .run(&["chat", &base_url(&simulator), "-m", MODEL, "hi"])
            .await;
        assert_eq!(run.code(), code, "{fault}: {}", run.err());
        assert!(run.err().contains("error:"), "{fault}: {}", run.err());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_key_the_message_says_what_to_do() {
    let home = Home::new();
    let mut command = home.command(&["chat", "--set=catalog.offline=true", "-m", MODEL, "hi"]);
    command.env_remove("OPENROUTER_API_KEY");
    let output = command.output().unwrap();
    assert_eq!(output.status.code(), Some(3));
    let message = String::from_utf8(output.stderr).unwrap();
    assert!(
        message.contains("OPENROUTER_API_KEY") && message.contains("tollgate demo"),
        "{message}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn unknown_models_are_refused_before_anything_is_sent() {
    let simulator = simulator(Scenario::default()).await;
    let home = Home::new();
    let run = home
        .run(&["chat", &base_url(&simulator), "-m", "no/such-model", "hi"])
        .await;
    assert_eq!(run.code(), 4, "{}", run.err());
    assert!(run.err().contains("no/such-model"));
    assert!(simulator.log().iter().all(|seen| seen.method != "POST"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cut_answer_is_shown_with_what_it_cost_so_far() {
    let cut = Rule::new(Fault::named("cut-event=3").unwrap()).for_route("chat");
    let simulator = simulator(Scenario::default().with_rule(cut).with_output_tokens(40)).await;
    let home = Home::new();
    let set = base_url(&simulator);
    let run = home.run(&["chat", &set, "-m", MODEL, "hi"]).await;
    assert_eq!(run.code(), 5, "{}", run.err());
    let message = run.err();
    let receipt = message.find("receipt").expect("a receipt");
    let error = message.find("error:").expect("an error");
    assert!(receipt < error && message.contains("cost"), "{message}");

    let quiet = home.run(&["chat", &set, "-q", "-m", MODEL, "hi"]).await;
    assert_eq!(quiet.code(), 5);
    assert!(!quiet.err().contains("receipt"), "{}", quiet.err());
}

#[tokio::test(flavor = "multi_thread")]
async fn json_of_a_failed_call_holds_error_and_receipt() {
    let simulator = simulator(Scenario::default()).await;
    let home = Home::new();
    let set = base_url(&simulator);
    for (fault, code, attempts) in [("bad-request", 4, 1), ("cut-byte=20", 5, 1)] {
        let rule = Rule::new(Fault::named(fault).unwrap()).for_route("chat");
        simulator
            .set_scenario(Scenario::default().with_rule(rule))
            .unwrap();
        let run = home.run(&["chat", &set, "--json", "-m", MODEL, "hi"]).await;
        assert_eq!(run.code(), code, "{fault}: {}", run.err());
        assert!(run.err().contains("error:"), "{fault}: {}", run.err());
        let printed: serde_json::Value = serde_json::from_str(&run.out()).unwrap();
        assert!(printed["error"]["kind"].is_string(), "{printed}");
        assert!(printed["error"]["message"].is_string(), "{printed}");
        let seen = printed["receipt"]["attempts"].as_array().unwrap().len();
        assert!(seen >= attempts, "{fault}: {printed}");
    }

    let run = home
        .run(&["chat", &set, "--json", "-m", "no/such-model", "hi"])
        .await;
    assert_eq!(run.code(), 4);
    let printed: serde_json::Value = serde_json::from_str(&run.out()).unwrap();
    assert!(printed["receipt"].is_null(), "nothing was sent: {printed}");
}

#[cfg(unix)]
#[tokio::test(flavor = "multi_thread")]
async fn an_interrupted_answer_is_booked() {
    use std::io::Read;
    use std::process::Stdio;
    let stall = Rule::new(Fault::named("stall=3").unwrap()).for_route("chat");
    let simulator = simulator(Scenario::default().with_rule(stall).with_output_tokens(40)).await;
    let home = Home::new();
    let mut child = home
        .command(&["chat", &base_url(&simulator), "-m", MODEL, "hi"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdout = child.stdout.take().unwrap();
    let child = tokio::task::spawn_blocking(move || {
        // The first token says that the call has begun.
        stdout.read_exact(&mut [0]).unwrap();
        crate::serve::signal("INT", child.id());
        child.wait_with_output().unwrap()
    });
    let output = child.await.unwrap();
    let message = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(130), "{message}");
    assert!(message.contains("interrupted"), "{message}");

    let usage = home.run(&["usage", "--json"]).await.json();
    let row = &usage["rows"][0];
    assert_eq!(
        (&row["calls"], &row["attempts"]),
        (&1.into(), &1.into()),
        "{usage}"
    );
}

/// An answer that is billed to its end is read on for a while.
#[cfg(unix)]
#[tokio::test(flavor = "multi_thread")]
async fn a_second_interruption_leaves_at_once_and_the_first_says_so() {
    use std::io::{BufRead, BufReader, Read};
    use std::process::Stdio;
    let stall = Rule::new(Fault::named("stall=3").unwrap()).for_route("chat");
    let simulator = simulator(Scenario::default().with_rule(stall).with_output_tokens(40)).await;
    let home = Home::new();
    home.write(
        "tollgate.toml",
        "[openrouter]\nstops_billing = false\nstops_billing_by_provider = {}\n",
    );
    let mut child = home
        .command(&["chat", &base_url(&simulator), "-m", MODEL, "hi"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdout = child.stdout.take().unwrap();
    let mut stderr = BufReader::new(child.stderr.take().unwrap());
    let ended = tokio::task::spawn_blocking(move || {
        stdout.read_exact(&mut [0]).unwrap();
        crate::serve::signal("INT", child.id());
        let mut told = String::new();
        while !told.contains("Ctrl-C again") {
            assert!(stderr.read_line(&mut told).unwrap() > 0, "{told}");
        }
        crate::serve::signal("INT", child.id());
        stderr.read_to_string(&mut told).unwrap();
        (child.wait().unwrap(), told)
    });
    let (status, told) = ended.await.unwrap();
    assert_eq!(status.code(), Some(130), "{told}");
    assert!(told.contains("at the most that it can have cost"), "{told}");

    simulator.set_scenario(Scenario::default()).unwrap();
    let arguments = ["chat", &base_url(&simulator), "-m", MODEL, "hi"];
    assert_eq!(home.run(&arguments).await.code(), 0);
    let usage = home.run(&["usage", "--json"]).await.json();
    assert_eq!(usage["total"]["attempts"], 2, "{usage}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_reason_of_a_refusal_is_shown_as_the_hint_says() {
    let rule = Rule::new(Fault::named("bad-request").unwrap()).for_route("chat");
    let simulator = simulator(Scenario::default().with_rule(rule)).await;
    let home = Home::new();
    let url = base_url(&simulator);
    let run = home.run(&["chat", &url, "-m", MODEL, "hi"]).await;
    assert!(run.err().contains("is shown with -vv"), "{}", run.err());
    assert!(!run.err().contains("Invalid request"), "{}", run.err());
    let run = home.run(&["chat", &url, "-m", MODEL, "-vv", "hi"]).await;
    let line = "attempt failed call=";
    assert!(run.err().contains(line), "no colours: {}", run.err());
    assert!(run.err().contains("Invalid request"), "{}", run.err());
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_that_begins_anew_says_so_beside_the_text() {
    let cut = Rule::new(Fault::named("cut-event=3").unwrap()).for_model(MODEL);
    let simulator = simulator(Scenario::default().with_rule(cut)).await;
    let home = Home::new();
    let run = home
        .run(&[
            "chat",
            &base_url(&simulator),
            "--set=failover.after_commit=restart",
            "--set=failover.group_models=false",
            "--set=openrouter.optimization.fallback_chain=[\"openai/gpt-4\"]",
            "-m",
            MODEL,
            "hi",
        ])
        .await;
    assert_eq!(run.code(), 0, "{}", run.err());
    assert!(run.err().contains("another begins"), "{}", run.err());
    assert!(run.err().contains("cut"), "{}", run.err());
}
