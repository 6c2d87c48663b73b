//! Cost-quality curves and what is read off them.

/// A policy at one setting: what it cost and how good it was, on average.
#[derive(Debug, Clone, Copy, PartialEq, serde::Serialize)]
pub struct Point {
    /// US dollars a request.
    pub cost: f64,
    /// Mean quality, 0 to 1.
    pub quality: f64,
}

/// The best mixtures of some points: their upper hull, from the cheapest point
/// to the best one.
#[derive(Debug, Clone, PartialEq)]
pub struct Curve(Vec<Point>);

impl Curve {
    /// The hull of the points; empty of none.
    pub fn of(points: &[Point]) -> Self {
        let mut sorted: Vec<Point> = points.to_vec();
        sorted.sort_by(|a, b| {
            a.cost
                .total_cmp(&b.cost)
                .then(b.quality.total_cmp(&a.quality))
        });
        let mut hull: Vec<Point> = Vec::new();
        for point in sorted {
            if hull
                .last()
                .is_some_and(|last| point.quality <= last.quality)
            {
                continue;
            }
            while let [.., before, last] = hull.as_slice()
                && slope(*before, *last) <= slope(*last, point)
            {
                hull.pop();
            }
            hull.push(point);
        }
        Self(hull)
    }

    /// Average improvement in quality: the area under the curve up to `most`
    /// dollars a request, divided by it. Nothing is counted below the cost of
    /// the cheapest point, and the best quality is kept up to `most`.
    pub fn aiq(&self, most: f64) -> f64 {
        let mut area = 0.0;
        for pair in self.0.windows(2) {
            let [left, right] = pair else { continue };
            let end = right.cost.min(most);
            if end <= left.cost {
                break;
            }
            let at_end = left.quality + slope(*left, *right) * (end - left.cost);
            area += (end - left.cost) * (left.quality + at_end) / 2.0;
        }
        if let Some(best) = self.0.last() {
            area += (most - best.cost).max(0.0) * best.quality;
        }
        area / most
    }

    /// The least cost of a mixture that is this good.
    pub fn cost_of(&self, quality: f64) -> Option<f64> {
        let place = self.0.iter().position(|point| point.quality >= quality)?;
        let right = self.0[place];
        let Some(left) = place.checked_sub(1).map(|left| self.0[left]) else {
            return Some(right.cost);
        };
        Some(left.cost + (quality - left.quality) / slope(left, right))
    }
}

fn slope(left: Point, right: Point) -> f64 {
    (right.quality - left.quality) / (right.cost - left.cost).max(1e-300)
}

#[cfg(test)]
mod tests {
    use super::{Curve, Point};

    fn curve(points: &[(f64, f64)]) -> Curve {
        let points: Vec<_> = points
            .iter()
            .map(|(cost, quality)| Point {
                cost: *cost,
                quality: *quality,
            })
            .collect();
        Curve::of(&points)
    }

    #[test]
    fn the_hull_leaves_out_what_a_mixture_beats() {
        let hull = curve(&[(3.0, 0.9), (1.0, 0.5), (2.0, 0.6), (4.0, 0.8)]);
        assert_eq!(hull, curve(&[(1.0, 0.5), (3.0, 0.9)]));
    }

    #[test]
    fn the_area_counts_nothing_below_the_cheapest_and_keeps_the_best() {
        let hull = curve(&[(1.0, 0.5), (3.0, 0.9)]);
        assert!((hull.aiq(4.0) - (2.0 * 0.7 + 0.9) / 4.0).abs() < 1e-12);
        assert!((hull.aiq(2.0) - 0.6 / 2.0).abs() < 1e-12);
    }

    #[test]
    fn a_quality_between_two_points_is_mixed() {
        let hull = curve(&[(1.0, 0.5), (3.0, 0.9)]);
        assert!((hull.cost_of(0.7).unwrap() - 2.0).abs() < 1e-12);
        assert_eq!(hull.cost_of(0.4), Some(1.0));
        assert_eq!(hull.cost_of(0.95), None);
    }
}
