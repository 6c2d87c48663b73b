//! A strict reader of the text format of OpenMetrics: what it does not expect
//! fails the test.

use std::collections::{BTreeMap, HashSet};

/// All samples, by series as written.
#[derive(Debug)]
pub(crate) struct Page {
    samples: Vec<Sample>,
}

#[derive(Debug)]
struct Sample {
    name: String,
    labels: BTreeMap<String, String>,
    value: String,
}

/// A family as it was announced.
#[derive(Default)]
struct Family {
    name: String,
    kind: String,
}

impl Page {
    pub(crate) fn parse(text: &str) -> Self {
        let body = text.strip_suffix("# EOF\n").expect("an end");
        let (mut samples, mut names, mut series) = (Vec::new(), HashSet::new(), HashSet::new());
        let mut family = Family::default();
        for line in body.lines() {
            if let Some(comment) = line.strip_prefix("# ") {
                let [word, name, rest] = comment.splitn(3, ' ').collect::<Vec<_>>()[..] else {
                    panic!("{line}");
                };
                assert!(!rest.is_empty(), "{line}");
                match word {
                    "HELP" => {
                        assert!(names.insert(name.to_owned()), "announced twice: {name}");
                        let name = name.to_owned();
                        let kind = String::new();
                        family = Family { name, kind };
                    }
                    "TYPE" => rest.clone_into(&mut family.kind),
                    "UNIT" => assert!(name.ends_with(&format!("_{rest}")), "{line}"),
                    _ => panic!("{line}"),
                }
                assert_eq!(family.name, name, "{line}");
                continue;
            }
            let sample = Sample::parse(line);
            let suffix = sample.name.strip_prefix(&family.name);
            let suffix = suffix.unwrap_or_else(|| panic!("outside of {}: {line}", family.name));
            let fits = match family.kind.as_str() {
                "counter" => suffix == "_total",
                "gauge" => suffix.is_empty(),
                "info" => suffix == "_info",
                "histogram" => ["_bucket", "_sum", "_count"].contains(&suffix),
                kind => panic!("unknown type {kind}"),
            };
            assert!(fits, "{line} is no {}", family.kind);
            let key = (sample.name.clone(), sample.labels.clone());
            assert!(series.insert(key), "twice: {line}");
            samples.push(sample);
        }
        let page = Self { samples };
        page.check_histograms();
        page
    }

    /// Buckets are cumulative, and the last of them is the count.
    fn check_histograms(&self) {
        let mut last = BTreeMap::<(String, BTreeMap<String, String>), u64>::new();
        for sample in &self.samples {
            let Some(name) = sample.name.strip_suffix("_bucket") else {
                continue;
            };
            let mut labels = sample.labels.clone();
            assert!(labels.remove("le").is_some(), "{sample:?}");
            let value: u64 = sample.value.parse().unwrap();
            let before = last.insert((name.to_owned(), labels), value).unwrap_or(0);
            assert!(before <= value, "{sample:?}");
        }
        for ((name, labels), last) in last {
            let labels: Vec<_> = labels
                .iter()
                .map(|(key, value)| (key.as_str(), value.as_str()))
                .collect();
            assert_eq!(self.sum(&format!("{name}_count"), &labels), last, "{name}");
        }
    }

    /// Sum of the samples of that name with those labels, whatever others there are.
    pub(crate) fn sum(&self, name: &str, labels: &[(&str, &str)]) -> u64 {
        let has = |sample: &Sample| {
            let mut labels = labels.iter();
            labels.all(|(key, value)| sample.labels.get(*key).map_or("", String::as_str) == *value)
        };
        let named = self.samples.iter().filter(|sample| sample.name == name);
        let values = named.filter(|sample| has(sample));
        values
            .map(|sample| sample.value.parse::<u64>().unwrap())
            .sum()
    }

    /// The different values of a label.
    pub(crate) fn values(&self, label: &str) -> HashSet<&str> {
        let values = self.samples.iter().map(|sample| sample.labels.get(label));
        values.flatten().map(String::as_str).collect()
    }

    pub(crate) fn len(&self) -> usize {
        self.samples.len()
    }
}

impl Sample {
    fn parse(line: &str) -> Self {
        let (series, value) = line.rsplit_once(' ').unwrap_or_else(|| panic!("{line}"));
        let (name, labels) = match series.split_once('{') {
            Some((name, labels)) => (name, labels.strip_suffix('}').expect("a closed set")),
            None => (series, ""),
        };
        let is_word = |c: char| c.is_ascii_alphanumeric() || c == '_';
        assert!(!name.is_empty() && name.chars().all(is_word), "{line}");
        assert!(value.parse::<f64>().is_ok_and(f64::is_finite), "{line}");
        Self {
            name: name.to_owned(),
            labels: parse_labels(labels),
            value: value.to_owned(),
        }
    }
}

fn parse_labels(mut rest: &str) -> BTreeMap<String, String> {
    let mut labels = BTreeMap::new();
    while !rest.is_empty() {
        let (key, quoted) = rest.split_once("=\"").expect("a label and its value");
        let mut value = String::new();
        let mut chars = quoted.char_indices();
        let end = loop {
            match chars.next().expect("a closing quote") {
                (at, '"') => break at,
                (_, '\\') => value.push(match chars.next().expect("an escape").1 {
                    'n' => '\n',
                    escaped @ ('"' | '\\') => escaped,
                    other => panic!("unknown escape {other}"),
                }),
                (_, plain) => value.push(plain),
            }
        };
        assert!(labels.insert(key.to_owned(), value).is_none(), "{key}");
        let after = &quoted[end + 1..];
        rest = after.strip_prefix(',').unwrap_or(after);
        assert!(rest.is_empty() != after.starts_with(','), "{after}");
    }
    labels
}
