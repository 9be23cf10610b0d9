/// A longest run of bases whose values are above a threshold.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Stretch {
    pub(crate) start: u32,
    pub(crate) end: u32,
    pub(crate) mean: f32,
    pub(crate) peak: f32,
}

/// The stretches of `values`, which are bases in their order; a base without a value ends a
/// stretch.
pub(crate) fn stretches(values: impl Iterator<Item = (u32, f32)>, threshold: f32) -> Vec<Stretch> {
    let mut found: Vec<Stretch> = Vec::new();
    let mut sum = 0.0_f64;
    for (base, value) in values.filter(|(_, value)| *value > threshold) {
        match found.last_mut() {
            Some(open) if open.end == base => {
                sum += f64::from(value);
                open.end = base + 1;
                open.peak = open.peak.max(value);
                open.mean = (sum / f64::from(open.end - open.start)) as f32;
            }
            _ => {
                sum = f64::from(value);
                found.push(Stretch { start: base, end: base + 1, mean: value, peak: value });
            }
        }
    }
    found
}

/// Neighbouring bases of one value.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Run {
    pub(crate) start: u32,
    pub(crate) end: u32,
    pub(crate) value: f32,
}

/// Gives `take` the runs of `values`, which are bases in their order.
///
/// # Errors
/// Those of `take`.
pub(crate) fn for_runs<E>(
    values: impl Iterator<Item = (u32, f32)>,
    mut take: impl FnMut(Run) -> Result<(), E>,
) -> Result<(), E> {
    let mut open: Option<Run> = None;
    for (base, value) in values {
        match &mut open {
            Some(run) if run.end == base && run.value == value => run.end += 1,
            _ => {
                let next = Run { start: base, end: base + 1, value };
                if let Some(run) = open.replace(next) {
                    take(run)?;
                }
            }
        }
    }
    open.map_or(Ok(()), take)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn values(values: &[f32]) -> impl Iterator<Item = (u32, f32)> {
        (10..).zip(values.iter().copied())
    }

    #[test]
    fn a_stretch_is_above_the_threshold_and_as_long_as_can_be() {
        let found = stretches(values(&[0.6, 1.0, 0.5, 0.8, 0.0]), 0.5);
        let expected = [
            Stretch { start: 10, end: 12, mean: 0.8, peak: 1.0 },
            Stretch { start: 13, end: 14, mean: 0.8, peak: 0.8 },
        ];
        assert_eq!(found, expected);
        assert_eq!(stretches(values(&[0.5, 0.5]), 0.5), []);
        assert_eq!(stretches(values(&[0.1]), 0.0).len(), 1);
    }

    #[test]
    fn a_base_without_a_value_ends_stretches_and_runs() {
        let covered = [(3, 1.0), (4, 1.0), (6, 1.0)];
        let ends: Vec<_> =
            stretches(covered.into_iter(), 0.5).iter().map(|s| (s.start, s.end)).collect();
        assert_eq!(ends, [(3, 5), (6, 7)]);
        assert_eq!(runs(covered.into_iter()), [(3, 5, 1.0), (6, 7, 1.0)]);
    }

    #[test]
    fn runs_have_one_value() {
        let found = runs(values(&[0.0, 0.0, 0.5, 0.0]));
        assert_eq!(found, [(10, 12, 0.0), (12, 13, 0.5), (13, 14, 0.0)]);
        assert_eq!(runs(values(&[])), []);
    }

    fn runs(values: impl Iterator<Item = (u32, f32)>) -> Vec<(u32, u32, f32)> {
        let mut found = Vec::new();
        let taken: Result<(), ()> = for_runs(values, |run| {
            found.push((run.start, run.end, run.value));
            Ok(())
        });
        assert!(taken.is_ok());
        found
    }
}
