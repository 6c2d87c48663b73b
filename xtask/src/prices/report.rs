//! Where the two lists disagree, for people.

use std::fmt::Write as _;

use super::listed::When;
use super::merge::{Dispute, From, Seller};
use super::table::Origin;

/// The report beside the table.
pub(super) fn write(origin: &Origin<'_>, sellers: &[Seller]) -> String {
    let mut text = format!(
        "# prices.json of {}\n\n\
         Written with the table by `cargo xtask prices`; sources: {}.\n\n\
         ## What is in it\n\n\
         Without a price are models that a list has at zero or in one direction only. A name is\n\
         not taken where it is a class of models, a region or a short form.\n\n\
         | provider | models | in both | litellm alone | genai-prices alone | without a price | end by that day | names not taken |\n\
         |---|---|---|---|---|---|---|---|\n",
        origin.date,
        origin.sources.join(", ")
    );
    for seller in sellers {
        let _ = writeln!(text, "{}", summary(seller, origin.date));
    }
    text.push_str(
        "\n## Where they disagree\n\n\
         Dollars per million tokens (per thousand for requests, images and searches). The dearer\n\
         price is in the table. A condition that one list does not know stands at its ordinary price.\n\n\
         | provider | model | price | litellm | genai-prices | taken |\n\
         |---|---|---|---|---|---|\n",
    );
    for seller in sellers {
        for (name, merged) in &seller.models {
            for dispute in &merged.disputes {
                let _ = writeln!(
                    text,
                    "| {} | {name} | {} |",
                    seller.provider,
                    columns(dispute)
                );
            }
        }
    }
    text
}

fn summary(seller: &Seller, date: &str) -> String {
    let models = || seller.models.values();
    let from = |from: From| models().filter(|model| model.from == from).count();
    let unpriced = models().filter(|model| !model.is_priced()).count();
    let ended = models()
        .filter(|model| model.listed.ends.as_deref().is_some_and(|day| day <= date))
        .count();
    format!(
        "| {} | {} | {} | {} | {} | {unpriced} | {ended} | {} |",
        seller.provider,
        seller.models.len(),
        from(From::Both),
        from(From::Litellm),
        from(From::Genai),
        seller.misnamed
    )
}

fn columns(dispute: &Dispute) -> String {
    let shift = match dispute.class {
        "request" | "image" | "web_search" => 1_000,
        _ => 1_000_000,
    };
    let shown = |price: Option<super::attos::Attos>| {
        price.map_or_else(
            || "–".to_owned(),
            |price| super::attos::Attos(price.0 * shift).to_string(),
        )
    };
    let when = match dispute.when {
        None => String::new(),
        Some(When::Above(tokens)) => format!(" above {tokens} tokens"),
        Some(When::Window { minutes, days }) => window(minutes, days),
    };
    format!(
        "{}{when} | {} | {} | {}",
        dispute.class.replace('_', " "),
        shown(dispute.litellm),
        shown(dispute.genai),
        shown(Some(dispute.taken))
    )
}

fn window(minutes: Option<(u16, u16)>, days: Option<u8>) -> String {
    const DAYS: [&str; 7] = ["Mo", "Tu", "We", "Th", "Fr", "Sa", "Su"];
    let mut text = String::new();
    if let Some((start, end)) = minutes {
        let clock = |minute: u16| format!("{:02}:{:02}", minute / 60, minute % 60);
        let _ = write!(text, " {}–{}", clock(start), clock(end));
    }
    for (bit, day) in DAYS.iter().enumerate() {
        if days.is_some_and(|days| days & 1 << bit != 0) {
            let _ = write!(text, " {day}");
        }
    }
    text
}
