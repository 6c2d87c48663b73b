//! The models that the simulator serves, and how a requested name finds one.

use std::collections::HashMap;
use std::sync::{Arc, LazyLock};

use serde::Deserialize;
use serde_json::Value;
use serde_json::value::RawValue;

use crate::draw::Draw;
use crate::error::Error;
use crate::pricing::PriceSheet;

/// The recorded catalog; see `catalog/README.md` for where it comes from.
const RECORDED: &str = include_str!("../catalog/models.json");

/// Invented models for `/embeddings`, which the recorded list does not have.
const EMBEDDINGS: &str = include_str!("../catalog/embeddings.json");

/// A list of models in the form of OpenRouter's `GET /api/v1/models`.
///
/// ```
/// use tollgate_sim::Catalog;
///
/// let catalog = Catalog::embedded();
/// assert!(catalog.ids().any(|id| id == "openrouter/auto"));
/// ```
#[derive(Clone, Debug)]
pub struct Catalog(Arc<Models>);

#[derive(Debug)]
struct Models {
    list: Vec<Arc<Model>>,
    by_name: HashMap<String, usize>,
}

/// One model: its facts as the simulator needs them, and its row as it is served.
#[derive(Debug, Deserialize)]
pub(crate) struct Model {
    pub(crate) id: String,
    pub(crate) canonical_slug: String,
    #[serde(default)]
    pub(crate) name: String,
    pub(crate) created: i64,
    pub(crate) context_length: Option<u64>,
    pub(crate) architecture: Architecture,
    #[serde(default)]
    pub(crate) top_provider: TopProvider,
    #[serde(default)]
    pub(crate) supported_parameters: Vec<String>,
    pub(crate) reasoning: Option<Reasoning>,
    alias_target: Option<AliasTarget>,
    #[serde(skip)]
    pub(crate) pricing: PriceSheet,
    /// The row of `/models`, with the keys that clients insist on.
    #[serde(skip)]
    pub(crate) row: Box<RawValue>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Architecture {
    pub(crate) modality: Option<String>,
    pub(crate) input_modalities: Vec<String>,
    pub(crate) output_modalities: Vec<String>,
    pub(crate) tokenizer: Option<String>,
    pub(crate) instruct_type: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct TopProvider {
    pub(crate) max_completion_tokens: Option<u64>,
}

#[derive(Debug, Deserialize)]
pub(crate) struct Reasoning {
    #[serde(default)]
    pub(crate) mandatory: bool,
    pub(crate) default_enabled: Option<bool>,
}

#[derive(Debug, Deserialize)]
struct AliasTarget {
    slug: String,
}

/// What a requested name stands for.
#[derive(Debug, Clone)]
pub(crate) struct Resolved {
    pub(crate) model: Arc<Model>,
    /// OpenRouter's word for how the model was found.
    pub(crate) strategy: &'static str,
}

impl Catalog {
    /// The catalog that comes with the crate: 400 models as of August 2026,
    /// and two invented embedding models.
    ///
    /// # Panics
    /// Never: a test reads the embedded files.
    #[must_use]
    pub fn embedded() -> Self {
        static EMBEDDED: LazyLock<Catalog> = LazyLock::new(|| {
            Catalog::from_json(RECORDED).expect("the embedded catalog is valid; a test reads it")
        });
        EMBEDDED.clone()
    }

    /// Reads the body of a `GET /api/v1/models` (an object with `data`).
    ///
    /// The two invented embedding models are added to whatever is read.
    ///
    /// # Errors
    /// [`Error::Catalog`], naming the model and the field that cannot be used.
    pub fn from_json(text: &str) -> Result<Self, Error> {
        let mut list = read_models(text)?;
        list.extend(read_models(EMBEDDINGS)?);
        let mut by_name = HashMap::new();
        for (index, model) in list.iter().enumerate() {
            by_name.insert(model.id.clone(), index);
        }
        // Variants share the canonical slug; the plain model, if listed, is what it means.
        for plain in [true, false] {
            for (index, model) in list
                .iter()
                .enumerate()
                .filter(|(_, model)| model.id.contains(':') != plain)
            {
                by_name.entry(model.canonical_slug.clone()).or_insert(index);
            }
        }
        Ok(Self(Arc::new(Models { list, by_name })))
    }

    /// The ids of all models, in the order of the list.
    pub fn ids(&self) -> impl Iterator<Item = &str> {
        self.0.list.iter().map(|model| model.id.as_str())
    }

    pub(crate) fn models(&self) -> &[Arc<Model>] {
        &self.0.list
    }

    /// Finds a model by id, canonical slug or alias; suffixes that only steer
    /// routing (`:nitro`, `:floor`, …) are looked through.
    pub(crate) fn find(&self, name: &str) -> Option<Resolved> {
        let (mut model, mut strategy) = (self.named(name), "direct");
        let mut rest = name;
        while model.is_none() {
            rest = rest.rsplit_once(':')?.0;
            model = self.named(rest);
        }
        let mut model = model?;
        if let Some(target) = model
            .alias_target
            .as_ref()
            .and_then(|target| self.named(&target.slug))
        {
            model = target;
            strategy = if name.ends_with("-latest") {
                "latest"
            } else {
                "alias"
            };
        }
        Some(Resolved { model, strategy })
    }

    /// Finds the model that will answer: as [`Catalog::find`], but a router
    /// picks one of the models that satisfy `able`.
    pub(crate) fn resolve(
        &self,
        name: &str,
        draw: &mut Draw,
        able: impl Fn(&Model) -> bool,
    ) -> Option<Resolved> {
        let found = self.find(name)?;
        match router_strategy(&found.model) {
            Some(strategy) => self.pick(strategy, draw, able),
            None => Some(found),
        }
    }

    /// Any paid text model that satisfies `able`.
    pub(crate) fn ordinary(
        &self,
        draw: &mut Draw,
        able: impl Fn(&Model) -> bool,
    ) -> Option<Resolved> {
        self.pick("auto", draw, able)
    }

    fn pick(
        &self,
        strategy: &'static str,
        draw: &mut Draw,
        able: impl Fn(&Model) -> bool,
    ) -> Option<Resolved> {
        let eligible: Vec<&Model> = self
            .0
            .list
            .iter()
            .map(Arc::as_ref)
            .filter(|model| model.is_picked_by(strategy) && able(model))
            .collect();
        if eligible.is_empty() {
            return None;
        }
        let id = &draw.pick(&eligible).id;
        self.named(id).map(|model| Resolved { model, strategy })
    }

    fn named(&self, name: &str) -> Option<Arc<Model>> {
        self.0
            .by_name
            .get(name)
            .map(|index| Arc::clone(&self.0.list[*index]))
    }
}

impl Model {
    pub(crate) fn supports(&self, parameter: &str) -> bool {
        self.supported_parameters
            .iter()
            .any(|supported| supported == parameter)
    }

    pub(crate) fn reads(&self, modality: &str) -> bool {
        self.architecture
            .input_modalities
            .iter()
            .any(|input| input == modality)
    }

    pub(crate) fn writes(&self, modality: &str) -> bool {
        self.architecture
            .output_modalities
            .iter()
            .any(|output| output == modality)
    }

    /// Batch prices are for the Batch API only.
    pub(crate) fn is_batch(&self) -> bool {
        self.id.ends_with(":batch")
    }

    fn is_picked_by(&self, strategy: &str) -> bool {
        let text_only = self.architecture.output_modalities == ["text"];
        let plain = text_only
            && !self.is_batch()
            && self.alias_target.is_none()
            && !self.pricing.is_dynamic();
        plain && self.id != FREE_ROUTER && self.pricing.is_free() == (strategy == "free")
    }
}

/// The router whose price is zero like that of what it picks.
const FREE_ROUTER: &str = "openrouter/free";

/// The strategy of a router, `None` for a model that answers itself.
fn router_strategy(model: &Model) -> Option<&'static str> {
    match model.id.as_str() {
        FREE_ROUTER => Some("free"),
        _ if model.pricing.is_dynamic() => Some("auto"),
        _ => None,
    }
}

fn read_models(text: &str) -> Result<Vec<Arc<Model>>, Error> {
    #[derive(Deserialize)]
    struct Body<'a> {
        #[serde(borrow)]
        data: Vec<&'a RawValue>,
    }
    let body: Body<'_> =
        serde_json::from_str(text).map_err(|error| Error::catalog(error.to_string()))?;
    body.data
        .into_iter()
        .map(|row| read_model(row.get()).map(Arc::new))
        .collect()
}

