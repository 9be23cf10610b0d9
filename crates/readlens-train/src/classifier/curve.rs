//! Whether a training ended because it had learned what it could.

use readlens_fit::{Figure, Split};

/// Points by which the mean accuracy over the ranks rose on valid over the last quarter of the
/// epochs; none of fewer than four epochs, or without validation.
pub(crate) fn last_rise(figures: &[Figure]) -> Option<f64> {
    let of = |f: &&Figure| f.split == Split::Valid && f.step.is_none() && f.term == "accuracy";
    let last = figures.iter().filter(of).map(|figure| figure.epoch).max()?;
    if last < 4 {
        return None;
    }
    let mean = |epoch: u32| {
        let values = figures.iter().filter(of).filter(|figure| figure.epoch == epoch);
        let (count, sum) = values.fold((0u32, 0.0), |(n, sum), figure| (n + 1, sum + figure.value));
        (count > 0).then(|| sum / f64::from(count))
    };
    Some(100.0 * (mean(last)? - mean(last - last / 4)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rise_is_that_of_the_last_quarter() {
        let figure = |epoch: u32, rank: &str, value: f64| Figure {
            epoch,
            step: None,
            split: Split::Valid,
            rank: Some(rank.to_owned()),
            term: "accuracy".to_owned(),
            value,
        };
        let figures: Vec<Figure> = (1..=8)
            .flat_map(|epoch| {
                [figure(epoch, "phylum", 0.9), figure(epoch, "genus", f64::from(epoch) / 10.0)]
            })
            .collect();
        // Genus rises from .6 to .8, phylum stays.
        assert!(last_rise(&figures).is_some_and(|rise| (rise - 10.0).abs() < 1e-9));
        assert_eq!(last_rise(&figures[..6]), None, "three epochs");
        assert_eq!(last_rise(&[]), None);
    }
}
