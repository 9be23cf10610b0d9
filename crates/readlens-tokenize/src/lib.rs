//! FASTA and FASTQ to k-mer tokens with taxonomy and splits.
