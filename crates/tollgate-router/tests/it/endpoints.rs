use tollgate_core::{EndpointReason, Endpoints, Plan};
use tollgate_router::{CostOptimizer, InWords, RouterConfig};
use tollgate_testkit::builders::{NOON, endpoint};
use tollgate_testkit::views::{ModelSpec, view};

use super::*;

/// Two models at two dollars: one with a choice among endpoints, one without.
fn two_models() -> tollgate_core::CatalogView {
    let hosts = vec![endpoint("slow", 1.0, 9_000.0), endpoint("fast", 1.0, 300.0)];
    view([
        ModelSpec::new("a/chosen")
            .price(2.0, 2.0)
            .endpoints(Endpoints::new(NOON, hosts)),
        ModelSpec::new("b/plain").price(2.0, 2.0),
    ])
}

fn choices(plan: &Plan) -> Vec<(&str, Option<&EndpointReason>)> {
    let candidates = plan.candidates();
    candidates
        .map(|planned| {
            let why = planned.endpoints.as_ref().map(|choice| &choice.why);
            (planned.model.as_str(), why)
        })
        .collect()
}

fn order(plan: &Plan) -> Vec<String> {
    let mut choices = plan.candidates().filter_map(|one| one.endpoints.as_ref());
    let choice = choices.next().unwrap();
    let tags = choice.preferences.order.iter();
    tags.map(|tag| tag.to_string()).collect()
}

#[test]
fn only_what_has_a_choice_among_endpoints_prefers_some() {
    let view = two_models();
    let plan = plan(RouterConfig::default(), profile("tollgate/auto"), &view).unwrap();
    assert_eq!(plan.len(), 2);
    for (model, why) in choices(&plan) {
        assert_eq!(why.is_some(), model == "a/chosen");
    }
    assert_eq!(order(&plan), ["fast", "slow"]);
}

#[test]
fn a_named_model_has_its_endpoints_ordered_by_the_configured_policy() {
    let view = two_models();
    let plan = plan(RouterConfig::default(), profile("a/chosen"), &view).unwrap();
    assert_eq!(plan.first().model.as_str(), "a/chosen");
    assert_eq!(order(&plan), ["fast", "slow"]);
}

#[test]
fn nothing_is_preferred_where_that_is_turned_off() {
    let config = RouterConfig {
        endpoint_preferences: false,
        ..RouterConfig::default()
    };
    let view = two_models();
    let plan = plan(config, profile("a/chosen"), &view).unwrap();
    assert!(choices(&plan).iter().all(|(_, why)| why.is_none()));
}

#[test]
fn a_conversation_that_names_itself_is_warned_once_that_its_cache_is_given_up() {
    let view = two_models();
    let warnings = |in_conversation| {
        let profile = CallProfile {
            in_conversation,
            ..profile("a/chosen")
        };
        plan(RouterConfig::default(), profile, &view)
            .unwrap()
            .warnings
    };
    assert_eq!(warnings(false), [""; 0]);
    let said = warnings(true);
    assert_eq!(said.len(), 1);
    assert!(said[0].contains("endpoint_preferences = false"), "{said:?}");
}

#[test]
fn the_explanation_shows_the_same_choice_with_its_figures() {
    let view = two_models();
    let optimizer: CostOptimizer = optimizer(RouterConfig::default());
    let explanation = optimizer.explain(&profile("a/chosen"), &view, &HealthView::default());
    let text = InWords(&explanation).to_string();
    assert!(
        text.contains("    endpoints: fast first, $0.000475 in 9.6 s; a draw: $0.000475 in 13.9 s; 2 of 2 can serve it\n"),
        "{text}"
    );
    let told = serde_json::to_value(&explanation.candidates[0]).unwrap();
    assert_eq!(
        told["endpoints"]["order"],
        serde_json::json!(["fast", "slow"])
    );
    assert_eq!(told["endpoints"]["why"], "better");
}

#[test]
fn a_request_is_seen_to_name_its_conversation_or_its_endpoints() {
    let optimizer = optimizer(RouterConfig::default());
    let seen = |more: &str| {
        let body = format!(
            r#"{{"model":"a/chosen","messages":[{{"role":"user","content":"Hi"}}]{more}}}"#
        );
        let request = tollgate_wire::ChatRequest::parse(body.as_bytes()).unwrap();
        let call = tollgate_core::Call {
            request: Arc::new(request.into()),
            ..builders::call(1, "a/chosen")
        };
        let profile = optimizer.profile(&call).unwrap();
        [profile.in_conversation, profile.orders_endpoints]
    };
    assert_eq!(seen(""), [false, false]);
    assert_eq!(seen(r#","session_id":"s""#), [true, false]);
    assert_eq!(seen(r#","prompt_cache_key":"k""#), [true, false]);
    let mut by_header = builders::call(1, "a/chosen");
    by_header.hints.session = Some("s".to_owned());
    assert!(optimizer.profile(&by_header).unwrap().in_conversation);
    for own in [
        r#""order":["x"]"#,
        r#""only":["x"]"#,
        r#""sort":"price""#,
        r#""allow_fallbacks":false"#,
    ] {
        assert_eq!(
            seen(&format!(r#","provider":{{{own}}}"#)),
            [false, true],
            "{own}"
        );
    }
    for own in [
        r#""zdr":true"#,
        r#""allow_fallbacks":true"#,
        r#""order":null"#,
    ] {
        assert_eq!(
            seen(&format!(r#","provider":{{{own}}}"#)),
            [false, false],
            "{own}"
        );
    }
}
