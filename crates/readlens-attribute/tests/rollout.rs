//! Attention rollout through encoders that add an end of their own.
#![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]

mod networks;

use networks::{config, drawn, frozen, scores, tokens};
use readlens_attribute::Method;
use readlens_kmer::SEP;
use readlens_nn::{Architecture, NormPlace, Pooling, Positions};
use readlens_tests::classifier_shape;

/// The end passes attention on like any token, and has no score.
#[test]
fn an_end_is_followed_and_left_out() {
    for pooling in [Pooling::Cls, Pooling::Mean] {
        let mut shape = classifier_shape();
        let transformer = shape.transformer_mut().unwrap();
        transformer.pooling = pooling;
        transformer.encoder.layers = 3;
        transformer.encoder.patch = 1;
        transformer.encoder.norm = NormPlace::Post;
        transformer.encoder.architecture = Architecture {
            positions: Positions::Alibi,
            token_type: true,
            end: true,
            ..Architecture::default()
        };
        let tensors = drawn(&shape, 4);
        let ending = frozen(&shape, &tensors);
        shape.transformer_mut().unwrap().encoder.architecture.end = false;
        let plain = frozen(&shape, &tensors);
        let rows = tokens(&shape.tokenization);
        let ended: Vec<Vec<u32>> =
            rows.iter().map(|row| [row.as_slice(), &[SEP]].concat()).collect();
        let method = config(Method::AttentionRollout);
        let found = scores(&ending, &rows, &method);
        let expected = scores(&plain, &ended, &method);
        for ((found, expected), row) in found.iter().zip(&expected).zip(&rows) {
            for (found, expected) in found.iter().zip(expected) {
                assert_eq!(found.len(), row.len() - 1);
                assert_eq!(expected.len(), row.len());
                for (found, expected) in found.iter().zip(expected) {
                    assert!((found - expected).abs() < 1e-6, "{found}, not {expected}");
                }
                assert!(found.iter().sum::<f64>() < 1.0, "CLS and the end have a part");
            }
        }
    }
}
