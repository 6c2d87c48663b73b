//! The directory of providers.

use crate::Rows;
use crate::document::document;

document! {
    /// `GET /providers`.
    pub struct ProvidersReply {
        /// The providers.
        data: Rows<ProviderInfo> = "data",
    }

    /// A provider.
    pub struct ProviderInfo {
        /// Display name.
        name: String = "name",
        /// Slug.
        slug: String = "slug",
        /// Privacy policy.
        privacy_policy_url: Option<String> = "privacy_policy_url",
        /// Terms.
        terms_of_service_url: Option<String> = "terms_of_service_url",
        /// Status page.
        status_page_url: Option<String> = "status_page_url",
        /// Country, by ISO code.
        headquarters: Option<String> = "headquarters",
        /// Countries of the data centres, by ISO code.
        datacenters: Option<Vec<String>> = "datacenters",
    }
}
