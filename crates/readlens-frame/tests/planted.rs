//! Genes of known frame are read as they were made; what has no frame is left as it is.
#![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]

#[path = "planted/mod.rs"]
mod planted;

use planted::{Gene, USAGE, genes, random_bases, reverse_complement, shuffled};
use rand::RngExt;
use readlens_frame::{Fitted, FrameModel, FrameOptions, LARGEST_STOP_RATIO, Strand, Verdict};
use readlens_random::stream;

/// Genes of each genome.
const GENES: usize = 600;

fn bases(genes: &[Gene]) -> Vec<&[u8]> {
    genes.iter().map(|gene| gene.bases.as_slice()).collect()
}

fn learned(genes: &[Gene]) -> Fitted {
    FrameModel::fit(&bases(genes), &FrameOptions::default()).unwrap()
}

/// Shares of genes whose strand, whose strand and phase, are right, and that count as in frame.
fn shares(model: &FrameModel, genes: &[&Gene]) -> [f64; 3] {
    let mut right = [0; 3];
    for gene in genes {
        let reading = model.read(&gene.bases).unwrap();
        let strand = reading.strand == gene.strand;
        right[0] += usize::from(strand);
        right[1] += usize::from(strand && reading.phase == gene.phase);
        right[2] += usize::from(reading.verdict == Verdict::InFrame);
    }
    right.map(|count| count as f64 / genes.len() as f64)
}

/// Share of sequences that count as in frame.
fn in_frame(model: &FrameModel, sequences: &[Vec<u8>]) -> f64 {
    let found = |bases: &&Vec<u8>| model.read(bases).unwrap().verdict == Verdict::InFrame;
    sequences.iter().filter(found).count() as f64 / sequences.len() as f64
}

#[test]
fn frames_of_every_genome_are_recovered_in_genes_that_were_learned_from_and_in_others() {
    let train = genes(1, GENES);
    let other = genes(2, 200);
    let fitted = learned(&train);
    for (genome, (name, _, _)) in USAGE.iter().enumerate() {
        for genes in [&train, &other] {
            let genes: Vec<&Gene> = genes.iter().filter(|gene| gene.genome == genome).collect();
            let [strand, phase, found] = shares(&fitted.model, &genes);
            assert!(strand >= 0.98, "{name}: {strand} of the strands");
            assert!(phase >= 0.98, "{name}: {phase} of the strands and phases");
            assert!(found >= 0.9, "{name}: {found} in frame");
        }
    }
}

#[test]
fn a_sequence_without_a_frame_is_left_as_it_is() {
    let train = genes(1, GENES);
    let model = learned(&train).model;
    let mut rng = stream(3, "shuffles");
    let shuffles: Vec<Vec<u8>> =
        train.iter().take(2000).map(|gene| shuffled(&gene.bases, &mut rng)).collect();
    let random: Vec<Vec<u8>> =
        (0..2000).map(|i| random_bases(300 + i % 1200, 20 + i as u32 % 60, &mut rng)).collect();
    for (name, sequences) in [("shuffled", shuffles), ("random", random)] {
        let found = in_frame(&model, &sequences);
        assert!(found <= 0.02, "{name}: {found} in frame");
        let left = sequences.iter().find_map(|bases| {
            let reading = model.read(bases).unwrap();
            (reading.verdict == Verdict::Unclear).then(|| reading.orient(bases.len(), true))
        });
        let left = left.unwrap();
        assert_eq!((left.strand, left.start), (Strand::Forward, 0));
    }
}

/// Little data can be learned by heart, but no frame may come of it.
#[test]
fn sequences_without_frames_have_none_in_a_model_that_was_learned_from_them() {
    let mut rng = stream(9, "random sequences");
    for count in [200, 400, 2000, 8000] {
        let sequences: Vec<Vec<u8>> = (0..count).map(|_| random_bases(500, 50, &mut rng)).collect();
        let model = FrameModel::fit(&sequences, &FrameOptions::default()).unwrap().model;
        let found = in_frame(&model, &sequences);
        assert!(found <= 0.03, "{count} sequences: {found} in frame");
    }
}

#[test]
fn genes_among_as_many_sequences_without_a_frame_are_still_read() {
    let train = genes(1, GENES);
    let mut rng = stream(4, "shuffles");
    let mut all: Vec<Vec<u8>> = train.iter().map(|gene| gene.bases.clone()).collect();
    all.extend(train.iter().map(|gene| shuffled(&gene.bases, &mut rng)));
    let model = FrameModel::fit(&all, &FrameOptions::default()).unwrap().model;
    let [strand, phase, found] = shares(&model, &train.iter().collect::<Vec<_>>());
    assert!(strand >= 0.98 && phase >= 0.98 && found >= 0.8, "{strand} {phase} {found}");
    assert!(in_frame(&model, &all[train.len()..]) <= 0.02);
}

