//! The simulator's own routes under `/sim/`, for tests in any language.

use bytes::Bytes;
use http::Method;
use http::request::Parts;

use crate::fault_table::faults;
use crate::json::{Object, object};
use crate::scenario::Scenario;
use crate::script::Script;
use crate::world::World;

/// Requests under this path are not part of the simulated service, and not logged.
pub(crate) const PREFIX: &str = "/sim/";

/// Answers a control request.
pub(crate) fn answer(world: &World, parts: &Parts, body: &Option<Bytes>) -> Script {
    match (&parts.method, parts.uri.path()) {
        (&Method::GET, "/sim/log") => ok(&object! { "data": world.records().log.to_vec() }),
        (&Method::GET, "/sim/bill") => ok(&world.records().till.bill().to_json()),
        (&Method::GET, "/sim/faults") => ok(&object! { "data": fault_rows() }),
        (&Method::POST, "/sim/reset") => {
            world.reset();
            ok(&object! { "reset": true })
        }
        (&Method::PUT, "/sim/scenario") => set_scenario(world, body.as_deref().unwrap_or_default()),
        (method, path) => fail(
            404,
            &format!(
                "no route for {method} {path}; there are GET /sim/log, /sim/bill and /sim/faults, POST /sim/reset, PUT /sim/scenario"
            ),
        ),
    }
}

fn set_scenario(world: &World, body: &[u8]) -> Script {
    let read = std::str::from_utf8(body).map_err(|error| error.to_string());
    match read.and_then(|text| Scenario::from_toml(text).map_err(|error| error.to_string())) {
        Ok(scenario) => {
            world.set_scenario(scenario);
            ok(&object! { "scenario": "set" })
        }
        Err(reason) => fail(400, &reason),
    }
}

fn fault_rows() -> Vec<Object> {
    let row = |fault: &crate::NamedFault| {
        object! {
            "name": fault.name, "sentence": fault.sentence, "argument": fault.argument.map(|(meaning, _)| meaning),
            "usual": fault.argument.map(|(_, usual)| usual),
        }
    };
    faults().iter().map(row).collect()
}

fn ok(body: &Object) -> Script {
    Script::json(200, body, 0)
}

fn fail(status: u16, message: &str) -> Script {
    Script::json(
        status,
        &object! { "error": object! { "code": status, "message": message } },
        0,
    )
}
