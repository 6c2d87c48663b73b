use tollgate::{Clock, SystemClock};
use tollgate_sim::SimConfig;

use crate::args::{Global, SimArgs};
use crate::exit::{Trouble, code};
use crate::ui;

pub(crate) async fn run(args: SimArgs, global: &Global) -> Result<(), Trouble> {
    if args.faults {
        faults(global);
        return Ok(());
    }
    let config = SimConfig {
        host: args.host,
        listen: args.listen,
        scenario: args.scenario,
        catalog: args.catalog,
        seed: args.seed,
        epoch: u64::try_from(SystemClock.now().secs()).ok(),
    };
    let simulator = config
        .start()
        .await
        .map_err(|error| Trouble::new(code::USAGE, error.to_string()))?;
    ui::note(format!(
        "simulating {} at {}\n  log {url}/sim/log   bill {url}/sim/bill   reset: POST {url}/sim/reset",
        simulator.service().host(),
        simulator.base_url(),
        url = simulator.url(),
    ));
    tokio::select! {
        () = simulator.run() => Ok(()),
        stopped = tokio::signal::ctrl_c() => Ok(stopped?),
    }
}

fn faults(global: &Global) {
    if global.json {
        let rows: Vec<_> = tollgate_sim::faults()
            .iter()
            .map(|fault| serde_json::json!({
                "name": fault.name,
                "what": fault.sentence,
                "argument": fault.argument.map(|(meaning, usual)| serde_json::json!({ "meaning": meaning, "usual": usual })),
            }))
            .collect();
        ui::json(&rows);
        return;
    }
    let mut table = ui::table(&["fault", "what it does", "=number"]);
    for fault in tollgate_sim::faults() {
        let argument = fault
            .argument
            .map(|(meaning, usual)| format!("{meaning}, else {usual}"))
            .unwrap_or_default();
        table.add_row([fault.name, fault.sentence, &argument]);
    }
    ui::data(table);
    ui::note("ask for one by the header x-sim-fault, by the model sim/NAME, or in a scenario file");
}
