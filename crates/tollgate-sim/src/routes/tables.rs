//! The routes of each host.

use http::Method;

use super::{Access, Answer, Route};
use crate::byok;
use crate::count_tokens::count_tokens;
use crate::dialect::{
    CHAT, COMPLETIONS, GENERATE, MESSAGES, OPENAI_CHAT, OPENAI_RESPONSES, PLAIN_MESSAGES, RESPONSES,
};
use crate::embeddings::embeddings;
use crate::host::Host;
use crate::infer::infer;
use crate::pages::{self, Page};
use crate::performance::Performance;
use crate::provider_pages;
use crate::request::Request;
use crate::world::World;

impl Host {
    /// Its routes, without their prefix.
    pub(super) fn routes(self) -> &'static [Route] {
        match self {
            Self::OpenRouter => OPENROUTER,
            Self::OpenAi => OPENAI,
            Self::Anthropic => ANTHROPIC,
            Self::Gemini => GEMINI,
        }
    }

    /// What stands before a route. OpenRouter is served like OpenAI too, for clients with that path.
    pub(super) fn prefixes(self) -> &'static [&'static str] {
        match self {
            Self::OpenRouter => &["/api/v1", "/v1"],
            Self::OpenAi | Self::Anthropic => &["/v1"],
            Self::Gemini => &["/v1beta", "/v1"],
        }
    }
}

const OPENROUTER: &[Route] = &[
    post("/chat/completions", infer),
    post("/completions", infer).speaking(COMPLETIONS),
    post("/responses", infer).speaking(RESPONSES),
    post("/messages", infer).speaking(MESSAGES),
    post("/messages/count_tokens", count_tokens)
        .speaking(MESSAGES)
        .with(Access::Key),
    post("/embeddings", embeddings),
    get("/models", "models", pages::models),
    get("/models/user", "models", pages::models).with(Access::Key),
    get("/models/count", "models", pages::model_count),
    get("/models/*/*/endpoints", "endpoints", pages::model_endpoints),
    get("/model/*/*", "models", pages::model),
    get("/models/*/*", "models", pages::model),
    get("/embeddings/models", "models", pages::embedding_models),
    get("/providers", "providers", pages::providers),
    get("/key", "key", pages::key).with(Access::Key),
    get("/auth/key", "key", pages::key).with(Access::Key),
    get("/credits", "credits", pages::credits).with(Access::Key),
    get("/generation", "generation", pages::generation).with(Access::Key),
    get("/activity", "activity", pages::activity).with(Access::Management),
    managed(Method::GET, "/byok", byok::list),
    managed(Method::POST, "/byok", byok::create),
    managed(Method::GET, "/byok/*", byok::one),
    managed(Method::PATCH, "/byok/*", byok::change),
    managed(Method::DELETE, "/byok/*", byok::delete),
];

const OPENAI: &[Route] = &[
    post("/chat/completions", infer).speaking(OPENAI_CHAT),
    post("/responses", infer).speaking(OPENAI_RESPONSES),
    post("/embeddings", embeddings).speaking(OPENAI_CHAT),
    of_provider("/models", provider_pages::openai_models, OPENAI_CHAT),
    of_provider("/models/*", provider_pages::openai_model, OPENAI_CHAT),
];

const ANTHROPIC: &[Route] = &[
    post("/messages", infer).speaking(PLAIN_MESSAGES),
    post("/messages/count_tokens", count_tokens)
        .speaking(PLAIN_MESSAGES)
        .with(Access::Key),
    of_provider("/models", provider_pages::anthropic_models, PLAIN_MESSAGES),
    of_provider("/models/*", provider_pages::anthropic_model, PLAIN_MESSAGES),
];

const GEMINI: &[Route] = &[
    post("/models/*:generateContent", infer).speaking(GENERATE),
    post("/models/*:streamGenerateContent", infer).speaking(GENERATE),
    post("/models/*:countTokens", count_tokens)
        .speaking(GENERATE)
        .with(Access::Key),
    of_provider("/models", provider_pages::gemini_models, GENERATE),
    of_provider("/models/*", provider_pages::gemini_model, GENERATE),
];

const fn post(path: &'static str, answer: fn(&World, &Request) -> Performance) -> Route {
    Route {
        method: Method::POST,
        path,
        access: Access::Paid,
        answer: Answer::Post(answer),
        dialect: CHAT,
    }
}

const fn get(path: &'static str, name: &'static str, page: fn(&World, &Request) -> Page) -> Route {
    Route {
        method: Method::GET,
        path,
        access: Access::Public,
        answer: Answer::Page(name, page),
        dialect: CHAT,
    }
}

/// Stored provider keys, for management keys alone.
const fn managed(method: Method, path: &'static str, page: fn(&World, &Request) -> Page) -> Route {
    Route {
        method,
        path,
        access: Access::Management,
        answer: Answer::Page("byok", page),
        dialect: CHAT,
    }
}

/// The models of a direct provider, which wants a key for all that it tells.
const fn of_provider(
    path: &'static str,
    page: fn(&World, &Request) -> Page,
    dialect: &'static dyn crate::dialect::Dialect,
) -> Route {
    get(path, "models", page)
        .speaking(dialect)
        .with(Access::Key)
}
