use super::*;
use crate::Rate;

fn endpoint(tag: &str, dollars: u64, status: i8, speed: Option<(f32, f32)>) -> Endpoint {
    let rate = Rate::from_attos(dollars * 1_000_000_000_000);
    Endpoint {
        tag: tag.into(),
        price: Price {
            base: Rates {
                input: rate,
                output: rate,
                ..Rates::default()
            },
            ..Price::default()
        },
        can: Capabilities::NONE,
        context: 0,
        max_output: 0,
        status,
        uptime: None,
        first_token_ms: speed.map(|(first, _)| first),
        first_token_p90_ms: None,
        tokens_per_second: speed.map(|(_, tokens)| tokens),
        quantization: None,
    }
}

fn endpoints(list: Vec<Endpoint>) -> Endpoints {
    Endpoints::new(Timestamp::default(), list)
}

#[test]
fn the_speed_of_a_model_is_that_of_a_draw_by_the_inverse_square_of_prices() {
    let speed = endpoints(vec![
        endpoint("cheap", 1, 0, Some((1_000.0, 100.0))),
        endpoint("dear", 2, 0, Some((2_000.0, 50.0))),
    ])
    .speed()
    .unwrap();
    // Four calls in five go to the cheap one.
    assert!((speed.first_token_ms - 1_200.0).abs() < 0.1, "{speed:?}");
    // 0.8 of a hundredth of a second a token, and 0.2 of two hundredths.
    let per_second = 1.0 / (0.8 * 0.01 + 0.2 * 0.02);
    assert!((speed.tokens_per_second - per_second).abs() < 0.1);
}

#[test]
fn deranked_and_silent_endpoints_have_no_part_in_the_speed_of_a_model() {
    let good = endpoint("good", 2, 0, Some((500.0, 40.0)));
    let deranked = endpoint("deranked", 1, -2, Some((9_000.0, 1.0)));
    let silent = endpoint("silent", 1, 0, None);
    let alone = endpoints(vec![good.clone()]).speed();
    assert_eq!(
        endpoints(vec![deranked.clone(), silent, good]).speed(),
        alone
    );
    assert_eq!(endpoints(vec![deranked]).speed(), None);
}

#[test]
fn a_plain_name_means_its_variants_too() {
    let names = ["host", "host/eu", "hostess", "other", "host"];
    let list = names.map(|name| endpoint(name, 1, 0, None));
    let endpoints = endpoints(list.into());
    assert_eq!(endpoints.also_named(0), [1, 4]);
    assert!(endpoints.also_named(1).is_empty());
    assert!(endpoints.also_named(3).is_empty());
}
