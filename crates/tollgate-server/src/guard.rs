//! Who may call a server that knows no keys.
//!
//! Any website can make its visitor's browser send requests to 127.0.0.1, and
//! so spend the visitor's money. A browser sends JSON across origins only after
//! asking, and nobody answers that here, hence `check_json`. A name of the
//! website's own that resolves to 127.0.0.1 needs not ask, but it shows in
//! `Host`; and a request across origins shows in `Origin`, hence
//! `loopback_only`.

use std::net::IpAddr;

use axum::Router;
use axum::extract::Request;
use axum::http::uri::Authority;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};

use crate::pages::caller::OnThisMachine;
use crate::reply::Refusal;

/// Refuses callers that do not address this machine by a name of its own:
/// `localhost` or a loopback address, in `Host` as in `Origin`. They get 403.
///
/// For routers that are reached over a loopback address. Behind a proxy with a
/// public name this is wrong, and the proxy has to know its callers.
///
/// ```no_run
/// # fn mount(gateway: tollgate::Gateway) -> axum::Router {
/// let router = tollgate_server::router(gateway, &tollgate::ServerConfig::default());
/// tollgate_server::loopback_only(router)
/// # }
/// ```
pub fn loopback_only(router: Router) -> Router {
    router.layer(middleware::from_fn(local_callers))
}

/// Refuses what is posted without saying that it is JSON, with 415.
pub(crate) fn check_json(headers: &HeaderMap) -> Result<(), Refusal> {
    if says_json(headers) {
        return Ok(());
    }
    let refusal = Refusal::of_http(
        StatusCode::UNSUPPORTED_MEDIA_TYPE,
        "the request does not say that it is JSON",
    );
    Err(refusal.with_hint("send the header content-type: application/json"))
}

async fn local_callers(mut request: Request, next: Next) -> Response {
    match check_local(&request) {
        Ok(()) => {
            request.extensions_mut().insert(OnThisMachine);
            next.run(request).await
        }
        Err(refusal) => refusal.into_response(),
    }
}

/// Refuses who does not address this machine by a name of its own.
pub(crate) fn check_local(request: &Request) -> Result<(), Refusal> {
    let headers = request.headers();
    let addressed = request.uri().authority().is_none_or(is_local)
        && headers.get_all(header::HOST).iter().all(is_local_host);
    if !addressed {
        return Err(forbidden(
            "this gateway is for this machine, and was addressed by another name",
        )
        .with_hint("use http://localhost or http://127.0.0.1, with the port"));
    }
    if !headers.get_all(header::ORIGIN).iter().all(is_local_origin) {
        return Err(
            forbidden("this gateway takes no requests from pages of other machines")
                .with_hint("call it from a program, or from a page served by this machine"),
        );
    }
    Ok(())
}

fn forbidden(message: &str) -> Refusal {
    Refusal::of_http(StatusCode::FORBIDDEN, message)
}

/// `application/json` or `application/ANY+json`, whatever its parameters.
fn says_json(headers: &HeaderMap) -> bool {
    let essence = headers
        .get(header::CONTENT_TYPE)
        .and_then(|value| value.to_str().ok())
        .and_then(|value| value.split(';').next())
        .map(|value| value.trim().to_ascii_lowercase());
    essence
        .as_deref()
        .and_then(|essence| essence.strip_prefix("application/"))
        .is_some_and(|subtype| subtype == "json" || subtype.ends_with("+json"))
}

fn is_local_host(host: &HeaderValue) -> bool {
    host.to_str()
        .ok()
        .and_then(|host| host.parse().ok())
        .is_some_and(|authority| is_local(&authority))
}

/// `null`, the origin of sandboxed pages and files, is nobody's own.
fn is_local_origin(origin: &HeaderValue) -> bool {
    origin
        .to_str()
        .ok()
        .and_then(|origin| origin.split_once("://"))
        .and_then(|(_, authority)| authority.parse().ok())
        .is_some_and(|authority| is_local(&authority))
}

fn is_local(authority: &Authority) -> bool {
    let host = authority.host();
    host.eq_ignore_ascii_case("localhost")
        || host
            .trim_matches(['[', ']'])
            .parse::<IpAddr>()
            .is_ok_and(|address| address.to_canonical().is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_is_known_by_its_media_type() {
        let check = |value: &str, expected: bool| {
            let value = HeaderValue::from_str(value).unwrap();
            let headers = HeaderMap::from_iter([(header::CONTENT_TYPE, value.clone())]);
            assert_eq!(says_json(&headers), expected, "{value:?}");
        };
        check("application/json", true);
        check("Application/JSON; charset=utf-8", true);
        check("application/vnd.any+json", true);
        check("text/plain", false);
        check("text/plain; application/json", false);
        check("application/x-www-form-urlencoded", false);
        check("application/jsonp", false);
        check("text/json", false);
        check("", false);
        assert!(!says_json(&HeaderMap::new()));
    }

    #[test]
    fn this_machine_is_known_by_its_own_names() {
        let check = |host: &str, expected: bool| {
            let value = HeaderValue::from_str(host).unwrap();
            assert_eq!(is_local_host(&value), expected, "{host}");
            let origin = HeaderValue::from_str(&format!("http://{host}")).unwrap();
            assert_eq!(is_local_origin(&origin), expected, "{host}");
        };
        check("localhost", true);
        check("LocalHost:8787", true);
        check("127.0.0.1:8787", true);
        check("127.9.9.9", true);
        check("[::1]:8787", true);
        check("[::ffff:127.0.0.1]", true);
        check("0.0.0.0:8787", false);
        check("192.168.0.7", false);
        check("rebound.example", false);
        check("localhost.example", false);
        check("127.0.0.1.example", false);
        check("", false);
    }

    #[test]
    fn pages_without_an_origin_of_their_own_are_foreign() {
        for origin in ["null", "localhost", "https://", "file://"] {
            assert!(
                !is_local_origin(&HeaderValue::from_static(origin)),
                "{origin}"
            );
        }
    }
}
