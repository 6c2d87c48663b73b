//! The table of routes, and the way from a request to its performance.

use http::Method;

use crate::count_tokens::{self, count_tokens};
use crate::dialect::{CHAT, COMPLETIONS, DIALECTS, Dialect, MESSAGES, RESPONSES};
use crate::embeddings::{self, embeddings};
use crate::fault::Fault;
use crate::infer::infer;
use crate::pages::{self, Page};
use crate::performance::Performance;
use crate::refusal::{self, Refusal, Scene};
use crate::refuse::refuse;
use crate::reply::Form;
use crate::request::{Request, decode};
use crate::rule;
use crate::world::World;

/// One route of the simulated service.
struct Route {
    method: Method,
    /// Path without its prefix; `*` is one segment.
    path: &'static str,
    access: Access,
    answer: Answer,
    /// How requests are read and errors told.
    dialect: &'static dyn Dialect,
}

enum Access {
    Public,
    Key,
    /// A key that may see the whole account.
    Management,
    /// A key, and credits left to spend.
    Paid,
}

enum Answer {
    /// A page, and the name that rules use.
    Page(&'static str, fn(&World, &Request) -> Page),
    /// What decides by itself which rules are its own.
    Post(fn(&World, &Request) -> Performance),
}

const ROUTES: &[Route] = &[
    post("/chat/completions", infer),
    post("/completions", infer).speaking(COMPLETIONS),
    post("/responses", infer).speaking(RESPONSES),
    post("/messages", infer).speaking(MESSAGES),
    post("/messages/count_tokens", count_tokens)
        .speaking(MESSAGES)
        .for_nothing(),
    post("/embeddings", embeddings),
    get("/models", "models", Access::Public, pages::models),
    get("/models/user", "models", Access::Key, pages::models),
    get(
        "/models/count",
        "models",
        Access::Public,
        pages::model_count,
    ),
    get(
        "/models/*/*/endpoints",
        "endpoints",
        Access::Public,
        pages::model_endpoints,
    ),
    get("/model/*/*", "models", Access::Public, pages::model),
    get("/models/*/*", "models", Access::Public, pages::model),
    get(
        "/embeddings/models",
        "models",
        Access::Public,
        pages::embedding_models,
    ),
    get("/providers", "providers", Access::Public, pages::providers),
    get("/key", "key", Access::Key, pages::key),
    get("/auth/key", "key", Access::Key, pages::key),
    get("/credits", "credits", Access::Key, pages::credits),
    get("/generation", "generation", Access::Key, pages::generation),
    get("/activity", "activity", Access::Management, pages::activity),
];

/// Both are served, so that clients with OpenAI's base path find it too.
const PREFIXES: [&str; 2] = ["/api/v1", "/v1"];

/// The names that rules may use for a route.
pub(crate) fn names() -> Vec<&'static str> {
    let mut names: Vec<&str> = [rule::TEXT, embeddings::ROUTE, count_tokens::ROUTE].into();
    names.extend(DIALECTS.iter().map(|dialect| dialect.route()));
    names.extend(ROUTES.iter().filter_map(|route| match route.answer {
        Answer::Page(name, _) => Some(name),
        Answer::Post(_) => None,
    }));
    names
}

/// The dialect of a path; chat where there is no other.
pub(crate) fn dialect(path: &str) -> &'static dyn Dialect {
    let local = local(path);
    ROUTES
        .iter()
        .find(|route| route.matches(&local))
        .map_or(CHAT, |route| route.dialect)
}

const fn post(path: &'static str, answer: fn(&World, &Request) -> Performance) -> Route {
    Route {
        method: Method::POST,
        path,
        access: Access::Paid,
        answer: Answer::Post(answer),
        dialect: CHAT,
    }
}

const fn get(
    path: &'static str,
    name: &'static str,
    access: Access,
    page: fn(&World, &Request) -> Page,
) -> Route {
    Route {
        method: Method::GET,
        path,
        access,
        answer: Answer::Page(name, page),
        dialect: CHAT,
    }
}

