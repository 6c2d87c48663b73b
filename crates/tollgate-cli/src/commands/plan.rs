use tollgate::StreamMode;

use crate::args::{Global, PlanArgs};
use crate::exit::Trouble;
use crate::{config, order, render, ui};

pub(crate) async fn run(args: PlanArgs, global: &Global) -> Result<(), Trouble> {
    let gateway = config::onlooker(global).await?;
    let explanation = gateway.plan(order::order(&args.call, StreamMode::Stream)?)?;
    if global.json {
        ui::json(&explanation);
    } else {
        ui::data(render::plan(&explanation, args.all));
    }
    Ok(())
}
