//! A report as charges in the shape of FOCUS 1.2, the FinOps Open Cost and
//! Usage Specification: its columns that apply, in its order, then our own,
//! which it wants to begin with `x_`.

mod charge;

use tollgate::{Dimension, Timestamp};

use self::charge::{Charge, Key};
use super::csv;
use super::sheet::Sheet;

/// What charges are told apart by beside their period.
const APART: [Dimension; 5] = [
    Dimension::Lane,
    Dimension::Billing,
    Dimension::Provider,
    Dimension::Model,
    Dimension::Caller,
];

/// Columns of dimensions that are there when they were asked for.
const ON_REQUEST: [(Dimension, &str); 5] = [
    (Dimension::Requested, "x_RequestedModel"),
    (Dimension::Planned, "x_PlannedModel"),
    (Dimension::Task, "x_Task"),
    (Dimension::Policy, "x_Policy"),
    (Dimension::Source, "x_CostSource"),
];

/// What a charge says in one column.
type Cell = fn(&Charge<'_>) -> String;

/// The columns that are always there.
const COLUMNS: [(&str, Cell); 25] = [
    ("BilledCost", |charge| charge.cost.to_string()),
    ("BillingAccountId", |charge| csv::text(charge.lane)),
    ("BillingCurrency", |_| "USD".into()),
    ("BillingPeriodEnd", |charge| month(charge.start, 1)),
    ("BillingPeriodStart", |charge| month(charge.start, 0)),
    ("ChargeCategory", |_| "Usage".into()),
    ("ChargeDescription", |charge| {
        csv::text(&charge.description())
    }),
    ("ChargeFrequency", |_| "Usage-Based".into()),
    ("ChargePeriodEnd", |charge| charge.end.to_string()),
    ("ChargePeriodStart", |charge| charge.start.to_string()),
    ("ConsumedQuantity", |charge| charge.quantity()),
    ("ConsumedUnit", |charge| charge.unit()),
    ("EffectiveCost", |charge| charge.cost.to_string()),
    ("InvoiceIssuerName", |charge| csv::text(charge.payee)),
    ("ProviderName", |charge| csv::text(charge.payee)),
    ("PublisherName", |charge| csv::text(charge.author())),
    ("ResourceId", |charge| csv::text(charge.model)),
    ("ResourceType", |_| "Model".into()),
    ("ServiceCategory", |_| "AI and Machine Learning".into()),
    ("ServiceName", |charge| csv::text(charge.lane)),
    ("SubAccountId", |charge| csv::text(charge.caller)),
    ("Tags", |charge| charge.tags.clone()),
    ("x_Billing", |charge| charge.billing.to_string()),
    ("x_ServingProvider", |charge| csv::text(charge.provider)),
    ("x_UnresolvedCost", |charge| charge.unresolved.to_string()),
];

/// What the ledger is asked for; the period is an hour if that was asked for,
/// else a day.
pub(super) fn breakdown(asked: &[Dimension]) -> Vec<Dimension> {
    let period = match asked.contains(&Dimension::Hour) {
        true => Dimension::Hour,
        false => Dimension::Day,
    };
    let extra = asked.iter().filter(|one| {
        matches!(one, Dimension::Tag(_)) || ON_REQUEST.iter().any(|(known, _)| known == *one)
    });
    let fixed = std::iter::once(period).chain(APART);
    fixed.chain(extra.cloned()).collect()
}

/// The charges under their heading.
pub(super) fn charges(sheet: &Sheet) -> String {
    let asked = |(dimension, _): &&(Dimension, &str)| sheet.query.by.contains(dimension);
    let asked: Vec<_> = ON_REQUEST.iter().filter(asked).collect();
    let names = COLUMNS.iter().map(|(name, _)| *name);
    let head = names.chain(asked.iter().map(|(_, name)| *name));
    let head = csv::line(head.map(str::to_owned));
    let rows = sheet.rows.iter().flat_map(|row| {
        let key = Key {
            by: &sheet.query.by,
            values: &row.key,
        };
        let extra = asked.iter().map(|(by, _)| csv::text(key.value(by)));
        let extra: Vec<String> = extra.collect();
        Charge::of(&key, row).into_iter().map(move |charge| {
            let cells = COLUMNS.iter().map(|(_, cell)| cell(&charge));
            csv::line(cells.chain(extra.iter().cloned()))
        })
    });
    csv::lines(std::iter::once(head).chain(rows))
}

/// The start of the month of a moment, or of one `later`.
fn month(at: Timestamp, later: u8) -> String {
    let (year, month, _) = at.date();
    let months = i64::from(month - 1 + later);
    let (year, month) = (year + months / 12, months % 12 + 1);
    let month = u8::try_from(month).unwrap_or(1);
    Timestamp::from_date(year, month, 1).map_or_else(String::new, |start| start.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn months_begin_on_their_first_and_end_with_the_next() {
        let at = |date| Timestamp::parse_date(date).expect("a date");
        assert_eq!(month(at("2026-08-31"), 0), "2026-08-01T00:00:00Z");
        assert_eq!(month(at("2026-12-31"), 1), "2027-01-01T00:00:00Z");
        assert_eq!(month(at("2026-01-15"), 1), "2026-02-01T00:00:00Z");
    }

    #[test]
    fn the_breakdown_has_what_charges_need_and_what_was_asked() {
        let asked = [
            Dimension::Hour,
            Dimension::Model,
            Dimension::Task,
            Dimension::Tag("env".into()),
        ];
        let names: Vec<String> = breakdown(&asked).iter().map(ToString::to_string).collect();
        assert_eq!(
            names.join(" "),
            "hour lane billing provider model caller task tag.env"
        );
    }
}
