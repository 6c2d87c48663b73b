//! The way from a request to its performance.

mod tables;

use http::Method;

use crate::complaint::Complaint;
use crate::count_tokens;
use crate::dialect::{DIALECTS, Dialect};
use crate::embeddings;
use crate::fault::Fault;
use crate::host::Host;
use crate::pages::{self, Page};
use crate::performance::Performance;
use crate::refusal::{Refusal, Scene};
use crate::refuse::refuse;
use crate::reply::Form;
use crate::request::{Request, decode};
use crate::rule;
use crate::world::World;

/// One route of a host.
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

/// The names that rules may use for a route.
pub(crate) fn names() -> Vec<&'static str> {
    let mut names: Vec<&str> = [rule::TEXT, embeddings::ROUTE, count_tokens::ROUTE].into();
    names.extend(DIALECTS.iter().map(|dialect| dialect.route()));
    // Direct providers have no pages but those that OpenRouter has too.
    names.extend(
        Host::OpenRouter
            .routes()
            .iter()
            .filter_map(|route| match route.answer {
                Answer::Page(name, _) => Some(name),
                Answer::Post(_) => None,
            }),
    );
    names
}

/// The dialect of a path; the host's usual one where there is no other.
pub(crate) fn dialect(host: Host, path: &str) -> &'static dyn Dialect {
    let local = local(host, path);
    host.routes()
        .iter()
        .find(|route| route.matches(&local))
        .map_or_else(|| host.dialect(), |route| route.dialect)
}

/// The path without its prefix. Some clients escape the slash of a model's name.
fn local(host: Host, path: &str) -> String {
    let path = decode(path);
    let local = host
        .prefixes()
        .iter()
        .find_map(|prefix| path.strip_prefix(*prefix));
    local.map(str::to_owned).unwrap_or(path)
}

/// Answers a request: find the route, check the key, and let the route answer.
pub(crate) fn perform(world: &World, request: &Request) -> Performance {
    let path = request.path();
    let local = local(request.host, path);
    let routes = request.host.routes().iter();
    let matching: Vec<&Route> = routes.filter(|route| route.matches(&local)).collect();
    let method = &request.parts.method;
    let Some(route) = matching.iter().find(|route| route.method == method) else {
        let row = match matching.is_empty() {
            true => "no-route",
            false => "wrong-method",
        };
        let complaint = Complaint::new(row, no_route(request.host, method, path));
        return stop(world, request, complaint);
    };
    if let Some(refusal) = route.access.check(world, request) {
        return refusal;
    }
    if let Err(complaint) = route.dialect.check_headers(request) {
        return stop(world, request, complaint);
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

    const fn with(mut self, access: Access) -> Self {
        self.access = access;
        self
    }

    /// A `*` before a verb (`/models/*:countTokens`) is a name, which may have slashes.
    fn matches(&self, path: &str) -> bool {
        match self.path.split_once('*') {
            Some((before, verb)) if verb.starts_with(':') => {
                let name = path.strip_prefix(before);
                let name = name.and_then(|name| name.strip_suffix(verb));
                name.is_some_and(|name| !name.is_empty() && !name.contains(':'))
            }
            _ => self.matches_segments(path),
        }
    }

    fn matches_segments(&self, path: &str) -> bool {
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
        let (host, key) = (request.host, &request.key);
        let row = if !scenario.accepts(host, key) {
            if key.is_empty() {
                "missing-key"
            } else {
                "wrong-key"
            }
        } else if matches!(self, Self::Paid) && world.records().till.spent() >= scenario.credits {
            "credits"
        } else if matches!(self, Self::Management) && !scenario.is_management(key) {
            let message = "Only management keys can perform this operation";
            return Some(stop(world, request, Complaint::new("wrong-key", message)));
        } else {
            return None;
        };
        Some(stop(world, request, Complaint::usual(row)))
    }
}

/// Refuses a body that was not read to its end.
pub(crate) fn too_large(world: &World, request: &Request) -> Performance {
    stop(world, request, Complaint::usual("payload-too-large"))
}

fn no_route(host: Host, method: &Method, path: &str) -> String {
    match host {
        Host::OpenAi => format!("Invalid URL ({method} {path})"),
        Host::OpenRouter | Host::Anthropic | Host::Gemini => {
            format!("No route for {method} {path}")
        }
    }
}

fn stop(world: &World, request: &Request, complaint: Complaint) -> Performance {
    let refusal = Refusal::of(complaint, &Scene::of(request));
    let fault = Fault::default();
    refuse(world, request, &fault, &refusal, Form::Whole, None)
}

#[cfg(test)]
mod tests {
    use crate::host::Host;

    fn matched(path: &str) -> Option<&'static str> {
        matched_at(Host::OpenRouter, path)
    }

    fn matched_at(host: Host, path: &str) -> Option<&'static str> {
        host.routes()
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

    #[test]
    fn a_verb_ends_a_path_and_its_name_may_have_slashes() {
        let matched = |path| matched_at(Host::Gemini, path);
        let generate = Some("/models/*:generateContent");
        assert_eq!(
            matched("/models/gemini-2.5-flash:generateContent"),
            generate
        );
        assert_eq!(matched("/models/sim/stall=3:generateContent"), generate);
        assert_eq!(matched("/models/:generateContent"), Some("/models/*"));
        assert_eq!(matched("/models/a:b:countTokens"), Some("/models/*"));
        assert_eq!(matched("/models/a"), Some("/models/*"));
    }
}
