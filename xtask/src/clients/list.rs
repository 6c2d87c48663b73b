//! The clients that are tried.

/// One client.
#[derive(Debug)]
pub(super) struct Client {
    /// Its name here, and of its page in docs/clients.
    pub(super) name: &'static str,
    /// What its script runs on.
    pub(super) language: Language,
    /// Its script, in the folder of the language.
    pub(super) script: &'static str,
    /// What its page shows, in the same folder. The script runs it.
    pub(super) snippet: &'static str,
    /// The packages that make it up; none for what the system has.
    pub(super) packages: &'static [&'static str],
}

/// What a script runs on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Language {
    Python,
    Node,
}

/// Least major version of Node that the packages in `xtask/clients/node` take.
pub(super) const NODE: u32 = 20;

use Language::{Node, Python};

#[rustfmt::skip]
pub(super) const CLIENTS: &[Client] = &[
    Client { name: "curl", language: Python, script: "run_curl.py", snippet: "snippets/chat.sh", packages: &[] },
    Client { name: "openai-python", language: Python, script: "run_openai.py", snippet: "snippets/openai_chat.py", packages: &["openai"] },
    Client { name: "openai-node", language: Node, script: "run_openai.mjs", snippet: "snippets/openai_chat.mjs", packages: &["openai"] },
    Client { name: "anthropic-python", language: Python, script: "run_anthropic.py", snippet: "snippets/anthropic_messages.py", packages: &["anthropic"] },
    Client { name: "anthropic-node", language: Node, script: "run_anthropic.mjs", snippet: "snippets/anthropic_messages.mjs", packages: &["@anthropic-ai/sdk"] },
    Client { name: "openrouter-python", language: Python, script: "run_openrouter.py", snippet: "snippets/openrouter_chat.py", packages: &["openrouter"] },
    Client { name: "openrouter-node", language: Node, script: "run_openrouter.mjs", snippet: "snippets/openrouter_chat.mjs", packages: &["@openrouter/sdk"] },
    Client { name: "ai-sdk", language: Node, script: "run_ai.mjs", snippet: "snippets/ai_sdk.mjs", packages: &["ai", "@openrouter/ai-sdk-provider"] },
    Client { name: "langchain", language: Python, script: "run_langchain.py", snippet: "snippets/langchain_chat.py", packages: &["langchain-openai"] },
    Client { name: "litellm", language: Python, script: "run_litellm.py", snippet: "snippets/litellm_chat.py", packages: &["litellm"] },
];

impl Language {
    /// Its folder in `xtask/clients`.
    pub(super) const fn folder(self) -> &'static str {
        match self {
            Python => "python",
            Node => "node",
        }
    }
}
