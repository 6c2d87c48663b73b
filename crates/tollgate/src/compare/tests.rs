use super::*;

const TODAY: i64 = 20_673;
const CENT: Tolerance = Tolerance(Usd::from_nanos(10_000_000));

fn figures(cost: &str, requests: u64) -> Figures {
    Figures {
        credits: cost.parse().unwrap(),
        requests: Some(requests),
        prompt: Some(requests * 100),
        output: Some(requests * 10),
        ..Figures::default()
    }
}

fn book(rows: &[(i64, &str, Figures)]) -> Book {
    let mut book = Book::default();
    for (day, model, figures) in rows {
        let (day, model) = (TODAY - day, (*model).to_owned());
        book.add(Entry { day, model }, *figures);
    }
    book
}

/// The cause of the largest drift and whether the books agree.
fn check(ours: &[(i64, &str, Figures)], theirs: &[(i64, &str, Figures)]) -> (Option<Cause>, bool) {
    let comparison = compare(&book(ours), &book(theirs), CENT, TODAY);
    let cause = comparison.drifts.first().map(|drift| drift.cause);
    (cause, comparison.agrees)
}

#[test]
fn equal_books_agree_and_have_no_drifts() {
    let rows = [
        (1, "a/one", figures("1.5", 3)),
        (2, "b/two", figures("0", 1)),
    ];
    assert_eq!(check(&rows, &rows), (None, true));
    assert_eq!(check(&[], &[]), (None, true));
}

#[test]
fn rows_of_one_model_on_one_day_are_one_entry() {
    let apart = [(1, "a/one", figures("1", 3)), (1, "a/one", figures("2", 4))];
    assert_eq!(
        check(&[(1, "a/one", figures("3", 7))], &apart),
        (None, true)
    );
}

#[test]
fn each_cause_is_named() {
    let ours = |change: fn(&mut Figures)| {
        let mut figures = figures("1", 10);
        change(&mut figures);
        [(1, "a/one", figures)]
    };
    let same = ours(|_| ());
    let cases = [
        (
            same,
            [(1, "a/one", figures("1.5", 12))],
            Cause::PastTheGateway,
        ),
        (same, [(1, "a/one", figures("0.5", 8))], Cause::NotListed),
        (
            ours(|ours| ours.computed = 2),
            [(1, "a/one", figures("1.1", 10))],
            Cause::Computed,
        ),
        (
            ours(|ours| ours.output = Some(9)),
            [(1, "a/one", figures("1.1", 10))],
            Cause::Tokens,
        ),
        (same, [(1, "a/one", figures("1.1", 10))], Cause::Price),
        (
            ours(|ours| (ours.credits, ours.provider) = (ours.provider, ours.credits)),
            [(1, "a/one", figures("1", 10))],
            Cause::Split,
        ),
    ];
    for (ours, theirs, cause) in cases {
        assert_eq!(check(&ours, &theirs), (Some(cause), false));
    }
    assert_eq!(check(&[], &same), (Some(Cause::PastTheGateway), false));
    assert_eq!(check(&same, &[]), (Some(Cause::NotListed), false));
}

#[test]
fn costs_without_counts_are_from_somewhere_too() {
    let mut theirs = figures("0.5", 0);
    (theirs.requests, theirs.prompt, theirs.output) = (None, None, None);
    let theirs = [(1, "a/one", theirs)];
    assert_eq!(check(&[], &theirs), (Some(Cause::PastTheGateway), false));
    let ours = [(1, "a/one", figures("0.4", 2))];
    assert_eq!(check(&ours, &theirs), (Some(Cause::Unknown), false));
}

#[test]
fn the_tolerance_is_an_amount_or_a_thousandth() {
    let row = |cost| [(1, "a/one", figures(cost, 1))];
    assert!(check(&row("1"), &row("1.01")).1);
    assert!(!check(&row("1"), &row("1.010000001")).1);
    assert!(check(&row("99.9"), &row("100")).1);
    assert!(!check(&row("99.89"), &row("100")).1);
}

#[test]
fn small_drifts_that_add_up_count() {
    let rows = |cost| ["a/one", "b/two", "c/three"].map(|model| (1, model, figures(cost, 1)));
    let (cause, agrees) = check(&rows("0.1"), &rows("0.109"));
    assert_eq!((cause, agrees), (Some(Cause::Price), false));
}

