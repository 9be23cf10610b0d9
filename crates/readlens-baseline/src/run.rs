use std::collections::BTreeMap;
use std::path::Path;

use readlens_fault::{Fault, Result};
use readlens_linear::{Fitting, LogisticRegression, NaiveBayes};
use readlens_metrics::Bootstrap;
use readlens_provenance::{Compute, Manifest, check_files};
use readlens_stage::Context;
use readlens_tables::metrics::MetricRow;
use readlens_tables::tokens::TokenRow;
use readlens_tables::vocabulary::{Name, Operator};
use readlens_tables::{Reader, Writer};

use crate::config::Config;
use crate::kmers::Kmers;
use crate::labels::{Labelled, Scale, Taxa};
use crate::scores;
use crate::voting::{Election, LongKmers};
use crate::windows::{self, Data, Windows};

/// In the order of the output.
const BASELINES: [Operator; 3] =
    [Operator::KmerLogisticRegression, Operator::KmerNaiveBayes, Operator::KmerVoting];

/// Added to every count of naive Bayes (Laplace).
const PSEUDOCOUNT: f64 = 1.0;
/// Steps of the progress bar.
const PROGRESS: u64 = 1000;

/// Fits the baselines for every rank and writes their figures on the test split to `output`.
///
/// A rank of which the training windows know fewer than two taxa is left out, with a warning.
///
/// # Errors
/// A number is out of range, the tokens table is not what it should be, no rank can be learned, or
/// `output` cannot be written.
pub fn run(
    config: &Config,
    seed: u64,
    tokens: &Path,
    output: &Path,
    context: &Context,
) -> Result<()> {
    check_files([output], [tokens])?;
    let tokenization = windows::tokenization(tokens)?;
    config.validate(tokenization.alphabet)?;
    let kmers = Kmers::new(tokenization.alphabet, config.k);
    let data = windows::read(tokens, &tokenization, &kmers, context)?;
    let bootstrap = Bootstrap::new(seed, config.replicates as usize);
    let mut rows: [Vec<MetricRow>; 3] = std::array::from_fn(|_| Vec::new());
    let voting = LongKmers::new(tokenization.alphabet, config.voting_k);
    let election = Election::hold(voting, &data.train, &data.test, context)?;
    tracing::info!(
        "voting: {:.1} % of the test windows have a {}-mer of the training windows",
        100.0 * election.share_with_votes(),
        config.voting_k
    );
    for (rank, name) in data.ranks.iter().enumerate() {
        let taxa = Taxa::of(&data.train, rank);
        if taxa.len() < 2 {
            tracing::warn!("the training windows know {} taxa of {name}: left out", taxa.len());
            continue;
        }
        let baseline = Baseline { config, seed, kmers: &kmers, data: &data, rank, taxa };
        let test = baseline.labelled(&data.test, Scale::Counts);
        if test.places.is_empty() {
            tracing::warn!("no test window has a label of {name}: left out");
            continue;
        }
        for (rows, operator) in rows.iter_mut().zip(BASELINES) {
            let predicted = match operator {
                Operator::KmerLogisticRegression => baseline.logistic_regression(context)?,
                Operator::KmerNaiveBayes => baseline.naive_bayes(),
                _ => baseline.elected(&election),
            };
            let pairs = predicted.iter().zip(&test.classes);
            // A taxon that was never learned is predicted by none.
            let right = pairs.map(|(found, label)| label.is_some() && found == label);
            let right: Vec<bool> = right.collect();
            let rank = (rank, &Name::new(name)?);
            let new = scores::rows(operator, rank, &data.test, &test.places, &right, &bootstrap);
            tracing::info!("{operator}: {name} {:.1} %", 100.0 * new[0].value);
            rows.extend(new);
        }
    }
    write(config, seed, tokens, output, &rows.concat())
}

/// What a baseline of one rank is made from.
struct Baseline<'a> {
    config: &'a Config,
    seed: u64,
    kmers: &'a Kmers,
    data: &'a Data,
    rank: usize,
    taxa: Taxa,
}

impl<'a> Baseline<'a> {
    fn labelled(&self, windows: &'a Windows, scale: Scale) -> Labelled<'a> {
        Labelled::new(windows, self.kmers, scale, self.rank, &self.taxa)
    }

    /// The classes that are elected for the labelled test windows, where one is.
    fn elected(&self, election: &Election) -> Vec<Option<u32>> {
        let places = self.labelled(&self.data.test, Scale::Counts).places.into_iter();
        let class = |window| self.taxa.class(election.taxon(window, self.rank)?);
        places.map(class).collect()
    }

    /// The predicted classes of the labelled test windows.
    fn naive_bayes(&self) -> Vec<Option<u32>> {
        let train = self.labelled(&self.data.train, Scale::Counts);
        let model = NaiveBayes::fit(&train, self.taxa.len(), PSEUDOCOUNT);
        let predicted = model.predict(&self.labelled(&self.data.test, Scale::Counts));
        predicted.into_iter().map(Some).collect()
    }

    /// The predicted classes of the labelled test windows.
    fn logistic_regression(&self, context: &Context) -> Result<Vec<Option<u32>>> {
        let [train, valid, test] = [&self.data.train, &self.data.valid, &self.data.test]
            .map(|windows| self.labelled(windows, Scale::Length));
        let Config { epochs, patience, learning_rate, .. } = *self.config;
        let fitting =
            Fitting { epochs, patience, rate: learning_rate, penalty: 0.0, seed: self.seed };
        let name = self.data.ranks[self.rank].as_str();
        let progress = context.progress(&format!("fitting {name}"), PROGRESS);
        let watch = |done: f64| {
            progress.move_to((done * PROGRESS as f64) as u64, PROGRESS);
            context.check_interrupt("nothing was written; start again")
        };
        let fitted = LogisticRegression::fit(&train, &valid, self.taxa.len(), &fitting, watch)?;
        drop(progress);
        let accuracy = fitted.accuracies.get(fitted.best);
        tracing::info!(
            "{name}: {} taxa, best epoch {} of {}, valid {}",
            self.taxa.len(),
            fitted.best + 1,
            fitted.accuracies.len().max(fitted.best + 1),
            accuracy.map_or("without labels".to_owned(), |fraction| format!(
                "{:.1} %",
                100.0 * fraction
            )),
        );
        Ok(fitted.model.predict(&test).into_iter().map(Some).collect())
    }
}

fn write(
    config: &Config,
    seed: u64,
    tokens: &Path,
    output: &Path,
    rows: &[MetricRow],
) -> Result<()> {
    if rows.is_empty() {
        return Err(Fault::input(tokens)
            .expected("a rank with two taxa or more in train and labels in test")
            .found("none")
            .remedy(
                "tokenize with --taxonomy and --ranks, and with the same taxa in train and test",
            )
            .into());
    }
    let inputs = [Reader::<TokenRow>::open(tokens)?.artefact("tokens")?];
    let manifest = Manifest::made_from("baseline", config, Some(seed), &inputs)?
        .computed_by(Compute::on_cpu(readlens_linear::kernels()));
    let mut writer = Writer::<MetricRow>::create(output, &[], &manifest, &BTreeMap::new())?;
    rows.iter().try_for_each(|row| writer.push(row))?;
    writer.finish()?;
    tracing::info!("wrote {} figures to {}", rows.len(), output.display());
    Ok(())
}
