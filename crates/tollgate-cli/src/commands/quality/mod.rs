//! Where the quality of models comes from.

mod import;
mod show;

use tollgate::{Config, Failure, ModelCatalog};

use crate::args::{Global, QualityCommand};
use crate::config;
use crate::exit::{Trouble, code};

pub(crate) async fn run(command: QualityCommand, global: &Global) -> Result<(), Trouble> {
    let config = config::load(global)?;
    match command {
        QualityCommand::Import(args) => import::run(args, config, global).await,
        QualityCommand::Show { model } => show::run(model.as_deref(), config, global).await,
    }
}

/// The catalog at hand, without a network.
async fn catalog(mut config: Config) -> Result<ModelCatalog, Trouble> {
    config.catalog.offline = true;
    let gateway = tollgate::Gateway::builder(config)
        .without_store()
        .build()
        .await?;
    gateway
        .models()
        .ok_or_else(|| Trouble::new(code::DEFECT, "the gateway has no catalog"))
}

fn from_catalog(error: tollgate::CatalogError) -> Trouble {
    Trouble::from(Failure::from(error))
}
