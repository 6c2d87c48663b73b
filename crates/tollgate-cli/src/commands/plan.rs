use tollgate::{DropReason, Explanation, StreamMode};

use crate::args::{Global, PlanArgs};
use crate::exit::{Trouble, code};
use crate::{config, order, render, ui};

pub(crate) async fn run(args: PlanArgs, global: &Global) -> Result<(), Trouble> {
    let gateway = config::onlooker(global).await?;
    let mode = match &args.call.request {
        Some(_) => None,
        None => Some(StreamMode::Stream),
    };
    let explanation = gateway.plan(order::order(&args.call, mode)?)?;
    if global.json {
        ui::json(&explanation);
    } else {
        ui::data(render::plan(&explanation, args.all));
    }
    match explanation.candidates.is_empty() {
        true => Err(
            Trouble::new(code_of(&explanation), "no model can serve this call")
                .with_hint("the reasons stand above; `--all` has them for each model"),
        ),
        false => Ok(()),
    }
}

/// The code with which the call itself would end.
fn code_of(explanation: &Explanation) -> u8 {
    let is_dear = |reason| matches!(reason, DropReason::OverCeiling { .. });
    let mut dropped = explanation.dropped.iter();
    match dropped.any(|dropped| is_dear(dropped.reason)) {
        true => code::MONEY,
        false => code::REQUEST,
    }
}
