//! Plugins that act on a request or its answer.

use crate::document::document;

document! {
    /// A plugin, by id, with parameters of its own (`with_member`).
    ///
    /// ```
    /// use tollgate_wire::Plugin;
    /// let plugin = Plugin::new("web").with_member("max_results", &3)?;
    /// assert_eq!(plugin.to_object().to_vec(), br#"{"id":"web","max_results":3}"#);
    /// # Ok::<(), tollgate_wire::ParseError>(())
    /// ```
    pub struct Plugin {
        /// Which: `web`, `file-parser`, `response-healing`, `context-compression`, `auto-router`, …
        id: String = "id",
        /// False switches off a plugin that the account has on.
        enabled: Option<bool> = "enabled",
    }
}

impl Plugin {
    /// The plugin with this id, on.
    pub fn new(id: &str) -> Self {
        Self {
            id: id.to_owned(),
            ..Self::default()
        }
    }

    /// The plugin with this id, off for this request.
    pub fn off(id: &str) -> Self {
        Self {
            enabled: Some(false),
            ..Self::new(id)
        }
    }
}
