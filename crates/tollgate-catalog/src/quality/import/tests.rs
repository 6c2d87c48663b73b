use super::*;

const AIDER: &str = "\
- dirname: one
  test_cases: 225
  model: Maker Large 2 (20260102)
  pass_rate_2: 40.0
  date: 2026-01-03

- test_cases: 225
  model: Maker Large 2 (20260102)
  pass_rate_2: 60.0
  date: 2026-02-03
- test_cases: 225
  model: Nobody's
  pass_rate_2: 10.0
  date: 2026-02-01
";
const LIVEBENCH: &str = "\
model,sums,proofs,programs,tests,letters,summaries
large-2,80.0,60.0,90.0,70.0,50.0,40.0
small-2,40.0,20.0,50.0,30.0,10.0,0.0
lacking-1,,20.0,50.0,30.0,10.0,0.0
";
const CATEGORIES: &str = r#"{"Mathematics":["sums","proofs"],"Coding":["programs","tests"],"IF":["letters","summaries"]}"#;
const ARENA: &str = "\
rank,model,arena_score,95_pct_ci
1,\"Large-2\",1400,+4/-4
2,Small-2,1000,+25/-25
3,Other,1200,+4/-4
";

fn listing() -> Vec<Model> {
    [
        r#"{"id":"maker/large-2","canonical_slug":"maker/large-2-20260102","name":"Maker: Maker Large 2"}"#,
        r#"{"id":"maker/small-2","canonical_slug":"maker/small-2"}"#,
        r#"{"id":"maker/small-2:free","canonical_slug":"maker/small-2"}"#,
        r#"{"id":"maker/lacking-1"}"#,
    ]
    .map(|row| Model::parse(row.as_bytes()).unwrap())
    .into()
}

fn input(name: &str, text: &str) -> ScoresInput {
    ScoresInput {
        path: PathBuf::from(name),
        text: text.to_owned(),
    }
}

fn import(files: &[ScoresInput]) -> Result<ImportedScores, String> {
    import_scores(files, &ImportOptions::default(), &listing()).map_err(|error| error.to_string())
}

fn score(imported: &ImportedScores, id: &str, task: Task) -> Option<(f32, f32)> {
    Some(imported.scores.models.get(id)?.score(task)?.parts())
}

fn close(found: Option<(f32, f32)>, mean: f32, error: f32) {
    let (m, e) = found.expect("there is a score");
    assert!(
        (m - mean).abs() < 5e-4 && (e - error).abs() < 5e-4,
        "{m} {e}"
    );
}

#[test]
fn of_runs_of_one_model_the_newest_counts_with_its_binomial_error() {
    let imported = import(&[input("board.yml", AIDER)]).unwrap();
    close(score(&imported, "maker/large-2", Task::Code), 0.6, 0.0325);
    assert_eq!(imported.unmatched, ["Nobody's"]);
    assert_eq!((imported.matched, imported.models()), (1, 1));
    let origin = &imported.scores.sources["aider"];
    assert_eq!(
        (&*origin.date, &*origin.licence),
        ("2026-02-03", "Apache-2.0")
    );
}

#[test]
fn categories_become_tasks_and_the_error_is_how_columns_disagree() {
    let files = [
        input("table_2026_01_08.csv", LIVEBENCH),
        input("categories.json", CATEGORIES),
    ];
    let imported = import(&files).unwrap();
    close(
        score(&imported, "maker/large-2", Task::Reasoning),
        0.7,
        0.0333,
    );
    close(score(&imported, "maker/small-2", Task::Code), 0.4, 0.01);
    close(score(&imported, "maker/small-2", Task::Chat), 0.05, 0.01);
    assert_eq!(score(&imported, "maker/lacking-1", Task::Reasoning), None);
    assert!(score(&imported, "maker/lacking-1", Task::Code).is_some());
    assert_eq!(imported.scores.sources["livebench"].date, "2026-01-08");
    let problem = import(&files[..1]).unwrap_err();
    assert!(problem.contains("categories is missing"), "{problem}");
}

#[test]
fn torn_lines_are_left_out_and_told() {
    let torn = format!("{ARENA}4,Torn,1300\n");
    let imported = import(&[input("text-2025-08.csv", &torn)]).unwrap();
    assert_eq!(imported.matched, 2);
    assert_eq!(
        imported.unread,
        ["lmarena: line 5, 4: 3 cells under 4 headings"]
    );
}

#[test]
fn ratings_become_chances_against_the_median() {
    let imported = import(&[input("text-2025-08.csv", ARENA)]).unwrap();
    // 200 points above the median: odds of 10^0.5.
    close(score(&imported, "maker/large-2", Task::Chat), 0.7597, 0.01);
    close(
        score(&imported, "maker/small-2", Task::Chat),
        0.2403,
        0.0134,
    );
    assert_eq!(imported.unmatched, ["Other"]);
}

#[test]
fn sources_are_pooled_and_named_with_their_terms() {
    let files = [
        input("a.yml", AIDER),
        input("table_2026_01_08.csv", LIVEBENCH),
        input("categories.json", CATEGORIES),
    ];
    let imported = import(&files).unwrap();
    let (mean, error) = score(&imported, "maker/large-2", Task::Code).unwrap();
    assert!(mean > 0.6 && mean < 0.8 && error > 0.04, "{mean} {error}");
    let text = imported.to_toml();
    assert!(text.contains("from = [\"aider\", \"livebench\"]"), "{text}");
    let read = Scores::from_toml(&text).unwrap();
    let who = read.who(["maker/large-2"].into_iter(), Task::Code).unwrap();
    assert!(
        who.contains("Aider polyglot leaderboard, 2026-02-03, Apache-2.0"),
        "{who}"
    );
    let json = imported.to_json().to_string();
    assert_eq!(Scores::from_json(&json).unwrap(), imported.scores);
}

#[test]
fn what_is_written_can_be_imported_again() {
    let once = import(&[input("a.yml", AIDER)]).unwrap();
    let again = import(&[input("scores.toml", &once.to_toml())]).unwrap();
    close(score(&again, "maker/large-2", Task::Code), 0.6, 0.0325);
    assert_eq!(again.scores.date, "2026-02-03");
}

#[test]
fn names_that_fit_one_model_equally_well_are_unclear() {
    let two = AIDER.replace("Nobody's", "large-2-20260102");
    let one = two.replacen("Maker Large 2 (20260102)", "large 2 (20260102)", 1);
    let imported = import(&[input(
        "a.yml",
        &one.replace("Maker Large 2 (20260102)", "x"),
    )])
    .unwrap();
    assert_eq!(imported.unclear, ["large 2 (20260102)", "large-2-20260102"]);
    assert_eq!(imported.models(), 0);
}

#[test]
fn what_is_no_score_names_file_and_row() {
    for (text, problem) in [
        (AIDER.replace("40.0", "140.0"), "is no share"),
        (
            AIDER.replace("pass_rate_2: 40.0", "pass_rate_2: many"),
            "is no number",
        ),
        (
            ARENA.replace("1400", "best"),
            "Large-2: \"best\" is no rating",
        ),
        (ARENA.replace("+4/-4", "4"), "is no interval"),
        (String::from("hello"), "it is none of aider"),
        (String::from("{"), "EOF"),
    ] {
        let found = import(&[input("x-2026-01-01.csv", &text)]).unwrap_err();
        assert!(
            found.contains(problem) && found.contains("x-2026"),
            "{found}"
        );
    }
    let undated = import(&[input("arena.csv", ARENA)]).unwrap_err();
    assert!(undated.contains("--date YYYY-MM-DD"), "{undated}");
}
