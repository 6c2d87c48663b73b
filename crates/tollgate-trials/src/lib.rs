#![doc = include_str!("../README.md")]

// What the trials are made of.
mod caller;
mod condition;
mod contact;
mod dice;
mod host;
mod network;
mod rig;
mod trace;
mod witness;

// What they measure.
mod measure;
mod print;
mod report;

mod trials;

pub use crate::caller::{Ask, End, MODEL, Outcome};
pub use crate::condition::{CONNECT_TIMEOUT, Condition, DOWN, FLAWS, Trouble};
pub use crate::contact::{Closed, Contact, Said};
pub use crate::dice::Dice;
pub use crate::host::Host;
pub use crate::network::Network;
pub use crate::report::{Bound, Report, Row, Unit, percentile};
pub use crate::rig::{Error, Keep, Load, Rig, Setup, in_virtual_time};
pub use crate::trace::{Digest, Trace};
pub use crate::trials::{TRIALS, Trial, find};
pub use crate::witness::{Change, Settled, Witness};
