//! Texts that mean something to a database, a file system or a fetcher, in all
//! places where callers can put one.

use super::Fate::{Borne, Refused, Served};
use super::{Input, post, post_with, raw};
use crate::support::{JSON, MODEL, chat};

pub(super) fn all(canary: u16) -> Vec<Input> {
    let mut inputs = paths();
    inputs.extend(injections());
    inputs.extend(urls(canary));
    inputs.extend(overrides(canary));
    inputs.extend(hints());
    inputs.extend(long_ids());
    inputs
}

fn paths() -> Vec<Input> {
    let ups = [
        "../",
        "..%2f",
        "%2e%2e/",
        "%2e%2e%2f",
        "..\\",
        "..%5c",
        "%252e%252e%252f",
        "....//",
        "..;/",
        "..%c0%af",
        "..%00/",
        "./../",
        "%c0%ae%c0%ae/",
        "..%ef%bc%8f",
        "/./..//",
        "..%u2216",
        "%2e%2e%5c",
        "..%0d%0a/",
        "..%09/",
        "..%25%35%63",
    ];
    let files = [
        "etc/passwd",
        "proc/self/environ",
        "windows/win.ini",
        "root/.ssh/id_rsa",
        "etc/shadow%00.html",
    ];
    let roots = ["/", "/v1/", "/v1/models/"];
    let mut inputs = Vec::new();
    for root in roots {
        for up in ups {
            for file in files {
                let path = format!("{root}{}{file}", up.repeat(6));
                let request =
                    format!("GET {path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n");
                inputs.push(raw("path", request, Refused));
            }
        }
    }
    inputs
}

const INJECTIONS: [&str; 25] = [
    "' OR 1=1--",
    "' OR '1'='1",
    "1; DROP TABLE events;--",
    "\" OR \"\"=\"",
    "') OR ('1'='1",
    "admin'--",
    "' UNION SELECT * FROM keys--",
    "1' AND SLEEP(10)--",
    "1' AND pg_sleep(10)--",
    "'; EXEC xp_cmdshell('id')--",
    "%27%20OR%201%3D1",
    "\\' OR 1=1--",
    "' || (SELECT 1) || '",
    "1 AND 1=CAST((SELECT version()) AS int)",
    "'; ATTACH DATABASE '/tmp/x' AS x;--",
    "x' AND randomblob(1000000000)--",
    "%",
    "_",
    "%%%%%%%%",
    "*) (uid=*))(|(uid=*",
    "{\"$gt\":\"\"}",
    "$(id)",
    "`id`",
    "|id",
    "<script>alert(1)</script>",
];

fn injections() -> Vec<Input> {
    let mut inputs = Vec::new();
    let json = |text: &str| serde_json::Value::from(text).to_string();
    for text in INJECTIONS {
        let quoted = json(text);
        for body in [
            chat(false).replace(&json(MODEL), &quoted),
            chat(false).replace(&json(MODEL), &json(&format!("openai/{text}"))),
            chat(false).replace(&json(MODEL), &json(&format!("tollgate/{text}"))),
        ] {
            inputs.push(post("injection in a model", body, Refused));
        }
        for field in ["user", "session_id", "prompt_cache_key"] {
            let body = chat(false).replacen('{', &format!("{{\"{field}\":{quoted},"), 1);
            inputs.push(post("injection in a field", body, Served));
        }
        let body = chat(false).replace("\"Name a colour.\"", &quoted);
        inputs.push(post("injection in a prompt", body, Served));
        for header in [
            format!("x-tollgate-tags: team={text}"),
            format!("authorization: Bearer {text}"),
            format!("x-request-id: {text}"),
        ] {
            let headers = format!("{JSON}{header}\r\n");
            inputs.push(post_with(
                "injection in a header",
                &headers,
                chat(false),
                Served,
            ));
        }
        let headers = format!("{JSON}x-tollgate-policy: {text}\r\n");
        inputs.push(post_with(
            "injection in a policy",
            &headers,
            chat(false).replace(MODEL, "tollgate/auto"),
            Refused,
        ));
        let path: String = text.bytes().map(|byte| format!("%{byte:02x}")).collect();
        let request = format!(
            "GET /v1/models/{path}/{path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n"
        );
        inputs.push(raw("injection in a path", request, Refused));
    }
    inputs
}

