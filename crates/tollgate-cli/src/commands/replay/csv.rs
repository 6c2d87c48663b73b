//! One line per call, for spreadsheets and scripts.

use tollgate::{CallRecord, Compared, Verdict};

use crate::commands::usage::csv::{line as cells, text};

pub(super) const HEAD: &str = "call,at,task,policy,verdict,from,from_lane,to,to_lane,actual,\
                               replayed,choice,prices,serving";

pub(super) fn line(record: &CallRecord, verdict: &Verdict) -> String {
    let (word, compared) = match verdict {
        Verdict::Compared(compared) if compared.route.moves() => ("moved", Some(compared)),
        Verdict::Compared(compared) => ("stays", Some(compared)),
        Verdict::Unserved(reason) => (reason.as_str(), None),
        Verdict::Unanswered => ("unanswered", None),
    };
    let of_call = [
        record.call.to_string(),
        record.at().to_string(),
        record.profile.task.to_string(),
        text(&record.policy),
        text(word),
        text(record.choice.model.as_str()),
        text(record.choice.lane.as_str()),
    ];
    let rest = match compared {
        Some(compared) => after(compared),
        None => {
            let actual = record.cost().to_string();
            let mut cells: [String; 7] = Default::default();
            cells[2] = actual;
            cells
        }
    };
    cells(of_call.into_iter().chain(rest))
}

fn after(compared: &Compared) -> [String; 7] {
    let difference = &compared.difference;
    [
        text(compared.route.to.as_str()),
        text(compared.route.to_lane.as_str()),
        compared.actual.to_string(),
        compared.replayed.to_string(),
        difference.choice.to_string(),
        difference.prices.to_string(),
        difference.serving.to_string(),
    ]
}
