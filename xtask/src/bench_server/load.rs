//! Clients that ask over and over, each on a connection that it keeps.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use futures_util::future::try_join_all;
use http_body_util::{BodyExt, Full};
use hyper::body::{Bytes, Incoming};
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper::header::{AUTHORIZATION, CONTENT_TYPE, HOST, HeaderValue};
use hyper::{Method, Request, Response, Uri};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;

use super::BenchError;

/// The key that the gateway knows the load by. It opens nothing else.
pub(crate) const KEY: &str = "tg-00000000-AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";

const PATH: &str = "/api/v1/chat/completions";

/// About a kilobyte: a chat of three turns, of which the gateway knows the task
/// only by reading it.
const MESSAGES: &str = r#"[{"role":"system","content":"You are a patient teacher of physics. You answer in at most three sentences, in words that a child of twelve understands, and you never use a formula where a picture in words does as well. When a question has a wrong premise, say so first."},{"role":"user","content":"Why is the sky blue, and why is it not blue in the evening? My sister says that it is the reflection of the sea, but we live far away from any sea and it is blue here as well."},{"role":"assistant","content":"It is not the sea: the air itself scatters the light of the sun, and it scatters blue more than red. What reaches your eye from all over the sky is this scattered light."},{"role":"user","content":"And what happens in the evening, when it turns red? Does the air change, or is it the light that comes another way? Please explain it so that I can tell her tomorrow at breakfast."}]"#;

/// One client.
pub(crate) struct Load {
    connection: SendRequest<Full<Bytes>>,
    whole: Request<Full<Bytes>>,
    stream: Request<Full<Bytes>>,
}

impl Load {
    /// One that lets the gateway choose the model.
    pub(crate) async fn connect(address: SocketAddr) -> Result<Self, BenchError> {
        Self::connect_for(address, "tollgate/balanced", KEY).await
    }

    /// One that names a model, with a key of its own.
    pub(crate) async fn connect_for(
        address: SocketAddr,
        model: &str,
        key: &str,
    ) -> Result<Self, BenchError> {
        let stream = TcpStream::connect(address).await;
        let stream = stream.map_err(BenchError::io(format!("connect to {address}")))?;
        stream
            .set_nodelay(true)
            .map_err(BenchError::io("send at once"))?;
        let (connection, driver) = handshake(TokioIo::new(stream)).await?;
        tokio::spawn(driver);
        Ok(Self {
            connection,
            whole: request(address, model, key, false),
            stream: request(address, model, key, true),
        })
    }

    /// Asks for an answer in one piece, and reads it.
    pub(crate) async fn whole(&mut self) -> Result<(), BenchError> {
        let response = self.ask(self.whole.clone()).await?;
        response.into_body().collect().await?;
        Ok(())
    }

    /// Asks for a stream, and reads it. Says how long the first chunk took.
    pub(crate) async fn stream(&mut self) -> Result<Duration, BenchError> {
        let begun = Instant::now();
        let mut body = self.ask(self.stream.clone()).await?.into_body();
        body.frame().await.transpose()?;
        let first = begun.elapsed();
        body.collect().await?;
        Ok(first)
    }

    async fn ask(
        &mut self,
        request: Request<Full<Bytes>>,
    ) -> Result<Response<Incoming>, BenchError> {
        self.connection.ready().await?;
        let response = self.connection.send_request(request).await?;
        if response.status().is_success() {
            return Ok(response);
        }
        let status = response.status().as_u16();
        let body = response.into_body().collect().await?.to_bytes();
        let body = String::from_utf8_lossy(&body).into_owned();
        Err(BenchError::Status { status, body })
    }
}

/// So many clients that ask at the same time, `each` times one after the other.
pub(crate) async fn together<A>(
    address: SocketAddr,
    clients: usize,
    each: usize,
    ask: A,
) -> Result<(), BenchError>
where
    A: AsyncFn(&mut Load) -> Result<(), BenchError>,
{
    let connecting = (0..clients).map(|_| Load::connect(address));
    let loads = try_join_all(connecting).await?;
    let ask = &ask;
    let asking = loads.into_iter().map(|mut load| async move {
        for _ in 0..each {
            ask(&mut load).await?;
        }
        Ok::<_, BenchError>(())
    });
    try_join_all(asking).await.map(|_| ())
}

fn request(address: SocketAddr, model: &str, key: &str, stream: bool) -> Request<Full<Bytes>> {
    let body = format!(r#"{{"model":"{model}","stream":{stream},"messages":{MESSAGES}}}"#);
    let mut request = Request::new(Full::new(body.into()));
    *request.method_mut() = Method::POST;
    *request.uri_mut() = Uri::from_static(PATH);
    let host = address.to_string();
    for (name, value) in [
        (HOST, host.as_str()),
        (CONTENT_TYPE, "application/json"),
        (AUTHORIZATION, &format!("Bearer {key}")),
    ] {
        let value = HeaderValue::from_str(value).expect("these texts are plain ASCII");
        request.headers_mut().insert(name, value);
    }
    request
}
