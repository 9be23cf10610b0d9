use std::path::PathBuf;

use clap::Args;
use readlens_batch::Shard;
use readlens_fault::Result;
use readlens_nn::{DeviceKind, Precision};
use readlens_stage::{Context, Stage, one_of};
use readlens_tables::vocabulary::Split;

use crate::config::{Config, Lime, Occlusion, Optimization};
use crate::method::Method;
use crate::run::{Paths, run};

/// Command line of `readlens-attribute`.
#[derive(Debug, Args)]
pub struct Options {
    /// Token table (Parquet)
    #[arg(long, value_name = "FILE")]
    tokens: PathBuf,
    /// Directory of the classifier
    #[arg(long, value_name = "DIR")]
    classifier: PathBuf,
    /// Methods, joined by commas: random_tokens, random_blocks, gradient_input, integrated_gradients, occlusion,
    /// leave_one_out, attention_rollout, lime, kernel_shap, optimized_mask
    #[arg(long, value_name = "METHODS", value_delimiter = ',', required = true)]
    method: Vec<Method>,
    /// Mask table to write (Parquet)
    #[arg(long, value_name = "FILE")]
    output: PathBuf,
    /// Also write what each method cost to this table (Parquet); it holds measured time
    #[arg(long, value_name = "FILE")]
    costs: Option<PathBuf>,
    /// Only windows of this split
    #[arg(long, value_name = "SPLIT", value_parser = one_of(Split::ALL, Split::name))]
    split: Option<Split>,
    /// Only so many windows, drawn by the seed from the table or the split
    #[arg(long, value_name = "N")]
    limit: Option<usize>,
    /// Share of tokens that counts as read, 0 to 1
    #[arg(long, value_name = "SHARE", default_value_t = 0.1)]
    area: f64,
    /// Average the scores in blocks of so many tokens, to compare methods at equal patch size
    #[arg(long, value_name = "N", default_value_t = 1)]
    patch: usize,
    /// Average the scores over so many neighbouring tokens, an odd number; before --patch
    #[arg(long, value_name = "N", default_value_t = 1)]
    smoothing: usize,
    /// One mask per rank instead of one for all ranks
    #[arg(long)]
    mask_per_rank: bool,
    /// Seed of every draw
    #[arg(long, value_name = "N", default_value_t = 1)]
    seed: u64,
    /// Points of the path of integrated_gradients
    #[arg(long, value_name = "N", default_value_t = 20, help_heading = "Methods")]
    steps: usize,
    /// Tokens that occlusion hides together
    #[arg(long, value_name = "N", default_value_t = 4, help_heading = "Methods")]
    occlusion_window: usize,
    /// Tokens from one hidden stretch of occlusion to the next, at most the window
    #[arg(long, value_name = "N", default_value_t = 2, help_heading = "Methods")]
    occlusion_stride: usize,
    /// Perturbed inputs per window of lime and kernel_shap
    #[arg(long, value_name = "N", default_value_t = 500, help_heading = "Methods")]
    samples: usize,
    /// Tokens of one feature of lime and of one player of kernel_shap
    #[arg(long, value_name = "N", default_value_t = 2, help_heading = "Methods")]
    segment: usize,
    /// Width of lime's kernel on cosine distances, which are 0 to 1; the lime package has 0.25, a narrower one
    #[arg(long, value_name = "WIDTH", default_value_t = 1.0, help_heading = "Methods")]
    kernel_width: f64,
    /// Weight of the squared coefficients of lime
    #[arg(long, value_name = "WEIGHT", default_value_t = 1.0, help_heading = "Methods")]
    ridge: f64,
    /// Steps of optimized_mask
    #[arg(long, value_name = "N", default_value_t = 100, help_heading = "Methods")]
    optimization_steps: usize,
    /// Learning rate of optimized_mask
    #[arg(long, value_name = "RATE", default_value_t = 0.1, help_heading = "Methods")]
    optimization_rate: f64,
    /// Weight of the area in optimized_mask
    #[arg(long, value_name = "WEIGHT", default_value_t = 1.0, help_heading = "Methods")]
    optimization_area: f64,
    /// Precision of matrix products, f32 or bf16; bf16 is faster on processors that have it
    #[arg(long, value_name = "PRECISION", default_value_t = Precision::F32)]
    precision: Precision,
    /// Only the i-th of n equal parts of the chosen windows; join them with readlens-merge
    #[arg(long, value_name = "I/N", default_value_t = Shard::WHOLE)]
    shard: Shard,
    /// Where networks compute, cpu or cuda; cuda needs a build with it
    #[arg(long, value_name = "DEVICE", default_value_t = DeviceKind::Cpu, help_heading = "Running")]
    device: DeviceKind,
}

impl Stage for Options {
    const NAME: &'static str = "attribute";
    const ABOUT: &'static str =
        "Masks by other attribution methods, for the same evaluation as the Explainer's";

    fn run(self, context: &Context) -> Result<()> {
        let config = Config {
            methods: self.method,
            split: self.split,
            limit: self.limit,
            area: self.area,
            patch: self.patch,
            smoothing: self.smoothing,
            mask_per_rank: self.mask_per_rank,
            seed: self.seed,
            steps: self.steps,
            occlusion: Occlusion { window: self.occlusion_window, stride: self.occlusion_stride },
            samples: self.samples,
            segment: self.segment,
            lime: Lime { kernel_width: self.kernel_width, ridge: self.ridge },
            optimization: Optimization {
                steps: self.optimization_steps,
                learning_rate: self.optimization_rate,
                area_weight: self.optimization_area,
            },
            precision: self.precision,
        };
        let paths = Paths {
            tokens: self.tokens,
            classifier: self.classifier,
            output: self.output,
            costs: self.costs,
        };
        run(&config, &paths, self.shard, self.device, context)
    }
}