fn read_model(row: &str) -> Result<Model, Error> {
    let value: Value =
        serde_json::from_str(row).map_err(|error| Error::catalog(error.to_string()))?;
    let id = value
        .get("id")
        .and_then(Value::as_str)
        .unwrap_or("(model without id)")
        .to_owned();
    let refuse = |what: String| Error::catalog(format!("{id}: {what}"));
    let mut model = Model::deserialize(&value).map_err(|error| refuse(error.to_string()))?;
    let pricing = value
        .get("pricing")
        .ok_or_else(|| refuse("no pricing".into()))?;
    model.pricing =
        PriceSheet::from_json(pricing).map_err(|key| refuse(format!("{key} is not a price")))?;
    model.row = served_row(row, &value);
    Ok(model)
}

/// The row with the keys added that clients insist on and that carry no fact.
fn served_row(row: &str, value: &Value) -> Box<RawValue> {
    const INSISTED: [(&str, &str); 7] = [
        ("hugging_face_id", "null"),
        ("description", "\"\""),
        ("per_request_limits", "null"),
        ("supported_voices", "null"),
        ("default_parameters", "null"),
        ("expiration_date", "null"),
        ("knowledge_cutoff", "null"),
    ];
    let row = row.trim_end();
    let mut text = row.strip_suffix('}').unwrap_or(row).to_owned();
    for (key, default) in INSISTED
        .into_iter()
        .filter(|(key, _)| value.get(key).is_none())
    {
        text.push_str(&format!(",\"{key}\":{default}"));
    }
    text.push('}');
    RawValue::from_string(text).expect("an object with keys appended is an object")
}

