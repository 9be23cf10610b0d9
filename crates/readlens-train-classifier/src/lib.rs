//! Trains the token classifier.
