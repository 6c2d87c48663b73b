//! Two lists become one: the dearer price where they disagree, and a note of it.

use std::collections::{BTreeMap, BTreeSet};

use super::attos::Attos;
use super::genai::Genai;
use super::listed::{CONDITIONAL, Class, Listed, Mode, Prices, When};
use super::litellm::Litellm;
use super::sellers::Names;

/// All models of one provider.
#[derive(Debug)]
pub(super) struct Seller {
    pub(super) provider: &'static str,
    /// By the provider's own names.
    pub(super) models: BTreeMap<String, Merged>,
    /// Rows whose name the provider does not take.
    pub(super) misnamed: usize,
}

/// A model, and what the sources say of it.
#[derive(Debug)]
pub(super) struct Merged {
    pub(super) listed: Listed,
    pub(super) from: From,
    pub(super) disputes: Vec<Dispute>,
}

/// Who lists a model.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum From {
    Both,
    Litellm,
    Genai,
}

impl From {
    pub(super) fn word(self) -> &'static str {
        match self {
            Self::Both => "both",
            Self::Litellm => "litellm",
            Self::Genai => "genai-prices",
        }
    }
}

/// Two prices of one thing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Dispute {
    pub(super) class: Class,
    pub(super) when: Option<When>,
    pub(super) litellm: Option<Attos>,
    pub(super) genai: Option<Attos>,
    pub(super) taken: Attos,
}

impl Merged {
    /// Whether there is a price to calculate with: what goes in and, except
    /// where nothing comes out as tokens, what comes out.
    pub(super) fn is_priced(&self) -> bool {
        let has = |class| self.listed.base.contains_key(class);
        has("input") && (has("output") || self.listed.mode == Mode::Embedding)
    }
}

/// One provider's models by both sources.
pub(super) fn merge(names: &Names, litellm: &Litellm, genai: &Genai) -> Seller {
    let mut seller = Seller {
        provider: names.provider,
        models: BTreeMap::new(),
        misnamed: 0,
    };
    for (name, listed) in names.litellm.iter().flat_map(|name| litellm.of(name)) {
        if !names.shape.fits(name) {
            seller.misnamed += 1;
            continue;
        }
        let other = names.genai.and_then(|provider| genai.find(provider, name));
        let merged = match other {
            Some(other) => both(listed, other),
            None => alone(listed, From::Litellm),
        };
        seller.models.insert(name.to_owned(), merged);
    }
    let known: BTreeSet<String> = seller
        .models
        .keys()
        .map(|name| name.to_lowercase())
        .collect();
    for (name, listed) in names
        .genai
        .iter()
        .flat_map(|provider| genai.names(provider))
    {
        if names.shape.fits(name) && !known.contains(&name.to_lowercase()) {
            let merged = alone(listed, From::Genai);
            seller.models.insert(name.to_owned(), merged);
        }
    }
    seller
}

fn alone(listed: &Listed, from: From) -> Merged {
    Merged {
        listed: tidy(listed.clone()),
        from,
        disputes: Vec::new(),
    }
}

fn both(litellm: &Listed, genai: &Listed) -> Merged {
    let mut listed = litellm.clone();
    let mut disputes = Vec::new();
    listed.join(genai.clone());
    for (class, taken) in &listed.base {
        let dispute = Dispute {
            class,
            when: None,
            litellm: litellm.base.get(class).copied(),
            genai: genai.base.get(class).copied(),
            taken: *taken,
        };
        // A class that one list does not have is no disagreement.
        let differ = dispute.litellm.zip(dispute.genai);
        if differ.is_some_and(|(ours, theirs)| ours != theirs) {
            disputes.push(dispute);
        }
    }
    for (when, prices) in &mut listed.conditional {
        for (class, taken) in prices {
            let dispute = at(*when, class, litellm, genai, taken);
            disputes.extend(dispute);
        }
    }
    Merged {
        listed: tidy(listed),
        from: From::Both,
        disputes,
    }
}

/// Sets a conditional price to the dearer of what the lists say for the same
/// condition; one that does not know the condition says its base price.
fn at(
    when: When,
    class: Class,
    litellm: &Listed,
    genai: &Listed,
    taken: &mut Attos,
) -> Option<Dispute> {
    let says = |listed: &Listed| {
        let tier = listed
            .conditional
            .get(&when)
            .and_then(|tier| tier.get(class));
        tier.or_else(|| listed.base.get(class)).copied()
    };
    let (ours, theirs) = (says(litellm), says(genai));
    *taken = (*taken).max(ours.max(theirs)?);
    let differ = ours
        .zip(theirs)
        .is_some_and(|(ours, theirs)| ours != theirs);
    differ.then_some(Dispute {
        class,
        when: Some(when),
        litellm: ours,
        genai: theirs,
        taken: *taken,
    })
}

/// Leaves out what says nothing: a price that a condition does not change, and
/// the price of a search where each request is charged for its search already.
/// A condition under which the input is dearer says all of its prices.
fn tidy(mut listed: Listed) -> Listed {
    if listed.base.contains_key("request") {
        listed.base.remove("web_search");
    }
    let base = listed.base.clone();
    for prices in listed.conditional.values_mut() {
        if is_dearer(prices, &base) {
            complete(prices, &base);
        } else {
            prices.retain(|class, price| base.get(class) != Some(price));
        }
    }
    listed.conditional.retain(|_, prices| !prices.is_empty());
    listed
}

fn is_dearer(prices: &Prices, base: &Prices) -> bool {
    let raised = prices.get("input").zip(base.get("input"));
    raised.is_some_and(|(raised, base)| raised > base)
}

