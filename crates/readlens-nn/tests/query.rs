//! An Explainer that queries, before it is trained.
#![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]

mod network;

use candle_core::{D, DType, Tensor};
use network::{ROWS, batch, classifier_config, distance, encoder, explainer_config};
use readlens_nn::{
    EvidenceShape, Explainer, ExplainerConfig, ExplainerNetwork, Hints, MaskSite, NormPlace, Pass,
    Pooling, QueryConfig, WeightSource, masking, query_start,
};

/// It begins at the mean of the z-scores of the query of the predicted class.
#[test]
fn it_begins_with_the_classifiers_own_answer() {
    for patch in [1, 3] {
        let shape = encoder(NormPlace::Pre, patch, MaskSite::Embedding);
        let shape = classifier_config(shape, Pooling::Mean);
        let classifier = network::frozen_classifier(&shape, DType::F32);
        let evidence = EvidenceShape::of(&shape);
        assert_eq!((evidence.channels(), evidence.taxa.as_slice()), (2, [2, 3].as_slice()));
        let query = QueryConfig { evidence, hidden: 4, width: 3, layers: 1 };
        let config = |masks: &[&str]| ExplainerConfig {
            masks: masks.iter().map(|mask| (*mask).to_owned()).collect(),
            ..explainer_config(ExplainerNetwork::Query(query.clone()), 1)
        };
        let fresh = |masks: &[&str]| {
            let given = query_start(&classifier).unwrap();
            let mut source = WeightSource::fresh(1, DType::F32, &network::CPU).given(given);
            Explainer::new(&config(masks), &mut source).unwrap()
        };
        let batch = batch(&ROWS, DType::F32);
        let off = &mut Pass::inference();
        let logits = classifier.forward(&batch, None, off).unwrap();
        let classes: Vec<Tensor> = logits.iter().map(|l| l.argmax(D::Minus1).unwrap()).collect();
        let scores = classifier.transformer().unwrap().class_query(&batch, &classes).unwrap();
        let z = |score: &Tensor| masking::standardize(score, &batch).unwrap();
        let maskable = batch.maskable.unsqueeze(2).unwrap();
        let real = |t: &Tensor| t.broadcast_mul(&maskable).unwrap();

        let one = fresh(&["all"]);
        assert!(one.needs_classifier());
        let hints = one.hints(&classifier, &batch).unwrap();
        let found = one.forward(&batch, &hints, off).unwrap();
        let mean = ((z(&scores[0]) + z(&scores[1])).unwrap() * 0.5).unwrap();
        assert!(distance(&real(&found), &real(&mean.unsqueeze(2).unwrap())) < 1e-4);

        let two = fresh(&["rank0", "rank1"]);
        let found = two.forward(&batch, &hints, off).unwrap();
        let each = Tensor::stack(&[z(&scores[0]), z(&scores[1])], 2).unwrap();
        assert!(distance(&real(&found), &real(&each)) < 1e-4);

        // Another class is asked as the predicted one is.
        let others: Vec<Vec<u32>> = (0..2u32)
            .map(|rank| (0..ROWS.len() as u32).map(|row| (row + rank) % 2).collect())
            .collect();
        let classes: Vec<Tensor> =
            others.iter().map(|c| Tensor::new(c.as_slice(), &network::CPU).unwrap()).collect();
        let scores = classifier.transformer().unwrap().class_query(&batch, &classes).unwrap();
        let asked = one.hints_for(&classifier, &batch, Some(&others)).unwrap();
        let found = two.forward(&batch, &asked, off).unwrap();
        let asked_each = Tensor::stack(&[z(&scores[0]), z(&scores[1])], 2).unwrap();
        assert!(distance(&real(&found), &real(&asked_each)) < 1e-4);
        assert!(distance(&real(&found), &real(&each)) > 1e-2);

        let fault = one.forward(&batch, &Hints::default(), off).unwrap_err().to_string();
        assert!(fault.contains("queries the classifier"), "{fault}");
    }
}

#[test]
fn shapes_that_cannot_work_are_refused() {
    let shape = classifier_config(encoder(NormPlace::Pre, 1, MaskSite::Embedding), Pooling::Mean);
    let good = QueryConfig { evidence: EvidenceShape::of(&shape), hidden: 4, width: 3, layers: 1 };
    let is_refused = |query: QueryConfig| {
        explainer_config(ExplainerNetwork::Query(query), 1).validate().is_err()
    };
    assert!(!is_refused(good.clone()));
    assert!(is_refused(QueryConfig { width: 4, ..good.clone() }));
    assert!(is_refused(QueryConfig { layers: 0, ..good.clone() }));
    assert!(is_refused(QueryConfig { hidden: 0, ..good.clone() }));
    let nothing = EvidenceShape { dims: Vec::new(), linear: 0, taxa: vec![2] };
    assert!(is_refused(QueryConfig { evidence: nothing, ..good }));
}
