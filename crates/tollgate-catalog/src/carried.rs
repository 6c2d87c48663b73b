//! What a lane carries of a list of models.

use std::borrow::Cow;
use std::collections::BTreeMap;

use tollgate_core::ModelId;
use tollgate_wire::Model;

use crate::assemble::Names;
use crate::lane::{ProviderModels, Served, Serves};
use crate::names::own_names;
use crate::table::{PriceRow, PriceTable, ProviderPrices};

/// What a lane carries, resolved for one list.
pub(crate) enum Carried<'a> {
    /// Every listed model.
    All,
    /// These models.
    These(Cow<'a, BTreeMap<ModelId, Served>>),
}

impl<'a> Carried<'a> {
    pub(crate) fn by(
        serves: &'a Serves,
        listing: &[Model],
        names: &Names<'_>,
        prices: Option<&PriceTable>,
    ) -> Self {
        match serves {
            Serves::All => Self::All,
            Serves::Map(map) => Self::These(Cow::Borrowed(map)),
            Serves::Provider(models) => {
                // A table in use was read whole before, so its rows are sound.
                let known = prices.and_then(|table| table.of(&models.provider).ok());
                let known = known.unwrap_or_default();
                Self::These(Cow::Owned(served(models, &known, listing, names)))
            }
        }
    }

    /// The models, where they are not all.
    pub(crate) fn map(&self) -> Option<&BTreeMap<ModelId, Served>> {
        match self {
            Self::All => None,
            Self::These(map) => Some(map),
        }
    }
}

/// The table's word, then the user's.
fn served(
    models: &ProviderModels,
    known: &ProviderPrices,
    listing: &[Model],
    names: &Names<'_>,
) -> BTreeMap<ModelId, Served> {
    // The user may name a model by its permanent name.
    let listed = |id: &ModelId| ModelId::new(names.id(id.as_str())).unwrap_or_else(|_| id.clone());
    let only: Option<Vec<ModelId>> = models
        .only
        .as_ref()
        .map(|only| only.iter().map(listed).collect());
    let mut found: BTreeMap<ModelId, ModelId> = own_names(&models.provider, listing, known)
        .into_iter()
        .filter(|(id, _)| only.as_ref().is_none_or(|only| only.contains(id)))
        .map(|(id, own)| (id, own.name))
        .collect();
    let given = models.models.iter();
    found.extend(given.map(|(id, name)| (listed(id), name.clone())));
    let prices: BTreeMap<ModelId, _> = models
        .prices
        .iter()
        .map(|(id, price)| (listed(id), price))
        .collect();
    let is_listed = |id: &ModelId| names.holds(id.as_str());
    found
        .into_iter()
        .map(|(id, name)| {
            let mut served = by_row(known.get(name.as_str()), name, is_listed(&id));
            if let Some(price) = prices.get(&id) {
                served.price = Some((*price).clone());
            }
            (id, served)
        })
        .collect()
}

/// What the table says of it. What a listed model can do stands in the list,
/// which knows more of it.
fn by_row(row: Option<&PriceRow>, name: ModelId, is_listed: bool) -> Served {
    let Some(row) = row else {
        return Served::new(name);
    };
    Served {
        price: row.price.clone(),
        context: row.context,
        max_output: row.max_output,
        can: (!is_listed).then_some(row.can | tollgate_core::Capabilities::TEXT_OUTPUT),
        expires: row.ends,
        ..Served::new(name)
    }
}