#[test]
fn a_family_without_codons_has_no_frame_though_its_bases_have_their_places() {
    let mut rng = stream(6, "family");
    let ancestors: Vec<Vec<u8>> = (0..10).map(|_| random_bases(1200, 54, &mut rng)).collect();
    let mut copies = Vec::new();
    for ancestor in &ancestors {
        for _ in 0..60 {
            let mut copy = ancestor.clone();
            let other = random_bases(copy.len(), 54, &mut rng);
            let sites = copy.iter_mut().zip(&other);
            sites.for_each(|(base, other)| {
                *base = if rng.random_bool(0.15) { *other } else { *base }
            });
            copies.push(copy);
        }
    }
    let model = FrameModel::fit(&copies, &FrameOptions::default()).unwrap().model;
    // The chains do tell positions apart, so the gap alone would not do.
    let certain = copies.iter().filter(|copy| model.read(copy).unwrap().gap > 3.0).count();
    assert!(certain > copies.len() / 2, "{certain}");
    assert!(model.stop_ratios().iter().all(|ratio| *ratio > LARGEST_STOP_RATIO));
    assert_eq!(in_frame(&model, &copies), 0.0);
    let of_genes = learned(&genes(1, GENES)).model;
    assert!(
        of_genes.stop_ratios().iter().all(|ratio| *ratio < 0.05),
        "{:?}",
        of_genes.stop_ratios()
    );
    assert!(in_frame(&of_genes, &copies) < 0.02);
}

#[test]
fn the_objective_never_falls() {
    let options = FrameOptions { turns: 30, least_gain: 0.0, ..FrameOptions::default() };
    let objectives = FrameModel::fit(&bases(&genes(1, 100)), &options).unwrap().objectives;
    assert!(objectives.len() > 5, "{objectives:?}");
    for pair in objectives.windows(2) {
        // Sums of half a million numbers are exact to about 1e-12.
        assert!(pair[1] >= pair[0] - 1e-10, "{objectives:?}");
    }
    assert!(objectives[objectives.len() - 1] > objectives[0] + 0.01, "{objectives:?}");
}

#[test]
fn one_thread_and_five_learn_the_same_bits() {
    let genes = genes(1, 100);
    let options = FrameOptions { bases_per_bin: 100_000, ..FrameOptions::default() };
    let learn = |threads| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        let fitted = pool.install(|| FrameModel::fit(&bases(&genes), &options).unwrap());
        let objectives: Vec<u64> = fitted.objectives.iter().map(|x| x.to_bits()).collect();
        (serde_json::to_string(&fitted.model).unwrap(), objectives)
    };
    let one = learn(1);
    assert!(one == learn(5));
    assert!(one.0.contains("\"edges\":[0."), "more than one bin was learned");
}

#[test]
fn the_other_strand_is_read_as_the_other_strand() {
    let genes = genes(1, 100);
    let model = learned(&genes).model;
    for gene in &genes {
        let [one, other] =
            [gene.bases.clone(), reverse_complement(&gene.bases)].map(|b| model.read(&b).unwrap());
        assert!(one.strand != other.strand && one.phase == other.phase, "{one:?} {other:?}");
        assert!((one.gap - other.gap).abs() < 1e-9, "{one:?} {other:?}");
    }
}

#[test]
fn case_uracil_and_ambiguity_codes_do_not_hide_a_frame() {
    let genes = genes(1, 100);
    let model = learned(&genes).model;
    for gene in genes.iter().take(50) {
        let reading = model.read(&gene.bases).unwrap();
        let rna: Vec<u8> =
            gene.bases.iter().map(|&base| if base == b'T' { b'U' } else { base }).collect();
        assert_eq!(model.read(&gene.bases.to_ascii_lowercase()).unwrap(), reading);
        assert_eq!(model.read(&rna).unwrap(), reading);
    }
    let with_gaps: Vec<Gene> = genes
        .into_iter()
        .map(|mut gene| {
            gene.bases
                .iter_mut()
                .skip(40)
                .step_by(97)
                .for_each(|base| *base = b"NRYn"[usize::from(*base) % 4]);
            gene
        })
        .collect();
    let [strand, phase, _] = shares(&model, &with_gaps.iter().collect::<Vec<_>>());
    assert!(strand >= 0.97 && phase >= 0.97, "{strand} {phase}");
}

#[test]
fn what_is_trimmed_begins_with_a_codon_of_the_gene() {
    let genes = genes(1, 100);
    let model = learned(&genes).model;
    let mut turned = 0;
    for gene in &genes {
        let reading = model.read(&gene.bases).unwrap();
        if reading.verdict != Verdict::InFrame
            || (reading.strand, reading.phase) != (gene.strand, gene.phase)
        {
            continue;
        }
        let oriented = reading.orient(gene.bases.len(), true);
        let codons = oriented.bases(&gene.bases);
        // No codon of a planted gene stops.
        for codon in codons.chunks_exact(3) {
            assert!(![b"TAA", b"TAG", b"TGA"].iter().any(|stop| codon == *stop));
        }
        turned += usize::from(oriented.strand == Strand::Reverse);
    }
    assert!(turned > 200, "{turned}");
}

#[test]
fn sequences_too_short_or_of_an_unseen_composition_are_read_without_a_fuss() {
    let model = learned(&genes(1, 100)).model;
    for bases in [&b""[..], b"ACG", b"ATGAAATAG", &[b'N'; 500], &[b'A'; 59]] {
        let reading = model.read(bases).unwrap();
        assert_eq!(reading.verdict, Verdict::TooShort);
        assert_eq!(reading.orient(bases.len(), true).bases(bases), bases);
    }
    let mut rng = stream(5, "extremes");
    for gc in [0, 2, 98, 100] {
        let found = (0..50).filter(|_| {
            let reading = model.read(&random_bases(600, gc, &mut rng)).unwrap();
            assert!(reading.gap.is_finite());
            reading.verdict == Verdict::InFrame
        });
        assert!(found.count() <= 5, "{gc} % GC");
    }
}
