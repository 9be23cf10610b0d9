//! The number of threads changes no bit.
#![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]

use std::convert::Infallible;

use readlens_linear::{Examples, Fitted, Fitting, LogisticRegression, NaiveBayes};

/// 700 examples of 150 classes, more than two blocks, told by their features up to noise.
struct Noisy;

impl Examples for Noisy {
    fn count(&self) -> usize {
        700
    }
    fn features(&self) -> usize {
        160
    }
    fn write(&self, example: usize, features: &mut [f32]) {
        let noise = |feature: usize| (example * 31 + feature * 17) % 5;
        features.iter_mut().enumerate().for_each(|(f, x)| *x = noise(f) as f32);
        features[self.class(example) as usize] += 6.0;
    }
    fn class(&self, example: usize) -> u32 {
        (example % 150) as u32
    }
}

fn work() -> (Fitted, NaiveBayes, Vec<u32>) {
    let fitting = Fitting { epochs: 60, patience: 60, rate: 0.05, penalty: 1e-4, seed: 3 };
    let watch = |_| Ok::<(), Infallible>(());
    let fitted = LogisticRegression::fit(&Noisy, &Noisy, 150, &fitting, watch).unwrap();
    let bayes = NaiveBayes::fit(&Noisy, 150, 1.0);
    let predicted = bayes.predict(&Noisy);
    (fitted, bayes, predicted)
}

#[test]
fn one_thread_and_three_give_the_same_bits() {
    let pool = |threads| rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
    let [one, three] = [1, 3].map(|threads| pool(threads).install(work));
    assert!(one == three);
    // Both have learned what there is to learn.
    assert!(*one.0.accuracies.last().unwrap() > 0.9, "{:?}", one.0.accuracies);
    let right = one.2.iter().enumerate().filter(|(i, class)| Noisy.class(*i) == **class).count();
    assert!(right > 600, "{right}");
}
