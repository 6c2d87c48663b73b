#![doc = include_str!("../README.md")]

pub mod builders;
pub mod policies;
pub mod providers;
pub mod stores;
pub mod views;
