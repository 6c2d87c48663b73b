//! A learned router as bytes: a magic word, a version, the parts in the order of
//! [`Learned`], and a checksum. Numbers are little-endian.

use std::collections::BTreeSet;

use tollgate_core::{LearnedId, Task};

use crate::learned::{AVERAGE, MOST_CAUTION, MOST_OUTPUTS, Shape};
use crate::text::{BUCKETS, FIGURES};
use crate::train::{NO_COLUMN, Scaling};
use crate::{LearnError, Learned};

const MAGIC: &str = "tollgate-learned";
/// Raised whenever a part is added, or the meaning of one changes. How prompts
/// are read is part of it: weights of other n-grams would mean nothing.
const VERSION: u16 = 3;
const CHECKSUM_BYTES: usize = 8;
/// Far more than any training gives; products of four such numbers are still numbers.
const MOST: f32 = 1e8;
const MOST_SPREAD: f32 = 10.0;

impl Learned {
    /// The router as bytes, for [`Learned::from_bytes`].
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut out = Writer(MAGIC.as_bytes().to_vec());
        out.short(VERSION);
        out.short(self.shape.clusters as u16);
        out.short(self.shape.skills as u16);
        out.short(self.names.len() as u16);
        for name in &self.names {
            out.short(name.len() as u16);
            out.0.extend_from_slice(name.as_bytes());
        }
        self.write_map(&mut out);
        for numbers in [
            &self.scaling.low,
            &self.scaling.high,
            &self.scaling.mean,
            &self.scaling.factor,
        ] {
            out.numbers(numbers);
        }
        out.rows(&self.figure_weights, self.shape);
        out.numbers(&[self.coverage, self.reference]);
        out.numbers(&self.novelty);
        out.numbers(&[self.caution]);
        out.numbers(&self.seen);
        for numbers in [&self.task_difficulty, &self.task_lengths, &self.of_score] {
            out.numbers(numbers);
        }
        self.priors.iter().for_each(|priors| out.numbers(priors));
        out.rows(&self.seats, self.shape);
        out.numbers(&self.spreads);
        out.numbers(&self.lengths);
        let sum = checksum(&out.0);
        out.0.extend_from_slice(&sum.to_le_bytes());
        out.0
    }

    /// The same under the id that its file has.
    pub(crate) fn named(mut self) -> Self {
        let bytes = self.to_bytes();
        self.id = LearnedId::of_checksum(checksum(&bytes[..bytes.len() - CHECKSUM_BYTES]));
        self
    }

    /// Reads a router. Nothing of it is taken on trust: bytes that are cut,
    /// changed or of another version are refused.
    ///
    /// # Errors
    /// [`LearnError::NotLearned`], [`LearnError::Version`] or [`LearnError::Damaged`].
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, LearnError> {
        let Some(rest) = bytes.strip_prefix(MAGIC.as_bytes()) else {
            return Err(LearnError::NotLearned { magic: MAGIC });
        };
        let mut input = Reader(rest);
        let version = input.short()?;
        if version != VERSION {
            return Err(LearnError::Version {
                found: version,
                known: VERSION,
            });
        }
        let end = bytes.len().saturating_sub(CHECKSUM_BYTES);
        let sum = checksum(&bytes[..end]);
        if sum.to_le_bytes() != bytes[end..] {
            return Err(LearnError::Damaged {
                what: "its checksum is wrong",
            });
        }
        let learned = read(&mut input, LearnedId::of_checksum(sum))?;
        match input.0.len() {
            CHECKSUM_BYTES => Ok(learned),
            _ => Err(LearnError::Damaged {
                what: "it is longer than its parts",
            }),
        }
    }

    /// The buckets that have columns, in the order of these, and their weights.
    fn write_map(&self, out: &mut Writer) {
        let mut buckets: Vec<u16> = (0..=u16::MAX)
            .filter(|bucket| self.column_of[usize::from(*bucket)] != NO_COLUMN)
            .collect();
        buckets.sort_unstable_by_key(|bucket| self.column_of[usize::from(*bucket)]);
        out.short(buckets.len() as u16);
        buckets.iter().for_each(|bucket| out.short(*bucket));
        for row in self.weights.chunks_exact(self.shape.width()) {
            let used = &row[..self.shape.outputs()];
            out.0.extend(used.iter().map(|step| *step as u8));
        }
        out.numbers(&self.steps[..self.shape.outputs()]);
    }
}

fn read(input: &mut Reader<'_>, id: LearnedId) -> Result<Learned, LearnError> {
    let shape = Shape {
        clusters: usize::from(input.short()?),
        skills: usize::from(input.short()?),
    };
    if shape.outputs() == 0 || shape.outputs() > MOST_OUTPUTS {
        return Err(LearnError::Damaged {
            what: "it has more outputs than there can be, or none",
        });
    }
    let names = read_names(input)?;
    let models = AVERAGE + 1 + names.len();
    let columns = usize::from(input.short()?);
    Ok(Learned {
        id,
        shape,
        column_of: read_columns(input, columns)?,
        weights: read_weights(input, columns, shape)?,
        steps: widened(&input.numbers(shape.outputs())?, shape),
        scaling: Scaling {
            low: input.array()?,
            high: input.array()?,
            mean: input.array()?,
            factor: input.array()?,
        }
        .ordered()?,
        figure_weights: widened(&input.numbers(FIGURES * shape.outputs())?, shape),
        coverage: input.within(1e-3, 1.0)?,
        reference: input.within(0.01, 0.99)?,
        novelty: input.array()?,
        caution: input.within(0.0, MOST_CAUTION)?,
        seen: input.numbers_within(shape.clusters, 0.0, MOST)?,
        task_difficulty: input.array()?,
        task_lengths: input.array()?,
        of_score: input.array()?,
        priors: (0..models)
            .map(|_| input.array::<{ Task::COUNT }>())
            .collect::<Result<_, _>>()?,
        seats: widened(&input.numbers(models * shape.outputs())?, shape),
        spreads: input.numbers_within(models, 0.0, MOST_SPREAD)?,
        lengths: input.numbers(models * shape.clusters)?,
        names,
    })
}

