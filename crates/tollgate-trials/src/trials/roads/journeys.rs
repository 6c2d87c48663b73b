//! What is dead at which turn, and who answers then.

use crate::host::Host;

/// Turns of a conversation.
pub(super) const TURNS: usize = 6;

/// A key of OpenRouter's whose account has provider keys of its own.
pub(super) const BYOK_KEY: &str = "sk-or-byok-trial-key-2-of-openrouter";

/// A way to a model: a host, and the number of the key that opens it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Road {
    pub(super) host: Host,
    pub(super) number: u32,
}

impl Road {
    /// The name of its lane.
    pub(super) fn lane(self) -> String {
        match self.number {
            1 => self.host.lane().to_owned(),
            number => format!("{}-{number}", self.host.lane()),
        }
    }

    pub(super) fn key(self) -> String {
        match (self.host, self.number) {
            (Host::A, 2) => BYOK_KEY.to_owned(),
            (host, number) => host.key(number),
        }
    }
}

/// What is the matter while one turn is asked, and who is to answer it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Turn {
    /// Hosts that are down.
    pub(super) dead: &'static [Host],
    /// Keys that their hosts do not know any more.
    pub(super) refused: &'static [Road],
    /// Who is left.
    pub(super) by: Road,
}

impl Turn {
    /// Everybody is well.
    pub(super) const QUIET: Self = turn(&[], &[], CREDITS);
}

/// A conversation's way.
#[derive(Debug)]
pub(super) struct Journey {
    pub(super) name: &'static str,
    /// The model that every turn asks for.
    pub(super) model: &'static str,
    /// The model that takes over where nobody serves it.
    pub(super) then: &'static str,
    pub(super) turns: [Turn; TURNS],
}

const fn road(host: Host, number: u32) -> Road {
    Road { host, number }
}

const CREDITS: Road = road(Host::A, 1);
const BYOK: Road = road(Host::A, 2);
const CLAUDE_1: Road = road(Host::Anthropic, 1);
const CLAUDE_2: Road = road(Host::Anthropic, 2);
const GEMINI_1: Road = road(Host::Gemini, 1);
const GEMINI_2: Road = road(Host::Gemini, 2);
const GPT_1: Road = road(Host::OpenAi, 1);
const GPT_2: Road = road(Host::OpenAi, 2);

const fn turn(dead: &'static [Host], refused: &'static [Road], by: Road) -> Turn {
    Turn { dead, refused, by }
}

/// Four roads to one model: OpenRouter's credits, keys of the account's own there, and two keys of
/// the provider itself.
macro_rules! four_roads {
    ($name:literal, $model:expr, $host:expr) => {
        Journey {
            name: $name,
            model: $model,
            then: $model,
            turns: [
                turn(&[], &[CREDITS], BYOK),
                turn(&[Host::A], &[road($host, 2)], road($host, 1)),
                turn(&[Host::A], &[road($host, 1)], road($host, 2)),
                turn(&[$host], &[BYOK], CREDITS),
                turn(&[$host], &[CREDITS], BYOK),
                turn(&[Host::A], &[road($host, 2)], road($host, 1)),
            ],
        }
    };
}

const CLAUDE: &str = "anthropic/claude-haiku-4.5";

const GEMINI: &str = "google/gemini-3-flash-preview";
const GPT: &str = "openai/gpt-5-mini";

/// The journeys: over the roads to each maker's model, and three on which another's takes over where
/// no road to the first is left, in the middle of a turn with tools too.
pub(super) const JOURNEYS: [Journey; 6] = [
    four_roads!("claude", CLAUDE, Host::Anthropic),
    four_roads!("gemini", GEMINI, Host::Gemini),
    four_roads!("gpt", GPT, Host::OpenAi),
    Journey {
        name: "claude gemini",
        model: CLAUDE,
        then: GEMINI,
        turns: [
            turn(&[], &[CREDITS], BYOK),
            turn(&[Host::A], &[CLAUDE_2], CLAUDE_1),
            turn(&[Host::A, Host::Anthropic], &[GEMINI_2], GEMINI_1),
            turn(&[Host::A], &[CLAUDE_1], CLAUDE_2),
            turn(&[Host::A, Host::Anthropic], &[GEMINI_1], GEMINI_2),
            turn(&[Host::Anthropic], &[CREDITS], BYOK),
        ],
    },
    Journey {
        name: "claude gpt",
        model: CLAUDE,
        then: GPT,
        turns: [
            turn(&[Host::A], &[CLAUDE_2], CLAUDE_1),
            turn(&[Host::A, Host::Anthropic], &[GPT_2], GPT_1),
            turn(&[Host::Anthropic], &[BYOK], CREDITS),
            turn(&[Host::A, Host::Anthropic], &[GPT_1], GPT_2),
            turn(&[Host::A, Host::Anthropic], &[GPT_2], GPT_1),
            turn(&[Host::A], &[CLAUDE_1], CLAUDE_2),
        ],
    },
    Journey {
        name: "gemini gpt",
        model: GEMINI,
        then: GPT,
        turns: [
            turn(&[Host::A], &[GEMINI_2], GEMINI_1),
            turn(&[Host::A, Host::Gemini], &[GPT_2], GPT_1),
            turn(&[Host::Gemini], &[CREDITS], BYOK),
            turn(&[Host::A], &[GEMINI_1], GEMINI_2),
            turn(&[Host::A, Host::Gemini], &[GPT_1], GPT_2),
            turn(&[Host::A], &[GEMINI_2], GEMINI_1),
        ],
    },
];
