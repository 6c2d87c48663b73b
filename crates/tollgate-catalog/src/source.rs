use async_trait::async_trait;
use tollgate_core::{Failure, ModelId};
use tollgate_wire::Bytes;

/// Where the list of models comes from.
///
/// # Contract
/// - Gives the body of `GET /models`, the whole list in one page, as it came.
/// - Brings its own timeout and its own errors; nothing here tries twice in a row.
/// - Dropping the future gives up the fetch and leaves nothing behind.
#[async_trait]
pub trait ModelSource: Send + Sync {
    /// Fetches the list.
    async fn fetch(&self) -> Result<Bytes, Failure>;

    /// Whose list it is, for as long as the source lives: a name, such as an
    /// address, or `None` for the upstream that the embedded snapshot is of.
    /// Lists are measured by, and cached for, their own upstream.
    fn upstream(&self) -> Option<&str> {
        None
    }
}

/// Where the endpoints of a model come from: who serves it, at which price, how
/// fast.
///
/// # Contract
/// - Gives the body of `GET /models/{author}/{slug}/endpoints`, as it came.
/// - Brings its own timeout and its own errors; nothing here tries twice in a row.
/// - Dropping the future gives up the fetch and leaves nothing behind.
#[async_trait]
pub trait EndpointSource: Send + Sync {
    /// Fetches the endpoints of the model of that name upstream.
    async fn fetch_endpoints(&self, model: &ModelId) -> Result<Bytes, Failure>;
}
