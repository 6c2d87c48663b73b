//! Who calls: everybody is known by a key, or nobody is asked for one.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use arc_swap::ArcSwap;
use axum::Router;
use axum::extract::{MatchedPath, Request};
use axum::http::{HeaderMap, StatusCode, header};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use tollgate::{Clock, Failure, FailureKind, KeyBook, KeyEntry, SystemClock};

use crate::guard;
use crate::pages::caller::OnThisMachine;
use crate::reply::Refusal;
use crate::words::Wording;

/// The keys by which callers are known. Cheap to clone; clones share one book.
#[derive(Debug, Clone)]
pub struct Callers(Arc<Books>);

#[derive(Debug)]
struct Books {
    book: ArcSwap<KeyBook>,
    /// Whether there have been keys: whoever takes the last one away means to
    /// shut callers out, not to let everybody in.
    had_keys: AtomicBool,
}

/// Who may call while there are no keys. Once there have been some, that is
/// nobody.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WithoutKeys {
    /// Nobody.
    Nobody,
    /// Whoever addresses this machine, as [`loopback_only`](crate::loopback_only)
    /// has it, and does not say that a proxy stands between. For routers that
    /// are reached over a loopback address.
    ThisMachine,
}

/// Routes that supervisors ask without a key, below whatever prefix.
const OPEN: [&str; 2] = ["/health/live", "/health/ready"];

/// Headers in which clients send keys, `authorization` aside.
const KEY_HEADERS: [&str; 2] = ["x-api-key", "api-key"];

/// Headers by which proxies tell whom they call for.
const PROXY_HEADERS: [&str; 3] = ["x-forwarded-for", "forwarded", "x-real-ip"];

impl Callers {
    /// Knows callers by the keys of a book.
    pub fn new(book: KeyBook) -> Self {
        Self(Arc::new(Books {
            had_keys: AtomicBool::new(!book.is_empty()),
            book: ArcSwap::from_pointee(book),
        }))
    }

    /// Goes by another book from now on; what was used of limits stays used.
    /// Requests that were let in go on.
    pub fn set(&self, book: KeyBook) {
        let Books {
            book: current,
            had_keys,
        } = &*self.0;
        let book = book.inherit(&current.load());
        // Before the book, so that nobody finds a later empty one without it.
        had_keys.fetch_or(!book.is_empty(), Ordering::SeqCst);
        current.store(Arc::new(book));
    }

    /// The book in use.
    pub fn book(&self) -> Arc<KeyBook> {
        self.0.book.load_full()
    }

    /// Whether there are keys, or were some since the start.
    fn had_keys(&self) -> bool {
        self.0.had_keys.load(Ordering::SeqCst)
    }

    /// Who shows a key; `None` when there are no keys.
    fn find(&self, headers: &HeaderMap) -> Result<Option<Arc<KeyEntry>>, Refusal> {
        let book = self.0.book.load();
        if book.is_empty() {
            return Ok(None);
        }
        let shown = shown(headers)?;
        let entry = book.find(shown, SystemClock.now()).map_err(Failure::from)?;
        Ok(Some(entry.clone()))
    }
}

/// Lets requests in by the key that they show, but for routes that end in
/// `/health/live` or `/health/ready`. To be applied last, to a router with all
/// its paths; it may be mounted below a prefix before or after.
///
/// What tells of everybody's calls needs a key of an operator (`admin`).
///
/// ```no_run
/// # fn mount(gateway: tollgate::Gateway, book: tollgate::KeyBook) -> axum::Router {
/// use tollgate_server::{Callers, WithoutKeys, known, router};
/// let router = router(gateway, &tollgate::ServerConfig::default());
/// known(router, Callers::new(book), WithoutKeys::Nobody)
/// # }
/// ```
pub fn known(router: Router, callers: Callers, without_keys: WithoutKeys) -> Router {
    let ask = move |request: Request, next: Next| {
        let callers = callers.clone();
        async move { ask(&callers, without_keys, request, next).await }
    };
    router.layer(middleware::from_fn(ask))
}

/// Lets a request in by the key that it shows, or refuses it in the words of
/// its path.
pub(crate) async fn ask(
    callers: &Callers,
    without_keys: WithoutKeys,
    mut request: Request,
    next: Next,
) -> Response {
    let wording = Wording::of(request.uri().path());
    wording.say(match let_through(callers, without_keys, &mut request) {
        Ok(()) => next.run(request).await,
        Err(refusal) => refusal.into_response(),
    })
}

fn let_through(
    callers: &Callers,
    without_keys: WithoutKeys,
    request: &mut Request,
) -> Result<(), Refusal> {
    // The route that was matched decides, and no other reading of the path. What
    // it ends in is the program's own word: callers' are names in braces there.
    let route = request.extensions().get::<MatchedPath>();
    let route = route.map_or("", MatchedPath::as_str);
    if OPEN.iter().any(|open| route.ends_with(open)) {
        return Ok(());
    }
    match callers.find(request.headers())? {
        None if without_keys == WithoutKeys::ThisMachine && !callers.had_keys() => {
            guard::check_local(request)?;
            check_direct(request.headers())?;
            request.extensions_mut().insert(OnThisMachine);
        }
        None => return Err(nobody_is_known()),
        Some(entry) => {
            let extensions = request.extensions_mut();
            extensions.insert(entry.criticality());
            extensions.insert(entry.caller().clone());
            extensions.insert(entry);
        }
    }
    Ok(())
}

/// A layer of routes that tell of everybody's calls: a caller that is known by
/// a key needs one of an operator.
pub(crate) async fn operators_only(request: Request, next: Next) -> Result<Response, Refusal> {
    let entry = request.extensions().get::<Arc<KeyEntry>>();
    match entry.is_none_or(|entry| entry.is_admin()) {
        true => Ok(next.run(request).await),
        false => Err(for_operators()),
    }
}

