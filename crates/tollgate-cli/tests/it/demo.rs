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
        assert_eq!(batch["cost"], batch["simulator_bill"], "{batch}");
    }
}
