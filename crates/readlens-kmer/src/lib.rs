//! Alphabets, vocabularies and the mapping between sequences, k-mer tokens and coordinates.
