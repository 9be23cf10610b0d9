//! Predictions for the windows that are worked on together.

use readlens_batch::{Model, as_read, most_likely, relative_entropy};
use readlens_fault::Result;
use readlens_nn::{Classifier, WindowTokens};
use readlens_tables::perturbations::PerturbationRow;
use readlens_tables::tokens::TokenRow;
use readlens_tables::vocabulary::Name;

use crate::passes::{Network, Outcome, Pass, Planner};
use crate::selection::Masked;

/// Tokens of passes that wait for the same network: enough batches for many threads, and a bound on
/// memory.
const WAITING_TOKENS: usize = 1 << 21;

/// The models that predict.
pub(crate) struct Networks {
    pub(crate) own: Box<dyn Model>,
    /// The same classifier with mean embeddings in the place of hidden tokens; none for a program.
    pub(crate) mean: Option<Classifier>,
    pub(crate) judge: Option<Classifier>,
}

impl Networks {
    fn get(&self, network: Network) -> &dyn Model {
        match (network, &self.mean, &self.judge) {
            (Network::Mean, Some(mean), _) => mean,
            (Network::Judge, _, Some(judge)) => judge,
            // No pass is planned for a network that is not there.
            (Network::Own | Network::Mean | Network::Judge, ..) => &*self.own,
        }
    }
}

/// Predicts windows under all operators.
pub(crate) struct Predictor<'a> {
    pub(crate) networks: &'a Networks,
    pub(crate) planner: Planner<'a>,
    /// The classifier's ranks.
    pub(crate) ranks: &'a [Name],
    /// Column of the token table that labels each rank, where there is one.
    pub(crate) columns: &'a [Option<usize>],
}

/// Passes of one network that wait to be predicted together.
#[derive(Debug, Default)]
struct Lane<'a> {
    /// The window of each pass, the place of its rows, and the pass.
    passes: Vec<(usize, usize, Pass<'a>)>,
    tokens: usize,
}

/// Rows of the windows in the making.
struct Desk<'a, 'b> {
    predictor: &'b Predictor<'a>,
    windows: &'b [Masked],
    /// Per kind of input; see [`lane_of`].
    lanes: [Lane<'b>; LANES],
    /// Class of each window's target per rank.
    targets: Vec<Vec<usize>>,
    /// Per window, the rows of each of its passes in the order in which these were planned.
    rows: Vec<Vec<Vec<PerturbationRow>>>,
}

const LANES: usize = 4;

/// Passes are predicted together that have the same network and all or none factors.
fn lane_of(pass: &Pass<'_>) -> usize {
    match (pass.network, pass.multiplies) {
        (Network::Own, true) => 0,
        (Network::Own, false) => 1,
        (Network::Mean, _) => 2,
        (Network::Judge, _) => 3,
    }
}

impl<'a> Predictor<'a> {
    /// All rows of `windows`, window by window; `check` is asked for interrupts now and then.
    pub(crate) fn rows(
        &self,
        windows: &'a [Masked],
        check: &dyn Fn() -> Result<()>,
    ) -> Result<Vec<PerturbationRow>> {
        let mut desk = Desk {
            predictor: self,
            windows,
            lanes: Default::default(),
            targets: vec![Vec::new(); windows.len()],
            rows: (0..windows.len()).map(|_| Vec::new()).collect(),
        };
        for (place, window) in windows.iter().enumerate() {
            desk.push(place, self.planner.untouched(window))?;
        }
        desk.flush()?;
        for (place, window) in windows.iter().enumerate() {
            check()?;
            for pass in self.planner.plain(window)? {
                desk.push(place, pass)?;
            }
            let class = desk.targets[place].last().copied().unwrap_or_default();
            for mask in &window.masks {
                for pass in self.planner.masked(window, mask, class)? {
                    desk.push(place, pass)?;
                }
            }
        }
        desk.flush()?;
        Ok(desk.rows.into_iter().flatten().flatten().collect())
    }
}

impl<'b> Desk<'_, 'b> {
    fn push(&mut self, window: usize, pass: Pass<'b>) -> Result<()> {
        let rows = &mut self.rows[window];
        let lane = lane_of(&pass);
        self.lanes[lane].tokens += pass.tokens.len();
        self.lanes[lane].passes.push((window, rows.len(), pass));
        rows.push(Vec::new());
        if self.lanes[lane].tokens >= WAITING_TOKENS {
            self.flush_lane(lane)?;
        }
        Ok(())
    }

