//! Ratings of answers.

use super::*;

async fn rate_at(address: &str, body: &str) -> (u16, Value) {
    let reply = send(address, "POST", "/v1/feedback", JSON, body).await;
    let reply = reply.rest().await;
    let (head, body) = reply.split_once("\r\n\r\n").unwrap();
    let body = serde_json::from_str(body).unwrap_or_else(|error| panic!("{error} in {reply}"));
    (head[9..12].parse().unwrap(), body)
}

#[tokio::test]
async fn an_answer_is_rated_by_either_of_its_ids() {
    let simulator = simulator().await;
    let server = server(&simulator, "").await;
    let reply = server.chat(false).await;
    let (call, generation) = (
        header(&reply, "x-request-id"),
        header(&reply, "x-generation-id"),
    );
    let first = format!(r#"{{"id":"{call}","good":true}}"#);
    let (status, body) = rate_at(server.address(), &first).await;
    assert_eq!(status, 200, "{body}");
    let rated = &body["data"];
    assert_eq!(
        (&rated["model"], &rated["task"]),
        (&MODEL.into(), &"chat".into())
    );
    assert_eq!(
        (&rated["score"], &rated["replaces"]),
        (&1.0.into(), &false.into())
    );
    let second = format!(r#"{{"id":"{generation}","score":0.25}}"#);
    let (_, body) = rate_at(server.address(), &second).await;
    assert_eq!(body["data"]["call"], call.as_str());
    assert_eq!(body["data"]["replaces"], true);
}

#[tokio::test]
async fn what_is_no_rating_is_refused_and_calls_of_others_are_not_there() {
    let simulator = simulator().await;
    let gateway = gateway(&simulator, "").await;
    let alice = mounted(&gateway, Some("alice")).await;
    let bob = mounted(&gateway, Some("bob")).await;
    let call = call_at(&alice).await;
    for (address, body, expected) in [
        (&alice, format!(r#"{{"id":"{call}","score":1.5}}"#), 400),
        (&alice, format!(r#"{{"id":"{call}"}}"#), 400),
        (
            &alice,
            format!(r#"{{"id":"{call}","good":true,"score":1}}"#),
            400,
        ),
        (&alice, format!(r#"{{"id":"{call}","stars":5}}"#), 400),
        (&alice, r#"{"score":1}"#.to_owned(), 400),
        (
            &alice,
            r#"{"id":"gen-unknown","good":false}"#.to_owned(),
            404,
        ),
        (&bob, format!(r#"{{"id":"{call}","good":false}}"#), 404),
        (&alice, format!(r#"{{"id":"{call}","good":false}}"#), 200),
    ] {
        let (status, answer) = rate_at(address, &body).await;
        assert_eq!(status, expected, "{body}: {answer}");
    }
}
