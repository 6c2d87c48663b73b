//! What OpenTelemetry's conventions want of a span and `tracing` cannot say.

use opentelemetry::{KeyValue, StringValue, Value};
use opentelemetry_sdk::trace::SpanData;

/// Names the span of a call after its work and its model, which were not known
/// when it began; and gives lists for attributes that are lists.
pub(super) fn follow(span: &mut SpanData) {
    if span.name == "call" {
        let text = |key| text_of(&span.attributes, key);
        let name = match (text("gen_ai.operation.name"), text("gen_ai.request.model")) {
            (Some(operation), Some(model)) => Some(format!("{operation} {model}")),
            (operation, _) => operation,
        };
        if let Some(name) = name {
            span.name = name.into();
        }
    }
    for attribute in &mut span.attributes {
        // One reason for each answer.
        if attribute.key.as_str() == "gen_ai.response.finish_reasons" {
            let reason = StringValue::from(attribute.value.as_str().into_owned());
            attribute.value = Value::Array(vec![reason].into());
        }
    }
}

fn text_of(attributes: &[KeyValue], key: &str) -> Option<String> {
    let attribute = attributes.iter().find(|one| one.key.as_str() == key)?;
    Some(attribute.value.as_str().into_owned())
}