    fn flush(&mut self) -> Result<()> {
        (0..LANES).try_for_each(|lane| self.flush_lane(lane))
    }

    fn flush_lane(&mut self, lane: usize) -> Result<()> {
        let mut waiting = std::mem::take(&mut self.lanes[lane]).passes;
        let Some((_, _, first)) = waiting.first() else { return Ok(()) };
        let model = self.predictor.networks.get(first.network);
        let multiplies = first.multiplies;
        let factors: Vec<Vec<f32>> =
            waiting.iter_mut().map(|(_, _, pass)| std::mem::take(&mut pass.factors)).collect();
        let tokens = waiting.iter().map(|(window, _, pass)| WindowTokens {
            ids: &pass.tokens,
            ..as_read(&self.windows[*window].window)
        });
        let tokens: Vec<WindowTokens> = tokens.collect();
        let masks = multiplies.then_some(factors.as_slice());
        let predictions = model.predict(&tokens, masks)?;
        for (((window, place, pass), factors), prediction) in
            waiting.iter().zip(&factors).zip(&predictions)
        {
            if self.targets[*window].is_empty() {
                // The untouched window comes before all else.
                self.targets[*window] = prediction.iter().map(|p| most_likely(p)).collect();
            }
            let kept = factors.iter().sum::<f32>() / factors.len().max(1) as f32;
            let targets = &self.targets[*window];
            let token_row = &self.windows[*window].window;
            for outcome in &pass.outcomes {
                let hidden = outcome.mask.map(|mask| hidden_share(&mask.mask, factors));
                let areas = (kept, hidden);
                let wrong = outcome.mask.filter(|mask| mask.is_wrong());
                let asked = wrong.map(|mask| mask.asked.iter().map(|&class| class as usize));
                let asked: Option<Vec<usize>> = asked.map(Iterator::collect);
                let targets = asked.as_ref().unwrap_or(targets);
                let rows = self.predictor.of_pass(token_row, outcome, areas, prediction, targets);
                self.rows[*window][*place].extend(rows);
            }
        }
        Ok(())
    }
}

impl Predictor<'_> {
    /// One row per rank; `areas`: what was kept of the input, and what was hidden of the mask.
    fn of_pass(
        &self,
        window: &TokenRow,
        outcome: &Outcome<'_>,
        areas: (f32, Option<f32>),
        prediction: &[Vec<f32>],
        targets: &[usize],
    ) -> Vec<PerturbationRow> {
        let mask = outcome.mask;
        let ranks = self.networks.own.ranks().iter().zip(self.ranks).zip(self.columns);
        let rows =
            ranks.zip(prediction).zip(targets).map(|((((rank, name), column), p), &target)| {
                let taxa = &rank.taxa;
                let predicted = most_likely(p);
                let label = column.and_then(|column| window.taxa[column].clone());
                PerturbationRow {
                    id: window.id.clone(),
                    window: window.window,
                    split: window.split,
                    method: mask.map(|mask| mask.method.clone()),
                    method_kind: mask.map(|mask| mask.method_kind),
                    replicate: mask.map(|mask| mask.replicate),
                    mask_rank: mask.map(|mask| mask.rank.clone()),
                    operator: outcome.operator.into(),
                    share: outcome.share,
                    removal: outcome.removal,
                    kept_area: areas.0,
                    hidden_mask: areas.1,
                    rank: name.clone(),
                    predicted: taxa[predicted].clone(),
                    correct: label.as_ref().map(|label| *label == taxa[predicted]),
                    label,
                    target: taxa[target].clone(),
                    p_predicted: p[predicted],
                    p_target: p[target],
                    entropy: relative_entropy(p),
                }
            });
        rows.collect()
    }
}

/// Share of the mask's sum on what `factors` hide; 0 for a mask of zeros.
fn hidden_share(mask: &[f32], factors: &[f32]) -> f32 {
    let hidden: f32 = mask.iter().zip(factors).map(|(m, factor)| (1.0 - factor) * m).sum();
    let total: f32 = mask.iter().sum();
    if total > 0.0 { (hidden / total).clamp(0.0, 1.0) } else { 0.0 }
}
