//! Requests whose framing is wrong, or that are none.

use super::Fate::{Borne, Refused, Served};
use super::draw::Draw;
use super::{End, Fate, Input, post_with, raw};
use crate::support::{JSON, chat};

pub(super) fn all(draw: &mut Draw) -> Vec<Input> {
    let mut inputs = Vec::new();
    inputs.extend(content_types());
    inputs.extend(encodings());
    inputs.extend(lengths());
    inputs.extend(lines());
    inputs.extend(chunks());
    inputs.extend(sizes());
    inputs.extend(slow());
    inputs.extend(garbage(draw));
    inputs.extend(versions());
    inputs.extend(prefaces(draw));
    inputs.extend(methods());
    inputs.extend(hosts());
    inputs
}

fn content_types() -> Vec<Input> {
    let types = [
        "",
        "text/plain",
        "text/json",
        "application/x-www-form-urlencoded",
        "multipart/form-data; boundary=b",
        "application/xml",
        "text/html",
        "*/*",
        "application/*",
        "application/jsonp",
        "json",
        "application/",
        "application/json+xml",
        "text/plain; application/json",
        "application/octet-stream",
        "application /json",
        "application/json/json",
        "applicaton/json",
        "application/x-ndjson",
        "text/event-stream",
        "image/png",
    ];
    let types = types.map(|value| {
        let headers = format!("host: localhost\r\ncontent-type: {value}\r\n");
        post_with("content type", &headers, chat(false), Refused)
    });
    let none = post_with("content type", "host: localhost\r\n", chat(false), Refused);
    types.into_iter().chain([none]).collect()
}

fn encodings() -> Vec<Input> {
    // Ten bytes that say they are a thousand, and what only says so.
    let gzip = b"\x1f\x8b\x08\0\0\0\0\0\0\x03\xed\xc1\x01\r\0\0\0\xc2\xa0\xf7Om\x0e7\xa0".to_vec();
    let values = [
        "gzip",
        "GZIP",
        "x-gzip",
        "deflate",
        "br",
        "zstd",
        "compress",
        "gzip, gzip, gzip",
        "identity, gzip",
        "bogus",
    ];
    let compressed = values.iter().flat_map(|value| {
        let headers = format!("{JSON}content-encoding: {value}\r\n");
        [gzip.clone(), chat(false).into_bytes()]
            .map(|body| post_with("compressed", &headers, body, Refused))
    });
    let bare = post_with("compressed", JSON, gzip.clone(), Refused);
    compressed.chain([bare]).collect()
}

/// A chat whose framing headers are as given.
fn framed(kind: &'static str, headers: &str, body: &str, fate: Fate) -> Input {
    let bytes = format!(
        "POST /v1/chat/completions HTTP/1.1\r\n{JSON}connection: close\r\n{headers}\r\n{body}"
    );
    Input {
        end: End::Closes,
        ..raw(kind, bytes, fate)
    }
}

