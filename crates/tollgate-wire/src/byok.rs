//! Provider keys stored at OpenRouter. The keys themselves are written and never read.

use crate::document::document;

document! {
    /// `GET /byok`.
    pub struct ByokListReply {
        /// The keys of a page.
        data: Vec<ByokKey> = "data",
        /// How many there are on all pages.
        total_count: Option<u64> = "total_count",
    }

    /// `POST /byok`, and `GET` and `PATCH /byok/{id}`.
    pub struct ByokReply {
        /// The key.
        data: ByokKey = "data",
    }

    /// What is told of a stored provider key.
    pub struct ByokKey {
        /// Its id, by which it is changed and removed.
        id: Option<String> = "id",
        /// The provider, by its slug.
        provider: Option<String> = "provider",
        /// The key, masked.
        label: Option<String> = "label",
        /// A name of the user's own.
        name: Option<String> = "name",
        /// Models that it may be used for; null is all.
        allowed_models: Option<Vec<String>> = "allowed_models",
        /// Keys of the account that may use it, by their hashes; null is all.
        allowed_api_key_hashes: Option<Vec<String>> = "allowed_api_key_hashes",
        /// Members that may use it; null is all.
        allowed_user_ids: Option<Vec<String>> = "allowed_user_ids",
        /// Whether it is used after shared capacity, and not before.
        is_fallback: bool = "is_fallback",
        /// Whether requests that can use it never fall back to shared capacity of its provider.
        is_required: bool = "is_required",
        /// Whether shared capacity of its provider is never used at all.
        is_byok_only: bool = "is_byok_only",
        /// Whether it is not used.
        disabled: bool = "disabled",
        /// Whether the provider keeps no data, by the user's word.
        declared_zdr: Option<bool> = "declared_zdr",
        /// Where the provider computes, by the user's word.
        declared_region: Option<String> = "declared_region",
        /// Its place among the keys of its provider.
        sort_order: Option<u64> = "sort_order",
        /// When it was stored, in ISO 8601.
        created_at: Option<String> = "created_at",
        /// Workspace.
        workspace_id: Option<String> = "workspace_id",
    }
}

#[cfg(test)]
mod tests {
    use super::{ByokListReply, ByokReply};

    #[test]
    fn what_is_left_out_is_off_or_everybody_and_what_is_unknown_stays() {
        let text = br#"{"data":[{"id":"k1","provider":"openai","label":"sk-a...b","is_required":true,"tier":7}],"total_count":1}"#;
        let reply = ByokListReply::parse(text).unwrap();
        let key = &reply.data[0];
        assert_eq!(
            (key.id.as_deref(), key.label.as_deref()),
            (Some("k1"), Some("sk-a...b"))
        );
        assert!(key.is_required && !key.disabled && key.allowed_models.is_none());
        assert_eq!(serde_json::to_vec(&reply).unwrap(), text);
        assert!(ByokReply::parse(br#"{"data":{"disabled":"no"}}"#).is_err());
    }
}
