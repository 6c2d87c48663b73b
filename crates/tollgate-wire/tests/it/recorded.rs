//! Recorded traffic goes in and comes out.

use tollgate_wire::{ChatReply, ChatRequest, ModelsPage, Object, RawValue};

use crate::fixtures::{directory, minified, read_stream};

/// Request and response of each row.
fn exchanges() -> Vec<(Object, Object)> {
    let text = std::fs::read_to_string(directory("recorded").join("http.jsonl")).unwrap();
    let exchanges: Vec<_> = text
        .lines()
        .map(|line| {
            let row = Object::parse(line.as_bytes()).unwrap();
            let part = |key: &str| row.read::<Object>(key).unwrap().unwrap();
            (part("request"), part("response"))
        })
        .collect();
    assert_eq!(exchanges.len(), 60);
    exchanges
}

fn is_chat(request: &Object) -> bool {
    request
        .read::<String>("uri")
        .unwrap()
        .unwrap()
        .ends_with("/chat/completions")
}

#[test]
fn every_recorded_body_comes_out_byte_for_byte() {
    let mut bodies = 0;
    for (request, response) in exchanges() {
        for body in [request.get("body"), response.get("json")]
            .into_iter()
            .flatten()
        {
            if body.get().starts_with('{') {
                bodies += 1;
                assert_eq!(
                    minified(&Object::parse(body.get().as_bytes()).unwrap().to_vec()),
                    minified(body.get().as_bytes())
                );
            }
        }
    }
    assert!(bodies > 90, "{bodies}");
}

#[test]
fn every_recorded_request_is_read() {
    for (request, _) in exchanges().iter().filter(|(request, _)| is_chat(request)) {
        let body = request.get("body").unwrap().get();
        let chat = ChatRequest::parse(body.as_bytes()).unwrap();
        assert_eq!(minified(&chat.to_vec()), minified(body.as_bytes()));
        assert!(chat.model().is_some());
        let messages = chat.messages().unwrap();
        assert!(!messages.is_empty());
        for message in &messages {
            message.parts().unwrap();
        }
        chat.reasoning().unwrap();
        chat.plugins().unwrap();
        if let Some(provider) = chat.provider().unwrap() {
            assert_eq!(provider.to_object(), *provider.kept());
        }
    }
}

#[test]
fn every_recorded_answer_is_read() {
    let (mut answers, mut errors, mut without_prompt) = (0, 0, 0);
    for (request, response) in exchanges().iter().filter(|(request, _)| is_chat(request)) {
        let Some(body) = response.get("json").map(RawValue::get) else {
            continue;
        };
        assert!(request.get("body").is_some());
        match ChatReply::parse(body.as_bytes()).unwrap() {
            ChatReply::Answer(answer) => {
                answers += 1;
                let usage = answer.read_usage().unwrap().unwrap();
                // One provider counted no prompt for a video.
                without_prompt += usize::from(usage.prompt_tokens == 0);
                assert_eq!(usage.to_object(), *usage.kept());
                let choices = answer.choices();
                assert_eq!(choices.len(), 1);
                assert_eq!(choices[0].to_object(), *choices[0].kept());
                assert!(!answer.is_empty_answer() && answer.provider().is_some());
            }
            ChatReply::Error(error) => {
                errors += 1;
                assert_eq!(error.code, response.read("status").unwrap());
                assert!(!error.message.is_empty());
            }
        }
    }
    assert_eq!((answers, errors, without_prompt), (43, 3, 1));
}

#[test]
fn every_recorded_stream_is_read_and_merged() {
    let mut streams = 0;
    for (_, response) in exchanges().iter().filter(|(request, _)| is_chat(request)) {
        let Some(body) = response.read::<String>("body").unwrap() else {
            continue;
        };
        streams += 1;
        let stream = read_stream(body.as_bytes());
        assert!(stream.done && stream.error.is_none() && stream.usages == 1 && stream.comments > 0);
        assert!(stream.merger.finish_reason().is_some());
        let answer = stream.merger.finish();
        assert!(!answer.is_empty_answer());
        assert!(answer.usage().unwrap().completion_tokens > 0);
        assert_eq!(
            answer.object().read::<String>("object").unwrap().as_deref(),
            Some("chat.completion")
        );
    }
    assert_eq!(streams, 4);
}

#[test]
fn every_recorded_catalog_is_read() {
    for (request, response) in exchanges() {
        if request
            .read::<String>("uri")
            .unwrap()
            .unwrap()
            .ends_with("/models")
        {
            let body = response.read::<String>("body").unwrap().unwrap();
            let page = ModelsPage::parse(body.as_bytes()).unwrap();
            assert!(!page.data.is_empty() && page.data.rejected.is_empty());
            assert_eq!(
                minified(&page.to_object().to_vec()),
                minified(body.as_bytes())
            );
        }
    }
}
