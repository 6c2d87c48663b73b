//! The one place where the layers of the configuration are put together.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use figment::error::Kind;
use figment::providers::Serialized;
use figment::{Figment, Metadata, Source};

use super::Config;
use super::environment::{self, Stray};
use super::error::{ConfigError, Origin, Problem, did_you_mean};
use super::known;
use super::layer::Layer;
use super::outside::OutsideKey;

const DEFAULTS: &str = include_str!("../../../../config/default.toml");

/// Puts a configuration together from its layers; later ones win.
///
/// 1. the compiled defaults, `config/default.toml`,
/// 2. files and texts, in the order they were added,
/// 3. environment variables `TOLLGATE_SECTION__KEY`,
/// 4. keys set by the program, such as command-line flags.
///
/// `${NAME}` and `${NAME:-default}` in strings of each layer are replaced by
/// environment variables. A variable that sets no key for nothing but its
/// underscores, such as `TOLLGATE_OPENROUTER_MODE`, is a problem; another that
/// begins with `TOLLGATE_` and sets nothing is one of the [`Config::warnings`].
///
/// ```
/// use tollgate::Loader;
/// let config = Loader::new()
///     .with_text("my.toml", "[openrouter]\nmode = \"byok\"\n")
///     .load()?;
/// assert_eq!(config.openrouter.mode, tollgate::Mode::Byok);
/// # Ok::<(), tollgate::ConfigError>(())
/// ```
#[derive(Debug, Default)]
pub struct Loader {
    // Files are read when everything is put together, texts are there already.
    sources: Vec<(PathBuf, Option<String>)>,
    sets: Vec<(String, String)>,
    environment: Option<Vec<(String, String)>>,
}

impl Loader {
    /// The defaults and the environment alone.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a file.
    #[must_use]
    pub fn with_file(mut self, path: impl Into<PathBuf>) -> Self {
        self.sources.push((path.into(), None));
        self
    }

    /// Adds a TOML text under a name for messages.
    #[must_use]
    pub fn with_text(mut self, name: impl Into<PathBuf>, text: impl Into<String>) -> Self {
        self.sources.push((name.into(), Some(text.into())));
        self
    }

    /// Sets one dotted key; the value is read as TOML where it can be, else as text.
    #[must_use]
    pub fn with_key(mut self, key: impl Into<String>, value: impl Into<String>) -> Self {
        self.sets.push((key.into(), value.into()));
        self
    }

    /// Uses these variables in place of the process's environment.
    #[must_use]
    pub fn with_environment(mut self, variables: Vec<(String, String)>) -> Self {
        self.environment = Some(variables);
        self
    }

    /// Reads, merges and checks everything.
    ///
    /// # Errors
    /// [`ConfigError`] with every problem found, each with key, place and hint.
    pub fn load(self) -> Result<Config, ConfigError> {
        let variables = match self.environment {
            Some(variables) => variables,
            None => environment::of_the_process(),
        };
        let read = RefCell::new(BTreeSet::new());
        let lookup = |name: &str| {
            read.borrow_mut().insert(name.to_owned());
            variables
                .iter()
                .find(|(key, _)| key == name)
                .map(|(_, value)| value.clone())
        };
        let mut texts = vec![(PathBuf::from("config/default.toml"), DEFAULTS.to_owned())];
        let mut problems = Vec::new();
        for (path, text) in self.sources {
            match text.map_or_else(|| std::fs::read_to_string(&path), Ok) {
                Ok(text) => texts.push((path, text)),
                Err(error) => problems.push(Problem {
                    message: format!("cannot read the file: {error}"),
                    origin: Origin::File(path, None),
                    hint: Some("check the path, or leave it out to use the defaults".into()),
                    ..Problem::default()
                }),
            }
        }

        let mut layers = Vec::new();
        for (path, text) in texts {
            match Layer::parse(&path, text, &lookup) {
                Ok(layer) => layers.push(layer),
                Err(mut found) => problems.append(&mut found),
            }
        }
        let of_variables = variables
            .iter()
            .filter_map(|variable| OutsideKey::of_variable(variable, &lookup));
        let given = self.sets.iter().map(|set| OutsideKey::given(set, &lookup));
        let mut outside = Vec::new();
        for key in of_variables.chain(given) {
            match key {
                Ok(key) => outside.push(key),
                Err(mut found) => problems.append(&mut found),
            }
        }
        let mut warnings = Vec::new();
        for stray in environment::strays(&variables, &|name| read.borrow().contains(name)) {
            match stray {
                Stray::Misspelt(problem) => problems.push(problem),
                Stray::Unknown(warning) => warnings.push(warning),
            }
        }
        if !problems.is_empty() {
            return Err(ConfigError { problems });
        }

        let mut figment = Figment::from(Serialized::defaults(Empty {}));
        for layer in &layers {
            figment = figment.merge(layer);
        }
        for key in &outside {
            figment = figment.merge(key);
        }
        if let Some(rows) = known_rows(&figment) {
            figment = figment.join(&rows);
            layers.insert(0, rows);
        }
        let mut config: Config = figment.extract().map_err(|errors| ConfigError {
            problems: errors
                .into_iter()
                .map(|error| explain(error, &layers))
                .collect(),
        })?;
        config.check(&|key| origin_of(key, &layers, &outside))?;
        config.warnings = warnings;
        Ok(config)
    }
}

