//! The model catalog.

use crate::document::document;
use crate::{Decimal, Modality, Object, Pricing, Raw, ReasoningEffort, Rows};

document! {
    /// A page of `GET /models`. A row that cannot be read is in `data.rejected` and does not cost the others.
    ///
    /// ```
    /// use tollgate_wire::ModelsPage;
    /// let page = ModelsPage::parse(br#"{"data":[{"id":"a/b","context_length":8192},{"name":"no id"}]}"#)?;
    /// assert_eq!((page.data.len(), page.data.rejected.len()), (1, 1));
    /// # Ok::<(), tollgate_wire::ParseError>(())
    /// ```
    pub struct ModelsPage {
        /// The models.
        data: Rows<Model> = "data",
        /// How many there are in all.
        total_count: Option<u64> = "total_count",
        /// Where the next page is.
        links: PageLinks = "links",
    }

    /// Where the next page is.
    pub struct PageLinks {
        /// The URL; null on the last page.
        next: Option<String> = "next",
    }

    /// A model.
    pub struct Model {
        /// What to send as `model`.
        id: String = "id",
        /// The permanent slug, often dated; what answers report.
        canonical_slug: Option<String> = "canonical_slug",
        /// Display name.
        name: Option<String> = "name",
        /// Seconds since 1970.
        created: Option<u64> = "created",
        /// For people.
        description: Option<String> = "description",
        /// Id at Hugging Face; empty when there is none.
        hugging_face_id: Option<String> = "hugging_face_id",
        /// Tokens in and out together.
        context_length: Option<u64> = "context_length",
        /// What goes in and comes out.
        architecture: Architecture = "architecture",
        /// Prices.
        pricing: Pricing = "pricing",
        /// Limits of the endpoint that serves first.
        top_provider: TopProvider = "top_provider",
        /// Limits per request; null in practice.
        per_request_limits: Option<Object> = "per_request_limits",
        /// Parameters that at least one endpoint supports.
        supported_parameters: Vec<String> = "supported_parameters",
        /// Parameters that are set when not sent.
        default_parameters: Option<Object> = "default_parameters",
        /// How it reasons; absent when it does not.
        reasoning: Option<ReasoningTraits> = "reasoning",
        /// Voices of a speech model.
        supported_voices: Option<Vec<String>> = "supported_voices",
        /// The last day, `YYYY-MM-DD`.
        expiration_date: Option<String> = "expiration_date",
        /// Until when it knows, `YYYY-MM-DD`.
        knowledge_cutoff: Option<String> = "knowledge_cutoff",
        /// What a `~…-latest` alias stands for.
        alias_target: Option<AliasTarget> = "alias_target",
        /// Where more is.
        links: ModelLinks = "links",
        /// Measured quality.
        benchmarks: Option<Benchmarks> = "benchmarks",
    }

    /// What goes into a model and comes out.
    pub struct Architecture {
        /// In short, `text+image->text`.
        modality: Option<String> = "modality",
        /// In.
        input_modalities: Vec<Modality> = "input_modalities",
        /// Out.
        output_modalities: Vec<Modality> = "output_modalities",
        /// Family of tokenizer, such as `Claude`.
        tokenizer: Option<String> = "tokenizer",
        /// Prompt format.
        instruct_type: Option<String> = "instruct_type",
    }

    /// Limits of the endpoint that serves first.
    pub struct TopProvider {
        /// Tokens in and out together.
        context_length: Option<u64> = "context_length",
        /// Tokens out.
        max_completion_tokens: Option<u64> = "max_completion_tokens",
        /// Whether prompts are moderated.
        is_moderated: bool = "is_moderated",
    }

    /// How a model reasons.
    pub struct ReasoningTraits {
        /// Whether it cannot be switched off.
        mandatory: bool = "mandatory",
        /// Efforts it takes, highest first. Null is all of them, absent is no choice: see `kept()`.
        supported_efforts: Option<Vec<ReasoningEffort>> = "supported_efforts",
        /// Effort when none is sent.
        default_effort: Option<ReasoningEffort> = "default_effort",
        /// Whether it reasons when not asked.
        default_enabled: Option<bool> = "default_enabled",
        /// Whether it takes a budget of tokens.
        supports_max_tokens: Option<bool> = "supports_max_tokens",
    }

    /// What an alias stands for.
    pub struct AliasTarget {
        /// The model's slug.
        slug: String = "slug",
        /// Its display name.
        name: Option<String> = "name",
    }

    /// Where more is.
    pub struct ModelLinks {
        /// Relative URL of the endpoints.
        details: Option<String> = "details",
    }

    /// Measured quality, from outside.
    pub struct Benchmarks {
        /// Elo by arena and category.
        design_arena: Vec<ArenaScore> = "design_arena",
        /// Indices of Artificial Analysis.
        artificial_analysis: Option<QualityIndices> = "artificial_analysis",
    }

    /// Elo in one category of one arena.
    pub struct ArenaScore {
        /// Arena.
        arena: Option<String> = "arena",
        /// Category.
        category: Option<String> = "category",
        /// Elo.
        elo: Option<Decimal> = "elo",
        /// Place, from one.
        rank: Option<u64> = "rank",
        /// Percent of duels won.
        win_rate: Option<Decimal> = "win_rate",
    }

    /// Quality indices, 0 to 100, null when not measured.
    pub struct QualityIndices {
        /// Overall.
        intelligence_index: Option<f64> = "intelligence_index",
        /// Code.
        coding_index: Option<f64> = "coding_index",
        /// Tools and long tasks.
        agentic_index: Option<f64> = "agentic_index",
    }

    /// `GET /model/{author}/{slug}`.
    pub struct ModelReply {
        /// The model.
        data: Model = "data",
    }

    /// `GET /models/count`.
    pub struct ModelCountReply {
        /// The count.
        data: ModelCount = "data",
    }

    /// How many models there are.
    pub struct ModelCount {
        /// That many.
        count: u64 = "count",
    }
}

impl Model {
    /// Whether a parameter is supported by at least one endpoint.
    pub fn supports(&self, parameter: &str) -> bool {
        self.supported_parameters
            .iter()
            .any(|supported| supported == parameter)
    }

    /// A member that has no field here.
    pub fn extra(&self, key: &str) -> Option<Raw> {
        if Self::KEYS.contains(&key) {
            return None;
        }
        self.kept().get(key).map(|raw| Raw::from(raw.to_owned()))
    }
}
