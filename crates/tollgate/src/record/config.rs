use std::path::PathBuf;

use schemars::JsonSchema;
use serde::Deserialize;

/// `[record]`: what is kept of calls for `tollgate replay`. No prompts, no
/// answers.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct RecordConfig {
    /// Whether calls are recorded. Default false.
    pub enabled: bool,
    /// Folder of the records, one file per UTC day; `records` in the working
    /// directory unless said otherwise.
    pub path: PathBuf,
    /// How many days are kept, today included; older files are deleted. 30
    /// unless said otherwise, at least 1.
    pub keep_days: u32,
    /// Most megabytes that are kept, the oldest days going first. When today's
    /// file alone is that large, further calls of the day are not recorded.
    /// 1,024 unless said otherwise, at least 1; a call takes one to two
    /// kilobytes.
    pub max_mb: u32,
}

impl Default for RecordConfig {
    fn default() -> Self {
        Self {
            enabled: false,
            path: "records".into(),
            keep_days: 30,
            max_mb: 1_024,
        }
    }
}

impl RecordConfig {
    /// The key that has no meaning as it is, if there is one.
    pub(crate) fn zero(&self) -> Option<&'static str> {
        let sizes = [("keep_days", self.keep_days), ("max_mb", self.max_mb)];
        let zero = sizes.into_iter().find(|(_, size)| *size == 0);
        zero.map(|(key, _)| key)
    }

    pub(crate) fn max_bytes(&self) -> u64 {
        u64::from(self.max_mb) * 1_000_000
    }
}
