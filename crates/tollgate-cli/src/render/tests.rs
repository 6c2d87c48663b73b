use std::sync::Arc;

use anstream::adapter::strip_str;
use tollgate::{
    Capabilities, Catalog, CatalogView, ChatRequest, Gateway, Loader, Message, Price, Rate, Rates,
};
use tollgate_core::{Endpoint, Endpoints};
use tollgate_testkit::builders::NOON;
use tollgate_testkit::views::{ModelSpec, view};

use super::*;

struct Fixed(Arc<CatalogView>);

impl Catalog for Fixed {
    fn view(&self) -> Arc<CatalogView> {
        self.0.clone()
    }
}

/// A host at so many dollars per million tokens.
fn endpoint(tag: &str, dollars: u64, first_token_ms: f32) -> Endpoint {
    let rate = Rate::from_attos(dollars * 1_000_000_000_000);
    Endpoint {
        tag: tag.into(),
        price: Price {
            base: Rates {
                input: rate,
                output: rate,
                ..Rates::default()
            },
            ..Price::default()
        },
        can: Capabilities::NONE,
        context: 0,
        max_output: 0,
        status: 0,
        uptime: None,
        first_token_ms: Some(first_token_ms),
        first_token_p90_ms: None,
        tokens_per_second: Some(50.0),
        quantization: None,
    }
}

/// One model with a choice among endpoints and a published speed, one with
/// neither.
async fn explained() -> Explanation {
    let hosts = vec![endpoint("slow", 1, 9_000.0), endpoint("fast", 1, 300.0)];
    let view = view([
        ModelSpec::new("a/chosen")
            .price(2.0, 2.0)
            .speed(500.0, 50.0)
            .endpoints(Endpoints::new(NOON, hosts)),
        ModelSpec::new("b/plain").price(3.0, 3.0),
    ]);
    let config = Loader::new()
        .with_environment(Vec::new())
        .with_key("ledger.store", "memory")
        .load()
        .unwrap();
    let gateway = Gateway::builder(config)
        .catalog(Arc::new(Fixed(Arc::new(view))))
        .clock(Arc::new(|| NOON))
        .build()
        .await
        .unwrap();
    let request = ChatRequest::new([Message::user("Say hello.")]).unwrap();
    let request = request.with_model("tollgate/cheapest");
    gateway.plan(request).unwrap()
}

#[tokio::test]
async fn a_plan_says_which_endpoints_it_prefers_and_which_times_are_assumed() {
    let text = plan(&explained().await, true);
    insta::assert_snapshot!(strip_str(&text).to_string());
}