fn lengths() -> Vec<Input> {
    let chat = chat(false);
    let length = chat.len();
    let chunked = format!("{length:x}\r\n{chat}\r\n0\r\n\r\n");
    let smuggled = format!("{chunked}GET /v1/models HTTP/1.1\r\nhost: localhost\r\n\r\n");
    let kind = "length";
    let bad = [
        "-1",
        "+5",
        "0x10",
        "1e3",
        "5 5",
        "abc",
        "99999999999999999999",
        "18446744073709551616",
        "5,6",
        "\t",
        "٣",
    ];
    let bad = bad.map(|value| {
        framed(
            kind,
            &format!("content-length: {value}\r\n"),
            &chat,
            Refused,
        )
    });
    let both = [
        format!("content-length: {length}\r\ntransfer-encoding: chunked\r\n"),
        format!("transfer-encoding: chunked\r\ncontent-length: {length}\r\n"),
        "content-length: 0\r\ntransfer-encoding: chunked\r\n".to_owned(),
        "transfer-encoding: chunked\r\ncontent-length: 5\r\n".to_owned(),
    ];
    let both = both.into_iter().flat_map(|headers| {
        [&chunked, &smuggled, &chat].map(|body| framed("length and chunks", &headers, body, Borne))
    });
    let others = [
        framed(
            kind,
            "content-length: 5\r\ncontent-length: 6\r\n",
            &chat,
            Refused,
        ),
        framed(
            kind,
            &format!("content-length: {}\r\n", length - 1),
            &chat,
            Refused,
        ),
        framed(
            kind,
            &format!("content-length: {}\r\n", length + 1),
            &chat,
            Refused,
        ),
        framed(kind, "content-length: 0\r\n", &chat, Refused),
        framed(kind, "", &chat, Refused),
    ];
    let codings = [
        "gzip",
        "chunked, gzip",
        "identity",
        "chunked, identity",
        "xchunked",
        "chunked;q=1",
        "\"chunked\"",
        "cow",
    ];
    let codings = codings.map(|coding| {
        framed(
            "transfer coding",
            &format!("transfer-encoding: {coding}\r\n"),
            &chunked,
            Refused,
        )
    });
    bad.into_iter()
        .chain(both)
        .chain(others)
        .chain(codings)
        .collect()
}

fn lines() -> Vec<Input> {
    let body = chat(false);
    let length = body.len();
    let with = |headers: &str| {
        format!(
            "POST /v1/chat/completions HTTP/1.1\r\n{headers}content-length: {length}\r\nconnection: close\r\n\r\n{body}"
        )
    };
    let refused = [
        format!("{JSON}x-a: 1\r\n folded\r\n"),
        format!("{JSON}x-a: 1\r\n\tfolded\r\n"),
        format!("{JSON} x-a: 1\r\n"),
        format!("{JSON}x-a : 1\r\n"),
        format!("{JSON}: 1\r\n"),
        format!("{JSON}x-a\r\n"),
        format!("{JSON}x a: 1\r\n"),
        format!("{JSON}x-a: 1\rx-b: 2\r\n"),
        format!("{JSON}x-a: \0\r\n"),
        format!("{JSON}x-(a): 1\r\n"),
        format!("{JSON}x-é: 1\r\n"),
    ];
    let refused = refused.map(|headers| raw("header line", with(&headers), Refused));
    let bare = [
        with(JSON).replace("\r\n", "\n"),
        with(&JSON.replace("\r\n", "\n")),
    ];
    let bare = bare.map(|request| raw("bare line feed", request, Borne));
    refused.into_iter().chain(bare).collect()
}

fn chunks() -> Vec<Input> {
    let chat = chat(false);
    let size = chat.len();
    let bodies = [
        format!("{size:x}\n{chat}\n0\n\n"),
        format!("-1\r\n{chat}\r\n0\r\n\r\n"),
        format!("+{size:x}\r\n{chat}\r\n0\r\n\r\n"),
        format!("0x{size:x}\r\n{chat}\r\n0\r\n\r\n"),
        format!("ffffffffffffffff\r\n{chat}"),
        format!("10000000000000000\r\n{chat}"),
        format!("7fffffffffffffff\r\n{chat}"),
        format!("{size:x}\r\n{chat}0\r\n\r\n"),
        format!("{size:x}\r\n{chat}XX0\r\n\r\n"),
        format!("{:x}\r\n{chat}\r\n0\r\n\r\n", size + 1),
        format!("{:x}\r\n{chat}\r\n0\r\n\r\n", size - 1),
        format!("{size:x}\r\n{chat}\r\n"),
        format!("zz\r\n{chat}\r\n0\r\n\r\n"),
        "\r\n\r\n".to_owned(),
        "0\r\n\r\n".to_owned(),
        format!("{size:x};{}\r\n{chat}\r\n0\r\n\r\n", "x".repeat(100_000)),
        format!(
            "{size:x}\r\n{chat}\r\n0\r\nx: {}\r\n\r\n",
            "y".repeat(200_000)
        ),
        format!(
            "{size:x}\r\n{chat}\r\n0\r\n{}\r\n",
            "x: y\r\n".repeat(2_000)
        ),
    ];
    let bad = bodies.map(|body| framed("chunks", "transfer-encoding: chunked\r\n", &body, Refused));
    let single: String = chat
        .chars()
        .map(|letter| format!("1\r\n{letter}\r\n"))
        .collect();
    let odd = [
        format!("{size:x};a=b\r\n{chat}\r\n0\r\n\r\n"),
        format!("{size:X}\r\n{chat}\r\n0\r\nauthorization: x\r\n\r\n"),
        format!("{single}0\r\n\r\n"),
    ];
    let odd = odd.map(|body| Input {
        end: End::Waits,
        ..framed(
            "odd chunks",
            "transfer-encoding: chunked\r\n",
            &body,
            Served,
        )
    });
    bad.into_iter().chain(odd).collect()
}

