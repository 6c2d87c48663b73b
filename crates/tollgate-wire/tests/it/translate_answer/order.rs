//! The events of an answer, in an order that strict clients read.

use super::*;

#[test]
fn the_samples_make_streams_that_strict_clients_read_and_that_say_what_the_whole_says() {
    for name in STREAMS {
        let chunks = chunks(name);
        let answer = merged(&chunks);
        let (events, _) = translate(Surface::Responses, &chunks);
        let response = read_responses(&values(&events));
        assert_eq!(response, whole(Surface::Responses, &answer).0, "{name}");
        let (events, _) = translate(Surface::Messages, &chunks);
        let message = read_messages(&values(&events));
        assert_eq!(message, whole(Surface::Messages, &answer).0, "{name}");
    }
}

#[test]
fn what_this_crate_reads_in_the_events_is_what_the_chat_said() {
    for name in STREAMS {
        let chunks = chunks(name);
        let chat = merged(&chunks);
        let choice = chat.choices().remove(0);
        let usage = chat.usage().unwrap();
        let said = choice.text().len()
            + choice.message.reasoning.as_deref().map_or(0, str::len)
            + choice
                .message
                .tool_calls
                .iter()
                .map(|call| call.function.arguments_text().len())
                .sum::<usize>();
        let calls = choice.message.tool_calls.len();

        let (mut bytes, mut items, mut ended) = (0, 0, None);
        for event in translate(Surface::Responses, &chunks).0 {
            match ResponsesEvent::parse(&event.to_vec()).unwrap() {
                ResponsesEvent::Begun(reply) => assert_eq!(reply.id(), chat.id()),
                ResponsesEvent::Delta { text_bytes } => bytes += text_bytes,
                ResponsesEvent::Item => items += 1,
                ResponsesEvent::Ended(reply) => ended = Some(reply),
                ResponsesEvent::Other(_) => {}
                event => panic!("{event:?}"),
            }
        }
        let ended: ResponsesReply = ended.unwrap();
        assert_eq!((bytes, items), (said, calls), "{name}");
        assert_eq!(ended.text_bytes(), said, "{name}");
        assert_eq!(ended.finish_reason(), chat.finish_reason(), "{name}");
        assert_eq!(
            (ended.model(), ended.provider()),
            (chat.model(), chat.provider())
        );
        let read: Object = ended.object().read("usage").unwrap().unwrap();
        assert_eq!(
            read.read("input_tokens").unwrap(),
            Some(usage.prompt_tokens)
        );
        assert_eq!(
            ended.read_usage().unwrap().unwrap().cost,
            usage.cost,
            "{name}"
        );

        let (mut bytes, mut blocks, mut finish, mut used) = (0, 0, None, None);
        for event in translate(Surface::Messages, &chunks).0 {
            match MessagesEvent::parse(&event.to_vec()).unwrap() {
                MessagesEvent::Begun(reply) => assert_eq!(reply.provider(), chat.provider()),
                MessagesEvent::Delta { text_bytes } => bytes += text_bytes,
                MessagesEvent::Block => blocks += 1,
                MessagesEvent::Ending {
                    finish: why,
                    usage: newer,
                } => (finish, used) = (why, newer.unwrap()),
                MessagesEvent::Stop | MessagesEvent::Other(_) => {}
                MessagesEvent::Done => panic!("messages end with an event"),
                MessagesEvent::Error(error) => panic!("{}", error.message),
            }
        }
        let used = used.unwrap();
        assert_eq!((bytes, blocks), (said, calls), "{name}");
        assert_eq!(finish, chat.finish_reason(), "{name}");
        assert_eq!(
            (used.input_tokens, used.output_tokens, used.cost.clone()),
            (
                Some(usage.prompt_tokens),
                Some(usage.completion_tokens),
                usage.cost
            )
        );
        assert_eq!(
            used.thinking_tokens(),
            usage.completion_tokens_details.reasoning_tokens
        );
    }
}

fn transcript(events: &[Object]) -> String {
    let lines = events
        .iter()
        .map(|event| String::from_utf8(event.to_vec()).unwrap());
    lines.collect::<Vec<_>>().join("\n")
}

#[test]
fn the_sample_stream_as_responses() {
    let (events, losses) = translate(Surface::Responses, &chunks("chat-stream.sse"));
    assert_eq!(losses, [""; 0]);
    insta::assert_snapshot!(transcript(&events));
}

#[test]
fn the_sample_stream_as_messages() {
    let (events, losses) = translate(Surface::Messages, &chunks("chat-stream.sse"));
    assert_eq!(losses, [""; 0]);
    insta::assert_snapshot!(transcript(&events));
}

#[test]
fn the_sample_stream_as_completions() {
    let (events, losses) = translate(Surface::Completions, &chunks("chat-stream-text.sse"));
    assert_eq!(losses, [""; 0]);
    insta::assert_snapshot!(transcript(&events));
}

#[test]
fn a_chat_stays_as_it_is() {
    let chunks = chunks("chat-stream-text.sse");
    let (events, _) = translate(Surface::Chat, &chunks);
    let data: Vec<Vec<u8>> = events.iter().map(Object::to_vec).collect();
    assert_eq!(data, chunks[..data.len()]);
    let answer = answer("chat.json");
    assert_eq!(whole(Surface::Chat, &answer).0, value(answer.object()));
}
