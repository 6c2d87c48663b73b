use std::collections::BTreeSet;

use super::*;

/// The pointers of a document, with where they stand.
fn references(value: &Value, found: &mut BTreeSet<String>) {
    match value {
        Value::Object(members) => {
            for (key, member) in members {
                match (key.as_str(), member) {
                    ("$ref", Value::String(to)) => drop(found.insert(to.clone())),
                    _ => references(member, found),
                }
            }
        }
        Value::Array(items) => items.iter().for_each(|item| references(item, found)),
        _ => {}
    }
}

#[test]
fn every_reference_leads_somewhere_and_every_component_is_referred_to() {
    let document = openapi();
    let mut found = BTreeSet::new();
    references(&document, &mut found);
    for reference in &found {
        let pointer = reference.strip_prefix('#').unwrap();
        assert!(document.pointer(pointer).is_some(), "{reference}");
    }
    for (kind, members) in document["components"].as_object().unwrap() {
        for name in members.as_object().unwrap().keys() {
            let reference = format!("#/components/{kind}/{name}");
            assert!(found.contains(&reference), "nothing refers to {reference}");
        }
    }
}

#[test]
fn every_page_and_every_surface_is_described() {
    let document = openapi();
    let pages = crate::pages::table()
        .into_iter()
        .map(|(path, _)| (path.to_owned(), "get"));
    let surfaces = tollgate::Surface::ALL.into_iter();
    let surfaces = surfaces.map(|surface| (format!("/{}", surface.path()), "post"));
    for (path, method) in pages.chain(surfaces) {
        assert!(
            document["paths"][&path][method].is_object(),
            "{method} {path}"
        );
    }
}

#[test]
fn no_two_operations_have_one_name() {
    let operations = operations();
    let names: BTreeSet<_> = operations
        .iter()
        .map(|operation| operation.describe()["operationId"].to_string())
        .collect();
    assert_eq!(names.len(), operations.len());
}

#[test]
fn the_checked_in_document_is_this_one() {
    let file = include_str!("../../../../docs/openapi.json");
    let ours = format!("{:#}\n", openapi());
    assert!(
        file == ours,
        "docs/openapi.json is old; write it with `cargo xtask schema`"
    );
}
