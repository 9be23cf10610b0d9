//! Naive Bayes of many sparse features for several classes at once, as log ratios.

use rayon::prelude::*;

/// Occurrences that are sorted together, 256 MiB of window numbers; a single feature may have more.
const OCCURRENCES_AT_ONCE: u64 = 1 << 26;
/// Rows whose entries are made together.
const ROWS_AT_ONCE: usize = 1 << 10;

/// Labelled windows with sparse features.
pub trait FeatureWindows: Sync {
    /// Number of windows.
    fn count(&self) -> usize;

    /// Calls `visit` for every feature of a window, as often as it occurs.
    fn each_feature(&self, window: usize, visit: &mut dyn FnMut(u32));

    /// The classes of a window: one of every rank at which it is labelled.
    fn classes(&self, window: usize) -> &[u32];
}

/// Log ratios ln((c + μ p) / ((n + μ) p)) of features by class.
///
/// c is how often the feature occurs in the windows of the class, n their number of features, p the
/// feature's share in all windows (with half an occurrence added), and μ the weight of the prior
/// that a class is like all windows. They are ln(1 + c / (μ p)) + ln(μ / (n + μ)): the first part
/// is 0 where a feature does not occur in a class, the second does not depend on the feature.
///
/// Source: naive Bayes with a Dirichlet prior towards the background (Zhai & Lafferty 2004).
#[derive(Clone, Debug, PartialEq)]
pub struct LogRatios {
    /// Where each feature's entries begin, and where the last one's end.
    pub starts: Vec<u32>,
    /// Class and first part of each entry, classes in order.
    pub entries: Vec<(u16, f32)>,
    /// Second part, by class.
    pub offsets: Vec<f32>,
}

/// There would be more entries than allowed: so many at least.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TooManyEntries(pub u64);

impl LogRatios {
    /// Counts `features` different features in `classes` classes; `prior` is μ, above 0.
    ///
    /// # Errors
    /// There would be more than `most` entries.
    ///
    /// # Panics
    /// A feature or a class is not below its number, or there are more than 65,536 classes.
    pub fn fit(
        windows: &impl FeatureWindows,
        features: usize,
        classes: usize,
        prior: f64,
        most: u64,
    ) -> Result<Self, TooManyEntries> {
        assert!(classes <= 1 << 16, "a class is a number of 16 bits");
        let mut occurrences = vec![0u64; features];
        let mut sizes = vec![0u64; classes];
        for window in 0..windows.count() {
            let mut size = 0;
            windows.each_feature(window, &mut |feature| {
                occurrences[feature as usize] += 1;
                size += 1;
            });
            windows.classes(window).iter().for_each(|class| sizes[*class as usize] += size);
        }
        let total: u64 = occurrences.iter().sum();
        let total = total as f64 + 0.5 * features as f64;
        let mut ratios = Self {
            starts: Vec::with_capacity(features + 1),
            entries: Vec::new(),
            offsets: sizes.iter().map(|n| (prior / (*n as f64 + prior)).ln() as f32).collect(),
        };
        ratios.starts.push(0);
        let mut first = 0;
        while first < features {
            let mut held = 0;
            let stripe = occurrences[first..].iter().take_while(|count| {
                held += **count;
                held <= OCCURRENCES_AT_ONCE
            });
            let end = first + stripe.count().max(1);
            let (starts, sorted) = by_feature(windows, first, &occurrences[first..end]);
            let chunks: Vec<usize> = (first..end).step_by(ROWS_AT_ONCE).collect();
            let made = chunks.into_par_iter().map(|chunk| {
                let mut counts = vec![0u32; classes];
                let rows = chunk..(chunk + ROWS_AT_ONCE).min(end);
                let of_row = |feature: usize| {
                    let at = feature - first;
                    let holding = &sorted[starts[at]..starts[at + 1]];
                    let mu_p = prior * (occurrences[feature] as f64 + 0.5) / total;
                    entries_of(windows, holding, &mut counts, mu_p)
                };
                rows.map(of_row).collect::<Vec<_>>()
            });
            for entries in made.collect::<Vec<_>>().into_iter().flatten() {
                ratios.entries.extend(entries);
                if ratios.entries.len() as u64 > most.min(u64::from(u32::MAX)) {
                    return Err(TooManyEntries(ratios.entries.len() as u64));
                }
                ratios.starts.push(ratios.entries.len() as u32);
            }
            first = end;
        }
        Ok(ratios)
    }
}