#[derive(serde::Serialize)]
struct Empty {}

/// What is known of the providers that the layers name, to stand below them all.
fn known_rows(figment: &Figment) -> Option<Layer> {
    let providers = figment.find_value("providers").ok()?;
    let text = known::layer(providers.as_dict()?);
    // The rows have no variables, and a test reads each of them.
    Layer::parse(Path::new(known::FILE), text, &|_| None).ok()
}

fn explain(error: figment::Error, layers: &[Layer]) -> Problem {
    let key = error.path.join(".");
    let (message, hint, key) = match &error.kind {
        Kind::UnknownField(field, known) => {
            let hint = did_you_mean(field, known.iter().copied())
                .map(|known| format!("did you mean {known:?}?"))
                .unwrap_or_else(|| format!("known keys: {}", known.join(", ")));
            ("unknown key".to_owned(), Some(hint), key)
        }
        Kind::UnknownVariant(variant, known) => {
            let hint = did_you_mean(variant, known.iter().copied())
                .map(|known| format!("did you mean {known:?}?"))
                .unwrap_or_else(|| format!("one of {}", known.join(", ")));
            (format!("unknown value {variant:?}"), Some(hint), key)
        }
        Kind::MissingField(field) => {
            let hint = (field == "base_url").then(|| {
                let known = known::names().join(", ");
                format!("set it, or `provider` to one that is known: {known}")
            });
            (format!("missing key {field:?}"), hint, key)
        }
        Kind::InvalidType(_, expected) | Kind::InvalidValue(_, expected) if is_secret(&key) => {
            (format!("invalid value, expected {expected}"), None, key)
        }
        kind => (kind.to_string(), None, key),
    };
    let origin = match error.metadata.as_ref() {
        Some(metadata) => origin_of_metadata(metadata, &key, layers),
        None => Origin::Given,
    };
    Problem {
        key,
        message,
        origin,
        hint,
    }
}

fn origin_of_metadata(metadata: &Metadata, key: &str, layers: &[Layer]) -> Origin {
    match &metadata.source {
        Some(Source::File(path)) => {
            let layer = layers
                .iter()
                .rev()
                .find(|layer| same_file(layer.path(), path));
            Origin::File(
                layer.map_or_else(|| path.clone(), |layer| layer.path().to_owned()),
                layer.and_then(|layer| layer.locate(key)),
            )
        }
        Some(Source::Custom(variable)) => Origin::Environment(variable.clone()),
        _ => Origin::Given,
    }
}

// figment stores file sources as given or relative to the current folder.
fn same_file(ours: &Path, theirs: &Path) -> bool {
    ours == theirs || ours.ends_with(theirs) || theirs.ends_with(ours)
}

fn origin_of(key: &str, layers: &[Layer], outside: &[OutsideKey]) -> Origin {
    if let Some(last) = outside.iter().rev().find(|outside| outside.sets(key)) {
        return last.origin().clone();
    }
    match layers.iter().rev().find(|layer| layer.sets(key)) {
        Some(layer) => Origin::File(layer.path().to_owned(), layer.locate(key)),
        None => Origin::Defaults,
    }
}

fn is_secret(key: &str) -> bool {
    let last = ["key", "url", "endpoint"];
    let within = ["secret", "token", "headers", "api_keys"];
    last.iter().any(|end| key.ends_with(end)) || within.iter().any(|word| key.contains(word))
}
