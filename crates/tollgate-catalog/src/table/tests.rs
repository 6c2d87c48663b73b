use tollgate_core::Timestamp;

use super::*;

fn table(rows: &str) -> String {
    format!(r#"{{"date":"2026-11-01","sources":["mine"],"providers":{{"p":[{rows}]}}}}"#)
}

fn refused(text: &str) -> String {
    PriceTable::parse(text.into()).unwrap_err().to_string()
}

const GOOD: &str = r#"{"name":"m","price":{"base":{"input":"1e-6","output":"0.000002"}}}"#;

#[test]
fn every_row_of_the_embedded_table_can_be_read() {
    let table = PriceTable::parse(EMBEDDED.into()).unwrap();
    let rows: usize = table
        .providers()
        .map(|provider| table.of(provider).unwrap().rows().count())
        .sum();
    assert_eq!(rows, EMBEDDED.matches("{\"name\":").count());
    assert_eq!(PriceTable::embedded().date(), table.date());
}

#[test]
fn an_unknown_provider_and_an_unknown_model_have_no_price() {
    let table = PriceTable::parse(table(GOOD)).unwrap();
    assert_eq!(table.of("nobody").unwrap().rows().count(), 0);
    let prices = table.of("p").unwrap();
    assert!(prices.price("m").is_some() && prices.price("M").is_none());
}

#[test]
fn a_price_of_zero_is_refused_and_no_price_is_unknown() {
    for zero in [
        r#"{"input":"0","output":"1e-6"}"#,
        r#"{"input":"1e-6"}"#,
        r#"{"input":"1e-6","output":"1e-6","cache_read":"0"}"#,
    ] {
        let row = format!(r#"{{"name":"m","price":{{"base":{zero}}}}}"#);
        assert!(
            refused(&table(&row)).contains("row 1 of p (m) has a "),
            "{zero}"
        );
    }
    let embedding = r#"{"name":"m","mode":"embedding","price":{"base":{"input":"1e-6"}}}"#;
    assert!(PriceTable::parse(table(embedding)).is_ok());
    let unknown = PriceTable::parse(table(r#"{"name":"m"}"#)).unwrap();
    assert!(unknown.of("p").unwrap().price("m").is_none());
}

#[test]
fn a_tier_with_dearer_input_must_say_every_price_that_the_base_has() {
    let row = |base: &str, tier: &str| {
        format!(
            r#"{{"name":"m","price":{{"base":{{"input":"3e-6","output":"9e-6"{base}}},"overrides":[
            {{"when":{{"min_prompt_tokens":200000}},"rates":{{{tier}}}}}]}}}}"#
        )
    };
    for (base, class) in [
        ("", "output"),
        (r#","cache_read":"1e-6""#, "cache_read"),
        (r#","cache_write":"1e-6""#, "cache_write"),
        (r#","cache_write_1h":"1e-6""#, "cache_write_1h"),
        (r#","audio_input":"1e-6""#, "audio_input"),
    ] {
        let output = if class == "output" {
            ""
        } else {
            r#","output":"9e-6""#
        };
        let dearer = format!(r#""input":"6e-6"{output}"#);
        let said = refused(&table(&row(base, &dearer)));
        let problem =
            format!("row 1 of p (m) has an override with dearer input and without {class};");
        assert!(said.contains(&problem), "{said}");
        let whole = format!(r#"{dearer},"{class}":"9e-6""#);
        assert!(
            PriceTable::parse(table(&row(base, &whole))).is_ok(),
            "{whole}"
        );
        let cheaper = r#""input":"2e-6""#;
        assert!(PriceTable::parse(table(&row(base, cheaper))).is_ok());
    }
    let embedding = r#"{"name":"m","mode":"embedding","price":{"base":{"input":"1e-6"},"overrides":[
        {"when":{"min_prompt_tokens":9},"rates":{"input":"2e-6"}}]}}"#;
    assert!(PriceTable::parse(table(embedding)).is_ok());
}

#[test]
fn an_hours_cache_of_a_long_prompt_costs_twice_its_input() {
    let prices = PriceTable::embedded().of("anthropic").unwrap();
    for name in ["claude-sonnet-4-5", "claude-sonnet-4-5-20250929"] {
        let rates = prices
            .price(name)
            .unwrap()
            .at(200_001, Timestamp::default());
        let write = rates.cache_write_1h.unwrap().per_million().to_string();
        assert_eq!(
            (rates.input.per_million().to_string(), write),
            ("6".to_owned(), "12".to_owned())
        );
    }
}

#[test]
fn what_is_no_table_is_refused_with_the_place() {
    for (text, problem) in [
        ("{", "cannot be read"),
        (
            r#"{"date":"x","sources":[],"providers":{}}"#,
            "write it as YYYY-MM-DD",
        ),
        (
            r#"{"date":"2026-11-01","sources":[],"providers":{}}"#,
            "no model of any provider",
        ),
    ] {
        assert!(refused(text).contains(problem), "{text}");
    }
    for (rows, problem) in [
        ("".to_owned(), "no model of p"),
        (format!("{GOOD},{GOOD}"), "row 2 of p names m once more"),
        (format!("{GOOD},{{}}"), "row 2 of p cannot be read"),
        (GOOD.replace("output", "outputs"), "unknown field `outputs`"),
        (GOOD.replace("1e-6", "-1"), "negative"),
        (
            GOOD.replace("}}}", r#"}},"ends":"soon"}"#),
            r#"(m) ends on "soon""#,
        ),
    ] {
        assert!(
            refused(&table(&rows)).contains(problem),
            "{rows}: {}",
            refused(&table(&rows))
        );
    }
}

#[test]
fn what_has_ended_or_is_no_chat_or_has_no_own_name_is_not_called() {
    let more = |name: &str, field: &str| {
        GOOD.replace(r#""m""#, &format!(r#""{name}""#))
            .replace("}}}", &format!("}}}},{field}}}"))
    };
    let rows = [
        GOOD.to_owned(),
        more("ended", r#""ends":"2026-11-01""#),
        more("ending", r#""ends":"2026-11-02""#),
        more("other", r#""mode":"responses""#),
        more("seen", r#""own_name":false"#),
    ];
    let table = PriceTable::parse(table(&rows.join(","))).unwrap();
    let prices = table.of("p").unwrap();
    let names: Vec<_> = prices.callable().map(|row| row.name.as_str()).collect();
    assert_eq!(names, ["ending", "m"]);
    assert_eq!(
        prices.get("ending").unwrap().ends,
        Timestamp::parse_date("2026-11-02")
    );
    assert!(prices.price("seen").is_some());
}