/// Forms in which an address on this machine or its network has been hidden.
fn url_forms(port: u16) -> Vec<String> {
    let hosts = [
        "127.0.0.1",
        "127.1",
        "127.0.1",
        "2130706433",
        "0x7f000001",
        "0x7f.0.0.1",
        "0177.0.0.1",
        "017700000001",
        "0",
        "0.0.0.0",
        "[::1]",
        "[::]",
        "[::ffff:127.0.0.1]",
        "[::ffff:7f00:1]",
        "[0:0:0:0:0:0:0:1]",
        "[::1%25lo]",
        "localhost",
        "LOCALHOST",
        "localhost.",
        "127.0.0.1.nip.io",
        "localtest.me",
        "①②⑦.⓪.⓪.①",
        "127。0。0。1",
        "user@127.0.0.1",
        "example.com@127.0.0.1",
        "127.0.0.1#example.com",
        "example.com#@127.0.0.1",
        "127.0.0.1%00.example.com",
        "127.0.0.1%2f.example.com",
        "127.0.0.2",
        "127.255.255.254",
    ];
    let hosts = hosts.iter().flat_map(|host| {
        [
            format!("http://{host}:{port}/x.png"),
            format!("https://{host}:{port}/x.png"),
        ]
    });
    let others = [
        "http://169.254.169.254/latest/meta-data/",
        "http://metadata.google.internal/",
        "http://[fd00:ec2::254]/",
        "file:///etc/passwd",
        "gopher://127.0.0.1:6379/_INFO",
        "dict://127.0.0.1:11211/stat",
        "ftp://127.0.0.1/x",
        "ldap://127.0.0.1/x",
        "jar:http://127.0.0.1!/",
        "//127.0.0.1/x",
        "http:///127.0.0.1",
        "http:\\\\127.0.0.1\\x",
        "data:image/png;base64,!!!",
        "javascript:alert(1)",
        "",
        "x",
    ];
    hosts.chain(others.map(str::to_owned)).collect()
}

fn urls(canary: u16) -> Vec<Input> {
    let body = |part: serde_json::Value| {
        let content = serde_json::json!([{ "type": "text", "text": "What is this?" }, part]);
        serde_json::json!({ "model": MODEL, "messages": [{ "role": "user", "content": content }] })
            .to_string()
    };
    let forms = url_forms(canary).into_iter().flat_map(|url| {
        [
            body(serde_json::json!({ "type": "image_url", "image_url": { "url": url } })),
            body(serde_json::json!({ "type": "file", "file": { "filename": "x.pdf", "file_data": url } })),
        ]
    });
    forms.map(|body| post("URL", body, Borne)).collect()
}

fn overrides(canary: u16) -> Vec<Input> {
    let fields = [
        "api_base",
        "api_key",
        "api_type",
        "api_version",
        "base_url",
        "custom_host",
        "custom_llm_provider",
        "extra_headers",
        "extra_body",
        "extra_query",
        "headers",
        "organization",
        "proxy",
        "upstream_url",
        "azure_endpoint",
        "vertex_project",
        "vertex_credentials",
        "aws_access_key_id",
        "aws_secret_access_key",
        "API_BASE",
        "Base_Url",
        "api_bas\\u0065",
    ];
    let values = [
        format!("\"http://127.0.0.1:{canary}/v1\""),
        "{\"authorization\":\"Bearer x\"}".to_owned(),
        "null".to_owned(),
    ];
    let fields = fields.iter().flat_map(|field| {
        values
            .iter()
            .map(move |value| chat(false).replacen('{', &format!("{{\"{field}\":{value},"), 1))
    });
    fields.map(|body| post("override", body, Refused)).collect()
}

fn hints() -> Vec<Input> {
    let headers = [
        "x-tollgate-policy: none-such",
        "x-tollgate-task: dance",
        "x-tollgate-max-cost: -1e5",
        "x-tollgate-max-cost: NaN",
        "x-tollgate-max-cost: 1e999",
        "x-tollgate-prefer-free: maybe",
        "x-tollgate-after-commit: again",
        "x-tollgate-upstream-stream: 7",
        "x-tollgate-criticality: urgent",
        "x-request-timeout-ms: 0",
        "x-request-timeout-ms: -1",
        "x-request-timeout-ms: 1e9",
        "x-request-timeout-ms: 99999999999999999999",
        "x-tollgate-policy: \u{ff}",
    ];
    let long = format!("x-tollgate-tags: team={}", "x".repeat(300));
    let headers = headers.iter().copied().chain([long.as_str()]);
    let body = chat(false).replace(MODEL, "tollgate/auto");
    headers
        .map(|header| {
            post_with(
                "hint",
                &format!("{JSON}{header}\r\n"),
                body.clone(),
                Refused,
            )
        })
        .collect()
}

fn long_ids() -> Vec<Input> {
    let lengths = [257, 1_000, 100_000];
    let ids = lengths.iter().flat_map(|length| {
        let id = format!("\"{}\"", "x/".repeat(length / 2 + 1));
        [
            chat(false).replace(&format!("\"{MODEL}\""), &id),
            chat(false).replacen('{', &format!("{{\"models\":[\"a/b\",{id}],"), 1),
            chat(false).replacen('{', &format!("{{\"preset\":{id},"), 1),
        ]
    });
    ids.map(|body| post("long id", body, Refused)).collect()
}
