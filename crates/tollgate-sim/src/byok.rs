//! Provider keys that the account has stored, and what they do to the order of endpoints.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::clock::iso_date;
use crate::draw::Draw;
use crate::endpoint::{Endpoint, PROVIDERS};
use crate::json::{Object, object};
use crate::pages::{NoPage, Page};
use crate::request::Request;
use crate::rule::glob;
use crate::world::World;

/// The workspace that everything belongs to.
pub(crate) const WORKSPACE: &str = "00000000-0000-4000-8000-000000000001";

/// A stored key. The key itself is not kept: nothing here could use it.
#[derive(Clone, Debug)]
pub(crate) struct StoredKey {
    id: String,
    provider: &'static str,
    label: String,
    sort_order: u64,
    /// Seconds since 1970.
    created_at: u64,
    settings: Settings,
}

/// What can be set and changed.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
struct Settings {
    name: Option<String>,
    /// Models that it may be used for; all when absent.
    allowed_models: Option<Vec<String>>,
    allowed_api_key_hashes: Option<Vec<String>>,
    allowed_user_ids: Option<Vec<String>>,
    /// Used after shared capacity instead of before it.
    is_fallback: bool,
    /// Where it can be used, shared capacity of its provider is not.
    is_required: bool,
    /// Shared capacity of its provider is never used.
    is_byok_only: bool,
    disabled: bool,
    declared_zdr: Option<bool>,
    declared_region: Option<String>,
    workspace_id: Option<String>,
}

/// An endpoint, and whose key it is asked with.
#[derive(Clone, Debug)]
pub(crate) struct Lane {
    pub(crate) endpoint: Endpoint,
    pub(crate) is_byok: bool,
}

/// The endpoints with stored keys first, then shared capacity, then keys that are a fallback.
pub(crate) fn lanes(keys: &[StoredKey], model: &str, endpoints: Vec<Endpoint>) -> Vec<Lane> {
    let (mut first, mut shared, mut last) = (Vec::new(), Vec::new(), Vec::new());
    for endpoint in endpoints {
        let of_provider = || {
            keys.iter()
                .filter(|key| key.provider == endpoint.provider.slug && !key.settings.disabled)
        };
        let usable = of_provider().find(|key| key.allows(model));
        let is_closed = of_provider().any(|key| key.settings.is_byok_only)
            || usable.is_some_and(|key| key.settings.is_required);
        let lane = |is_byok| Lane {
            endpoint: endpoint.clone(),
            is_byok,
        };
        match usable {
            Some(key) if key.settings.is_fallback => last.push(lane(true)),
            Some(_) => first.push(lane(true)),
            None => {}
        }
        if !is_closed {
            shared.push(lane(false));
        }
    }
    first.into_iter().chain(shared).chain(last).collect()
}

/// `GET /byok?offset&limit&provider`.
pub(crate) fn list(world: &World, request: &Request) -> Page {
    let number = |name: &str| request.query(name)?.parse::<usize>().ok();
    let provider = request.query("provider");
    let records = world.records();
    let is_asked = |key: &&StoredKey| provider.as_ref().is_none_or(|slug| slug == key.provider);
    let keys: Vec<&StoredKey> = records.provider_keys.iter().filter(is_asked).collect();
    let rows: Vec<Object> = keys
        .iter()
        .skip(number("offset").unwrap_or(0))
        .take(number("limit").unwrap_or(usize::MAX))
        .map(|key| key.to_json())
        .collect();
    Ok(object! { "data": rows, "total_count": keys.len() })
}

/// `POST /byok`.
pub(crate) fn create(world: &World, request: &Request) -> Page {
    let mut fields = request.fields().map_err(NoPage::Invalid)?;
    let provider = fields.remove("provider");
    let provider = provider_slug(provider.as_ref().and_then(Value::as_str))?;
    let label = label(&mut fields)?.ok_or_else(|| NoPage::Invalid("key is required".into()))?;
    let settings = settings(fields)?;
    let mut records = world.records();
    let key = StoredKey {
        id: id(world.seed, request.ticket.number),
        provider,
        label,
        sort_order: records.provider_keys.len() as u64,
        created_at: request.now,
        settings,
    };
    let row = key.to_json();
    records.provider_keys.push(key);
    Ok(object! { "data": row })
}

/// `GET /byok/{id}`.
pub(crate) fn one(world: &World, request: &Request) -> Page {
    let mut records = world.records();
    let key = find(&mut records.provider_keys, request)?;
    Ok(object! { "data": key.to_json() })
}

