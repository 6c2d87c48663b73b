//! Providers whose interface is known, as rows of a table.

use figment::value::{Dict, Value};
use toml::Table;

const ROWS: &str = include_str!("../../../../config/providers.toml");

/// The table's name in messages.
pub(crate) const FILE: &str = "config/providers.toml";

/// The table that says whose row a provider of the user's begins with.
const KEY: &str = "provider";

/// The rows by name.
fn rows() -> Table {
    toml::from_str(ROWS).expect("the embedded table is valid TOML; a test reads it")
}

/// Names of the known providers.
pub(crate) fn names() -> Vec<String> {
    rows().keys().cloned().collect()
}

/// The text of a layer that stands below the user's own: for each of their
/// providers that is known, its row.
pub(crate) fn layer(providers: &Dict) -> String {
    let rows = rows();
    let known = providers.iter().filter_map(|(name, table)| {
        let of = row_name(name, table);
        let mut row = rows.get(of)?.as_table()?.clone();
        row.insert(KEY.to_owned(), of.into());
        Some((name.clone(), toml::Value::Table(row)))
    });
    let providers: Table = known.collect();
    let layer = Table::from_iter([("providers".to_owned(), toml::Value::Table(providers))]);
    toml::to_string(&layer).expect("what was read from TOML can be written")
}

fn row_name<'a>(name: &'a str, table: &'a Value) -> &'a str {
    let named = table.as_dict().and_then(|table| table.get(KEY)?.as_str());
    named.unwrap_or(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_row_makes_a_provider() {
        for name in names() {
            // Nobody but their owner knows what servers of one's own serve.
            let models = match rows()[&name].get("price_table") {
                Some(_) => "",
                None => "models = { 'a/b' = 'b' }",
            };
            let text = format!("[providers.{name}]\n{models}\n");
            let loader = crate::Loader::new().with_environment(Vec::new());
            let config = loader.with_text("my.toml", text).load().unwrap();
            let provider = &config.providers[&name];
            assert!(!provider.base_url.is_empty(), "{name}");
            assert_eq!(provider.provider.as_deref(), Some(name.as_str()));
        }
    }
}
