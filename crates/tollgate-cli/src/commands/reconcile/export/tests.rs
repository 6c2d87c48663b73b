use super::*;

fn rows(text: &str, map: &[(&str, &str)]) -> Result<Vec<String>, Wrong> {
    let map: Vec<_> = map
        .iter()
        .map(|(figure, heading)| ((*figure).to_owned(), (*heading).to_owned()))
        .collect();
    let book = book(text, &map)?;
    let row = |(entry, figures): (&Entry, &Figures)| {
        let day = tollgate::Dimension::day(entry.day);
        let model = &entry.model;
        format!("{day} {model} {} {:?}", figures.cost(), figures.requests)
    };
    Ok(book.iter().map(row).collect())
}

#[test]
fn columns_are_found_by_their_headings_in_any_order() {
    let text = "Model,Requests,Cost (USD),Date\n\
                \"a,one\",\"1,000\",\"$1,234.5\",2026-08-08\n\n\
                b/two,2,1e-7,2026-08-09T23:59:59Z\r\n\
                b/two,3,0.1,2026-08-09 10:00:00\n";
    let read = rows(text, &[]).unwrap();
    let expected = [
        "2026-08-08 a,one 1234.5 Some(1000)",
        "2026-08-09 b/two 0.1000001 Some(5)",
    ];
    assert_eq!(read, expected);
}

#[test]
fn headings_can_be_named() {
    let text = "\u{feff}When,What,Price\n2026-08-08,a/one,1\n";
    let refused = rows(text, &[]).unwrap_err();
    assert!(refused.1.contains("--map date=HEADING"), "{refused:?}");
    assert!(refused.1.contains("When, What, Price"), "{refused:?}");
    let map = [("date", "when"), ("model", "What"), ("cost", "Price")];
    assert_eq!(rows(text, &map).unwrap(), ["2026-08-08 a/one 1 None"]);
    let refused = rows(text, &[("price", "Price")]).unwrap_err();
    assert!(refused.1.contains("requests"), "{refused:?}");
    assert!(rows(text, &[("cost", "Prize")]).is_err());
}

#[test]
fn what_cannot_be_read_is_named_with_its_line() {
    let head = "date,model,cost,requests\n";
    for (row, figure) in [
        ("tomorrow,a/one,1,1", "date"),
        ("2026-08-08,,1,1", "model"),
        ("2026-08-08,a/one,dear,1", "cost"),
        ("2026-08-08,a/one,1,many", "requests"),
    ] {
        let text = format!("{head}2026-08-08,\"two\nlines\",1,1\n{row}\n");
        let (what, _) = rows(&text, &[]).unwrap_err();
        assert!(what.contains(&format!("line 4 has no {figure}")), "{what}");
    }
    assert!(rows("", &[]).is_err());
    assert_eq!(rows(head, &[]).unwrap(), [""; 0]);
}

#[test]
fn commas_group_digits_by_three_and_are_nothing_else() {
    for (text, expected) in [
        ("1,234.5", Some("1234.5")),
        ("$1,234,567", Some("1234567")),
        ("-$12.5", Some("-12.5")),
        ("$-12.5", Some("-12.5")),
        ("-$1,234", Some("-1234")),
        ("12.5 $", Some("12.5")),
        ("--1", None),
        ("1$2", None),
        ("1e-7", Some("0.0000001")),
        ("0,012", None),
        ("1,50", None),
        ("00,012", None),
        ("1234,567", None),
        ("1,234,56", None),
        (",123", None),
        ("0.012,345", None),
        ("1.234,56", None),
        ("", None),
        ("$", None),
    ] {
        let amount = dollars(text).map(|amount| amount.to_string());
        assert_eq!(amount.as_deref(), expected, "{text:?}");
    }
    for cost in ["\"0,012\"", "\"1,50\"", ""] {
        let text = format!("date,model,cost\n2026-08-08,a/one,1\n2026-08-09,a/one,{cost}\n");
        let (what, hint) = rows(&text, &[]).unwrap_err();
        assert!(what.contains("line 3 has no cost"), "{what}");
        assert!(hint.contains("1234.5"), "{hint}");
    }
}

#[test]
fn a_quote_that_is_never_closed_swallows_nothing() {
    let text = "date,model,cost\n2026-08-08,a/one,1\n2026-08-09,\"b/two,5\n2026-08-10,b/two,5\n";
    let (what, _) = rows(text, &[]).unwrap_err();
    assert!(what.contains("quote in line 3"), "{what}");
    let inside = "date,model,cost\n2026-08-08,a/\"one,1\n2026-08-09, \"b\"\"2\",5\n";
    let expected = ["2026-08-08 a/\"one 1 None", "2026-08-09 b\"2 5 None"];
    assert_eq!(rows(inside, &[]).unwrap(), expected);
}

#[test]
fn a_cost_without_a_byok_column_is_one_sum() {
    for (text, one_sum) in [
        ("date,model,cost\n2026-08-08,a/one,1\n", true),
        ("date,model,cost,byok_usage\n2026-08-08,a/one,1,\n", false),
    ] {
        assert_eq!(book(text, &[]).unwrap().total().one_sum, one_sum);
    }
}