#[cfg(test)]
mod tests {
    use super::Catalog;
    use crate::draw::Draw;

    fn found(name: &str) -> Option<(String, &'static str)> {
        let found = Catalog::embedded().find(name)?;
        Some((found.model.id.clone(), found.strategy))
    }

    #[test]
    fn the_embedded_catalog_is_whole() {
        assert_eq!(Catalog::embedded().ids().count(), 402);
    }

    #[test]
    fn names_find_models_by_id_slug_variant_and_alias() {
        let haiku = || Some(("anthropic/claude-haiku-4.5".to_owned(), "direct"));
        assert_eq!(found("anthropic/claude-haiku-4.5"), haiku());
        assert_eq!(found("anthropic/claude-4.5-haiku-20251001"), haiku());
        assert_eq!(found("anthropic/claude-haiku-4.5:nitro:online"), haiku());
        assert_eq!(
            found("~anthropic/claude-haiku-latest").map(|(_, strategy)| strategy),
            Some("latest")
        );
        assert_eq!(found("nobody/nothing"), None);
    }

    #[test]
    fn routers_pick_a_model_of_their_kind() {
        let mut draw = Draw::new(1, &[b"router"]);
        for _ in 0..50 {
            let auto = Catalog::embedded()
                .resolve("openrouter/auto", &mut draw, |model| {
                    model.supports("tools")
                })
                .unwrap();
            assert!(
                !auto.model.pricing.is_dynamic()
                    && !auto.model.pricing.is_free()
                    && auto.model.supports("tools")
            );
            let free = Catalog::embedded()
                .resolve("openrouter/free", &mut draw, |_| true)
                .unwrap();
            assert!(
                free.model.pricing.is_free() && free.model.id != "openrouter/free",
                "{}",
                free.model.id
            );
        }
    }

    #[test]
    fn rows_have_the_keys_that_clients_insist_on() {
        for model in Catalog::embedded().models() {
            let row: serde_json::Value = serde_json::from_str(model.row.get()).unwrap();
            for key in [
                "canonical_slug",
                "supported_voices",
                "default_parameters",
                "per_request_limits",
                "links",
            ] {
                assert!(row.get(key).is_some(), "{}: {key}", model.id);
            }
        }
    }

    #[test]
    fn a_bad_catalog_names_the_model() {
        let text = r#"{"data":[{"id":"a/b","canonical_slug":"a/b","created":1,"architecture":{},"pricing":{"prompt":"x"}}]}"#;
        let message = Catalog::from_json(text).unwrap_err().to_string();
        assert!(
            message.contains("a/b") && message.contains("pricing.prompt"),
            "{message}"
        );
    }
}