fn read_names(input: &mut Reader<'_>) -> Result<Vec<String>, LearnError> {
    let count = input.short()?;
    let mut names = Vec::new();
    for _ in 0..count {
        let length = usize::from(input.short()?);
        let name = String::from_utf8(input.take(length)?.to_vec());
        names.push(name.map_err(|_| LearnError::Damaged {
            what: "a model's name is no text",
        })?);
    }
    match names.iter().collect::<BTreeSet<_>>().len() == names.len() {
        true => Ok(names),
        false => Err(LearnError::Damaged {
            what: "two models have the same name",
        }),
    }
}

fn read_columns(input: &mut Reader<'_>, columns: usize) -> Result<Vec<u16>, LearnError> {
    let mut column_of = vec![NO_COLUMN; BUCKETS];
    for column in 0..columns {
        let place = &mut column_of[usize::from(input.short()?)];
        if *place != NO_COLUMN {
            return Err(LearnError::Damaged {
                what: "a bucket has two columns",
            });
        }
        *place = column as u16;
    }
    Ok(column_of)
}

fn read_weights(
    input: &mut Reader<'_>,
    columns: usize,
    shape: Shape,
) -> Result<Vec<i8>, LearnError> {
    let bytes = input.take(columns * shape.outputs())?;
    let mut weights = vec![0; columns * shape.width()];
    let rows = weights.chunks_exact_mut(shape.width());
    for (row, bytes) in rows.zip(bytes.chunks_exact(shape.outputs())) {
        for (weight, byte) in row.iter_mut().zip(bytes) {
            *weight = *byte as i8;
        }
    }
    Ok(weights)
}

/// Rows filled up to whole lanes.
fn widened(rows: &[f32], shape: Shape) -> Vec<f32> {
    let fill = shape.width() - shape.outputs();
    rows.chunks_exact(shape.outputs())
        .flat_map(|row| row.iter().copied().chain(std::iter::repeat_n(0.0, fill)))
        .collect()
}

impl Scaling {
    /// The same if its ranges are ranges; clipping to others would panic.
    fn ordered(self) -> Result<Self, LearnError> {
        match self
            .low
            .iter()
            .zip(&self.high)
            .all(|(low, high)| low <= high)
        {
            true => Ok(self),
            false => Err(LearnError::Damaged {
                what: "a range ends before it begins",
            }),
        }
    }
}

struct Writer(Vec<u8>);

impl Writer {
    fn short(&mut self, number: u16) {
        self.0.extend_from_slice(&number.to_le_bytes());
    }

    fn numbers(&mut self, numbers: &[f32]) {
        for number in numbers {
            self.0.extend_from_slice(&number.to_le_bytes());
        }
    }

    /// Rows without the lanes that only fill up.
    fn rows(&mut self, rows: &[f32], shape: Shape) {
        for row in rows.chunks_exact(shape.width()) {
            self.numbers(&row[..shape.outputs()]);
        }
    }
}

struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    fn take(&mut self, length: usize) -> Result<&'a [u8], LearnError> {
        let (taken, rest) = self.0.split_at_checked(length).ok_or(LearnError::Damaged {
            what: "it ends too early",
        })?;
        self.0 = rest;
        Ok(taken)
    }

    fn short(&mut self) -> Result<u16, LearnError> {
        let bytes = self.take(2)?;
        Ok(u16::from_le_bytes([bytes[0], bytes[1]]))
    }

    fn number(&mut self) -> Result<f32, LearnError> {
        let bytes = self.take(4)?;
        let number = f32::from_le_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]);
        match number.abs() <= MOST {
            true => Ok(number),
            false => Err(LearnError::Damaged {
                what: "a number is none, or beyond all measure",
            }),
        }
    }

    fn numbers(&mut self, count: usize) -> Result<Vec<f32>, LearnError> {
        (0..count).map(|_| self.number()).collect()
    }

    fn numbers_within(
        &mut self,
        count: usize,
        low: f32,
        high: f32,
    ) -> Result<Vec<f32>, LearnError> {
        (0..count).map(|_| self.within(low, high)).collect()
    }

    fn array<const COUNT: usize>(&mut self) -> Result<[f32; COUNT], LearnError> {
        let mut array = [0.0; COUNT];
        for number in &mut array {
            *number = self.number()?;
        }
        Ok(array)
    }

    fn within(&mut self, low: f32, high: f32) -> Result<f32, LearnError> {
        match self.number()? {
            number if (low..=high).contains(&number) => Ok(number),
            _ => Err(LearnError::Damaged {
                what: "a number is out of its range",
            }),
        }
    }
}

/// FNV-1a, 64 bits: finds accidents, and is no seal.
fn checksum(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3)
    })
}
