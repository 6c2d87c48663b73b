//! Money that is there to be spent.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use serde::Serialize;
use tollgate::{Failure, Gateway};
use tollgate_wire::{Decimal, Raw};

use crate::pages::caller::Caller;
use crate::pages::dollars::Dollars;
use crate::pages::members::Data;
use crate::reply::Refusal;

/// `total_credits` less `total_usage` is what is left.
#[derive(Debug, Serialize)]
pub(crate) struct Balance {
    total_credits: Raw,
    total_usage: Raw,
}

/// `GET /v1/credits`. For whoever runs the gateway and asks on its own
/// machine, the credits of the account at OpenRouter. For any other caller, the
/// limit of the budget that blocks it first, and what is used of it; of a
/// budget that everybody counts in, what is left alone. The operator's account
/// is not its business. A caller without a budget has nothing to be shown, and
/// gets 403, as keys at OpenRouter do.
pub(crate) async fn balance(
    State(gateway): State<Gateway>,
    caller: Caller,
) -> Result<Json<Data<Balance>>, Refusal> {
    let data = match caller.is_operator {
        true => of_account(&gateway).await?,
        false => of_caller(&gateway, &caller).await?,
    };
    Ok(Json(Data { data }))
}

async fn of_account(gateway: &Gateway) -> Result<Balance, Refusal> {
    let credits = gateway.credits().await.map_err(|failure| {
        Failure::new(failure.kind(), "the account's credits cannot be had")
            .with_hint("what this gateway has spent by its own books is at /v1/key")
            .with_source(failure)
    })?;
    let number = |amount: Option<Decimal>| {
        let amount = amount.as_ref().map_or("0", Decimal::as_str);
        Raw::parse(amount).map_err(|error| {
            Failure::new(
                tollgate::FailureKind::BadReply,
                "the account's credits are no numbers",
            )
            .with_source(error)
        })
    };
    Ok(Balance {
        total_credits: number(credits.total_credits)?,
        total_usage: number(credits.total_usage)?,
    })
}

async fn of_caller(gateway: &Gateway, caller: &Caller) -> Result<Balance, Refusal> {
    let standing = gateway.standing(&caller.id).await?;
    let Some(budget) = standing.tightest() else {
        let message = "the credits of the gateway's account are shown to its operator alone";
        return Err(Refusal::of_http(StatusCode::FORBIDDEN, message)
            .with_hint("what you have spent is at /v1/key"));
    };
    let number = |amount| Raw::of(&Dollars(amount)).expect("an amount is a number");
    let limit = match caller.sees(budget) {
        true => budget.limit,
        // What is left, and not what others have spent.
        false => budget.left(),
    };
    Ok(Balance {
        total_credits: number(limit),
        total_usage: number(limit - budget.left()),
    })
}
