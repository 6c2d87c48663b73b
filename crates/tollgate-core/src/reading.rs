use std::fmt;
use std::str::FromStr;

use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// Which learned router something comes from: the checksum of its file, written
/// as 16 hexadecimal digits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct LearnedId(u64);

impl LearnedId {
    /// The id of a file with that checksum.
    pub const fn of_checksum(checksum: u64) -> Self {
        Self(checksum)
    }
}

impl fmt::Display for LearnedId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

impl FromStr for LearnedId {
    type Err = std::num::ParseIntError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        u64::from_str_radix(text, 16).map(Self)
    }
}

impl Serialize for LearnedId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for LearnedId {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map_err(D::Error::custom)
    }
}

/// What a learned router read in a prompt: a few dozen numbers, of which no
/// text can be made. They mean something to that router alone.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Reading {
    /// Who read it.
    pub by: LearnedId,
    /// Shares of the clusters that it knows, then amounts of the skills.
    pub outputs: Vec<f32>,
    /// Share that no cluster has.
    pub rest: f32,
    /// Training rows that speak for the prompt.
    pub evidence: f32,
    /// Chance that it is of a task that was not trained on, 0 to 1.
    pub novelty: f32,
    /// How much of it is made of what training prompts are made of, 0 to 1.
    pub trust: f32,
    /// How hard it is for the average model, in logits; 0 is the mean of the
    /// training prompts.
    pub difficulty: f32,
}

#[cfg(test)]
mod tests {
    use super::LearnedId;

    #[test]
    fn an_id_survives_readers_that_have_no_integers_of_64_bits() {
        let id = LearnedId::of_checksum(u64::MAX - 1);
        let text = serde_json::to_string(&id).unwrap();
        assert_eq!(text, "\"fffffffffffffffe\"");
        assert_eq!(serde_json::from_str::<LearnedId>(&text).unwrap(), id);
    }
}
