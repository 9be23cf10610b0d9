use crate::logistic::LogisticRegression;

/// How a [`LogisticRegression`] is fitted: mini-batches of 256 examples in an order drawn anew
/// every epoch, Adam (Kingma & Ba 2015) with β₁ = .9, β₂ = .999 and ε = 1e-8, and a rate that
/// falls to 0 along half a cosine.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Fitting {
    /// Times that every example is seen, at most; at least 1.
    pub epochs: u32,
    /// Epochs without a better accuracy on the validation examples after which it ends.
    pub patience: u32,
    /// Learning rate of the first step; above 0.
    pub rate: f32,
    /// λ of the penalty λ/2 · Σ w² on the weights, not the offsets; at least 0.
    pub penalty: f32,
    /// Of the order of the examples.
    pub seed: u64,
}

/// A fitted model and how it came to be.
#[derive(Clone, Debug, PartialEq)]
pub struct Fitted {
    /// The model after its best epoch.
    pub model: LogisticRegression,
    /// Accuracy on the validation examples after each epoch; empty where there are none, and the
    /// last epoch counts as the best.
    pub accuracies: Vec<f64>,
    /// The best epoch, from 0: the first of several.
    pub best: usize,
}
