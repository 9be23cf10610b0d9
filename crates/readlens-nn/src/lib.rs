//! Encoder, classifier, Explainer, masking and losses.
