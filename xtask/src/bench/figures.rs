//! What was measured: by name, a figure of each round.

use std::collections::BTreeMap;

/// All figures.
#[derive(Default)]
pub(super) struct Figures(BTreeMap<String, Vec<f64>>);

/// The rounds of one figure.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Spread {
    pub(super) least: f64,
    pub(super) middle: f64,
    pub(super) most: f64,
}

impl Figures {
    /// Takes down one round's figure.
    pub(super) fn note(&mut self, name: &str, figure: f64) {
        eprintln!("  {name}: {figure:.1}");
        self.0.entry(name.to_owned()).or_default().push(figure);
    }

    /// What the rounds found; none if nothing was measured under this name.
    pub(super) fn of(&self, name: &str) -> Option<Spread> {
        let mut sorted = self.0.get(name)?.clone();
        sorted.sort_by(f64::total_cmp);
        let (least, most) = (*sorted.first()?, *sorted.last()?);
        Some(Spread { least, middle: sorted[sorted.len() / 2], most })
    }

    /// One figure over another, round by round: what disturbs a round disturbs both.
    pub(super) fn ratio(&self, one: &str, other: &str) -> Option<Spread> {
        let pairs = self.0.get(one)?.iter().zip(self.0.get(other)?);
        let mut ratios = Self::default();
        ratios.0.insert(String::new(), pairs.map(|(one, other)| one / other).collect());
        ratios.of("")
    }

    /// One figure less another, round by round.
    pub(super) fn difference(&self, one: &str, other: &str) -> Option<Spread> {
        let pairs = self.0.get(one)?.iter().zip(self.0.get(other)?);
        let mut differences = Self::default();
        differences.0.insert(String::new(), pairs.map(|(one, other)| one - other).collect());
        differences.of("")
    }
}

#[cfg(test)]
mod tests {
    use super::{Figures, Spread};

    #[test]
    fn rounds_are_compared_with_their_own() {
        let mut figures = Figures::default();
        for (one, other) in [(10.0, 5.0), (30.0, 10.0), (8.0, 8.0)] {
            figures.note("one", one);
            figures.note("other", other);
        }
        assert_eq!(figures.of("one"), Some(Spread { least: 8.0, middle: 10.0, most: 30.0 }));
        assert_eq!(figures.ratio("one", "other"), Some(Spread { least: 1.0, middle: 2.0, most: 3.0 }));
        assert_eq!(figures.difference("one", "other"), Some(Spread { least: 0.0, middle: 5.0, most: 20.0 }));
        assert_eq!(figures.of("nothing"), None);
    }
}
