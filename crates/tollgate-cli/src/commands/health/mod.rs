//! What is known of the targets: of a running server what it has seen, without
//! one what the upstreams say.

mod lanes;
mod targets;

use serde_json::Value;
use tollgate::{
    ApiKey, ConnectionConfig, Failure, FailureKind, OpenRouterConfig, OpenRouterProvider,
};

use crate::args::{Global, HealthArgs};
use crate::exit::{Trouble, code};
use crate::{key, ui};

pub(crate) async fn run(args: HealthArgs, global: &Global) -> Result<(), Trouble> {
    let url = address(&args.url)?;
    let key = args.key_env.as_deref().map(key::of_variable).transpose()?;
    let failure = match ask(&server(&url, key)?).await {
        Ok(answer) => return targets::show(&answer, global),
        Err(failure) => failure,
    };
    match (failure.kind(), failure.status()) {
        (FailureKind::Connect, _) => {
            ui::warning(&format!(
                "no server answers at {url}: start one with `tollgate serve`, or name it with \
                 --url; these are the configured lanes, each asked whether it can be used"
            ));
            lanes::show(global).await
        }
        (_, Some(401 | 403)) => Err(refused(&url, args.key_env.as_deref())),
        _ => Err(
            Trouble::new(code::UPSTREAM, format!("{url} does not tell: {failure}"))
                .with_hint("it may be no tollgate server, or one of another version"),
        ),
    }
}

/// The address as a URL: what has no scheme is a host with its port.
fn address(text: &str) -> Result<String, Trouble> {
    let text = text.trim_end_matches('/');
    if text.contains("://") {
        return Ok(text.to_owned());
    }
    match text.rsplit_once(':').map(|(_, port)| port.parse::<u16>()) {
        Some(Ok(_)) => Ok(format!("http://{text}")),
        _ => Err(no_address(text)),
    }
}

/// The server, which is asked like any upstream, so that addresses are checked and waits end.
fn server(url: &str, key: Option<ApiKey>) -> Result<OpenRouterProvider, Trouble> {
    let shows_key = key.is_some();
    let connection = ConnectionConfig {
        // There is nothing to be kept secret without a key.
        allow_plaintext: !shows_key,
        ..ConnectionConfig::default()
    };
    let config = OpenRouterConfig {
        api_key: key,
        base_url: url.to_owned(),
        connection,
        ..OpenRouterConfig::default()
    };
    // What it says is about `base_url` and other keys of the configuration.
    OpenRouterProvider::new(config).map_err(|_| {
        let trouble = no_address(url);
        match shows_key && url.starts_with("http://") {
            true => trouble.with_hint(
                "a key goes over http to this machine only: use https, or ask where the server \
                 runs",
            ),
            false => trouble,
        }
    })
}

fn no_address(text: &str) -> Trouble {
    // What stands before an @ may be a password.
    let shown = text.rsplit('@').next().unwrap_or_default();
    Trouble::new(
        code::USAGE,
        format!("the server at {shown:?} cannot be asked"),
    )
    .with_hint(
        "write --url http://HOST:PORT, or https://HOST; no user, password or query belongs to it",
    )
}

async fn ask(server: &OpenRouterProvider) -> Result<Value, Failure> {
    let answer = server.get("health/targets", &[]).await?;
    serde_json::from_slice(&answer).map_err(|error| {
        Failure::new(FailureKind::BadReply, "the answer is no JSON").with_source(error)
    })
}

fn refused(url: &str, variable: Option<&str>) -> Trouble {
    match variable {
        None => Trouble::new(
            code::UPSTREAM,
            format!("{url} wants a key with `admin = true`"),
        )
        .with_hint(
            "give it with --key-env VARIABLE; `tollgate keys create NAME --admin` makes one on \
             the machine of the server",
        ),
        Some(variable) => Trouble::new(
            code::UPSTREAM,
            format!("{url} refuses the key in {variable}: it wants one with `admin = true`"),
        )
        .with_hint("`tollgate keys list` on the machine of the server shows which there are"),
    }
}
