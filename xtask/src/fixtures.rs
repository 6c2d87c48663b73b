//! `cargo xtask fixtures`: the recorded catalog, reduced to facts.
//!
//! Reads the body of OpenRouter's `GET /api/v1/models` (plain or gzip), keeps
//! the fields in [`KEPT`] with every value exactly as it was written, and
//! writes one model per line to both places that embed the catalog.
//! `--check` writes nothing: it reports any difference and any malformed line.

use std::collections::BTreeSet;
use std::fs;
use std::io::{Read as _, Write as _};
use std::path::{Path, PathBuf};

use clap::Args;
use flate2::read::GzDecoder;
use serde_json::value::RawValue;

/// Where the record came from; written into the file, so it travels along.
const SOURCE: &str = "OpenRouter public API GET /api/v1/models as recorded by \
sui414/openrouter-pricing-data commit 83ec0dd32d3c on 2026-08-08; facts only, no descriptions; \
benchmark figures by Artificial Analysis and Design Arena";

/// The day of the record.
const SNAPSHOT: &str = "2026-08-08";

/// The two crates that embed the catalog cannot depend on each other, so each
/// has its own copy; `--check` holds them equal.
const COPIES: [&str; 2] = [
    "crates/tollgate-sim/catalog/models.json",
    "crates/tollgate-catalog/catalog/models-2026-08-08.json",
];

/// The facts that are kept, in the order in which they are written.
/// Descriptions are prose with an author, so they stay behind.
const KEPT: [&str; 16] = [
    "id",
    "canonical_slug",
    "hugging_face_id",
    "name",
    "created",
    "context_length",
    "architecture",
    "pricing",
    "top_provider",
    "supported_parameters",
    "default_parameters",
    "reasoning",
    "expiration_date",
    "knowledge_cutoff",
    "alias_target",
    "links",
];

/// Kept last, because it is the longest and the least often read.
const KEPT_LAST: &str = "benchmarks";

/// What a model cannot do without.
const REQUIRED: [&str; 5] = ["id", "canonical_slug", "created", "architecture", "pricing"];

/// Arguments of `cargo xtask fixtures`.
#[derive(Args, Debug)]
pub(crate) struct Fixtures {
    /// Recorded body of GET /api/v1/models (`.json` or `.json.gz`) to read.
    #[arg(long, value_name = "FILE", required_unless_present = "check")]
    pub(crate) source: Option<PathBuf>,
    /// Write nothing; fail when the fixtures differ, are malformed or are out of date.
    #[arg(long)]
    pub(crate) check: bool,
}

/// Writes the catalog fixtures, or checks them.
///
/// # Errors
/// A sentence that names the file and says how to mend it.
pub(crate) fn run(args: Fixtures) -> Result<(), String> {
    let root = workspace_root()?;
    let fresh = args.source.as_deref().map(reduce_file).transpose()?;
    match (args.check, fresh) {
        (false, Some(text)) => write_copies(&root, &text),
        (_, fresh) => check_copies(&root, fresh.as_deref()),
    }
}

fn write_copies(root: &Path, text: &str) -> Result<(), String> {
    check_catalog(text)?;
    for copy in COPIES {
        let path = root.join(copy);
        if let Some(folder) = path.parent() {
            fs::create_dir_all(folder)
                .map_err(|error| format!("cannot create {}: {error}", folder.display()))?;
        }
        fs::write(&path, text)
            .map_err(|error| format!("cannot write {}: {error}", path.display()))?;
        say(&format!("wrote {copy} ({} bytes)", text.len()));
    }
    Ok(())
}

fn check_copies(root: &Path, fresh: Option<&str>) -> Result<(), String> {
    let first = read_text(&root.join(COPIES[0]))?;
    for copy in COPIES {
        if read_text(&root.join(copy))? != first {
            return Err(format!(
                "{copy} differs from {}; write both with `cargo xtask fixtures --source FILE`",
                COPIES[0]
            ));
        }
    }
    let models = check_catalog(&first)?;
    if fresh.is_some_and(|fresh| fresh != first) {
        return Err("the fixtures are not what the source gives; write them with `cargo xtask fixtures --source FILE`".into());
    }
    say(&format!("{models} models, {} equal copies", COPIES.len()));
    Ok(())
}

/// The reduced catalog for one recorded body.
fn reduce_file(path: &Path) -> Result<String, String> {
    reduce(&read_plain(path)?).map_err(|error| format!("{}: {error}", path.display()))
}

/// The text of a file, unpacked if it is gzip.
pub(crate) fn read_plain(path: &Path) -> Result<String, String> {
    let bytes =
        fs::read(path).map_err(|error| format!("cannot read {}: {error}", path.display()))?;
    if bytes.starts_with(&[0x1f, 0x8b]) {
        let mut text = String::new();
        GzDecoder::new(bytes.as_slice())
            .read_to_string(&mut text)
            .map_err(|error| format!("cannot unpack {}: {error}", path.display()))?;
        Ok(text)
    } else {
        String::from_utf8(bytes)
            .map_err(|error| format!("{} is not UTF-8: {error}", path.display()))
    }
}

