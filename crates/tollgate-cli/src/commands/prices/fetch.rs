//! The text of a table, from a file or over the network.

use std::fs::File;
use std::io::Read as _;
use std::path::Path;
use std::time::Duration;

use bytes::Bytes;
use http::{Request, StatusCode};
use http_body_util::{BodyExt, Limited};
use tokio::time::timeout;
use tollgate::{ConnectionConfig, Timers, http_pool};

use crate::exit::{Trouble, code};

/// Most bytes of a table: thirty times what the one inside the program has.
const MOST: usize = 8 << 20;

/// Longest that fetching may take.
const LONGEST: Duration = Duration::from_secs(60);

/// The text behind a path or a URL.
pub(super) async fn text(from: &str) -> Result<String, Trouble> {
    let bytes = if from.starts_with("http://") || from.starts_with("https://") {
        timeout(LONGEST, download(from)).await.unwrap_or_else(|_| {
            let seconds = LONGEST.as_secs();
            Err(failed(from, &format!("it took longer than {seconds} s")))
        })?
    } else {
        read(Path::new(from))?
    };
    String::from_utf8(bytes).map_err(|_| {
        Trouble::new(code::REQUEST, format!("{from} is no text"))
            .with_hint("a price table is JSON, not packed")
    })
}

fn read(path: &Path) -> Result<Vec<u8>, Trouble> {
    let unreadable = |error: std::io::Error| {
        let path = path.display();
        Trouble::new(code::USAGE, format!("cannot read {path}: {error}"))
    };
    let file = File::open(path).map_err(unreadable)?;
    let mut bytes = Vec::new();
    file.take(MOST as u64 + 1)
        .read_to_end(&mut bytes)
        .map_err(unreadable)?;
    if bytes.len() > MOST {
        let message = format!("cannot take {}: {}", path.display(), too_long());
        return Err(Trouble::new(code::REQUEST, message));
    }
    Ok(bytes)
}

async fn download(url: &str) -> Result<Vec<u8>, Trouble> {
    let pool = http_pool(url, &Timers::default(), &ConnectionConfig::default())
        .map_err(|error| Trouble::new(code::USAGE, error.to_string()))?;
    let request = Request::get(url)
        .body(Bytes::new())
        .map_err(|error| Trouble::new(code::USAGE, format!("{url}: {error}")))?;
    let answer = pool
        .send(request)
        .await
        .map_err(|error| failed(url, &error.into_source().to_string()))?;
    if answer.status() != StatusCode::OK {
        let trouble = failed(url, &format!("it answers {}", answer.status()));
        return Err(trouble.with_hint("redirects are not followed; name the last address"));
    }
    let body = Limited::new(answer.into_body(), MOST).collect().await;
    let body = body.map_err(
        |error| match error.is::<http_body_util::LengthLimitError>() {
            true => failed(url, &too_long()),
            false => failed(url, &error.to_string()),
        },
    )?;
    Ok(body.to_bytes().into())
}

fn too_long() -> String {
    format!("it is longer than {} MiB", MOST >> 20)
}

fn failed(url: &str, why: &str) -> Trouble {
    Trouble::new(code::UPSTREAM, format!("cannot fetch {url}: {why}"))
}
