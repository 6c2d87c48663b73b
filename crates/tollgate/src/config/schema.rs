use schemars::generate::SchemaSettings;

use super::Config;

/// The JSON Schema of the configuration, made from the types that read it.
pub fn config_schema() -> serde_json::Value {
    let schema = SchemaSettings::draft2020_12()
        .into_generator()
        .into_root_schema_for::<Config>();
    schema.to_value()
}
