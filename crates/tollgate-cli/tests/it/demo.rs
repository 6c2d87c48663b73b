use tollgate::Usd;

use crate::support::Home;

#[tokio::test(flavor = "multi_thread")]
async fn the_demo_fails_over_three_times_and_its_bill_is_right() {
    let home = Home::new();
    let demo = home
        .run(&["demo", "--json", "--requests", "6"])
        .await
        .json();
    assert_eq!(demo["simulated"], true);
    let story = &demo["story"];
    assert_eq!(story["receipt"]["attempts"].as_array().unwrap().len(), 4);
    assert_eq!(story["receipt"]["total"], story["simulator_bill"]);
    for batch in demo["batches"].as_array().unwrap() {
        assert_eq!(batch["answered"], 6, "{batch}");
        // On a machine that is busy an attempt may be given up, whose cost is
        // not known then.
        let of = |name: &str| batch[name].as_str().unwrap().parse::<Usd>().unwrap();
        let (cost, bill) = (of("cost"), of("simulator_bill"));
        assert!(cost <= bill + of("estimated"), "{batch}");
        assert!(bill <= cost + of("unresolved"), "{batch}");
    }
}