/// The windows that hold each feature from `first` on, as often as they do: where each feature's
/// begin, and the windows.
fn by_feature(
    windows: &impl FeatureWindows,
    first: usize,
    occurrences: &[u64],
) -> (Vec<usize>, Vec<u32>) {
    let mut starts = vec![0usize; occurrences.len() + 1];
    for (at, count) in occurrences.iter().enumerate() {
        starts[at + 1] = starts[at] + *count as usize;
    }
    let mut next = starts.clone();
    let mut sorted = vec![0u32; starts[occurrences.len()]];
    for window in 0..windows.count() {
        windows.each_feature(window, &mut |feature| {
            if let Some(next) = (feature as usize)
                .checked_sub(first)
                .and_then(|at| (at < occurrences.len()).then(|| &mut next[at]))
            {
                sorted[*next] = window as u32;
                *next += 1;
            }
        });
    }
    (starts, sorted)
}

/// Entries of one feature, from the windows that hold it; `counts` is zero before and after.
fn entries_of(
    windows: &impl FeatureWindows,
    holding: &[u32],
    counts: &mut [u32],
    mu_p: f64,
) -> Vec<(u16, f32)> {
    let mut seen: Vec<u32> = Vec::new();
    for window in holding {
        for &class in windows.classes(*window as usize) {
            if counts[class as usize] == 0 {
                seen.push(class);
            }
            counts[class as usize] += 1;
        }
    }
    seen.sort_unstable();
    let entry = |class: u32| {
        let count = std::mem::take(&mut counts[class as usize]);
        (class as u16, (f64::from(count) / mu_p).ln_1p() as f32)
    };
    seen.into_iter().map(entry).collect()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]
    use super::*;

    /// Features and classes of each window.
    struct Windows(Vec<(Vec<u32>, Vec<u32>)>);

    impl FeatureWindows for Windows {
        fn count(&self) -> usize {
            self.0.len()
        }

        fn each_feature(&self, window: usize, visit: &mut dyn FnMut(u32)) {
            self.0[window].0.iter().for_each(|feature| visit(*feature));
        }

        fn classes(&self, window: usize) -> &[u32] {
            &self.0[window].1
        }
    }

    #[test]
    fn ratios_are_those_of_the_formula() {
        // Two ranks: classes 0 and 1, and 2; the last window is labelled at the second rank only.
        let windows = Windows(vec![
            (vec![0, 0, 3], vec![0, 2]),
            (vec![3, 1], vec![1, 2]),
            (vec![0], vec![0, 2]),
            (vec![3, 3], vec![2]),
        ]);
        let (features, classes, prior) = (5, 3, 4.0);
        let found = LogRatios::fit(&windows, features, classes, prior, 100).unwrap();
        for feature in 0..features {
            let of = |window: &Vec<u32>| window.iter().filter(|f| **f == feature as u32).count();
            let all: usize = windows.0.iter().map(|(window, _)| of(window)).sum();
            let p = (all as f64 + 0.5) / (8.0 + 2.5);
            for class in 0..classes {
                let members = windows.0.iter().filter(|(_, c)| c.contains(&(class as u32)));
                let c = members.clone().map(|(window, _)| of(window)).sum::<usize>() as f64;
                let n = members.map(|(window, _)| window.len()).sum::<usize>() as f64;
                let expected = ((c + prior * p) / ((n + prior) * p)).ln();
                let row = found.starts[feature] as usize..found.starts[feature + 1] as usize;
                let entry = found.entries[row].iter().find(|(k, _)| *k as usize == class);
                let ratio = entry.map_or(0.0, |(_, value)| *value) + found.offsets[class];
                assert!((f64::from(ratio) - expected).abs() < 1e-6, "{feature} {class}");
                assert_eq!(entry.is_some(), c > 0.0);
            }
        }
        assert_eq!(LogRatios::fit(&windows, features, classes, prior, 3), Err(TooManyEntries(4)));
    }

    #[test]
    fn any_number_of_threads_and_any_order_of_windows_give_the_same() {
        let windows = |rotation: usize| {
            let mut windows: Vec<_> = (0..500u32)
                .map(|i| ((0..40).map(|j| i * 31 % 97 * (j + 3) % 3001).collect(), vec![i % 7]))
                .collect();
            windows.rotate_left(rotation);
            Windows(windows)
        };
        let fit = |threads: usize, rotation: usize| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            pool.install(|| LogRatios::fit(&windows(rotation), 3001, 7, 1500.0, 1 << 20).unwrap())
        };
        assert_eq!(fit(1, 0), fit(3, 123));
    }
}
