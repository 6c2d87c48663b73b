//! The composed samples go in and come out.

use tollgate_wire::{
    ChatReply, CreditsReply, EmbeddingsResponse, EndpointsReply, FinishReason, GenerationReply,
    KeyReply, ModelsPage, Object, ParseError, ProvidersReply,
};

use crate::fixtures::{minified, read_stream, sample, samples};

#[test]
fn every_sample_comes_out_with_its_keys_order_and_spellings() {
    for (name, bytes) in samples(".json") {
        let object = Object::parse(&bytes).unwrap();
        assert_eq!(minified(&object.to_vec()), minified(&bytes), "{name}");
        assert_eq!(
            minified(&serde_json::to_vec(&object).unwrap()),
            minified(&bytes),
            "{name}"
        );
    }
}

#[test]
fn every_document_comes_out_as_it_went_in() {
    let check = |name: &str, write: fn(&[u8]) -> Result<Object, ParseError>| {
        let bytes = sample(name);
        assert_eq!(
            minified(&write(&bytes).unwrap().to_vec()),
            minified(&bytes),
            "{name}"
        );
    };
    check("models.json", |bytes| {
        Ok(ModelsPage::parse(bytes)?.to_object())
    });
    check("endpoints.json", |bytes| {
        Ok(EndpointsReply::parse(bytes)?.to_object())
    });
    check("providers.json", |bytes| {
        Ok(ProvidersReply::parse(bytes)?.to_object())
    });
    check("key.json", |bytes| Ok(KeyReply::parse(bytes)?.to_object()));
    check("credits.json", |bytes| {
        Ok(CreditsReply::parse(bytes)?.to_object())
    });
    check("generation.json", |bytes| {
        Ok(GenerationReply::parse(bytes)?.to_object())
    });
    check("embeddings.json", |bytes| {
        Ok(EmbeddingsResponse::parse(bytes)?.into_object())
    });
}

#[test]
fn answers_are_told_from_errors() {
    for (name, bytes) in samples(".json") {
        let reply = ChatReply::parse(&bytes);
        match &*name {
            "chat.json" | "chat-tools.json" | "chat-byok.json" => {
                let ChatReply::Answer(answer) = reply.unwrap() else {
                    panic!("{name}")
                };
                assert_eq!(minified(&answer.to_vec()), minified(&bytes), "{name}");
                assert!(
                    !answer.is_empty_answer() && answer.read_usage().unwrap().is_some(),
                    "{name}"
                );
                for choice in answer.choices() {
                    assert_eq!(choice.to_object(), *choice.kept());
                }
            }
            _ if name.starts_with("error-") => {
                assert!(matches!(reply, Ok(ChatReply::Error(_))), "{name}");
            }
            _ => assert!(reply.is_err(), "{name}"),
        }
    }
}

#[test]
fn costs_keep_their_spelling() {
    let ChatReply::Answer(answer) = ChatReply::parse(&sample("chat-byok.json")).unwrap() else {
        panic!("expected an answer")
    };
    let usage = answer.usage().unwrap();
    assert_eq!(usage.is_byok, Some(true));
    assert!(usage.cost.unwrap().is_zero());
    assert_eq!(
        usage.cost_details.upstream_inference_cost.unwrap().as_str(),
        "0.00045"
    );
    assert_eq!(answer.finish_reason(), Some(FinishReason::Length));
    let embeddings = EmbeddingsResponse::parse(&sample("embeddings.json")).unwrap();
    assert_eq!(
        embeddings.usage().unwrap().cost.unwrap().as_str(),
        "3.6e-07"
    );
    assert_eq!(embeddings.data().len(), 2);
}

#[test]
fn parallel_calls_and_the_failover_trail_are_read() {
    let ChatReply::Answer(answer) = ChatReply::parse(&sample("chat-tools.json")).unwrap() else {
        panic!()
    };
    let calls = answer.choices().remove(0).message.tool_calls;
    assert!(calls.len() > 1);
    for call in &calls {
        assert!(Object::parse(call.function.arguments_text().as_bytes()).is_ok());
    }
    assert!(answer.metadata().unwrap().attempts.len() > 1);
}

#[test]
fn streams_are_read_to_their_end() {
    let check = |name: &str, comments: usize, chunks: usize, usages: usize, done: bool| {
        let stream = read_stream(&sample(name));
        let found = (stream.comments, stream.chunks, stream.usages, stream.done);
        assert_eq!(found, (comments, chunks, usages, done), "{name}");
        stream
    };
    check("chat-stream.sse", 3, 10, 1, true);
    let text = check("chat-stream-text.sse", 1, 5, 1, true);
    assert_eq!(text.merger.finish_reason(), Some(FinishReason::Stop));
    assert_eq!(text.merger.finish().text(), "Grüße aus 東京 🚆.");
    let cut = check("chat-stream-error.sse", 1, 2, 0, false);
    assert_eq!(
        (cut.error.unwrap().code, cut.merger.finish_reason()),
        (Some(502), None)
    );
    let first = check("chat-stream-error-first.sse", 2, 0, 0, false);
    assert_eq!(first.error.unwrap().code, Some(503));
}
