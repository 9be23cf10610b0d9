//! `readlens-bench`: our contender in the benchmarks of `scripts/bench`.
//!
//! The process reads one job (a line of JSON) from standard input, prepares everything, warms up
//! and writes `ready`. For every line `run` it then performs one repetition and writes its
//! milliseconds; between repetitions it waits and uses no processor, so that contenders can take
//! turns on one machine. At `end` it writes one line of JSON with its peak memory and the numbers
//! it computed, which the driver compares with those of the other side. A contender that cannot
//! do the job writes `unsupported` and the reason instead of `ready`.
//!
//! It measures through the public interface of the network, training and batch crates only.

mod classifier_step;
mod examples;
mod explainer_step;
mod fitting;
mod frozen_step;
mod inference;
mod job;
mod models;
mod parse;
mod protocol;

use readlens_nn::Precision;
use readlens_stage::Common;

use crate::job::{Job, Work};

fn main() -> std::process::ExitCode {
    readlens_build::register!();
    let job = Job::read();
    let threads = job.as_ref().ok().map(|job| job.threads);
    let common = Common { threads, quiet: true, ..Common::default() };
    readlens_stage::finish(readlens_stage::start(&common).and_then(|_| run(&job?)))
}

fn run(job: &Job) -> readlens_fault::Result<()> {
    match &job.work {
        Work::Models { directory, seed, shape } => models::write(directory, *seed, shape),
        Work::ClassifierStep { .. } | Work::Parse { .. } if job.precision != Precision::F32 => {
            protocol::refuse("bf16 is for passes that train nothing")
        }
        Work::ClassifierStep { examples, shards } => {
            classifier_step::measure(examples, shards.get(), job.warm_up)
        }
        Work::FrozenStep { examples, shards } => {
            frozen_step::measure(examples, shards.get(), job.precision, job.warm_up)
        }
        Work::ExplainerStep { examples, shards, explainer } => explainer_step::measure(
            examples,
            shards.get(),
            (*explainer, job.precision),
            job.warm_up,
        ),
        Work::Forward { examples } => {
            inference::measure_forward(examples, job.precision, job.warm_up)
        }
        Work::MaskInference { examples, explainer } => {
            inference::measure_masks(examples, *explainer, job.precision, job.warm_up)
        }
        Work::Parse { sequences } => parse::measure(sequences, job.warm_up),
    }
}
