//! The pages beside inference, in the shapes of OpenRouter and OpenAI: what
//! their clients ask for before and after a call. None of them costs anything.

mod members;
mod dollars;
pub(crate) mod caller;

mod row;
mod virtual_models;
pub(crate) mod filter;
mod models;

mod endpoints;
mod providers;

mod generation;
pub(crate) mod feedback;
mod key;
mod credits;

use axum::Router;
use axum::routing::{MethodRouter, get};
use tollgate::Gateway;

/// The pages, below `/v1`.
pub(crate) fn routes() -> Router<Gateway> {
    let routes = table().into_iter();
    routes.fold(Router::new(), |router, (path, page)| {
        router.route(path, page)
    })
}

/// Each path with what answers it.
pub(crate) fn table() -> [(&'static str, MethodRouter<Gateway>); 12] {
    [
        ("/models", get(models::list)),
        ("/models/count", get(models::count)),
        ("/models/user", get(models::list)),
        ("/embeddings/models", get(models::embeddings)),
        // Clients that escape the slash of an id ask for one segment.
        ("/models/{id}", get(models::one)),
        ("/models/{author}/{slug}", get(models::one_by_author)),
        ("/model/{author}/{slug}", get(models::one_by_author)),
        ("/models/{author}/{slug}/endpoints", get(endpoints::list)),
        ("/providers", get(providers::list)),
        ("/generation", get(generation::one)),
        ("/key", get(key::current)),
        ("/credits", get(credits::balance)),
    ]
}
