//! Fields of a request that the gateway answers for: what it counts, limits and
//! chooses by must mean the same to everybody, and nothing chooses a host.
//!
//! How far a temperature may go differs between models and is for the provider
//! to say. That it is a number does not.

use serde_json::value::RawValue;
use tollgate::MAX_ID_BYTES;
use tollgate_wire::{Object, ParseError, Surface};

use Kind::{
    Count, Fraction, Id, Ids, List, Named, Override, Prompt, Text, TextOrList, TextOrNamed, Toggle,
    Whole,
};

/// What a field has to be, unless it is null.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// A whole number from 1 on.
    Count,
    /// A whole number.
    Whole,
    /// A number.
    Fraction,
    /// True or false.
    Toggle,
    /// A text.
    Text,
    /// A text that names something: short.
    Id,
    /// A list of such.
    Ids,
    /// A list.
    List,
    /// An object.
    Named,
    /// A text or a list.
    TextOrList,
    /// A text or an object.
    TextOrNamed,
    /// A text, a list, or, as Responses have it, an object.
    Prompt,
    /// Must not be there: it would choose another host, key or account than the
    /// configuration does. The names are those by which other gateways and
    /// clients do so.
    Override,
}

/// By name, for the search.
#[rustfmt::skip]
const FIELDS: &[(&str, Kind)] = &[
    ("api_base", Override),
    ("api_key", Override),
    ("api_type", Override),
    ("api_version", Override),
    ("audio", Named),
    ("aws_access_key_id", Override),
    ("aws_secret_access_key", Override),
    ("azure_endpoint", Override),
    ("base_url", Override),
    ("custom_host", Override),
    ("custom_llm_provider", Override),
    ("dimensions", Count),
    ("encoding_format", Id),
    ("extra_body", Override),
    ("extra_headers", Override),
    ("extra_query", Override),
    ("fallbacks", List),
    ("frequency_penalty", Fraction),
    ("headers", Override),
    ("include_reasoning", Toggle),
    ("input", TextOrList),
    ("instructions", TextOrList),
    ("logit_bias", Named),
    ("logprobs", Toggle),
    ("max_completion_tokens", Count),
    ("max_output_tokens", Count),
    ("max_tokens", Count),
    ("messages", List),
    ("metadata", Named),
    ("min_p", Fraction),
    ("modalities", List),
    ("model", Id),
    ("models", Ids),
    ("n", Count),
    ("organization", Override),
    ("output_config", Named),
    ("parallel_tool_calls", Toggle),
    ("plugins", List),
    ("presence_penalty", Fraction),
    ("preset", Id),
    ("prompt", Prompt),
    ("prompt_cache_key", Text),
    ("provider", Named),
    ("proxy", Override),
    ("reasoning", Named),
    ("reasoning_effort", Id),
    ("repetition_penalty", Fraction),
    ("response_format", Named),
    ("route", Id),
    ("seed", Whole),
    ("service_tier", Id),
    ("session_id", Text),
    ("stop", TextOrList),
    ("stop_sequences", List),
    ("stream", Toggle),
    ("stream_options", Named),
    ("structured_outputs", Toggle),
    ("suffix", Text),
    ("system", TextOrList),
    ("temperature", Fraction),
    ("text", Named),
    ("thinking", Named),
    ("tool_choice", TextOrNamed),
    ("tools", List),
    ("top_a", Fraction),
    ("top_k", Whole),
    ("top_logprobs", Whole),
    ("top_p", Fraction),
    ("transforms", List),
    ("upstream_url", Override),
    ("usage", Named),
    ("user", Text),
    ("verbosity", Id),
    ("vertex_credentials", Override),
    ("vertex_project", Override),
    ("web_search_options", Named),
];

/// What a surface has under a name that means something else everywhere else.
const OWN: &[(Surface, &str, Kind)] = &[
    // How many alternatives to a token are told, where others say whether.
    (Surface::Completions, "logprobs", Whole),
];

/// Checks the fields of a request of a surface. Those that nobody here knows
/// pass.
///
/// # Errors
/// With the name of the field and what it has to be.
pub fn check(surface: Surface, request: &Object) -> Result<(), ParseError> {
    request.iter().try_for_each(|(key, value)| {
        let problem = match kind(surface, key) {
            Some(kind) => problem(kind, value),
            None => misspelt(key),
        };
        problem.map_or(Ok(()), |problem| Err(ParseError::new(problem).at(key)))
    })
}

fn kind(surface: Surface, key: &str) -> Option<Kind> {
    let mut own = OWN.iter();
    if let Some((.., kind)) = own.find(|(of, name, _)| (*of, *name) == (surface, key)) {
        return Some(*kind);
    }
    let place = FIELDS.binary_search_by_key(&key, |(name, _)| name).ok()?;
    Some(FIELDS[place].1)
}

/// Some readers do not tell `Model` from `model`, so one of the two would be
/// checked here and the other obeyed there.
fn misspelt(key: &str) -> Option<String> {
    let known = FIELDS
        .iter()
        .find(|(name, _)| name.eq_ignore_ascii_case(key))?;
    Some(format!("is written `{}`", known.0))
}

