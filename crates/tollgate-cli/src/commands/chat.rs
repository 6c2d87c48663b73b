use std::sync::Arc;

use owo_colors::OwoColorize;
use serde_json::json;
use tollgate::{Answer, Error, Failure, FailureKind, Gateway, Order, Receipt, Silent, StreamMode};

use crate::args::{ChatArgs, Global};
use crate::exit::{Trouble, code};
use crate::{config, order, render, ui};

pub(crate) async fn run(args: ChatArgs, global: &Global) -> Result<(), Trouble> {
    let gateway = config::gateway(config::load(global)?, Arc::new(Silent)).await?;
    let mode = if args.no_stream || global.json {
        StreamMode::Whole
    } else {
        StreamMode::Stream
    };
    let order = order::order(&args.call, Some(mode))?;
    let sent = tokio::select! {
        result = send(&gateway, order, &args, global) => Some(result),
        // Dropping the call closes its connection and has the gateway book it.
        Ok(()) = tokio::signal::ctrl_c() => None,
    };
    let Some(result) = sent else {
        return Err(interrupted(gateway).await);
    };
    gateway.shutdown().await;
    result
}

/// Waits until it is known what the call cost, which can take a while where an answer is billed
/// to its end whoever reads it, or until Ctrl-C comes again.
async fn interrupted(gateway: Gateway) -> Trouble {
    // The terminal's cursor stands behind the last token.
    ui::note("");
    ui::note("waiting up to 5 s for what the call cost; Ctrl-C again leaves at once".dimmed());
    let hint = tokio::select! {
        () = gateway.shutdown() => "what the call cost is in the ledger: tollgate usage",
        Ok(()) = tokio::signal::ctrl_c() => {
            "the next call books this one at the most that it can have cost"
        }
    };
    Trouble::new(code::INTERRUPTED, "interrupted").with_hint(hint)
}

async fn send(
    gateway: &Gateway,
    order: Order,
    args: &ChatArgs,
    global: &Global,
) -> Result<(), Trouble> {
    let result = if global.json {
        print_json(gateway, order).await
    } else {
        print_text(gateway, order, args.quiet).await
    };
    result.map_err(|error| {
        if let (Some(receipt), false) = (error.receipt(), args.quiet || global.json) {
            ui::note(render::receipt(receipt));
        }
        error.into()
    })
}

async fn print_json(gateway: &Gateway, order: Order) -> Result<(), Error> {
    let collected = gateway.chat(order).await?.collect().await?;
    ui::json(&json!({
        "text": collected.response.text(),
        "response": collected.response.object(),
        "receipt": render::receipt_json(&collected.receipt),
    }));
    Ok(())
}

async fn print_text(gateway: &Gateway, order: Order, quiet: bool) -> Result<(), Error> {
    let progress = ui::Progress::new();
    progress.show("waiting for the first token …");
    let answer = gateway.chat(order).await;
    progress.clear();
    let receipt = stream(answer?).await?;
    if !quiet {
        ui::note(render::receipt(&receipt));
    }
    Ok(())
}

/// Prints the answer's text as it comes; gives back the receipt.
pub(crate) async fn stream(mut answer: Answer) -> Result<Receipt, Error> {
    let mut ends_with_newline = true;
    let mut restarts = 0;
    while let Some(text) = answer.next_text().await {
        if answer.restarts() > restarts {
            restarts = answer.restarts();
            ui::piece("\n");
            ui::note("the answer broke off; another begins:".yellow());
        }
        match text {
            Ok(text) => {
                ends_with_newline = text.ends_with('\n');
                ui::piece(&text);
            }
            Err(failure) => {
                ui::piece("\n");
                return Err(answer.into_error(failure));
            }
        }
    }
    if !ends_with_newline {
        ui::piece("\n");
    }
    answer.receipt().cloned().ok_or_else(|| {
        Failure::new(FailureKind::Internal, "the answer ended without a receipt").into()
    })
}
