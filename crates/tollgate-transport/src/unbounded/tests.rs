use super::*;

#[test]
fn only_what_the_list_prices_cover_passes() {
    let lost = |members: &str| -> Vec<&str> {
        let request = Object::parse(format!("{{{members}}}").as_bytes()).unwrap();
        dearer(&request).collect()
    };
    for listed in [
        "",
        r#""service_tier":null"#,
        r#""service_tier":"auto""#,
        r#""service_tier":"default""#,
        r#""service_tier":"flex","speed":"standard""#,
        r#""service_tier":"standard_only","inference_geo":"global""#,
        r#""inference_geo":"not_available""#,
    ] {
        assert!(lost(listed).is_empty(), "{listed}");
    }
    for (field, value) in [
        ("service_tier", r#""priority""#),
        ("service_tier", r#""performance""#),
        ("service_tier", r#""Default""#),
        ("service_tier", r#"["default"]"#),
        ("inference_geo", r#""us""#),
        ("speed", r#""fast""#),
        ("speed", "2"),
    ] {
        assert_eq!(lost(&format!(r#""{field}":{value}"#)), [field], "{value}");
    }
    assert_eq!(
        lost(r#""speed":"f\u0061st","service_tier":"fl\u0065x","inference_geo":"us""#),
        ["inference_geo", "speed"]
    );
}
