//! Keys in a file.

use std::path::PathBuf;

use tempfile::TempDir;
use tollgate_keys::{FileKeys, KeyConfig, KeyStore, KeyStoreError, NewKey};

fn folder() -> (TempDir, FileKeys) {
    let folder = tempfile::tempdir().unwrap();
    let keys = FileKeys::new(folder.path().join("keys.toml"));
    (folder, keys)
}

fn config() -> KeyConfig {
    let key = NewKey::generate().unwrap();
    KeyConfig {
        hash: Some(key.digest().hash(None)),
        ..toml::from_str("requests_per_minute = 60\nbudget = { limit = \"0.5\", per = \"day\" }")
            .unwrap()
    }
}

#[test]
fn a_store_can_be_held_as_an_object() {
    let _: Box<dyn KeyStore> = Box::new(folder().1);
}

#[tokio::test]
async fn what_is_created_is_loaded_and_what_is_revoked_is_not() {
    let (_folder, keys) = folder();
    assert!(keys.load().await.unwrap().is_empty());
    let (one, two) = (config(), config());
    keys.create("one", &one).await.unwrap();
    keys.create("two words", &two).await.unwrap();
    let loaded = keys.load().await.unwrap();
    assert_eq!(loaded["one"], one);
    assert_eq!(loaded["two words"], two);
    keys.revoke("one").await.unwrap();
    let names: Vec<_> = keys.load().await.unwrap().into_keys().collect();
    assert_eq!(names, ["two words"]);
}

#[tokio::test]
async fn a_name_that_is_in_use_is_refused_and_nothing_changes() {
    let (_folder, keys) = folder();
    let first = config();
    keys.create("ci", &first).await.unwrap();
    let error = keys.create("ci", &config()).await.unwrap_err();
    assert!(matches!(error, KeyStoreError::Exists(name) if name == "ci"));
    assert_eq!(keys.load().await.unwrap()["ci"], first);
}

#[tokio::test]
async fn an_unknown_name_is_told_with_the_one_that_was_meant() {
    let (_folder, keys) = folder();
    keys.create("frontend", &config()).await.unwrap();
    let message = keys.revoke("frontent").await.unwrap_err().to_string();
    assert_eq!(
        message,
        "there is no key \"frontent\"; did you mean \"frontend\"?"
    );
    let message = keys.revoke("zzz").await.unwrap_err().to_string();
    assert!(message.contains("tollgate keys list"), "{message}");
    assert_eq!(keys.load().await.unwrap().len(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_that_create_at_once_are_all_kept() {
    let (_folder, keys) = folder();
    let mut tasks = Vec::new();
    for n in 0..16 {
        let keys = keys.clone();
        // Each name twice.
        tasks.push(tokio::spawn(async move {
            keys.create(&format!("key-{}", n / 2), &config())
                .await
                .is_ok()
        }));
    }
    let mut created = 0;
    for task in tasks {
        created += usize::from(task.await.unwrap());
    }
    assert_eq!((created, keys.load().await.unwrap().len()), (8, 8));
}

#[cfg(unix)]
#[tokio::test]
async fn the_file_is_for_its_owner_alone() {
    use std::os::unix::fs::PermissionsExt;
    let (_folder, keys) = folder();
    let mode = || std::fs::metadata(keys.path()).unwrap().permissions().mode() & 0o777;
    // What a process left that was killed while it wrote.
    let left = keys.path().with_file_name("keys.toml.new");
    std::fs::write(&left, "half").unwrap();
    std::fs::set_permissions(&left, PermissionsExt::from_mode(0o666)).unwrap();
    keys.create("ci", &config()).await.unwrap();
    assert_eq!(mode(), 0o600);
    assert!(!left.exists());

    std::fs::set_permissions(keys.path(), PermissionsExt::from_mode(0o620)).unwrap();
    let error = keys.load().await.unwrap_err();
    assert!(error.to_string().contains("chmod 600"), "{error}");
    assert!(keys.create("two", &config()).await.is_err());
}

#[tokio::test]
async fn a_damaged_file_is_named_with_its_line_and_not_quoted() {
    let (_folder, keys) = folder();
    for (text, line, word) in [
        (
            "[keys.ci]\nhash = \"sha256:secret\"\n",
            2,
            "no hash of a key",
        ),
        ("[keys.ci]\nkey = \"tg-secret\"\n", 2, "no key of Tollgate"),
        ("[keys.ci]\nsecret = 1\n", 2, "unknown field"),
        ("\n\n[keys.ci\n", 3, ""),
    ] {
        std::fs::write(keys.path(), text).unwrap();
        private(keys.path().into());
        let message = keys.load().await.unwrap_err().to_string();
        let place = format!("{}:{line}: ", keys.path().display());
        assert!(message.starts_with(&place), "{message}");
        assert!(message.contains(word), "{message}");
        assert!(
            !message.contains("sha256:secret") && !message.contains("tg-secret"),
            "{message}"
        );
        assert!(keys.revoke("ci").await.is_err());
        assert_eq!(
            std::fs::read_to_string(keys.path()).unwrap(),
            text,
            "left as it is"
        );
    }
}

fn private(path: PathBuf) {
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        std::fs::set_permissions(path, PermissionsExt::from_mode(0o600)).unwrap();
    }
    #[cfg(not(unix))]
    drop(path);
}

#[tokio::test]
async fn a_folder_that_is_not_there_is_said() {
    let (folder, _) = folder();
    let keys = FileKeys::new(folder.path().join("none/keys.toml"));
    assert!(keys.load().await.unwrap().is_empty());
    let message = keys.create("ci", &config()).await.unwrap_err().to_string();
    assert!(message.contains("cannot write the keys in ") && message.contains("must exist"));
}
