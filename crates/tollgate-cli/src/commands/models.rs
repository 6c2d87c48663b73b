use std::fmt::Write;

use owo_colors::OwoColorize;
use tollgate::{
    Capabilities, Catalog, CatalogSource, CatalogView, Gateway, ModelCard, ModelIndex, OfferCard,
    PriceCard, QualitySource, SearchQuery, SortBy, Task, did_you_mean, search,
};

use crate::args::{Global, ModelsArgs, Order};
use crate::exit::{Trouble, code};
use crate::{config, ui};

pub(crate) async fn run(args: ModelsArgs, global: &Global) -> Result<(), Trouble> {
    let query = query(&args)?;
    let mut settings = config::load(global)?;
    settings.catalog.offline |= !args.refresh;
    let gateway = Gateway::builder(settings).without_store().build().await?;
    if args.refresh {
        refresh(&gateway).await?;
    }
    let view = gateway.catalog().view();
    if let [id] = args.query.as_slice()
        && let Some(place) = view.find(id)
    {
        show(&ModelCard::new(&view, place), global);
        return Ok(());
    }
    let mut found = search(&view, &query);
    let total = found.len();
    if args.limit > 0 {
        found.truncate(args.limit);
    }
    let cards: Vec<_> = found
        .iter()
        .map(|place| ModelCard::new(&view, *place))
        .collect();
    if global.json {
        ui::json(&cards);
    } else if cards.is_empty() {
        return Err(nothing(&view, &args.query.join(" ")));
    } else {
        ui::data(list(&cards));
        ui::note(format!("{} of {total}, as of {}", cards.len(), view.as_of()).dimmed());
    }
    Ok(())
}

/// Has the list fetched, however fresh the one at hand is.
async fn refresh(gateway: &Gateway) -> Result<(), Trouble> {
    let models = gateway
        .models()
        .ok_or_else(|| Trouble::new(code::DEFECT, "the gateway has no catalog"))?;
    // Where there was no list but the program's own, building the gateway fetched one.
    if models.view().source() == CatalogSource::Network {
        return Ok(());
    }
    models.refresh().await.map(|_| ()).map_err(|failure| {
        let mut trouble = Trouble::from(failure);
        let why = &trouble.message;
        trouble.message = format!("the list of models could not be fetched: {why}");
        trouble
    })
}

fn query(args: &ModelsArgs) -> Result<SearchQuery, Trouble> {
    let mut needs = Capabilities::NONE;
    for word in &args.can {
        needs |= Capabilities::from_word(word).ok_or_else(|| {
            let known: Vec<_> = Capabilities::ALL.iter().map(|(_, word)| *word).collect();
            Trouble::new(code::USAGE, format!("there is no capability {word:?}"))
                .with_hint(format!("one of {}", known.join(", ")))
        })?;
    }
    Ok(SearchQuery {
        text: args.query.join(" "),
        author: args.author.clone(),
        needs,
        max_input_price: args.max_price,
        min_context: u32::try_from(args.min_context.unwrap_or(0)).unwrap_or(u32::MAX),
        free: args.free.then_some(true),
        sort: match args.sort {
            Order::Newest => SortBy::Newest,
            Order::Price => SortBy::Price,
            Order::Context => SortBy::Context,
            Order::Chat => SortBy::Quality(Task::Chat),
            Order::Code => SortBy::Quality(Task::Code),
            Order::Reasoning => SortBy::Quality(Task::Reasoning),
        },
        ..SearchQuery::default()
    })
}

fn nothing(view: &CatalogView, text: &str) -> Trouble {
    let trouble = Trouble::new(code::REQUEST, "no model fits");
    let close: Vec<ModelIndex> = did_you_mean(view, text, 3);
    let names: Vec<_> = close
        .iter()
        .map(|place| view.model(*place).id.as_str())
        .collect();
    match names.is_empty() {
        true => trouble.with_hint("ask for less, or see `tollgate models`"),
        false => trouble.with_hint(format!("closest: {}", names.join(", "))),
    }
}

fn list(cards: &[ModelCard]) -> String {
    let mut table = ui::table(&[
        "model",
        "context",
        "$/M in",
        "$/M out",
        "chat",
        "code",
        "reasoning",
        "since",
    ]);
    for card in cards {
        let offer = card.offers.first();
        let (input, output) = offer.map_or_else(Default::default, prices);
        let mut row = vec![
            card.id.to_string(),
            offer.map_or_else(String::new, |offer| tokens(offer.context)),
            input,
            output,
        ];
        row.extend(card.quality.iter().map(|quality| {
            let guess = if quality.source == QualitySource::Prior {
                "?"
            } else {
                ""
            };
            format!("{:.2}{guess}", quality.mean)
        }));
        row.push(card.created.clone());
        table.add_row(row);
    }
    table.to_string()
}

fn prices(offer: &OfferCard) -> (String, String) {
    match offer.price {
        PriceCard::Known { input, output, .. } => (input.to_string(), output.to_string()),
        PriceCard::Free => ("free".into(), "free".into()),
        PriceCard::Dynamic => ("varies".into(), "varies".into()),
        _ => ("unknown".into(), "unknown".into()),
    }
}

fn tokens(count: u32) -> String {
    match count {
        0 => "?".into(),
        1_000_000.. => format!("{:.1}M", f64::from(count) / 1e6),
        1_000.. => format!("{}k", count / 1_000),
        _ => count.to_string(),
    }
}

fn show(card: &ModelCard, global: &Global) {
    if global.json {
        ui::json(card);
        return;
    }
    let mut text = format!("{}  {}\n", card.id.bold(), card.name);
    if let Some(target) = &card.alias_of {
        let _ = writeln!(text, "stands for {target}");
    }
    let _ = writeln!(
        text,
        "reports itself as {}, since {}",
        card.canonical, card.created
    );
    if let Some(day) = &card.expires {
        let _ = writeln!(text, "{} on {day}", "expires".yellow());
    }
    for quality in &card.quality {
        let source = serde_json::to_value(quality.source).unwrap_or_default();
        let source = source.as_str().unwrap_or_default().replace('_', " ");
        let _ = writeln!(
            text,
            "{:<10} {:.2} ± {:.2}  ({source})",
            quality.task, quality.mean, quality.error
        );
    }
    for offer in &card.offers {
        let (input, output) = prices(offer);
        let _ = writeln!(
            text,
            "on {}: context {}, output {}, ${input} in and ${output} out per million tokens\n  can: {}",
            offer.lane.cyan(),
            tokens(offer.context),
            tokens(offer.max_output),
            offer.capabilities,
        );
        if !offer.kinds.is_empty() {
            let _ = writeln!(text, "  {}", offer.kinds.join(", "));
        }
    }
    ui::data(text.trim_end());
}