/// The one key that the headers show, in whichever form; empty when none does.
fn shown(headers: &HeaderMap) -> Result<&str, Refusal> {
    let bearer = headers.get_all(header::AUTHORIZATION).iter();
    let bearer = bearer.map(|value| value.to_str().map(without_scheme));
    let others = KEY_HEADERS.iter();
    let others = others.flat_map(|name| headers.get_all(*name));
    let others = others.map(|value| value.to_str().map(str::trim));
    let mut found = "";
    for key in bearer.chain(others) {
        // What is no text is no key.
        let key = key.unwrap_or("?");
        if !found.is_empty() && !key.is_empty() && key != found {
            return Err(two_keys());
        }
        if !key.is_empty() {
            found = key;
        }
    }
    Ok(found)
}

fn without_scheme(value: &str) -> &str {
    let value = value.trim();
    match value.split_once(' ') {
        Some((scheme, key)) if scheme.eq_ignore_ascii_case("bearer") => key.trim(),
        _ => value,
    }
}

fn two_keys() -> Refusal {
    Failure::new(
        FailureKind::InvalidRequest,
        "the request shows two different keys",
    )
    .with_hint("send one, in the header `authorization: Bearer tg-…` or in `x-api-key`")
    .into()
}

/// Refuses what a proxy on this machine brings: its callers are elsewhere, and
/// without keys they would all be operators.
fn check_direct(headers: &HeaderMap) -> Result<(), Refusal> {
    match PROXY_HEADERS
        .iter()
        .find(|name| headers.contains_key(**name))
    {
        None => Ok(()),
        Some(name) => Err(Refusal::of_http(
            StatusCode::FORBIDDEN,
            &format!("this request came through a proxy (`{name}`), and there are no keys to know its callers by"),
        )
        .with_hint("make keys with `tollgate keys create NAME`, or call without the proxy")),
    }
}

fn for_operators() -> Refusal {
    Failure::new(FailureKind::Forbidden, "this path is for operators")
        .with_hint("use a key with `admin = true`")
        .into()
}

fn nobody_is_known() -> Refusal {
    Refusal::of_http(StatusCode::UNAUTHORIZED, "this gateway knows no callers")
        .with_hint("its operator makes keys with `tollgate keys create`")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(headers: &[(&'static str, &'static str)], expected: Option<&str>) {
        let headers: HeaderMap = headers
            .iter()
            .map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap()))
            .collect();
        assert_eq!(shown(&headers).ok(), expected, "{headers:?}");
    }

    #[test]
    fn a_key_is_found_in_every_form_and_two_keys_are_none() {
        check(&[], Some(""));
        check(&[("authorization", "Bearer k")], Some("k"));
        check(&[("authorization", "bearer  k ")], Some("k"));
        check(&[("authorization", "k")], Some("k"));
        check(&[("x-api-key", "k")], Some("k"));
        check(
            &[("api-key", "k"), ("authorization", "Bearer k")],
            Some("k"),
        );
        check(
            &[("x-api-key", ""), ("authorization", "Bearer k")],
            Some("k"),
        );
        check(
            &[("x-api-key", "k"), ("authorization", "Bearer other")],
            None,
        );
        check(&[("x-api-key", "k"), ("x-api-key", "other")], None);
    }

    fn book(names: &[&str]) -> KeyBook {
        let keys = names.iter().map(|name| {
            let hash = tollgate::NewKey::generate().unwrap().digest().hash(None);
            let config = tollgate::KeyConfig {
                hash: Some(hash),
                ..Default::default()
            };
            ((*name).to_owned(), config)
        });
        let table = tollgate::KeyTable {
            origin: "test.toml".to_owned(),
            keys: keys.collect(),
        };
        KeyBook::build(None, vec![table]).unwrap()
    }

    /// What becomes of a request without a key that addresses this machine.
    fn let_in(callers: &Callers, header: Option<&'static str>) -> Result<(), StatusCode> {
        let mut request = Request::new(axum::body::Body::empty());
        let headers = request.headers_mut();
        headers.insert(header::HOST, "localhost".parse().unwrap());
        if let Some(name) = header {
            headers.insert(name, "203.0.113.7".parse().unwrap());
        }
        let refused = let_through(callers, WithoutKeys::ThisMachine, &mut request);
        refused.map_err(|refusal| refusal.into_response().status())
    }

    #[test]
    fn whoever_takes_the_last_key_away_lets_nobody_in() {
        let callers = Callers::new(book(&[]));
        assert_eq!(let_in(&callers, None), Ok(()));
        callers.set(book(&[]));
        assert_eq!(let_in(&callers, None), Ok(()), "there was no key yet");
        callers.set(book(&["ci"]));
        let clone = callers.clone();
        for _ in 0..2 {
            callers.set(book(&[]));
            assert_eq!(let_in(&clone, None), Err(StatusCode::UNAUTHORIZED));
        }
        let callers = Callers::new(book(&["ci"]));
        callers.set(book(&[]));
        assert_eq!(let_in(&callers, None), Err(StatusCode::UNAUTHORIZED));
    }

    #[test]
    fn without_keys_nobody_comes_through_a_proxy() {
        let callers = Callers::new(book(&[]));
        for name in PROXY_HEADERS {
            assert_eq!(
                let_in(&callers, Some(name)),
                Err(StatusCode::FORBIDDEN),
                "{name}"
            );
        }
        assert_eq!(let_in(&callers, Some("x-request-id")), Ok(()));
    }
}
