//! Open enums.

use proptest::prelude::*;
use tollgate_wire::{
    ErrorType, FinishReason, LimitSource, Modality, ReasoningEffort, Role, ServiceTier,
};

proptest! {
    #[test]
    fn any_word_comes_out_as_it_went_in(word in prop_oneof!["(stop|length|error|text|none|auto|user)", any::<String>()]) {
        let json = serde_json::to_string(&word).unwrap();
        macro_rules! check {
            ($($Word:ty),*) => { $(
                let read: $Word = serde_json::from_str(&json).unwrap();
                prop_assert_eq!(read.as_str(), &word);
                prop_assert_eq!(serde_json::to_string(&read).unwrap(), json.clone());
            )* };
        }
        check!(ErrorType, FinishReason, LimitSource, Modality, ReasoningEffort, Role, ServiceTier);
    }
}

#[test]
fn known_words_are_variants_and_others_are_kept() {
    assert_eq!(FinishReason::from("tool_calls"), FinishReason::ToolCalls);
    assert_eq!(
        FinishReason::from("Stop"),
        FinishReason::Other("Stop".to_owned())
    );
    assert_eq!(
        LimitSource::from("openrouter_in_flight_budget"),
        LimitSource::InFlightBudget
    );
    assert!(serde_json::from_str::<FinishReason>("7").is_err());
}
