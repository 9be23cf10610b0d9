//! Planted-motif sequences and chimeras with known answers.
