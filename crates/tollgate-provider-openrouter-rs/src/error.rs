use openrouter_rs::error::OpenRouterError;

/// Why the client cannot be set up.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SetupError {
    /// The address is none, or would carry the key in the clear.
    #[error(
        "the address `{0}` will not do: give one that begins with https://, or one of this machine"
    )]
    Address(String),
    /// The pool of connections cannot be made.
    #[error("the pool of connections cannot be made")]
    Pool(#[source] reqwest::Error),
    /// The client refuses its settings.
    #[error("openrouter-rs refuses its settings")]
    Client(#[source] OpenRouterError),
}
