//! Chat completions: request, answer, stream.

pub(crate) mod chunk;
pub(crate) mod content;
pub(crate) mod message;
pub(crate) mod metadata;
pub(crate) mod plugin;
pub(crate) mod preferences;
pub(crate) mod reasoning;
pub(crate) mod request;
pub(crate) mod response;
pub(crate) mod tool;
pub(crate) mod view;