/// The path without its prefix. Some clients escape the slash of a model's name.
fn local(path: &str) -> String {
    let path = decode(path);
    let local = PREFIXES
        .into_iter()
        .find_map(|prefix| path.strip_prefix(prefix));
    local.map(str::to_owned).unwrap_or(path)
}

/// Answers a request: find the route, check the key, and let the route answer.
pub(crate) fn perform(world: &World, request: &Request) -> Performance {
    let path = request.parts.uri.path();
    let local = local(path);
    let matching = || ROUTES.iter().filter(|route| route.matches(&local));
    let Some(route) = matching().find(|route| route.method == request.parts.method) else {
        let status = if matching().next().is_some() {
            405
        } else {
            404
        };
        return stop(
            world,
            request,
            status,
            &format!("No route for {} {path}", request.parts.method),
        );
    };
    if let Some(refusal) = route.access.check(world, request) {
        return refusal;
    }
    match route.answer {
        Answer::Post(answer) => answer(world, request),
        Answer::Page(name, page) => pages::show(world, request, name, page),
    }
}

impl Route {
    const fn speaking(mut self, dialect: &'static dyn Dialect) -> Self {
        self.dialect = dialect;
        self
    }

    /// A key is enough, whatever it has left to spend.
    const fn for_nothing(mut self) -> Self {
        self.access = Access::Key;
        self
    }

    fn matches(&self, path: &str) -> bool {
        let (mut pattern, mut segments) = (self.path.split('/'), path.split('/'));
        loop {
            match (pattern.next(), segments.next()) {
                (None, None) => return true,
                (Some("*"), Some(segment)) if !segment.is_empty() => {}
                (Some(wanted), Some(segment)) if wanted == segment => {}
                _ => return false,
            }
        }
    }
}

impl Access {
    fn check(&self, world: &World, request: &Request) -> Option<Performance> {
        if matches!(self, Self::Public) {
            return None;
        }
        let scenario = world.scenario();
        if !scenario.accepts(
            Some(&request.key)
                .filter(|key| !key.is_empty())
                .map(String::as_str),
        ) {
            let message = if request.key.is_empty() {
                "No auth credentials found"
            } else {
                "User not found."
            };
            return Some(stop(world, request, 401, message));
        }
        if matches!(self, Self::Management) && !scenario.is_management(&request.key) {
            let message = "Only management keys can perform this operation";
            return Some(stop(world, request, 401, message));
        }
        let spent_out =
            matches!(self, Self::Paid) && world.records().till.spent() >= scenario.credits;
        spent_out.then(|| {
            stop(
                world,
                request,
                402,
                "Insufficient credits. Add more to continue.",
            )
        })
    }
}

/// Refuses a body that was not read to its end.
pub(crate) fn too_large(world: &World, request: &Request) -> Performance {
    stop(world, request, 413, "Payload too large")
}

fn stop(world: &World, request: &Request, status: u16, message: &str) -> Performance {
    let scene = Scene::bare(request.now);
    let refusal = Refusal::new(refusal::for_status(status), &scene)
        .with_status(status)
        .with_message(message);
    refuse(
        world,
        request,
        &Fault::default(),
        &refusal,
        Form::Whole,
        None,
    )
}

#[cfg(test)]
mod tests {
    use super::ROUTES;

    fn matched(path: &str) -> Option<&'static str> {
        ROUTES
            .iter()
            .find(|route| route.matches(path))
            .map(|route| route.path)
    }

    #[test]
    fn paths_match_whole_segments() {
        assert_eq!(
            matched("/models/a/b/endpoints"),
            Some("/models/*/*/endpoints")
        );
        assert_eq!(matched("/models"), Some("/models"));
        assert_eq!(matched("/models/a/b"), Some("/models/*/*"));
        assert_eq!(matched("/models/"), None);
        assert_eq!(matched("/models//b/endpoints"), None);
        assert_eq!(matched("/chat/completions/x"), None);
    }
}