fn sizes() -> Vec<Input> {
    let mut inputs = Vec::new();
    for kib in [17, 32, 63, 64, 65, 128, 512, 1_024] {
        let headers = format!("{JSON}x-long: {}\r\n", "x".repeat(kib << 10));
        inputs.push(post_with("long header", &headers, chat(false), Refused));
        let name = format!("{JSON}{}: x\r\n", "x".repeat(kib << 10));
        inputs.push(post_with("long header", &name, chat(false), Refused));
        let path = format!(
            "GET /{} HTTP/1.1\r\nhost: localhost\r\n\r\n",
            "x".repeat(kib << 10)
        );
        inputs.push(raw("long path", path, Refused));
        let query = format!(
            "GET /v1/x?{} HTTP/1.1\r\nhost: localhost\r\n\r\n",
            "x".repeat(kib << 10)
        );
        inputs.push(raw("long path", query, Refused));
    }
    for count in [65, 100, 101, 500, 5_000] {
        let many: String = (0..count).map(|n| format!("x-{n}: y\r\n")).collect();
        inputs.push(post_with(
            "many headers",
            &format!("{JSON}{many}"),
            chat(false),
            Refused,
        ));
        let same = format!("{JSON}{}", "x: y\r\n".repeat(count));
        inputs.push(post_with("many headers", &same, chat(false), Refused));
    }
    inputs
}

/// What is begun and never ended; the server has to end it.
fn slow() -> Vec<Input> {
    let starts = [
        "",
        "G",
        "POST ",
        "POST /v1/chat/completions HTTP/1.1\r\n",
        "PRI * HTTP/2.0\r\n",
        "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        "POST /v1/chat/completions HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\ncontent-length: 100\r\n\r\n",
        "POST /v1/chat/completions HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\ncontent-length: 100\r\n\r\n{",
        "POST /v1/chat/completions HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\ntransfer-encoding: chunked\r\n\r\n5\r\n{",
        "POST /v1/chat/completions HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\ntransfer-encoding: chunked\r\n\r\n",
    ];
    let slow = starts.map(|start| Input {
        end: End::Waits,
        ..raw("never ending", start, Refused)
    });
    slow.into()
}

fn garbage(draw: &mut Draw) -> Vec<Input> {
    let known: [&[u8]; 12] = [
        b"SSH-2.0-OpenSSH_9.9\r\n",
        b"\x16\x03\x01\x02\0\x01\0\x01\xfc\x03\x03",
        b"EHLO localhost\r\n",
        b"*1\r\n$4\r\nPING\r\n",
        b"\0\0\0\x08\x04\xd2\x16\x2f",
        b"\x05\x01\0",
        b"\x04\x01\0\x50\x7f\0\0\x01\0",
        b"GET\r\n\r\n",
        b"\r\n\r\n\r\n",
        b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n",
        b"PROXY TCP4 127.0.0.1 127.0.0.1 1 2\r\n",
        b"USER anonymous\r\n",
    ];
    let known = known.map(|bytes| raw("no HTTP", bytes, Refused));
    let noise: Vec<_> = (0..120)
        .map(|_| raw("noise", draw.bytes(2_000), Refused))
        .collect();
    known.into_iter().chain(noise).collect()
}

