use super::*;

fn pairs(query: &str) -> Vec<(String, String)> {
    let pairs = query.split('&').filter(|pair| !pair.is_empty());
    pairs
        .map(|pair| {
            let (name, value) = pair.split_once('=').unwrap();
            (name.to_owned(), value.to_owned())
        })
        .collect()
}

fn models() -> Vec<Model> {
    let row = |id, name, created, context, price, input, output, parameters| {
        let row = serde_json::json!({
            "id": id, "name": name, "created": created, "context_length": context,
            "pricing": { "prompt": price, "completion": price },
            "architecture": { "input_modalities": input, "output_modalities": output },
            "supported_parameters": parameters,
        });
        Model::parse(row.to_string().as_bytes()).unwrap()
    };
    vec![
        row(
            "a/one",
            "First",
            1,
            100,
            "0.3",
            &["text"][..],
            &["text"][..],
            &["tools", "seed"][..],
        ),
        row(
            "b/two",
            "Second",
            3,
            300,
            "-1",
            &["text", "image"],
            &["text"],
            &["tools"],
        ),
        row(
            "b/vec",
            "Third",
            2,
            200,
            "0.1",
            &["text"],
            &["embeddings"],
            &[],
        ),
    ]
}

fn check(query: &str, expected: &[&str]) {
    let filter = Filter::read(&pairs(query)).unwrap();
    let (page, _) = filter.page(filter.choose(models()));
    let ids: Vec<_> = page.iter().map(|model| model.id.as_str()).collect();
    assert_eq!(ids, expected, "{query}");
}

#[test]
fn a_list_has_what_all_conditions_leave() {
    check("", &["a/one", "b/two"]);
    check("output_modalities=all", &["a/one", "b/two", "b/vec"]);
    check("output_modalities=embeddings,image", &["b/vec"]);
    check("supported_parameters=tools,seed", &["a/one"]);
    check("input_modalities=image", &["b/two"]);
    check("model_authors=b", &["b/two"]);
    check("context=101", &["b/two"]);
    check("q=SECOND", &["b/two"]);
    check("q=a/o&context=1", &["a/one"]);
    check("category=programming&unheard_of=1", &["a/one", "b/two"]);
}

#[test]
fn a_list_is_in_the_order_that_was_asked_for() {
    let all = "output_modalities=all&sort=";
    check(&format!("{all}newest"), &["b/two", "b/vec", "a/one"]);
    check(
        &format!("{all}context-high-to-low"),
        &["b/two", "b/vec", "a/one"],
    );
    check(
        &format!("{all}pricing-low-to-high"),
        &["b/vec", "a/one", "b/two"],
    );
    check(
        &format!("{all}pricing-high-to-low"),
        &["a/one", "b/vec", "b/two"],
    );
    check(&format!("{all}most-popular"), &["a/one", "b/two", "b/vec"]);
}

#[test]
fn parts_of_a_list_follow_each_other() {
    let next = |query: &str| {
        let filter = Filter::read(&pairs(query)).unwrap();
        let (page, next) = filter.page(filter.choose(models()));
        (page.len(), next.map(|next| next.link("/v1/models", query)))
    };
    let first = "limit=1&q=o&sort=newest";
    let link = "/v1/models?q=o&sort=newest&offset=1&limit=1";
    assert_eq!(next(first), (1, Some(link.to_owned())));
    assert_eq!(next("q=o&sort=newest&offset=1&limit=1"), (1, None));
    assert_eq!(next("offset=7"), (0, None));
    assert_eq!(next(""), (2, None));
}

#[test]
fn numbers_that_are_none_are_refused() {
    for query in [
        "limit=0",
        "limit=1001",
        "limit=x",
        "offset=-1",
        "context=1.5",
    ] {
        let failure = Filter::read(&pairs(query)).unwrap_err();
        let name = query.split('=').next().unwrap();
        assert_eq!(failure.kind(), FailureKind::InvalidRequest);
        assert!(failure.to_string().contains(name), "{failure}");
    }
}

#[test]
fn every_parameter_that_is_documented_is_read() {
    for (name, kind, _) in PARAMETERS {
        let value = match (*name, *kind) {
            ("sort", _) => "newest",
            (_, "integer") => "7",
            _ => "image",
        };
        let query = pairs(&format!("{name}={value}"));
        assert_ne!(
            Filter::read(&query).unwrap(),
            Filter::read(&[]).unwrap(),
            "{name}"
        );
    }
}