/// Adds what no list says of a tier: such a price rises as that of the input
/// does. An hour's cache, which costs twice the input, so costs twice the
/// tier's.
fn complete(prices: &mut Prices, base: &Prices) {
    let (Some(raised), Some(input)) = (prices.get("input").copied(), base.get("input")) else {
        return;
    };
    for class in CONDITIONAL {
        if let Some(price) = base.get(class) {
            let risen = || Attos((price.0 * raised.0).div_ceil(input.0));
            prices.entry(class).or_insert_with(risen);
        }
    }
}

/// The classes in dispute, each once.
pub(super) fn disputed(merged: &Merged) -> BTreeSet<Class> {
    merged
        .disputes
        .iter()
        .map(|dispute| dispute.class)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::super::{genai, litellm};
    use super::*;
    use crate::prices::sellers::Shape;

    const NAMES: Names = Names {
        provider: "p",
        litellm: &["p"],
        genai: Some("g"),
        shape: Shape::Plain,
    };

    fn merged(ours: &str, theirs: &str) -> Seller {
        let litellm = litellm::parse(&format!(
            r#"{{"p/m":{{"litellm_provider":"p","mode":"chat",{ours}}},
            "p/a/b":{{"litellm_provider":"p","mode":"chat"}}}}"#
        ));
        let genai = genai::parse(
            &format!(
                r#"[{{"id":"g","models":[{{"id":"m","match":{{"equals":"m"}},"prices":{{{theirs}}}}},
                {{"id":"n","match":{{"equals":"n"}},"prices":{{"input_mtok":1,"output_mtok":1}}}}]}}]"#
            ),
            "2026-11-23",
        );
        merge(&NAMES, &litellm.unwrap(), &genai.unwrap())
    }

    const OURS: &str = r#""input_cost_per_token":1e-06,"output_cost_per_token":4e-06"#;

    #[test]
    fn the_dearer_price_is_taken_and_the_other_is_noted() {
        let seller = merged(
            OURS,
            r#""input_mtok":2,"output_mtok":3,"cache_read_mtok":1"#,
        );
        let model = &seller.models["m"];
        assert_eq!(model.listed.base["input"].to_string(), "0.000002");
        assert_eq!(model.listed.base["output"].to_string(), "0.000004");
        assert_eq!(disputed(model), BTreeSet::from(["input", "output"]));
        assert_eq!((seller.misnamed, seller.models["n"].from), (1, From::Genai));
    }

    #[test]
    fn equal_prices_in_other_units_are_no_dispute() {
        let seller = merged(OURS, r#""input_mtok":1.0,"output_mtok":4"#);
        assert!(seller.models["m"].disputes.is_empty());
    }

    #[test]
    fn a_discount_that_only_one_list_knows_is_not_believed() {
        let night = r#","off_peak_pricing":{"input_cost_per_token":1e-07,
            "windows":[{"hours_utc":"00:00-08:00"}]}"#;
        let seller = merged(
            &format!("{OURS}{night}"),
            r#""input_mtok":1,"output_mtok":4"#,
        );
        let model = &seller.models["m"];
        assert!(model.listed.conditional.is_empty(), "{model:?}");
        assert_eq!(disputed(model), BTreeSet::from(["input"]));
    }

    #[test]
    fn a_tier_with_dearer_input_says_all_prices() {
        let tier = |ours: &str, theirs: &str| -> String {
            let seller = merged(ours, theirs);
            let conditional = &seller.models["m"].listed.conditional;
            let prices = &conditional[&When::Above(200_000)];
            let shown = prices
                .iter()
                .map(|(class, price)| format!("{class} {price}"));
            shown.collect::<Vec<_>>().join(", ")
        };
        // What costs an hour's cache in a tier is in neither list.
        assert_eq!(
            tier(
                r#""input_cost_per_token":3e-06,"output_cost_per_token":1.5e-05,
                "cache_creation_input_token_cost":3.75e-06,"cache_creation_input_token_cost_above_1hr":6e-06"#,
                r#""input_mtok":{"base":3,"tiers":[{"start":200000,"price":6}]},
                "output_mtok":{"base":15,"tiers":[{"start":200000,"price":22.5}]},
                "cache_write_mtok":{"base":3.75,"tiers":[{"start":200000,"price":7.5}]}"#
            ),
            "cache_write 0.0000075, cache_write_1h 0.000012, input 0.000006, output 0.0000225"
        );
        // An output that the dearer list has at one price, and what is no whole atto.
        assert_eq!(
            tier(
                r#""input_cost_per_token":3e-06,"input_cost_per_token_above_200k_tokens":4e-06,
                "output_cost_per_token":2.5e-06,"output_cost_per_token_above_200k_tokens":5e-06,
                "cache_read_input_token_cost":1e-07"#,
                r#""input_mtok":3,"output_mtok":6"#
            ),
            "cache_read 0.000000133333333334, input 0.000004, output 0.000006"
        );
        // Where the input stays, only what changes is said.
        assert_eq!(
            tier(
                r#""input_cost_per_token":3e-06,"output_cost_per_token":2e-06,
                "output_cost_per_token_above_200k_tokens":5e-06,"cache_read_input_token_cost":1e-07"#,
                r#""input_mtok":3,"output_mtok":2"#
            ),
            "output 0.000005"
        );
    }

    #[test]
    fn without_a_price_of_both_directions_there_is_none() {
        let seller = merged(
            r#""input_cost_per_token":1e-06,"output_cost_per_token":0"#,
            "",
        );
        assert!(!seller.models["m"].is_priced());
        assert!(seller.models["n"].is_priced());
    }
}
