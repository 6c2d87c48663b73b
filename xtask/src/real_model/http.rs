//! A request over HTTP, as any program would send it.

use std::time::Duration;

use http_body_util::{BodyExt, Full};
use hyper::body::Bytes;
use hyper::header::CONTENT_TYPE;
use hyper::{HeaderMap, Request};
use hyper_util::client::legacy::Client;
use hyper_util::rt::TokioExecutor;
use serde_json::Value;

/// Longest time for an answer. The model writes a few tokens a second on a busy machine.
const PATIENCE: Duration = Duration::from_secs(300);

/// What came back.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) status: u16,
    headers: HeaderMap,
    pub(super) body: String,
}

impl Answer {
    /// The body, which must be the JSON of a success.
    pub(super) fn json(&self) -> Result<Value, String> {
        self.success()?;
        serde_json::from_str(&self.body).map_err(|error| format!("{error}: {}", self.body))
    }

    /// The events of the body, which must be a stream that came to its end marker.
    pub(super) fn events(&self) -> Result<Vec<Value>, String> {
        self.success()?;
        let mut data: Vec<&str> = self
            .body
            .lines()
            .filter_map(|line| line.strip_prefix("data: "))
            .collect();
        if data.pop() != Some("[DONE]") {
            return Err(format!("the stream lacks [DONE]: {}", self.body));
        }
        let read = |data: &str| serde_json::from_str(data).map_err(|error| error.to_string());
        data.into_iter().map(read).collect()
    }

    pub(super) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    fn success(&self) -> Result<(), String> {
        match self.status {
            200 => Ok(()),
            status => Err(format!("status {status}: {}", self.body)),
        }
    }
}

pub(super) fn get(url: &str) -> Result<Answer, String> {
    send(Request::get(url), Bytes::new())
}

pub(super) fn post(url: &str, body: &Value) -> Result<Answer, String> {
    let request = Request::post(url).header(CONTENT_TYPE, "application/json");
    send(request, body.to_string().into())
}

fn send(request: hyper::http::request::Builder, body: Bytes) -> Result<Answer, String> {
    let request = request
        .body(Full::new(body))
        .map_err(|error| error.to_string())?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| error.to_string())?;
    runtime.block_on(async {
        let answer = tokio::time::timeout(PATIENCE, exchange(request)).await;
        answer.unwrap_or_else(|_| Err(format!("no answer within {PATIENCE:?}")))
    })
}

async fn exchange(request: Request<Full<Bytes>>) -> Result<Answer, String> {
    let client = Client::builder(TokioExecutor::new()).build_http();
    let response = client.request(request).await;
    let (parts, body) = response.map_err(|error| error.to_string())?.into_parts();
    let body = body.collect().await.map_err(|error| error.to_string())?;
    Ok(Answer {
        status: parts.status.as_u16(),
        headers: parts.headers,
        body: String::from_utf8_lossy(&body.to_bytes()).into_owned(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(status: u16, body: &str) -> Answer {
        Answer {
            status,
            headers: HeaderMap::new(),
            body: body.into(),
        }
    }

    #[test]
    fn a_stream_without_its_end_marker_is_none() {
        let whole = "data: {\"a\":1}\n\n: comment\n\ndata: [DONE]\n\n";
        assert_eq!(answer(200, whole).events().unwrap().len(), 1);
        assert!(answer(200, "data: {\"a\":1}\n\n").events().is_err());
        assert!(answer(200, "data: {\n\ndata: [DONE]\n\n").events().is_err());
        assert!(answer(502, whole).events().is_err());
    }

    #[test]
    fn a_failure_is_no_answer() {
        assert_eq!(answer(200, "{\"a\":1}").json().unwrap()["a"], 1);
        assert!(answer(500, "{\"a\":1}").json().is_err());
    }
}
