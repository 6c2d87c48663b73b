/// One of two models that a choice is between.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Contender {
    /// What the policy maximises, in units of quality.
    pub worth: f32,
    /// Expected cost; any unit, the same for both.
    pub cost: f32,
    /// Standard error of the quality, as [`Estimate::error`](crate::Estimate::error).
    pub error: f32,
}

/// When the choice that would be made without a look at the prompt is left.
///
/// A learned router that is not held back loses to the best fixed choice on
/// prompts that are unlike its training.
///
/// ```
/// use tollgate_router_learned::{Contender, Guard};
/// let usual = Contender { worth: 0.70, cost: 1.0, error: 0.03 };
/// let better = Contender { worth: 0.82, cost: 0.5, error: 0.04 };
/// assert!(Guard::default().allows(&usual, &better));
/// // Twice the evidence is asked for when it costs more.
/// assert!(!Guard::default().allows(&usual, &Contender { cost: 2.0, ..better }));
/// ```
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Guard {
    /// Standard errors that the gain must exceed. Default 2: chosen on tasks that were left out of the training.
    pub z: f32,
    /// Factor on `z` when the other choice is dearer. Default 2.
    pub dearer: f32,
}

impl Default for Guard {
    fn default() -> Self {
        Self {
            z: 2.0,
            dearer: 2.0,
        }
    }
}

impl Guard {
    /// Whether `other` may be chosen in place of the `usual` one.
    pub fn allows(&self, usual: &Contender, other: &Contender) -> bool {
        other.worth - usual.worth > self.doubt(usual, other)
    }

    /// What the gain must exceed, in units of quality.
    pub fn doubt(&self, usual: &Contender, other: &Contender) -> f32 {
        let z = match other.cost > usual.cost {
            true => self.z * self.dearer,
            false => self.z,
        };
        z * usual.error.hypot(other.error)
    }
}
