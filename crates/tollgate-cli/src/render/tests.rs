use std::sync::Arc;

use anstream::adapter::strip_str;
use tollgate::{Catalog, CatalogView, ChatRequest, Gateway, Loader, Message};
use tollgate_core::Endpoints;
use tollgate_testkit::builders::{NOON, endpoint};
use tollgate_testkit::views::{ModelSpec, view};

use super::*;

struct Fixed(Arc<CatalogView>);

impl Catalog for Fixed {
    fn view(&self) -> Arc<CatalogView> {
        self.0.clone()
    }
}

/// One model with a choice among endpoints and a published speed, one with
/// neither.
async fn explained() -> Explanation {
    let hosts = vec![endpoint("slow", 1.0, 9_000.0), endpoint("fast", 1.0, 300.0)];
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