fn versions() -> Vec<Input> {
    let versions = [
        "HTTP/0.9",
        "HTTP/1.2",
        "HTTP/2.0",
        "HTTP/3",
        "HTTP/9.9",
        "HTTP/1",
        "HTTP/1.1.1",
        "http/1.1",
        "HTTPS/1.1",
        "ICY",
        "HTTP/-1.1",
        "HTTP/1.1 x",
        "HTTP /1.1",
        "RTSP/1.0",
        "HTTP/11",
    ];
    let versions = versions.map(|version| {
        raw(
            "version",
            format!("GET /v1/models {version}\r\nhost: localhost\r\n\r\n"),
            Refused,
        )
    });
    let simple = ["GET /v1/models\r\n", "GET /v1/models\r\n\r\n", "GET /\n"];
    let simple = simple.map(|request| raw("version", request, Refused));
    versions.into_iter().chain(simple).collect()
}

fn prefaces(draw: &mut Draw) -> Vec<Input> {
    let preface = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
    let settings = b"\0\0\0\x04\0\0\0\0\0";
    let frames: [&[u8]; 12] = [
        b"",
        b"\xff\xff\xff\x00\0\0\0\0\x01",
        b"\0\0\0\x01\x05\0\0\0\x01",
        b"\0\0\x01\x01\x05\0\0\0\x01\xff",
        b"\0\0\x05\x01\x05\0\0\0\x01\x7f\xff\xff\xff\xff",
        b"\0\0\0\x01\x05\0\0\0\0",
        b"\0\0\0\x01\x05\0\0\0\x02",
        b"\0\0\x04\x08\0\0\0\0\0\0\0\0\0",
        b"\0\0\x04\x08\0\0\0\0\0\x7f\xff\xff\xff",
        b"\0\0\x06\x04\0\0\0\0\0\0\x05\0\0\0\x01",
        b"\0\0\x04\x03\0\0\0\0\x09\0\0\0\0",
        b"\0\0\0\x09\x04\0\0\0\x01",
    ];
    let known = frames.map(|frame| [&preface[..], settings, frame].concat());
    let noise = (0..40).map(|_| [preface.to_vec(), settings.to_vec(), draw.bytes(200)].concat());
    let cut = (1..preface.len()).map(|length| preface[..length].to_vec());
    let inputs = known
        .into_iter()
        .chain(noise.collect::<Vec<_>>())
        .chain(cut);
    inputs.map(|bytes| raw("HTTP/2", bytes, Refused)).collect()
}

fn methods() -> Vec<Input> {
    let methods = [
        "PUT", "DELETE", "PATCH", "TRACE", "CONNECT", "HEAD", "OPTIONS", "PROPFIND", "post",
        "Post", "POSTX", "PO ST", "P\u{0}ST", "GET", "QUERY", "PURGE", "M-SEARCH",
    ];
    let methods = methods.map(|method| {
        let request = format!(
            "{method} /v1/chat/completions HTTP/1.1\r\n{JSON}content-length: 2\r\nconnection: close\r\n\r\n{{}}"
        );
        Input {
            end: End::Waits,
            ..raw("method", request, Refused)
        }
    });
    methods.into()
}

fn hosts() -> Vec<Input> {
    let hosts = [
        "",
        "rebound.example",
        "localhost.example",
        "127.0.0.1.example",
        "0.0.0.0",
        "169.254.169.254",
        "[::]",
        "10.0.0.1",
        "localhost@evil.example",
        "localhost, evil.example",
        "localhost/../evil",
        "evil.example#localhost",
        "l\u{f6}calhost",
        "localhost:80:80",
        "[::1",
    ];
    let hosts = hosts.map(|host| {
        let headers = format!("host: {host}\r\ncontent-type: application/json\r\n");
        post_with("host", &headers, chat(false), Refused)
    });
    let twice = format!("{JSON}host: evil.example\r\n");
    let twice = post_with("host", &twice, chat(false), Refused);
    hosts.into_iter().chain([twice]).collect()
}
