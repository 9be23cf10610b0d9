//! Metrics with intervals from predictions and masks.
