use serde_json::json;
use tollgate_core::{Billing, CatalogView};

use crate::args::Global;
use crate::exit::{Trouble, code};
use crate::{config, ui};

const NOBODY: &str = "no lane can serve: there is no key for OpenRouter, and no provider with models; \
    set OPENROUTER_API_KEY, or add a table [providers.NAME]";

pub(crate) async fn run(global: &Global) -> Result<(), Trouble> {
    let mut settings = config::load(global)?;
    settings.catalog.offline = true;
    let more = settings.openrouter.api_keys.iter().map(|more| &more.key);
    let mut keys = settings.openrouter.api_key.iter().chain(more);
    let has_key = keys.any(|key| !key.is_empty());
    let gateway = tollgate::Gateway::builder(settings)
        .without_store()
        .build()
        .await?;
    let view = gateway.catalog().view();
    let mut warnings = gateway.warnings().to_vec();
    if !has_key && !has_direct(&view) {
        warnings.push(NOBODY.to_owned());
    }
    let file = config::file(global);
    if global.json {
        ui::json(&json!({
            "file": file,
            "openrouter_key": has_key,
            "models": view.models().len(),
            "catalog_as_of": view.as_of().to_string(),
            "policies": gateway.policies(),
            "warnings": warnings,
        }));
    } else {
        for warning in &warnings {
            ui::warning(warning);
        }
        let file = file.map_or_else(
            || "built-in defaults".to_owned(),
            |path| path.display().to_string(),
        );
        ui::data(format!("configuration: {file}"));
        ui::data(format!(
            "OpenRouter key: {}",
            if has_key { "set" } else { "not set" }
        ));
        ui::data(format!(
            "catalog: {} models as of {}",
            view.models().len(),
            view.as_of()
        ));
        ui::data(format!("policies: {}", gateway.policies().join(", ")));
    }
    match warnings.len() {
        0 => Ok(()),
        count => Err(Trouble::new(
            code::CHECK,
            format!("{count} thing(s) to mend, see above"),
        )),
    }
}

/// Whether a provider serves something without OpenRouter.
fn has_direct(view: &CatalogView) -> bool {
    let mut offers = view.offers().iter();
    offers.any(|offer| view.lane(offer.lane).billing == Billing::Direct)
}