#[test]
fn unresolved_attempts_may_cost_up_to_their_worst_case() {
    let mut ours = figures("1", 10);
    ours.unresolved = "0.2".parse().unwrap();
    let ours = [(1, "a/one", ours)];
    let theirs = |cost| [(1, "a/one", figures(cost, 10))];
    assert_eq!(
        check(&ours, &theirs("1.2")),
        (Some(Cause::Unresolved), true)
    );
    assert_eq!(check(&ours, &theirs("1.21")), (Some(Cause::Price), false));
    assert_eq!(check(&ours, &theirs("0.9")), (Some(Cause::Price), false));
}

#[test]
fn calls_over_midnight_cancel_out() {
    let ours = [
        (2, "a/one", figures("1.5", 3)),
        (1, "a/one", figures("1", 2)),
    ];
    let theirs = [
        (2, "a/one", figures("1", 2)),
        (1, "a/one", figures("1.5", 3)),
    ];
    assert_eq!(check(&ours, &theirs), (Some(Cause::Midnight), true));
    let other = [
        (2, "b/two", figures("1", 2)),
        (1, "b/two", figures("1.5", 3)),
    ];
    assert!(!check(&ours, &other).1);
}

#[test]
fn a_direct_lane_is_beside_an_export_that_has_one_sum() {
    let ours = Figures {
        credits: Usd::ZERO,
        provider: "1.5".parse().unwrap(),
        ..figures("0", 10)
    };
    let theirs = |cost| Figures {
        one_sum: true,
        ..figures(cost, 10)
    };
    let check = |cost| check(&[(1, "a/one", ours)], &[(1, "a/one", theirs(cost))]);
    assert_eq!(check("1.5"), (None, true));
    assert_eq!(check("1.501"), (Some(Cause::Price), true));
    assert_eq!(check("1.6"), (Some(Cause::Price), false));
}

#[test]
fn a_day_is_held_against_one_other_only() {
    let ours = [
        (3, "a/one", figures("1", 2)),
        (2, "a/one", figures("1.5", 2)),
        (1, "a/one", figures("1", 2)),
    ];
    let theirs = [
        (3, "a/one", figures("1.5", 2)),
        (2, "a/one", figures("1", 2)),
        (1, "a/one", figures("1.5", 2)),
    ];
    let comparison = compare(&book(&ours), &book(&theirs), CENT, TODAY);
    let causes: Vec<_> = comparison.drifts.iter().map(|drift| drift.cause).collect();
    assert_eq!(causes, [Cause::Midnight, Cause::Midnight, Cause::Price]);
    assert!(!comparison.agrees);
}

#[test]
fn no_more_than_a_small_part_of_a_day_runs_over_midnight() {
    let check = |day: &str, ours: &str, theirs: &str| {
        let rest = [(2, "b/two", figures(day, 9)), (1, "b/two", figures(day, 9))];
        let [two, one] = [(2, "a/one"), (1, "a/one")];
        let with = |first: &str, second: &str| {
            let mut rows = rest.to_vec();
            rows.push((two.0, two.1, figures(first, 2)));
            rows.push((one.0, one.1, figures(second, 2)));
            rows
        };
        check(&with(ours, theirs), &with(theirs, ours))
    };
    assert_eq!(check("0", "2", "1"), (Some(Cause::Midnight), true));
    assert_eq!(check("0", "2.001", "1"), (Some(Cause::Price), false));
    assert_eq!(check("38", "2.001", "1"), (Some(Cause::Midnight), true));
    assert_eq!(check("38", "4", "1"), (Some(Cause::Price), false));
}

#[test]
fn a_day_that_is_not_shown_yet_is_waited_for() {
    let ours = [(1, "a/one", figures("1", 2)), (0, "a/one", figures("5", 2))];
    let theirs = [(1, "a/one", figures("1", 2))];
    assert_eq!(check(&ours, &theirs), (Some(Cause::NotShownYet), true));
    // Once anything of today is shown, all of it is.
    let theirs = [(1, "a/one", figures("1", 2)), (0, "b/two", figures("1", 1))];
    assert!(!check(&ours, &theirs).1);
    // Yesterday is over.
    assert_eq!(check(&ours[..1], &[]), (Some(Cause::NotListed), false));
}
