//! Connections that nobody listens to.

use std::error::Error;
use std::io::Write;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tollgate_core::ApiKey;
use tollgate_ledger_postgres::{OpenError, PostgresConfig, PostgresStore};

use crate::server::{Server, number};

/// All that an error says.
fn chain(error: &OpenError) -> String {
    let causes = std::iter::successors(error.source(), |cause| (*cause).source());
    causes.fold(error.to_string(), |text, cause| format!("{text}: {cause}"))
}

#[tokio::test]
async fn a_server_without_tls_is_refused_where_it_is_required() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let server = tokio::spawn(async move {
        for _ in 0..2 {
            let (mut client, _) = listener.accept().await.unwrap();
            // Whether it speaks TLS: 8 bytes, and one for "no".
            let mut request = [0; 8];
            client.read_exact(&mut request).await.unwrap();
            client.write_all(b"N").await.unwrap();
            assert_eq!(
                client.read(&mut request).await.unwrap(),
                0,
                "not a word more"
            );
        }
    });
    for mode in ["require", "verify-full"] {
        let url = format!("postgres://u:hunter2@127.0.0.1:{port}/d?sslmode={mode}");
        let config = PostgresConfig::new(ApiKey::new(&url));
        let error = PostgresStore::open(config).await.unwrap_err();
        let text = chain(&error);
        assert!(text.contains("sslmode"), "{text}");
        assert!(text.contains("server does not support TLS"), "{text}");
        assert!(!text.contains("hunter2"));
    }
    server.await.unwrap();
}

#[tokio::test]
async fn roots_that_are_none_are_refused_before_connecting() {
    let mut empty = tempfile::NamedTempFile::new().unwrap();
    empty.write_all(b"no certificate\n").unwrap();
    for path in [empty.path().to_str().unwrap(), "/nowhere/roots.pem"] {
        let url = format!("postgres://u@127.0.0.1:1/d?sslmode=verify-full&sslrootcert={path}");
        let config = PostgresConfig::new(ApiKey::new(&url));
        let error = PostgresStore::open(config).await.unwrap_err();
        assert!(matches!(error, OpenError::RootCert { .. }), "{error:?}");
        assert!(error.to_string().contains(path), "{error}");
    }
}

#[tokio::test]
async fn a_server_is_verified_as_far_as_asked() {
    let Some(server) = Server::find("TLS") else {
        return;
    };
    let base = server.config();
    let client = server.watch(&base).await;
    let offers = "SELECT (current_setting('ssl') = 'on')::int::bigint";
    if number(&client, offers).await == 0 {
        println!("skipped: the server has no TLS");
        return;
    }
    let own = "SELECT pg_read_file(current_setting('ssl_cert_file'))";
    let own: String = client.query_one(own, &[]).await.unwrap().get(0);
    let mut roots = tempfile::NamedTempFile::new().unwrap();
    roots.write_all(own.as_bytes()).unwrap();
    let own = roots.path().to_str().unwrap().replace('/', "%2F");
    let other = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/it/other_root.pem");
    // Its certificate is for this name.
    let localhost = server.url().replace("127.0.0.1", "localhost");
    // Connections that are closed are still seen for a while; each has its own name.
    let checks = std::cell::Cell::new(0);
    let check = async |url: &str, options: &str, expected: Result<i64, &str>| {
        checks.set(checks.get() + 1);
        let name = format!("{}_{}", base.schema, checks.get());
        let config = PostgresConfig {
            url: ApiKey::new(format!("{url}?{options}")),
            node: name.clone(),
            ..base.clone()
        };
        let opened = PostgresStore::open(config).await;
        match (&opened, expected) {
            (Ok(_), Ok(tls)) => {
                let sql = "SELECT count(*) FROM pg_stat_ssl JOIN pg_stat_activity USING (pid)
                    WHERE ssl AND application_name = 'tollgate ' || $1";
                let encrypted: i64 = client.query_one(sql, &[&name]).await.unwrap().get(0);
                assert_eq!(encrypted, tls, "{options}");
            }
            (Err(error), Err(word)) => {
                let text = chain(error);
                assert!(text.contains(word), "{options}: {text}");
            }
            _ => panic!("{url} {options}: {opened:?}"),
        }
    };
    let (ip, name) = (server.url(), localhost.as_str());
    check(ip, "sslmode=prefer", Ok(1)).await;
    check(ip, "sslmode=require", Ok(1)).await;
    check(ip, "sslmode=disable", Ok(0)).await;
    let from = |mode: &str, roots: &str| format!("sslmode={mode}&sslrootcert={roots}");
    check(ip, &from("verify-full", &own), Err("not valid for name")).await;
    check(ip, &from("require", &own), Err("not valid for name")).await;
    check(name, &from("verify-full", &own), Ok(1)).await;
    for mode in ["verify-full", "require", "prefer"] {
        check(name, &from(mode, other), Err("UnknownIssuer")).await;
    }
    server.clean().await;
}