fn reduce(text: &str) -> Result<String, String> {
    let body: Body<'_> = parse(text)?;
    let data = field(&body, "data").ok_or("no `data`: is it the body of GET /api/v1/models?")?;
    let models: Vec<&RawValue> = parse(data)?;
    let lines = models
        .into_iter()
        .map(|model| reduce_model(model.get()))
        .collect::<Result<Vec<_>, _>>()?;
    Ok(format!(
        "{{\"source\":\"{SOURCE}\",\n\"snapshot\":\"{SNAPSHOT}\",\n\"data\":[\n{}\n]}}\n",
        lines.join(",\n")
    ))
}

fn reduce_model(text: &str) -> Result<String, String> {
    let model: Body<'_> = parse(text)?;
    let facts: Vec<String> = KEPT
        .into_iter()
        .chain([KEPT_LAST])
        .filter_map(|key| field(&model, key).map(|value| format!("\"{key}\":{}", compact(value))))
        .collect();
    Ok(format!("{{{}}}", facts.join(",")))
}

/// Checks the written form and gives the number of models.
fn check_catalog(text: &str) -> Result<usize, String> {
    let body: Body<'_> = parse(text)?;
    let data = field(&body, "data").ok_or("the catalog has no `data`")?;
    let models: Vec<&RawValue> = parse(data)?;
    if models.is_empty() {
        return Err("the catalog has no models".into());
    }
    let mut ids = BTreeSet::new();
    for model in &models {
        check_model(model.get(), &mut ids)?;
    }
    Ok(models.len())
}

fn check_model(text: &str, ids: &mut BTreeSet<String>) -> Result<(), String> {
    let model: Body<'_> = parse(text)?;
    let id: String = parse(field(&model, "id").unwrap_or("null"))?;
    if let Some(missing) = REQUIRED
        .into_iter()
        .find(|key| field(&model, key).is_none())
    {
        return Err(format!("model {id} has no `{missing}`"));
    }
    if let Some(extra) = model
        .keys()
        .find(|key| **key != KEPT_LAST && !KEPT.contains(&key.as_str()))
    {
        return Err(format!(
            "model {id} has `{extra}`, which is not among the kept facts"
        ));
    }
    if text.contains('\n') {
        return Err(format!("model {id} is not on one line"));
    }
    if !ids.insert(id.clone()) {
        return Err(format!("model {id} is there twice"));
    }
    Ok(())
}

/// One object, its values untouched.
type Body<'a> = std::collections::BTreeMap<String, &'a RawValue>;

fn field<'a>(body: &Body<'a>, key: &str) -> Option<&'a str> {
    body.get(key).map(|value| value.get())
}

fn parse<'a, T: serde::Deserialize<'a>>(text: &'a str) -> Result<T, String> {
    serde_json::from_str(text).map_err(|error| format!("not the expected JSON: {error}"))
}

/// Removes whitespace between tokens; strings and numbers stay as written.
fn compact(json: &str) -> String {
    let mut quoted = false;
    let mut escaped = false;
    json.chars()
        .filter(|&character| {
            let keep = quoted || !character.is_ascii_whitespace();
            match character {
                _ if escaped => escaped = false,
                '\\' if quoted => escaped = true,
                '"' => quoted = !quoted,
                _ => {}
            }
            keep
        })
        .collect()
}

pub(crate) fn workspace_root() -> Result<PathBuf, String> {
    let xtask = Path::new(env!("CARGO_MANIFEST_DIR"));
    xtask
        .parent()
        .map(Path::to_path_buf)
        .ok_or_else(|| format!("{} has no parent folder", xtask.display()))
}

fn read_text(path: &Path) -> Result<String, String> {
    fs::read_to_string(path).map_err(|error| format!("cannot read {}: {error}", path.display()))
}

/// Progress is for people, so a closed stderr is no error.
fn say(line: &str) {
    let _ = writeln!(std::io::stderr(), "{line}");
}

#[cfg(test)]
mod tests {
    use super::{check_catalog, compact, reduce};

    const BODY: &str = r#"{"data": [
        {"id": "a/b", "canonical_slug": "a/b-1", "created": 1, "description": "prose",
         "architecture": {"modality": "text -> text"}, "pricing": {"prompt": "0.0000010", "discount": 0.10}}
    ]}"#;

    #[test]
    fn keeps_facts_as_written_and_drops_prose() {
        let text = reduce(BODY).unwrap();
        assert!(
            text.contains(r#""pricing":{"prompt":"0.0000010","discount":0.10}"#),
            "{text}"
        );
        assert!(text.contains("text -> text"), "{text}");
        assert!(!text.contains("prose"), "{text}");
        assert_eq!(check_catalog(&text), Ok(1));
    }

    #[test]
    fn refuses_a_model_twice_and_a_description() {
        let text = reduce(BODY).unwrap();
        let line = text.lines().nth(3).unwrap().to_owned();
        let twice = text.replace(&line, &format!("{line},\n{line}"));
        assert!(check_catalog(&twice).unwrap_err().contains("twice"));
        let prose = text.replace("\"created\":1", "\"created\":1,\"description\":\"prose\"");
        assert!(check_catalog(&prose).unwrap_err().contains("description"));
    }

    #[test]
    fn compacting_leaves_strings_alone() {
        assert_eq!(
            compact(r#"{ "a b" : "c \" d" , "e" : 1.50 }"#),
            r#"{"a b":"c \" d","e":1.50}"#
        );
    }
}
