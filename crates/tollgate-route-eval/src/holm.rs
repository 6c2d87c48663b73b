//! Many comparisons at once. Of forty that are each tested at one in forty, one
//! is below by chance alone; so a difference must be the surer, the more there
//! are beside it.

use crate::Interval;

/// Chance that any of the comparisons is called worse though none is: that of a
/// single 95 % interval to be below 0.
const LEVEL: f64 = 0.025;

/// Which of the differences are below 0 by more than chance, all considered
/// together (Holm, "A simple sequentially rejective multiple test procedure",
/// 1979). It assumes nothing of how they depend on each other.
pub(crate) fn below_zero(differences: &[Interval]) -> Vec<bool> {
    let mut order: Vec<usize> = (0..differences.len()).collect();
    let chance = |place: &usize| chance_of_less(&differences[*place]);
    order.sort_by(|one, other| chance(one).total_cmp(&chance(other)));
    let mut below = vec![false; differences.len()];
    for (left, place) in (1..=order.len()).rev().zip(order) {
        if chance(&place) * left as f64 > LEVEL {
            break;
        }
        below[place] = true;
    }
    below
}

/// Chance of a difference at least as far below 0 if there were none, by the
/// normal distribution: a thousand draws say nothing of one in a thousand.
fn chance_of_less(difference: &Interval) -> f64 {
    match difference.error > 0.0 {
        true => libm::erfc(-difference.value / difference.error / std::f64::consts::SQRT_2) / 2.0,
        false if difference.value < 0.0 => 0.0,
        false => 1.0,
    }
}

#[cfg(test)]
mod tests {
    use super::{below_zero, chance_of_less};
    use crate::Interval;

    fn difference(value: f64, error: f64) -> Interval {
        Interval {
            value,
            low: value - 1.96 * error,
            high: value + 1.96 * error,
            error,
        }
    }

    #[test]
    fn chances_are_those_of_the_normal_distribution() {
        let chance = |value, error| chance_of_less(&difference(value, error));
        assert!((chance(-1.96, 1.0) - 0.025).abs() < 1e-4);
        assert!((chance(0.0, 2.0) - 0.5).abs() < 1e-12);
        assert!((chance(3.0, 1.0) - 0.99865).abs() < 1e-5);
        assert_eq!((chance(0.0, 0.0), chance(-0.1, 0.0)), (1.0, 0.0));
    }

    #[test]
    fn a_difference_that_stands_alone_may_be_chance_among_many() {
        let lone = difference(-2.2, 1.0);
        assert_eq!(below_zero(&[lone]), [true]);
        let mut many = vec![difference(0.1, 1.0); 67];
        many.push(lone);
        assert_eq!(below_zero(&many), [false; 68]);
        many[67] = difference(-4.0, 1.0);
        assert_eq!(below_zero(&many).iter().filter(|below| **below).count(), 1);
    }

    #[test]
    fn what_is_found_leaves_fewer_to_be_held_against_the_rest() {
        // 0.0062 and 0.0107: two of two, but of the second alone 0.0214 of both.
        let both = [difference(-2.5, 1.0), difference(-2.3, 1.0)];
        assert_eq!(below_zero(&both), [true, true]);
        // 0.0179 a second time is more than half of the level.
        assert_eq!(below_zero(&[difference(-2.1, 1.0); 2]), [false, false]);
    }
}
