//! The table of routes, and the way from a request to its performance.

use http::Method;

use crate::chat::chat;
use crate::embeddings::embeddings;
use crate::fault::Fault;
use crate::pages::{self, Page};
use crate::performance::Performance;
use crate::refusal::{self, Refusal, Scene};
use crate::refuse::refuse;
use crate::reply::Form;
use crate::request::Request;
use crate::world::World;

/// One route of the simulated service.
struct Route {
    method: Method,
    /// Path without its prefix; `*` is one segment.
    path: &'static str,
    /// The name that rules use.
    name: &'static str,
    access: Access,
    answer: Answer,
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
    Page(fn(&World, &Request) -> Page),
    Inference(fn(&World, &Request) -> Performance),
}

const ROUTES: &[Route] = &[
    post("/chat/completions", "chat", chat),
    post("/embeddings", "embeddings", embeddings),
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

const fn post(
    path: &'static str,
    name: &'static str,
    answer: fn(&World, &Request) -> Performance,
) -> Route {
    Route {
        method: Method::POST,
        path,
        name,
        access: Access::Paid,
        answer: Answer::Inference(answer),
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
        name,
        access,
        answer: Answer::Page(page),
    }
}

/// Answers a request: find the route, check the key, and let the route answer.
pub(crate) fn perform(world: &World, request: &Request) -> Performance {
    let path = request.parts.uri.path();
    let local = PREFIXES
        .into_iter()
        .find_map(|prefix| path.strip_prefix(prefix))
        .unwrap_or(path);
    let matching = || ROUTES.iter().filter(|route| route.matches(local));
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
        Answer::Inference(answer) => answer(world, request),
        Answer::Page(page) => pages::show(world, request, route.name, page),
    }
}

impl Route {
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
        assert_eq!(matched("/models/"), None);
        assert_eq!(matched("/models//b/endpoints"), None);
        assert_eq!(matched("/chat/completions/x"), None);
    }
}
