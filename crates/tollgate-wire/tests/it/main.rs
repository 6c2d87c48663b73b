//! Behaviour of the wire shapes, on properties, composed samples and recorded traffic.
#![expect(clippy::unwrap_used, reason = "tests")]

mod anthropic;
mod catalog;
mod dialects;
mod error;
mod fixtures;
mod gemini;
mod json;
mod merge;
mod number;
mod recorded;
mod request;
mod response;
mod samples;
mod sse;
mod strict;
mod surfaces;
mod thoughts;
mod translate;
mod translate_answer;
mod translate_back;
mod usage;
mod words;
