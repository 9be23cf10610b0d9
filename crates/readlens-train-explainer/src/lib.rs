//! Trains the Explainer through the frozen classifier.