fn problem(kind: Kind, value: &RawValue) -> Option<String> {
    let text = value.get();
    if kind == Override {
        return Some("is not for callers to choose; leave it out".to_owned());
    }
    if text == "null" {
        return None;
    }
    let is = |opening: char| text.starts_with(opening);
    let (right, wanted) = match kind {
        Override => (false, "left out"),
        Count => (
            text.parse::<u32>().is_ok_and(|count| count > 0),
            "a whole number from 1 to 4294967295",
        ),
        Whole => (text.parse::<i64>().is_ok(), "a whole number"),
        Fraction => (text.parse::<f64>().is_ok_and(f64::is_finite), "a number"),
        Toggle => (matches!(text, "true" | "false"), "true or false"),
        Text => (is('"'), "a text"),
        List => (is('['), "a list"),
        Named => (is('{'), "an object"),
        TextOrList => (is('"') || is('['), "a text or a list"),
        Prompt => (is('"') || is('[') || is('{'), "a text, a list or an object"),
        TextOrNamed => (is('"') || is('{'), "a text or an object"),
        Id => (is_id(value), "a text of at most 256 bytes"),
        Ids => (are_ids(value), "a list of texts of at most 256 bytes"),
    };
    (!right).then(|| format!("has to be {wanted}, or left out"))
}

fn is_id(value: &RawValue) -> bool {
    serde_json::from_str::<std::borrow::Cow<'_, str>>(value.get())
        .is_ok_and(|id| id.len() <= MAX_ID_BYTES)
}

fn are_ids(value: &RawValue) -> bool {
    serde_json::from_str::<Vec<&RawValue>>(value.get()).is_ok_and(|ids| ids.into_iter().all(is_id))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_sorted_for_the_search() {
        assert!(FIELDS.is_sorted_by(|(one, _), (next, _)| one < next));
    }

    /// Checks one field with several values.
    fn check_all(key: &str, values: &[&str], expected: bool) {
        check_at(Surface::Chat, key, values, expected);
    }

    fn check_at(surface: Surface, key: &str, values: &[&str], expected: bool) {
        for value in values {
            let object = Object::parse(format!("{{\"{key}\":{value}}}").as_bytes()).unwrap();
            let checked = check(surface, &object);
            assert_eq!(checked.is_ok(), expected, "{key}: {value}");
            if let Err(error) = checked {
                assert_eq!(error.place(), key);
            }
        }
    }

    #[test]
    fn numbers_that_are_counted_must_be_whole_and_their_names_are_told() {
        for key in ["max_tokens", "max_completion_tokens", "n"] {
            check_all(key, &["1", "200000", "null"], true);
            let wrong = ["0", "-1", "1.5", "1e999", "1e3", "\"8\"", "true", "[1]"];
            check_all(key, &wrong, false);
            check_all(key, &["4294967296", "99999999999999999999"], false);
        }
        check_all("seed", &["-1", "0", "42"], true);
        check_all("seed", &["1.5", "{}"], false);
        check_all("temperature", &["0", "0.70", "2", "-1", "1e-3"], true);
        check_all("temperature", &["1e999", "\"hot\"", "[]"], false);
    }

    #[test]
    fn other_fields_must_be_of_their_kind() {
        check_all("stream", &["true", "false", "null"], true);
        check_all("stream", &["\"yes\"", "1", "{}"], false);
        check_all("provider", &["{}", "null"], true);
        check_all("provider", &["\"openai\"", "[]", "5"], false);
        check_all("messages", &["[]"], true);
        check_all("messages", &["{}", "\"hello\""], false);
        check_all("stop", &["\"x\"", "[\"x\"]"], true);
        check_all("stop", &["{}", "1"], false);
        check_all("tool_choice", &["\"auto\"", "{}"], true);
        check_all("tool_choice", &["[]", "true"], false);
        check_all("nobody_knows", &["1e999", "{}", "\"x\""], true);
    }

    #[test]
    fn log_probabilities_are_counted_in_completions_alone() {
        for surface in Surface::ALL {
            let counted = surface == Surface::Completions;
            check_at(surface, "logprobs", &["null"], true);
            check_at(surface, "logprobs", &["0", "5"], counted);
            check_at(surface, "logprobs", &["true", "false"], !counted);
            check_at(surface, "logprobs", &["\"5\"", "1.5", "[]"], false);
        }
    }

    #[test]
    fn ids_have_a_length() {
        let (longest, longer) = ("x".repeat(256), "x".repeat(257));
        check_all("model", &[&format!("\"{longest}\"")], true);
        check_all("model", &[&format!("\"{longer}\""), "7", "[]"], false);
        check_all("models", &[&format!("[\"{longest}\",\"a/b\"]"), "[]"], true);
        check_all(
            "models",
            &[&format!("[\"a/b\",\"{longer}\"]"), "[7]", "\"a/b\""],
            false,
        );
    }

    #[test]
    fn another_case_of_a_known_name_is_refused() {
        for key in ["Model", "MAX_TOKENS", "Messages", "Stream", "API_Base"] {
            check_all(key, &["null", "1", "\"a/b\""], false);
        }
    }

    #[test]
    fn nothing_chooses_another_host_or_key() {
        for (key, _) in FIELDS.iter().filter(|(_, kind)| *kind == Override) {
            check_all(key, &["null", "\"http://169.254.169.254/\"", "{}"], false);
        }
    }
}
