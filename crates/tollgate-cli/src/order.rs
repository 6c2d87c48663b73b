//! Makes an order out of command-line arguments.

use std::io::{IsTerminal, Read};

use tollgate::{ChatRequest, Message, Order, StreamMode, Surface};

use crate::args::CallArgs;
use crate::exit::{Trouble, code};

/// The order that the arguments describe.
///
/// Without a mode, a request that is given whole says itself whether it streams.
pub(crate) fn order(args: &CallArgs, mode: Option<StreamMode>) -> Result<Order, Trouble> {
    let mut request = match &args.request {
        Some(path) => {
            let text = if path.as_os_str() == "-" {
                standard_input()?
            } else {
                std::fs::read_to_string(path).map_err(|error| {
                    Trouble::new(
                        code::USAGE,
                        format!("cannot read {}: {error}", path.display()),
                    )
                })?
            };
            let unreadable =
                |error| Trouble::new(code::REQUEST, format!("not a chat request: {error}"));
            let request = ChatRequest::parse(text.as_bytes()).map_err(unreadable)?;
            // What the server refuses is not paid for here either.
            tollgate_server::check_fields(Surface::Chat, request.object()).map_err(unreadable)?;
            request
        }
        None => request_of_prompt(args)?,
    };
    if let Some(model) = &args.model {
        request = request.with_model(model);
    }
    if let Some(limit) = args.max_tokens {
        request = request.with_max_tokens(limit);
    }
    let mut order = Order::from(match mode {
        Some(mode) => request.with_stream(mode),
        None => request,
    });
    if let Some(policy) = &args.policy {
        order = order.with_policy(policy);
    }
    if let Some(task) = args.task {
        order = order.with_task(task);
    }
    if let Some(limit) = args.max_cost {
        order = order.with_max_cost(limit);
    }
    if args.free_first {
        order = order.with_free_first();
    }
    Ok(order)
}

fn request_of_prompt(args: &CallArgs) -> Result<ChatRequest, Trouble> {
    let prompt = match args.prompt.join(" ") {
        text if text.is_empty() && std::io::stdin().is_terminal() => text,
        text if text.is_empty() || text == "-" => standard_input()?,
        text => text,
    };
    if prompt.trim().is_empty() {
        return Err(Trouble::new(code::USAGE, "there is no prompt")
            .with_hint("write it behind the command, or pipe it in"));
    }
    let system = args.system.iter().map(|text| Message::system(text));
    ChatRequest::new(system.chain([Message::user(&prompt)]))
        .map_err(|error| Trouble::new(code::DEFECT, error.to_string()))
}

fn standard_input() -> Result<String, Trouble> {
    let mut bytes = Vec::new();
    std::io::stdin().read_to_end(&mut bytes)?;
    String::from_utf8(bytes).map_err(|error| {
        let at = error.utf8_error().valid_up_to();
        Trouble::new(
            code::REQUEST,
            format!("standard input is no text: byte {at} is not UTF-8"),
        )
        .with_hint("pictures and files go into a request, for `--request`")
    })
}
