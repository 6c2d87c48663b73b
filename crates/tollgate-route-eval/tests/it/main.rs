//! Evaluations of the sample, whose figures mean nothing, and of made-up worlds,
//! whose figures are known.

mod evaluation;
mod splits;
mod tables;
mod world;
