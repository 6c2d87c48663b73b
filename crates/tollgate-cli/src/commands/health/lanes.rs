use futures_util::future::join_all;
use serde::Serialize;
use tollgate::{Failure, FailureKind, Gateway, Lane, Standing};

use crate::args::Global;
use crate::exit::{Trouble, code};
use crate::{config, ui};

/// A lane, and what its upstream says.
#[derive(Debug, Serialize)]
struct Asked {
    lane: String,
    host: String,
    account: String,
    billing: &'static str,
    state: State,
    /// Why it cannot be used, or cannot be asked.
    why: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
enum State {
    Usable,
    NoMoney,
    Unusable,
    /// Nobody can say before an attempt is made.
    Unknown,
}

impl State {
    fn of(said: &Result<Standing, Failure>) -> Self {
        match said {
            Ok(Standing {
                can_pay: Some(false),
            }) => Self::NoMoney,
            Ok(_) => Self::Usable,
            Err(failure) if failure.kind() == FailureKind::Configuration => Self::Unknown,
            Err(_) => Self::Unusable,
        }
    }

    fn words(self) -> &'static str {
        match self {
            Self::Usable => "usable",
            Self::NoMoney => "no money left",
            Self::Unusable => "unusable",
            Self::Unknown => "unknown",
        }
    }
}

pub(crate) async fn show(global: &Global) -> Result<(), Trouble> {
    let mut settings = config::load(global)?;
    settings.catalog.offline = true;
    let gateway = Gateway::builder(settings).without_store().build().await?;
    let view = gateway.catalog().view();
    let asked = join_all(view.lanes().iter().map(|lane| ask(&gateway, lane))).await;
    if global.json {
        ui::json(&serde_json::json!({ "lanes": asked }));
    } else {
        let mut table = ui::table(&["lane", "host", "account", "paid", "state", "why"]);
        for one in &asked {
            let why = one.why.clone().unwrap_or_default();
            let (lane, host, account) = (&one.lane, &one.host, &one.account);
            table.add_row([lane, host, account, one.billing, one.state.words(), &why]);
        }
        ui::data(table);
    }
    let bad = |one: &&Asked| matches!(one.state, State::NoMoney | State::Unusable);
    match asked.iter().filter(bad).count() {
        0 => Ok(()),
        count => Err(Trouble::new(
            code::UPSTREAM,
            format!("{count} of {} lanes cannot be used", asked.len()),
        )),
    }
}

async fn ask(gateway: &Gateway, lane: &Lane) -> Asked {
    let said = gateway.check(&lane.id).await;
    Asked {
        lane: lane.id.to_string(),
        host: lane.authority.to_string(),
        account: lane.account.to_string(),
        billing: lane.billing.as_str(),
        state: State::of(&said),
        why: said.err().map(|failure| failure.message().to_owned()),
    }
}
