use schemars::JsonSchema;
use serde::Deserialize;

/// `[learned]`: a look at each prompt before a policy ranks. Without it a model
/// is as good at one prompt as at any other of the task.
#[derive(Debug, Clone, PartialEq, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct LearnedConfig {
    /// What was learned: the path of a file that `tollgate router train` has
    /// made, under which models have the names of the catalog; or `neutral` for
    /// what comes with the program, which knows how hard prompts are, and no
    /// model. Default: nothing, and no prompt is looked at.
    ///
    /// The file is read at the start, and again whenever the configuration is
    /// taken over (such as on `SIGHUP`).
    pub model: Option<String>,
}
