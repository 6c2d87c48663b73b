//! Inputs that several benchmarks share. The benchmarks themselves are in
//! `benches/`, one file per question; what they measured is in `README.md`.

use std::fmt::Write;
use std::sync::Arc;

use tollgate_catalog::{CatalogConfig, LaneSpec, ModelCatalog, Serves};
use tollgate_core::{
    Billing, Call, CallId, CallerId, CallerKeys, Catalog, CatalogView, Delivery, Hints, Lane,
    LaneId, RoutingPolicy, Silent, Timestamp,
};
use tollgate_policy_balanced::Balanced;
use tollgate_policy_cheapest::Cheapest;
use tollgate_policy_quality::BestQuality;
use tollgate_router::{CostOptimizer, RouterConfig};
use tollgate_wire::ChatRequest;

/// The moment of all inputs: the day of the embedded catalog.
pub const NOW: Timestamp = Timestamp::from_secs(1_786_190_400);

/// The embedded catalog of 400 models.
///
/// # Panics
/// When the embedded snapshot cannot be read, which its own tests exclude.
pub fn real_view() -> Arc<CatalogView> {
    let lane = Lane {
        takes_model_lists: true,
        ..Lane::new(
            LaneId::new("openrouter").expect("a valid id"),
            Billing::Credits,
        )
    };
    let config = CatalogConfig {
        offline: true,
        ..CatalogConfig::default()
    };
    let spec = LaneSpec {
        lane,
        serves: Serves::All,
    };
    ModelCatalog::open(config, vec![spec], None, Arc::new(|| NOW), Arc::new(Silent))
        .expect("the embedded snapshot is sane")
        .view()
}

/// An optimizer with the three policies.
///
/// # Panics
/// Never: the configuration is the default one.
pub fn optimizer() -> CostOptimizer {
    let policies: Vec<(String, Arc<dyn RoutingPolicy>)> = vec![
        ("cheapest".into(), Arc::new(Cheapest::default())),
        ("balanced".into(), Arc::new(Balanced::default())),
        ("quality".into(), Arc::new(BestQuality::default())),
    ];
    CostOptimizer::new(RouterConfig::default(), policies).expect("the defaults are valid")
}

/// A call with that request body.
///
/// # Panics
/// When the body is no chat request.
pub fn call(body: &str) -> Call {
    Call {
        id: CallId::from_parts(NOW, 1),
        caller: CallerId::local(),
        at: NOW,
        timeout: std::time::Duration::from_secs(600),
        delivery: Delivery::Stream,
        hints: Hints::default(),
        request: Arc::new(
            ChatRequest::parse(body.as_bytes())
                .expect("a valid request")
                .into(),
        ),
        keys: CallerKeys::default(),
    }
}

/// A chat request whose body has about `bytes` bytes, in turns of prose and code.
pub fn request_of(bytes: usize) -> String {
    const PROSE: &str = "The meeting was moved to Thursday because the report about the bridge \
                         is not ready; please tell everyone who wanted to come.\\n";
    const CODE: &str = "```rust\\nfn merge(a: &[u32], b: &[u32]) -> Vec<u32> {\\n    let mut out \
                        = Vec::with_capacity(a.len() + b.len());\\n    out\\n}\\n```\\n";
    let mut body = String::from(r#"{"model":"tollgate/auto","temperature":0.7,"messages":["#);
    let mut turn = 0;
    while body.len() + 60 < bytes.max(120) {
        if turn > 0 {
            body.push(',');
        }
        let role = if turn % 2 == 0 { "user" } else { "assistant" };
        let _ = write!(body, r#"{{"role":"{role}","content":""#);
        let end = (body.len() + 900).min(bytes.max(121) - 40);
        while body.len() < end {
            body.push_str(if turn % 3 == 2 { CODE } else { PROSE });
        }
        body.push_str(r#""}"#);
        turn += 1;
    }
    body.push_str("]}");
    body
}

/// The same with twenty tools.
pub fn request_with_tools(bytes: usize) -> String {
    let mut body = request_of(bytes);
    body.pop();
    body.push_str(r#","tool_choice":"auto","tools":["#);
    for tool in 0..20 {
        if tool > 0 {
            body.push(',');
        }
        let _ = write!(
            body,
            r#"{{"type":"function","function":{{"name":"look_up_{tool}","description":"Looks something up in table {tool} of the warehouse and returns the rows.","parameters":{{"type":"object","properties":{{"table":{{"type":"string"}},"where":{{"type":"string"}},"limit":{{"type":"integer","minimum":1,"maximum":100}}}},"required":["table"]}}}}}}"#
        );
    }
    body.push_str("]}");
    body
}
