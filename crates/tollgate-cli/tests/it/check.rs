use crate::support::{Home, MISSION};

#[tokio::test(flavor = "multi_thread")]
async fn the_file_of_the_mission_is_checked_with_a_warning_for_each_retired_model() {
    let home = Home::new();
    home.write("tollgate.toml", MISSION);
    let run = home.run(&["check"]).await;
    assert_eq!(run.code(), 8);
    assert!(
        run.err()
            .contains("anthropic/claude-3-opus is not in the catalog; closest: anthropic/")
    );
    assert!(run.out().contains("tollgate.toml"), "{}", run.out());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_good_configuration_is_zero_and_says_what_is_in_use() {
    let home = Home::new();
    let run = home.run(&["check", "--json"]).await;
    let report = run.json();
    assert_eq!(report["models"], 400);
    assert_eq!(
        report["policies"],
        serde_json::json!(["balanced", "cheapest", "quality"])
    );
    assert_eq!(report["openrouter_key"], true);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_key_is_named_with_file_line_and_remedy() {
    let home = Home::new();
    home.write(
        "tollgate.toml",
        "[openrouter]\nmode = \"credits\"\ntrack_usge = true\n",
    );
    let run = home.run(&["check"]).await;
    assert_eq!(run.code(), 3);
    let message = run.err();
    assert!(message.contains("tollgate.toml:3:1"), "{message}");
    assert!(
        message.contains("did you mean \"track_usage\"?"),
        "{message}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn scores_of_nobody_are_a_warning() {
    let home = Home::new();
    let scores =
        "source = \"ours\"\ndate = \"2026-08-30\"\n[models]\n\"no/such\" = { chat = 0.5 }\n";
    home.write("scores.toml", scores);
    home.write(
        "tollgate.toml",
        "[catalog]\nscores_path = \"scores.toml\"\n",
    );
    let run = home.run(&["check"]).await;
    assert_eq!(run.code(), 8, "{}", run.err());
    let said = "1 row(s) of catalog.scores_path fit no model of the catalog: no/such";
    assert!(run.err().contains(said), "{}", run.err());
}

#[tokio::test(flavor = "multi_thread")]
async fn figures_by_which_nothing_can_be_ranked_are_refused() {
    let home = Home::new();
    for (key, value) in [
        ("policies.balanced.c0", "0"),
        ("policies.balanced.dial", "2"),
        ("policies.quality.tolerance", "-3"),
        ("policies.cheapest.quality_floor.chat", "7"),
    ] {
        let run = home
            .run(&["check", "--set", &format!("{key}={value}")])
            .await;
        assert_eq!(run.code(), 3, "{key}");
        assert!(run.err().contains(key), "{}", run.err());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn budgets_with_a_ledger_that_is_kept_are_nothing_to_mend() {
    let home = Home::new();
    let budgets = "[ledger]\nstore = \"sqlite\"\n[budgets.x]\nlimit = 1\n";
    home.write("tollgate.toml", budgets);
    let run = home.run(&["check"]).await;
    assert_eq!((run.code(), run.err().as_str()), (0, ""));
    home.write("tollgate.toml", &budgets.replace("sqlite", "memory"));
    let run = home.run(&["check"]).await;
    assert_eq!(run.code(), 8);
    assert!(run.err().contains("set ledger.store"), "{}", run.err());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_variable_that_sets_nothing_is_told() {
    let home = Home::new();
    let check = |name: &str| {
        let output = home.command(&["check"]).env(name, "1").output().unwrap();
        let said = String::from_utf8(output.stderr).unwrap();
        (output.status.code(), said)
    };
    let (code, said) = check("TOLLGATE_OPENROUTER_OPTIMIZATION_MAX_COST_PER_REQUEST");
    assert_eq!(code, Some(3), "{said}");
    let right = "did you mean TOLLGATE_OPENROUTER__OPTIMIZATION__MAX_COST_PER_REQUEST?";
    assert!(said.contains(right), "{said}");
    let (code, said) = check("TOLLGATE_FOO");
    assert_eq!(code, Some(8), "{said}");
    assert!(said.contains("TOLLGATE_FOO sets nothing"), "{said}");
    let (code, said) = check("TOLLGATE_SERVICE_PORT");
    assert_eq!((code, said.as_str()), (Some(0), ""));
}

#[tokio::test(flavor = "multi_thread")]
async fn with_nobody_to_serve_there_is_something_to_mend() {
    let home = Home::new();
    let check = |flags: &[&str]| {
        let mut command = home.command(&["check"]);
        let output = command
            .args(flags)
            .env_remove("OPENROUTER_API_KEY")
            .output();
        let output = output.unwrap();
        let said = String::from_utf8(output.stderr).unwrap();
        (output.status.code(), said)
    };
    let (code, said) = check(&[]);
    assert_eq!(code, Some(8), "{said}");
    assert!(said.contains("no lane can serve"), "{said}");
    for someone in [
        "openrouter.api_keys=[\"sk-or-1\"]",
        "providers.mine={base_url=\"http://127.0.0.1:1/v1\",models={\"a/b\"=\"b\"}}",
    ] {
        let (code, said) = check(&["--set", someone]);
        assert_eq!((code, said.as_str()), (Some(0), ""), "{someone}");
    }
}
