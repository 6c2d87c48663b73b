//! `tollgate keys`: made, listed, revoked.

use crate::support::{Home, Run};

/// Where keys are kept.
const FILE: &str = ".local/share/tollgate/keys.toml";

async fn create(home: &Home, arguments: &[&str]) -> Run {
    let arguments: Vec<_> = ["keys", "create"]
        .iter()
        .chain(arguments)
        .copied()
        .collect();
    home.run(&arguments).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_key_is_alone_on_standard_output_and_its_hash_is_kept() {
    let home = Home::new();
    let run = create(&home, &["ci", "--rpm", "60", "--budget", "10/month"]).await;
    assert_eq!(run.code(), 0, "{}", run.err());
    let (out, err) = (run.out(), run.err());
    let key = out.trim_end();
    assert!(key.starts_with("tg-") && key.len() == 55, "{key}");
    assert!(err.contains("not shown again"), "{err}");
    let kept = std::fs::read_to_string(home.path().join(FILE)).unwrap();
    for text in [&kept, &err] {
        assert!(!text.contains(&key[12..]), "{text}");
        assert!(text.contains(&format!("sha256:{}:", &key[3..11])), "{text}");
    }
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        let mode = std::fs::metadata(home.path().join(FILE))
            .unwrap()
            .permissions()
            .mode();
        assert_eq!(mode & 0o777, 0o600);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_key_as_json_has_its_hash_for_a_configuration() {
    let home = Home::new();
    let json = create(&home, &["ci", "--json"]).await.json();
    let hash: tollgate_keys::KeyHash = json["hash"].as_str().unwrap().parse().unwrap();
    let digest = tollgate_keys::KeyDigest::read(json["key"].as_str().unwrap()).unwrap();
    assert_eq!(digest.hash(None), hash);
    assert_eq!(json["prefix"], hash.prefix().to_string());
    assert_eq!(json["name"], "ci");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_name_that_is_in_use_is_refused_and_the_key_stays() {
    let home = Home::new();
    create(&home, &["ci"]).await;
    let before = std::fs::read_to_string(home.path().join(FILE)).unwrap();
    let run = create(&home, &["ci"]).await;
    assert_eq!((run.code(), run.out().as_str()), (2, ""));
    assert!(
        run.err()
            .contains("there is a key \"ci\" already; revoke it first")
    );
    assert_eq!(
        std::fs::read_to_string(home.path().join(FILE)).unwrap(),
        before
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn keys_are_listed_with_limits_and_state_and_nothing_that_opens_anything() {
    let home = Home::new();
    let key = create(&home, &["ci", "--expires", "2020-01-01"])
        .await
        .out();
    let arguments = [
        "app",
        "--rpm=60",
        "--tpm=100000",
        "--max-concurrent=4",
        "--model=a/*",
        "--model=tollgate/*",
        "--policy=cheapest",
        "--criticality=sheddable",
        "--budget=0.5/day",
        "--team=core",
    ];
    assert_eq!(create(&home, &arguments).await.code(), 0);
    let run = home.run(&["keys", "list"]).await;
    for word in [
        "ci",
        "expired",
        &key[..11],
        "app",
        "active",
        "60",
        "100000",
        "0.5/day",
        "never",
    ] {
        assert!(run.out().contains(word), "{word}: {}", run.out());
    }
    let run = home.run(&["keys", "list", "--json"]).await;
    let json = run.json();
    let app = &json[0];
    assert_eq!(app["state"], "active");
    assert_eq!(app["models"], serde_json::json!(["a/*", "tollgate/*"]));
    assert_eq!(app["criticality"], "sheddable");
    assert_eq!(
        app["budget"],
        serde_json::json!({ "limit": "0.5", "per": "day" })
    );
    assert_eq!(json[1]["state"], "expired");
    assert!(!run.out().contains("sha256") && !run.out().contains(key[12..].trim_end()));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_revoked_key_is_gone_and_an_unknown_name_is_told_with_the_likely_one() {
    let home = Home::new();
    create(&home, &["frontend"]).await;
    let run = home.run(&["keys", "revoke", "frontent"]).await;
    assert_eq!(run.code(), 2);
    assert!(
        run.err().contains("did you mean \"frontend\"?"),
        "{}",
        run.err()
    );
    let run = home.run(&["keys", "revoke", "frontend"]).await;
    assert_eq!((run.code(), run.out().as_str()), (0, ""));
    let run = home.run(&["keys", "list"]).await;
    assert_eq!((run.code(), run.out().as_str()), (0, ""));
    assert!(run.err().contains("no keys in "), "{}", run.err());
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_work_is_refused_before_anything_is_kept() {
    let home = Home::new();
    for (arguments, word) in [
        (["local", "--rpm=1"], "`local` is taken"),
        (["two words", "--rpm=1"], "without white space"),
        (["ci", "--rpm=0"], "--rpm"),
        (["ci", "--expires=soon"], "2027-01-01"),
        (["ci", "--model=*"], "author/*"),
        (["ci", "--budget=ten"], "10/month"),
        (["ci", "--budget=0/day"], "above 0"),
        (["ci", "--criticality=urgent"], "sheddable"),
    ] {
        let run = create(&home, &arguments).await;
        assert_eq!((run.code(), run.out().as_str()), (2, ""), "{arguments:?}");
        assert!(run.err().contains(word), "{}", run.err());
    }
    assert!(!home.path().join(FILE).exists());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_damaged_file_is_named_and_left_as_it_is() {
    let home = Home::new();
    create(&home, &["ci"]).await;
    std::fs::write(
        home.path().join(FILE),
        "[keys.ci]\nhash = \"sha256:secret\"\n",
    )
    .unwrap();
    let run = create(&home, &["app"]).await;
    assert_eq!((run.code(), run.out().as_str()), (3, ""));
    assert!(run.err().contains("keys.toml:2: "), "{}", run.err());
    assert!(!run.err().contains("secret"), "{}", run.err());
}
