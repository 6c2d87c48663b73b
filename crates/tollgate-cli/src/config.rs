//! The command line's view of the configuration: which file, which defaults.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use tollgate::{Config, Gateway, Loader, Observer};

use crate::args::Global;
use crate::exit::Trouble;
use crate::{ledgers, ui};

const LOCAL_FILE: &str = "tollgate.toml";

/// Folder, in the user's own, for the models of an upstream on this machine.
const LOCAL_FOLDER: &str = "local";

/// Reads the configuration from its layers. Unlike a program that uses the
/// library, the command line keeps its ledger and its catalog from run to run,
/// unless the user's file says otherwise. The models of a simulator are kept apart:
/// they are no others.
pub(crate) fn load(global: &Global) -> Result<Config, Trouble> {
    let Some(folder) = data_folder() else {
        return layered(global, None);
    };
    let config = layered(global, Some(folder_defaults(&folder, &folder)))?;
    match is_on_this_machine(&config.openrouter.base_url) {
        true => {
            let models = folder.join(LOCAL_FOLDER);
            layered(global, Some(folder_defaults(&folder, &models)))
        }
        false => Ok(config),
    }
}

fn layered(global: &Global, defaults: Option<String>) -> Result<Config, Trouble> {
    let mut loader = Loader::new();
    if let Some(defaults) = defaults {
        loader = loader.with_text("command-line defaults", defaults);
    }
    if let Some(path) = file(global) {
        loader = loader.with_file(path);
    }
    for (key, value) in &global.set {
        loader = loader.with_key(key, value);
    }
    Ok(loader.load()?)
}

fn is_on_this_machine(base_url: &str) -> bool {
    let authority = base_url
        .split_once("://")
        .map_or(base_url, |(_, rest)| rest);
    let authority = authority.split('/').next().unwrap_or_default();
    let host = match authority.strip_prefix('[') {
        Some(v6) => v6.split(']').next().unwrap_or_default(),
        None => authority.split(':').next().unwrap_or_default(),
    };
    let address: Result<std::net::IpAddr, _> = host.parse();
    host == "localhost" || address.is_ok_and(|address| address.is_loopback())
}

fn folder_defaults(folder: &Path, models: &Path) -> String {
    format!(
        "[ledger]\nstore = \"sqlite\"\npath = {}\n[catalog]\ncache_path = {}\n[record]\npath = {}\n",
        toml_text(&ledgers::in_folder(folder)),
        toml_text(&models.join("models.json")),
        toml_text(&folder.join("records")),
    )
}

/// A path as a TOML string, which JSON strings are too.
pub(crate) fn toml_text(path: &Path) -> String {
    serde_json::Value::from(path.to_string_lossy()).to_string()
}

/// A gateway as a configuration describes it, with someone who hears of its
/// events; warnings go to standard error.
pub(crate) async fn gateway(
    config: Config,
    observer: Arc<dyn Observer>,
) -> Result<Gateway, Trouble> {
    announce(ledgers::open(config, observer).await?)
}

/// The ledger in use unless the user says otherwise.
pub(crate) fn default_ledger() -> Option<PathBuf> {
    data_folder().map(|folder| ledgers::in_folder(&folder))
}

/// A gateway for looking only: it keeps no ledger.
pub(crate) async fn onlooker(global: &Global) -> Result<Gateway, Trouble> {
    announce(
        Gateway::builder(load(global)?)
            .without_store()
            .build()
            .await?,
    )
}

fn announce(gateway: Gateway) -> Result<Gateway, Trouble> {
    for warning in gateway.warnings().iter() {
        ui::warning(warning);
    }
    Ok(gateway)
}

/// The file that is in use, if any.
pub(crate) fn file(global: &Global) -> Option<PathBuf> {
    global
        .config
        .clone()
        .or_else(|| Some(PathBuf::from(LOCAL_FILE)).filter(|path| path.is_file()))
}

/// `$XDG_DATA_HOME/tollgate`, or `~/.local/share/tollgate`.
#[expect(
    clippy::disallowed_methods,
    reason = "the command line looks for the user's own folders"
)]
fn data_folder() -> Option<PathBuf> {
    let from = |name| {
        std::env::var_os(name)
            .filter(|value| !value.is_empty())
            .map(PathBuf::from)
    };
    from("XDG_DATA_HOME")
        .or_else(|| from("HOME").map(|home| home.join(".local/share")))
        .map(|folder| folder.join("tollgate"))
}

#[cfg(test)]
mod tests {
    use super::is_on_this_machine;

    #[test]
    fn what_is_on_this_machine_is_told_by_its_host() {
        for (url, is_here) in [
            ("http://127.0.0.1:8081/api/v1", true),
            ("http://localhost/api/v1", true),
            ("http://[::1]:9000", true),
            ("https://openrouter.ai/api/v1", false),
            ("https://localhost.example.com/api/v1", false),
            ("https://10.0.0.7:8080/127.0.0.1", false),
        ] {
            assert_eq!(is_on_this_machine(url), is_here, "{url}");
        }
    }
}