/// `PATCH /byok/{id}`; a new `key` takes the place of the old one.
pub(crate) fn change(world: &World, request: &Request) -> Page {
    let mut fields = request.fields().map_err(NoPage::Invalid)?;
    let label = label(&mut fields)?;
    let mut records = world.records();
    let key = find(&mut records.provider_keys, request)?;
    let Ok(Value::Object(mut known)) = serde_json::to_value(&key.settings) else {
        return Err(NoPage::Invalid("the body must be an object".into()));
    };
    known.extend(fields);
    key.settings = settings(known)?;
    if let Some(label) = label {
        key.label = label;
    }
    Ok(object! { "data": key.to_json() })
}

/// `DELETE /byok/{id}`.
pub(crate) fn delete(world: &World, request: &Request) -> Page {
    let mut records = world.records();
    let id = find(&mut records.provider_keys, request)?.id.clone();
    records.provider_keys.retain(|key| key.id != id);
    Ok(object! { "deleted": true })
}

impl StoredKey {
    fn allows(&self, model: &str) -> bool {
        let models = self.settings.allowed_models.as_ref();
        models.is_none_or(|models| models.iter().any(|pattern| glob(pattern, model)))
    }

    fn to_json(&self) -> Object {
        let settings = &self.settings;
        object! {
            "id": self.id,
            "provider": self.provider,
            "label": self.label,
            "name": settings.name,
            "allowed_models": settings.allowed_models,
            "allowed_api_key_hashes": settings.allowed_api_key_hashes,
            "allowed_user_ids": settings.allowed_user_ids,
            "is_fallback": settings.is_fallback,
            "is_required": settings.is_required,
            "is_byok_only": settings.is_byok_only,
            "disabled": settings.disabled,
            "declared_zdr": settings.declared_zdr,
            "declared_region": settings.declared_region,
            "sort_order": self.sort_order,
            "created_at": iso_date(self.created_at),
            "workspace_id": settings.workspace_id.as_deref().unwrap_or(WORKSPACE),
        }
    }
}

fn find<'a>(keys: &'a mut [StoredKey], request: &Request) -> Result<&'a mut StoredKey, NoPage> {
    let id = request.path().rsplit('/').next().unwrap_or_default();
    keys.iter_mut()
        .find(|key| key.id == id)
        .ok_or_else(|| NoPage::ProviderKey(id.to_owned()))
}

fn provider_slug(name: Option<&str>) -> Result<&'static str, NoPage> {
    let known = PROVIDERS.iter().map(|provider| provider.slug);
    name.and_then(|name| known.clone().find(|slug| *slug == name))
        .ok_or_else(|| {
            let slugs = known.collect::<Vec<_>>().join(", ");
            NoPage::Invalid(format!("provider must be one of {slugs}"))
        })
}

/// What is told of the key, which is taken out of the fields.
fn label(fields: &mut Map<String, Value>) -> Result<Option<String>, NoPage> {
    match fields.remove("key") {
        None => Ok(None),
        Some(Value::String(key)) if !key.trim().is_empty() => Ok(Some(masked(key.trim()))),
        Some(_) => Err(NoPage::Invalid(
            "key must be a text that is not empty".into(),
        )),
    }
}

/// The first and last letters; of a short key not even those.
fn masked(key: &str) -> String {
    const SHOWN: usize = 4;
    let letters: Vec<char> = key.chars().collect();
    if letters.len() < 4 * SHOWN {
        return "...".to_owned();
    }
    let first: String = letters[..SHOWN].iter().collect();
    let last: String = letters[letters.len() - SHOWN..].iter().collect();
    format!("{first}...{last}")
}

fn settings(fields: Map<String, Value>) -> Result<Settings, NoPage> {
    Settings::deserialize(Value::Object(fields)).map_err(|error| NoPage::Invalid(error.to_string()))
}

/// An id in the form of a UUID.
fn id(seed: u64, number: u64) -> String {
    let mut draw = Draw::new(seed, &[b"provider key", &number.to_le_bytes()]);
    let (high, low) = (draw.next(), draw.next());
    format!(
        "{:08x}-{:04x}-4{:03x}-8{:03x}-{:012x}",
        high >> 32,
        high >> 16 & 0xffff,
        high & 0xfff,
        low >> 52,
        low & 0xffff_ffff_ffff
    )
}

#[cfg(test)]
mod tests;
