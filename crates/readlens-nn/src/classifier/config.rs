//! The shape of a classifier, as `config.json` holds it.

use readlens_fault::{Fault, Result};
use readlens_kernels::MaskSite;
use readlens_kmer::Tokenization;
use serde::{Deserialize, Serialize};

use super::channel_bag::ChannelBagConfig;
use super::composition::CompositionConfig;
use super::experts::ExpertsConfig;
use super::lineages::LineageDecoding;
use super::transformer::TransformerConfig;
use crate::bag::BagConfig;
use crate::encoder::{EncoderConfig, MAX_TOKENS, Pooling};

/// Most ranks of a classifier.
const MOST_RANKS: usize = 64;
/// Most branches of a classifier.
const MOST_BRANCHES: usize = 64;

/// A rank and its taxa; a class is an index into `taxa`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RankClasses {
    /// Name of the rank, such as `genus`.
    pub rank: String,
    /// Taxa in class order.
    pub taxa: Vec<String>,
}

/// Shape of a classifier.
///
/// In `config.json` a classifier of one transformer has the fields of the transformer beside
/// `ranks` and `tokenization`; any other has `branches`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "ConfigFile", into = "ConfigFile")]
pub struct ClassifierConfig {
    /// Networks whose logits are added; one or more.
    pub branches: Vec<BranchConfig>,
    /// Ranks from the highest to the lowest.
    pub ranks: Vec<RankClasses>,
    /// How the windows it reads must be tokenized.
    pub tokenization: Tokenization,
    /// How the ranks are decoded together; none leaves them alone.
    pub decoding: Option<LineageDecoding>,
    /// What the logits of each rank are divided by at the end, so that probabilities are those of
    /// being right (Guo et al. 2017); none for 1.
    pub temperatures: Option<Vec<f64>>,
}

/// A network of a classifier.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BranchConfig {
    /// What its tensors' names begin with, before a full stop; empty for the only branch.
    pub name: String,
    /// What it is.
    pub network: NetworkConfig,
    /// What its logits are multiplied by before they are added, `[component][rank]`: each expert is
    /// a component, any other network is one. None for 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub weights: Option<Vec<Vec<f64>>>,
}

/// What a branch is.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum NetworkConfig {
    /// A transformer over the tokens.
    Transformer(TransformerConfig),
    /// A bag of hashed features.
    ChannelBag(ChannelBagConfig),
    /// Naive Bayes experts.
    Experts(ExpertsConfig),
    /// A linear classifier of the composition.
    Composition(CompositionConfig),
}

impl NetworkConfig {
    /// Number of its components.
    pub fn components(&self) -> usize {
        match self {
            Self::Transformer(_) | Self::ChannelBag(_) | Self::Composition(_) => 1,
            Self::Experts(experts) => experts.channels.len(),
        }
    }

    /// Names of its components, each behind a space; the only one of a network has none.
    pub fn names(&self) -> Vec<String> {
        match self {
            Self::Transformer(_) | Self::ChannelBag(_) | Self::Composition(_) => {
                vec![String::new()]
            }
            Self::Experts(experts) => {
                experts.channels.iter().map(|expert| format!(" {}", expert.channel)).collect()
            }
        }
    }
}

impl ClassifierConfig {
    /// A classifier of one network.
    pub fn of(network: NetworkConfig, ranks: Vec<RankClasses>, tokenization: Tokenization) -> Self {
        let branches = vec![BranchConfig { name: String::new(), network, weights: None }];
        Self { branches, ranks, tokenization, decoding: None, temperatures: None }
    }

    /// The transformer, if it is one and nothing else.
    pub fn transformer(&self) -> Option<&TransformerConfig> {
        match self.branches.as_slice() {
            [BranchConfig { network: NetworkConfig::Transformer(only), .. }] => Some(only),
            _ => None,
        }
    }

    /// [`ClassifierConfig::transformer`], to be changed.
    pub fn transformer_mut(&mut self) -> Option<&mut TransformerConfig> {
        match self.branches.as_mut_slice() {
            [BranchConfig { network: NetworkConfig::Transformer(only), .. }] => Some(only),
            _ => None,
        }
    }

    /// Number of taxa of each rank.
    pub(crate) fn taxa(&self) -> Vec<usize> {
        self.ranks.iter().map(|rank| rank.taxa.len()).collect()
    }

    /// Maximum number of tokens of a window, CLS included.
    pub fn max_tokens(&self) -> usize {
        let most = self.branches.iter().map(|branch| match &branch.network {
            NetworkConfig::Transformer(transformer) => transformer.encoder.max_tokens,
            NetworkConfig::ChannelBag(_)
            | NetworkConfig::Experts(_)
            | NetworkConfig::Composition(_) => MAX_TOKENS,
        });
        most.min().unwrap_or(MAX_TOKENS)
    }

    /// The same with every branch masked as `site` says.
    pub(crate) fn with_mask_site(mut self, site: MaskSite) -> Self {
        for branch in &mut self.branches {
            match &mut branch.network {
                NetworkConfig::Transformer(transformer) => transformer.encoder.mask_site = site,
                NetworkConfig::ChannelBag(bag) => bag.mask_site = site,
                NetworkConfig::Experts(experts) => experts.mask_site = site,
                NetworkConfig::Composition(composition) => composition.mask_site = site,
            }
        }
        self
    }

