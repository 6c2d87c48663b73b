//! Rows that are nearly the same prompt belong on the same side of a split.

use std::collections::HashMap;

use crate::chance::mix;

/// Words of a shingle.
const WORDS: usize = 9;
/// Share of the shorter prompt's shingles that two of a group have in common.
const SHARED: f64 = 0.4;
/// Shingles that more rows have are a frame around the prompt, not the prompt.
const COMMON: usize = 20;

/// The group of each row: the first row of it.
pub(crate) fn groups(prompts: &[&str]) -> Vec<usize> {
    let shingles: Vec<Vec<u64>> = prompts.iter().map(|prompt| shingles(prompt)).collect();
    let mut rows_of: HashMap<u64, Vec<usize>> = HashMap::new();
    for (row, shingles) in shingles.iter().enumerate() {
        for shingle in shingles {
            rows_of.entry(*shingle).or_default().push(row);
        }
    }
    rows_of.retain(|_, rows| rows.len() <= COMMON);
    let mut own = vec![0_usize; prompts.len()];
    let mut shared: HashMap<(usize, usize), usize> = HashMap::new();
    for rows in rows_of.values() {
        for (place, row) in rows.iter().enumerate() {
            own[*row] += 1;
            for other in &rows[place + 1..] {
                *shared.entry((*row, *other)).or_default() += 1;
            }
        }
    }
    let mut parents: Vec<usize> = (0..prompts.len()).collect();
    for ((left, right), count) in shared {
        let shorter = own[left].min(own[right]);
        if count as f64 >= SHARED * shorter as f64 {
            join(&mut parents, left, right);
        }
    }
    (0..prompts.len())
        .map(|row| root(&mut parents, row))
        .collect()
}

/// The fold of a group, by a hash of the seed and its first row's name.
pub(crate) fn fold(id: &str, seed: u64, folds: usize) -> usize {
    let hash = id.bytes().fold(mix(seed ^ 0x5bd1_e995), |hash, byte| {
        mix(hash ^ u64::from(byte))
    });
    (hash % folds as u64) as usize
}

/// Hashes of all runs of [`WORDS`] words, each once.
fn shingles(prompt: &str) -> Vec<u64> {
    let words: Vec<u64> = prompt.split_whitespace().map(word).collect();
    let whole = |words: &[u64]| words.iter().fold(7, |hash, word| mix(hash ^ word));
    let mut shingles: Vec<u64> = match words.len() {
        0 => Vec::new(),
        1..=WORDS => vec![whole(&words)],
        _ => words.windows(WORDS).map(whole).collect(),
    };
    shingles.sort_unstable();
    shingles.dedup();
    shingles
}

fn word(text: &str) -> u64 {
    let letters = text.bytes().filter(u8::is_ascii_alphanumeric);
    letters.fold(1, |hash, byte| {
        mix(hash ^ u64::from(byte.to_ascii_lowercase()))
    })
}

fn root(parents: &mut [usize], mut row: usize) -> usize {
    while parents[row] != row {
        parents[row] = parents[parents[row]];
        row = parents[row];
    }
    row
}

fn join(parents: &mut [usize], left: usize, right: usize) {
    let (left, right) = (root(parents, left), root(parents, right));
    // The first row stands for the group, whatever order pairs come in.
    parents[left.max(right)] = left.min(right);
}
