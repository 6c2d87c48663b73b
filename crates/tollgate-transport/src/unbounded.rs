//! What a request may ask of a provider whose list prices are all that is known of its costs: for
//! these things it takes more, and no hold covers that.

use tollgate_wire::{Object, Text};

/// Fields whose values have prices of their own, and the values that cost no more than the list.
/// `auto` is what counts where the field is not there.
const CHOICES: &[(&str, &[&str])] = &[
    (
        "service_tier",
        &["auto", "default", "flex", "standard_only"],
    ),
    ("inference_geo", &["global", "not_available"]),
    ("speed", &["standard"]),
];

/// The fields of a request whose values cost more than the list says.
pub(crate) fn dearer(request: &Object) -> impl Iterator<Item = &'static str> {
    let is_listed = |field: &str, listed: &[&str]| match request.read::<Text<'_>>(field) {
        Ok(asked) => asked.is_none_or(|asked| listed.contains(&asked.as_str())),
        Err(_) => false,
    };
    CHOICES
        .iter()
        .filter(move |(field, listed)| !is_listed(field, listed))
        .map(|(field, _)| *field)
}

#[cfg(test)]
mod tests;
