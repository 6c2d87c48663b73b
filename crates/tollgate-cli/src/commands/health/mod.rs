//! What is known of the targets: of a running server what it has seen, without
//! one what the upstreams say.

mod lanes;
mod targets;

use serde_json::Value;
use tollgate::{Failure, FailureKind, OpenRouterConfig, OpenRouterProvider};

use crate::args::{Global, HealthArgs};
use crate::exit::{Trouble, code};
use crate::ui;

pub(crate) async fn run(args: HealthArgs, global: &Global) -> Result<(), Trouble> {
    let failure = match ask(&args.url).await {
        Ok(answer) => return targets::show(&answer, global),
        Err(failure) => failure,
    };
    match failure.kind() {
        FailureKind::Connect => {
            ui::warning(&format!(
                "no server answers at {}: start one with `tollgate serve`, or name it with --url; \
                 these are the configured lanes, each asked whether it can be used",
                args.url
            ));
            lanes::show(global).await
        }
        FailureKind::Configuration => Err(failure.into()),
        _ => Err(Trouble::new(
            code::UPSTREAM,
            format!("{} does not tell: {failure}", args.url),
        )
        .with_hint("it may be no tollgate server, or one of another version")),
    }
}

/// The server's word. It is asked like any upstream, so that addresses are
/// checked and waits end.
async fn ask(url: &str) -> Result<Value, Failure> {
    let server = OpenRouterProvider::new(OpenRouterConfig {
        base_url: url.to_owned(),
        ..OpenRouterConfig::default()
    })
    .map_err(|error| {
        Failure::new(FailureKind::Configuration, "the server cannot be asked")
            .with("url", url)
            .with_hint(error.to_string())
    })?;
    let answer = server.get("health/targets", &[]).await?;
    serde_json::from_slice(&answer).map_err(|error| {
        Failure::new(FailureKind::BadReply, "the answer is no JSON").with_source(error)
    })
}