    /// Refuses shapes that cannot work.
    ///
    /// # Errors
    /// [`Fault::Usage`] naming the value to change.
    pub fn validate(&self) -> Result<()> {
        if self.branches.is_empty() || self.branches.len() > MOST_BRANCHES {
            let found = self.branches.len();
            return Err(Fault::usage(format!(
                "a classifier has 1 to {MOST_BRANCHES} branches, not {found}"
            )));
        }
        for (i, branch) in self.branches.iter().enumerate() {
            let name = &branch.name;
            if self.branches.len() > 1 && (name.is_empty() || name.contains('.')) {
                return Err(Fault::usage(format!(
                    "each of several branches needs a name without a full stop, not {name:?}"
                )));
            }
            if self.branches[..i].iter().any(|other| other.name == *name) {
                return Err(Fault::usage(format!("two branches are called {name}")));
            }
            match &branch.network {
                NetworkConfig::Transformer(transformer) => {
                    transformer.validate(&self.tokenization)?;
                }
                NetworkConfig::ChannelBag(bag) => bag.validate(&self.tokenization)?,
                NetworkConfig::Composition(composition) => {
                    composition.validate(&self.tokenization)?;
                }
                NetworkConfig::Experts(experts) => {
                    experts.validate(&self.tokenization, &self.taxa())?;
                }
            }
            self.check_weights(branch)?;
        }
        if self.ranks.is_empty() {
            return Err(Fault::usage("a classifier needs at least one rank"));
        }
        if self.ranks.len() > MOST_RANKS {
            let found = self.ranks.len();
            return Err(Fault::usage(format!(
                "a classifier has at most {MOST_RANKS} ranks, not {found}"
            )));
        }
        if let Some(rank) = self.ranks.iter().find(|rank| rank.taxa.is_empty()) {
            return Err(Fault::usage(format!("rank {} has no taxon", rank.rank)));
        }
        if let Some(decoding) = &self.decoding {
            decoding.validate(&self.taxa())?;
        }
        match &self.temperatures {
            Some(found) if found.len() != self.ranks.len() => {
                Err(Fault::usage("a temperature is needed for each rank"))
            }
            Some(found) if !found.iter().all(|t| (1e-3..=1e3).contains(t)) => {
                Err(Fault::usage("temperatures must be 0.001 to 1000"))
            }
            _ => Ok(()),
        }
    }

    fn check_weights(&self, branch: &BranchConfig) -> Result<()> {
        let Some(weights) = &branch.weights else { return Ok(()) };
        let is_whole = weights.len() == branch.network.components()
            && weights.iter().all(|weights| weights.len() == self.ranks.len());
        if let Some(weight) =
            weights.iter().flatten().find(|weight| !(-1e6..=1e6).contains(*weight))
        {
            return Err(Fault::usage(format!(
                "weights must be at most 1000000, and branch {:?} has {weight}",
                branch.name
            )));
        }
        if !is_whole {
            return Err(Fault::usage(format!(
                "branch {:?} needs a weight for each of {} components and {} ranks",
                branch.name,
                branch.network.components(),
                self.ranks.len()
            )));
        }
        Ok(())
    }
}

/// `config.json` of a classifier.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct ConfigFile {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    encoder: Option<EncoderConfig>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pooling: Option<Pooling>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    bag: Option<BagConfig>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    branches: Option<Vec<BranchConfig>>,
    ranks: Vec<RankClasses>,
    tokenization: Tokenization,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    decoding: Option<LineageDecoding>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    temperatures: Option<Vec<f64>>,
}

impl TryFrom<ConfigFile> for ClassifierConfig {
    type Error = String;

    fn try_from(file: ConfigFile) -> std::result::Result<Self, String> {
        let ConfigFile { encoder, pooling, bag, branches, ranks, tokenization, .. } = file;
        let of = match (encoder, pooling, branches) {
            (Some(encoder), Some(pooling), None) => {
                let transformer = TransformerConfig { encoder, pooling, bag };
                Self::of(NetworkConfig::Transformer(transformer), ranks, tokenization)
            }
            (None, None, Some(branches)) if bag.is_none() => {
                Self { branches, ranks, tokenization, decoding: None, temperatures: None }
            }
            _ => return Err("expected either encoder and pooling, or branches".to_owned()),
        };
        Ok(Self { decoding: file.decoding, temperatures: file.temperatures, ..of })
    }
}

impl From<ClassifierConfig> for ConfigFile {
    fn from(config: ClassifierConfig) -> Self {
        let ClassifierConfig { mut branches, ranks, tokenization, decoding, temperatures } = config;
        let (encoder, pooling, bag) = (None, None, None);
        let mut file = Self {
            encoder,
            pooling,
            bag,
            branches: None,
            ranks,
            tokenization,
            decoding,
            temperatures,
        };
        match branches.pop() {
            Some(BranchConfig {
                name,
                network: NetworkConfig::Transformer(only),
                weights: None,
            }) if branches.is_empty() && name.is_empty() => {
                file.encoder = Some(only.encoder);
                file.pooling = Some(only.pooling);
                file.bag = only.bag;
            }
            last => {
                branches.extend(last);
                file.branches = Some(branches);
            }
        }
        file
    }
}
