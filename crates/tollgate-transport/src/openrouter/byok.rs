//! Provider keys that the account stores at OpenRouter. All of this needs a management key.

use bytes::Bytes;
use http::Method;
use tollgate_core::{ApiKey, Failure, FailureKind};
use tollgate_wire::{ByokKey, ByokListReply, ByokReply, Object};

use super::OpenRouterProvider;
use crate::resource;

/// A provider's key to be stored at OpenRouter.
///
/// ```
/// use tollgate_core::ApiKey;
/// use tollgate_transport::NewByokKey;
///
/// let key = NewByokKey::new("openai", ApiKey::new("sk-…"));
/// assert!(!format!("{key:?}").contains("sk-…"));
/// ```
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct NewByokKey {
    /// The provider, by its slug.
    pub provider: String,
    /// The key. It is sent once, and never shown.
    pub key: ApiKey,
    /// A name of the user's own.
    pub name: Option<String>,
    /// Models that it may be used for; all when empty.
    pub allowed_models: Vec<String>,
    /// Whether it is used after shared capacity, and not before.
    pub is_fallback: bool,
    /// Whether requests that can use it never fall back to shared capacity of its provider.
    pub is_required: bool,
}

/// Rows of a page.
const PAGE: u64 = 100;

/// More pages than any account has: an upstream that never ends its list is not followed.
const MOST_PAGES: u64 = 100;

/// So many letters of a key are enough to be looked for at a cut.
const TELLING: usize = 4;

impl NewByokKey {
    /// A key for all models, used before shared capacity.
    pub fn new(provider: impl Into<String>, key: ApiKey) -> Self {
        Self {
            provider: provider.into(),
            key,
            name: None,
            allowed_models: Vec::new(),
            is_fallback: false,
            is_required: false,
        }
    }

    fn to_body(&self) -> Result<Bytes, Failure> {
        let mut body = Object::default();
        let models = Some(&self.allowed_models).filter(|models| !models.is_empty());
        let set = [
            body.set("provider", &self.provider),
            body.set("key", self.key.reveal()),
            body.set("name", &self.name),
            body.set("allowed_models", &models),
            body.set("is_fallback", &self.is_fallback),
            body.set("is_required", &self.is_required),
        ];
        set.into_iter()
            .collect::<Result<(), _>>()
            .map_err(unwritten)?;
        text_of(&body)
    }
}

impl OpenRouterProvider {
    /// The provider keys that are stored, in the order in which they are listed. Needs a
    /// management key.
    ///
    /// # Errors
    /// As [`models_raw`](Self::models_raw).
    pub async fn byok_keys(&self) -> Result<Vec<ByokKey>, Failure> {
        let mut keys = Vec::new();
        for page in 0..MOST_PAGES {
            let (offset, limit) = ((page * PAGE).to_string(), PAGE.to_string());
            let query = [("offset", offset.as_str()), ("limit", limit.as_str())];
            let reply = self.read("byok", &query, ByokListReply::parse).await?;
            let is_last = (reply.data.len() as u64) < PAGE;
            keys.extend(reply.data);
            let is_all = reply
                .total_count
                .is_some_and(|all| keys.len() as u64 >= all);
            if is_last || is_all {
                break;
            }
        }
        Ok(keys)
    }

    /// Stores a provider key, and returns what is told of it. Needs a management key.
    ///
    /// # Errors
    /// As [`models_raw`](Self::models_raw). The failure does not hold the key, even where the
    /// upstream repeats it.
    pub async fn add_byok_key(&self, new: &NewByokKey) -> Result<ByokKey, Failure> {
        let sent = self.managed(Method::POST, "byok", new.to_body()?).await;
        let body = sent.map_err(|failure| without(failure, &new.key))?;
        Ok(self.parsed(&body, ByokReply::parse)?.data)
    }

    /// Has a stored key used no more, and keeps it. Needs a management key.
    ///
    /// # Errors
    /// `NotFound` when there is none of that id, else as [`models_raw`](Self::models_raw).
    pub async fn disable_byok_key(&self, id: &str) -> Result<ByokKey, Failure> {
        self.set_disabled(id, true).await
    }

    /// Has a stored key used again. Needs a management key.
    ///
    /// # Errors
    /// As [`disable_byok_key`](Self::disable_byok_key).
    pub async fn enable_byok_key(&self, id: &str) -> Result<ByokKey, Failure> {
        self.set_disabled(id, false).await
    }

    /// Removes a stored key for good. Needs a management key.
    ///
    /// # Errors
    /// As [`disable_byok_key`](Self::disable_byok_key).
    pub async fn remove_byok_key(&self, id: &str) -> Result<(), Failure> {
        self.managed(Method::DELETE, &path(id)?, Bytes::new())
            .await?;
        Ok(())
    }

    async fn set_disabled(&self, id: &str, disabled: bool) -> Result<ByokKey, Failure> {
        let mut body = Object::default();
        body.set("disabled", &disabled).map_err(unwritten)?;
        let path = path(id)?;
        let body = self.managed(Method::PATCH, &path, text_of(&body)?).await?;
        Ok(self.parsed(&body, ByokReply::parse)?.data)
    }

    async fn managed(&self, method: Method, path: &str, body: Bytes) -> Result<Bytes, Failure> {
        let url = self.upstream.url(path);
        resource::send(&self.upstream, method, url, body).await
    }
}

/// The path of a key. An id is one segment of it, so that no id leads anywhere else.
fn path(id: &str) -> Result<String, Failure> {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_".contains(&byte);
    if id.is_empty() || !id.bytes().all(is_plain) {
        let message = "the id of a stored key has letters, digits, - and _ only";
        return Err(Failure::new(FailureKind::InvalidRequest, message));
    }
    Ok(format!("byok/{id}"))
}

fn text_of(body: &Object) -> Result<Bytes, Failure> {
    let text = serde_json::to_vec(body).map_err(unwritten)?;
    Ok(text.into())
}

fn unwritten(error: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Failure {
    Failure::new(FailureKind::Internal, "the request cannot be written").with_source(error)
}

/// The failure without the key in what the upstream said.
fn without(failure: Failure, key: &ApiKey) -> Failure {
    match failure.detail() {
        Some(detail) => {
            let hidden = hide(detail, key.reveal());
            failure.with_detail(hidden)
        }
        None => failure,
    }
}

/// The text without the key, and without the beginning of one that was cut off at the end.
fn hide(text: &str, key: &str) -> String {
    let mut text = text.replace(key, "***");
    let starts = (TELLING..key.len())
        .rev()
        .filter_map(|length| key.get(..length));
    if let Some(start) = starts.into_iter().find(|start| text.ends_with(start)) {
        text.truncate(text.len() - start.len());
        text.push_str("***");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::{hide, path};

    #[test]
    fn a_key_is_hidden_whole_and_cut() {
        let key = "sk-secret-0123";
        for (text, hidden) in [
            ("near sk-secret-0123 and sk-secret-0123", "near *** and ***"),
            ("near sk-secr", "near ***"),
            ("near sk-", "near sk-"),
            ("nothing", "nothing"),
        ] {
            assert_eq!(hide(text, key), hidden);
        }
    }

    #[test]
    fn an_id_leads_to_its_key_and_nowhere_else() {
        assert_eq!(path("a-1_B").unwrap(), "byok/a-1_B");
        for id in ["", "../keys/1", "a?b", "a/b", "a%2fb"] {
            assert!(path(id).is_err(), "{id}");
        }
    }
}
