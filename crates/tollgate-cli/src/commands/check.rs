use serde_json::json;

use crate::args::Global;
use crate::exit::{Trouble, code};
use crate::{config, ui};

pub(crate) async fn run(global: &Global) -> Result<(), Trouble> {
    let mut settings = config::load(global)?;
    settings.catalog.offline = true;
    let has_key = settings
        .openrouter
        .api_key
        .as_ref()
        .is_some_and(|key| !key.is_empty());
    let gateway = tollgate::Gateway::builder(settings)
        .without_store()
        .build()
        .await?;
    let view = gateway.catalog().view();
    let file = config::file(global);
    if global.json {
        ui::json(&json!({
            "file": file,
            "openrouter_key": has_key,
            "models": view.models().len(),
            "catalog_as_of": view.as_of().to_string(),
            "policies": gateway.policies(),
            "warnings": gateway.warnings(),
        }));
    } else {
        for warning in gateway.warnings().iter() {
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
    match gateway.warnings().len() {
        0 => Ok(()),
        count => Err(Trouble::new(
            code::CHECK,
            format!("{count} thing(s) to mend, see above"),
        )),
    }
}
