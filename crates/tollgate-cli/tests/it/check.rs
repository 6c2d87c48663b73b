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
