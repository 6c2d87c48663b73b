use futures_util::StreamExt;
use serde_json::json;
use tollgate::{Answer, ChatReply, FrameKind, Gateway, Receipt, StreamEvent, StreamMode};

use crate::args::{ChatArgs, Global};
use crate::exit::Trouble;
use crate::{config, order, render, ui};

pub(crate) async fn run(args: ChatArgs, global: &Global) -> Result<(), Trouble> {
    let gateway = config::gateway(global).await?;
    let mode = if args.no_stream || global.json {
        StreamMode::Whole
    } else {
        StreamMode::Stream
    };
    let order = order::order(&args.call, mode)?;
    let result = send(&gateway, order, &args, global).await;
    gateway.shutdown().await;
    result
}

async fn send(
    gateway: &Gateway,
    order: tollgate::ChatOrder,
    args: &ChatArgs,
    global: &Global,
) -> Result<(), Trouble> {
    let progress = ui::Progress::new();
    progress.show("waiting for the first token …");
    let answer = gateway.chat(order).await;
    progress.clear();
    if global.json {
        let collected = answer?.collect().await?;
        ui::json(&json!({
            "text": collected.response.text(),
            "response": collected.response.object(),
            "receipt": render::receipt_json(&collected.receipt),
        }));
        return Ok(());
    }
    let receipt = print(answer?).await?;
    if !args.quiet {
        ui::note(render::receipt(&receipt));
    }
    Ok(())
}

/// Prints the answer's text as it comes; gives back the receipt.
pub(crate) async fn print(mut answer: Answer) -> Result<Receipt, Trouble> {
    let mut ends_with_newline = true;
    while let Some(frame) = answer.next().await {
        let frame = match frame {
            Ok(frame) => frame,
            Err(failure) => {
                ui::piece("\n");
                return Err(tollgate::Error::from(failure).into());
            }
        };
        let text = match frame.kind {
            FrameKind::Event => text_of_chunk(&frame.data),
            FrameKind::Body => match ChatReply::parse(&frame.data) {
                Ok(ChatReply::Answer(response)) => response.text(),
                _ => String::new(),
            },
            FrameKind::KeepAlive | FrameKind::Done => continue,
        };
        if !text.is_empty() {
            ends_with_newline = text.ends_with('\n');
            ui::piece(&text);
        }
    }
    if !ends_with_newline {
        ui::piece("\n");
    }
    answer.receipt().cloned().ok_or_else(|| {
        Trouble::new(
            crate::exit::code::DEFECT,
            "the answer ended without a receipt",
        )
    })
}

fn text_of_chunk(data: &[u8]) -> String {
    match StreamEvent::parse(data) {
        Ok(StreamEvent::Chunk(chunk)) => chunk
            .choices
            .iter()
            .filter_map(|choice| choice.content())
            .collect(),
        _ => String::new(),
    }
}
