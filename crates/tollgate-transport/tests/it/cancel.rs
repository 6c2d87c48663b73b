//! Dropping is cancelling.

use futures_util::{FutureExt, StreamExt};
use tollgate_core::{Delivery, LlmProvider};

use crate::server::{Act, Seen, Server, open_stream, text};
use crate::setup::{attempt, openrouter};

#[tokio::test]
async fn dropping_the_frames_closes_the_connection() {
    let mut server =
        Server::start([vec![open_stream(), Act::Send(text("a").into()), Act::Hold]]).await;
    let mut reply = openrouter(&server)
        .send(&attempt(Delivery::Stream))
        .await
        .unwrap();
    assert!(reply.frames.next().await.unwrap().unwrap().facts.semantic);
    server.request().await;
    drop(reply);
    assert!(matches!(server.seen().await, Seen::Closed));
}

#[tokio::test]
async fn dropping_the_future_closes_the_connection() {
    let mut server = Server::start([vec![Act::Hold]]).await;
    let provider = openrouter(&server);
    let attempt = attempt(Delivery::Whole);
    let mut sending = provider.send(&attempt).boxed();
    tokio::select! {
        _ = &mut sending => panic!("the server does not answer"),
        _ = server.request() => {}
    }
    drop(sending);
    assert!(matches!(server.seen().await, Seen::Closed));
}
