//! What usage teaches, as the view has it.

use tollgate_catalog::{AnswerLength, CatalogConfig, LearnedHabits, LengthPriors};
use tollgate_core::{Catalog, CatalogView, HabitRow, HabitSums, ModelFacts, ModelId, Task};

use crate::support::{all_on, open_with};

/// Habits of a model of which a thousand answers of so many tokens were seen.
fn terse(model: &str, tokens: f64) -> LearnedHabits {
    let mut habits = LearnedHabits::new(LengthPriors {
        medians: [349.0, 698.0, 698.0],
        sigma: 0.758,
    });
    let mut sums = HabitSums::default();
    (0..1_000).for_each(|_| sums += AnswerLength::seen(tokens));
    habits.add(&HabitRow {
        day: 20_000,
        model: ModelId::new(model).unwrap(),
        task: Task::Chat,
        sums,
    });
    habits
}

fn variant_with_base(view: &CatalogView) -> (&ModelFacts, &ModelFacts) {
    let with_base = |model: &'_ ModelFacts| {
        model.id.variant()?;
        view.find(model.id.without_variant())
    };
    let mut models = view.models().iter();
    models
        .find_map(|model| Some((model, view.model(with_base(model)?))))
        .unwrap()
}

#[test]
fn a_model_and_its_variants_have_the_same_habits_and_others_have_none() {
    let lanes = vec![all_on("openrouter")];
    let catalog = open_with(CatalogConfig::default(), lanes).unwrap();
    let before = catalog.view();
    let (variant, base) = variant_with_base(&before);
    catalog.set_learned(None, Some(terse(base.id.as_str(), 60.0)));
    let view = catalog.view();
    assert_eq!(view.version(), before.version() + 1);
    let tokens = |model: &ModelFacts| {
        let habits = view.model(view.find(model.id.as_str()).unwrap()).habits;
        habits.answer_tokens[Task::Chat.index()]
    };
    let learned = tokens(base).unwrap();
    assert!((55.0..66.0).contains(&learned), "{learned}");
    assert_eq!(tokens(variant), Some(learned));
    let known = before.models().iter().filter(|one| tokens(one).is_some());
    let strangers = known.filter(|one| {
        let named = one.alias_of.as_ref().unwrap_or(&one.id);
        named.without_variant() != base.id.as_str()
    });
    assert_eq!(strangers.count(), 0);
}

#[test]
fn what_is_learned_of_one_kind_leaves_the_other_as_it_is() {
    let catalog = open_with(CatalogConfig::default(), vec![all_on("openrouter")]).unwrap();
    let id = catalog.view().models()[0].id.clone();
    let tokens = || catalog.view().models()[0].habits.answer_tokens;
    catalog.set_learned(None, Some(terse(id.without_variant(), 60.0)));
    let learned = tokens();
    assert!(learned[0].is_some());
    catalog.set_learned(None, None);
    assert_eq!(tokens(), learned);
}
