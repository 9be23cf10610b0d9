use candle_core::Device;
use readlens_fault::{Fault, Result};
use readlens_kernels::{Level, Precision};
use readlens_provenance::Compute;

/// Where networks compute: on the CPU by fused kernels, on a GPU by candle's operations.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum DeviceKind {
    /// The processor.
    #[default]
    Cpu,
    /// The first CUDA device; the binary must have been built with the feature `cuda`.
    Cuda,
}

impl DeviceKind {
    /// What computes on it, for a manifest.
    pub fn compute(self) -> Compute {
        match self {
            Self::Cpu => Compute::on_cpu(Level::current().to_string()),
            Self::Cuda => Compute { device: "cuda".to_owned(), kernels: None },
        }
    }

    /// Opens the device for networks of `precision`, and says in the log what computes.
    ///
    /// # Errors
    /// [`Fault::Usage`] where the binary has no CUDA, `READLENS_KERNELS` names no level of this
    /// machine, or a GPU is to compute in bf16; [`Fault::Failed`] where the machine has no GPU.
    pub fn open(self, precision: Precision) -> Result<Device> {
        match self {
            Self::Cpu => {
                let level = Level::from_environment().map_err(Fault::usage)?;
                tracing::info!("networks compute on the CPU, by kernels for {level}");
                Ok(Device::Cpu)
            }
            Self::Cuda if precision == Precision::Bf16 => Err(Fault::usage(
                "bf16 is for the CPU's kernels: leave out --precision bf16 or --device cuda",
            )),
            #[cfg(feature = "cuda")]
            Self::Cuda => Device::new_cuda(0).map_err(|e| {
                let remedy = "check that nvidia-smi lists a GPU and that its driver is as new as the CUDA of \
                              the build, or leave out --device cuda";
                Fault::failed("opening the first CUDA device", format!("{e}; {remedy}"))
            }),
            #[cfg(not(feature = "cuda"))]
            Self::Cuda => Err(Fault::usage(
                "this binary was built without CUDA: build it where nvcc is found, with \
                 `cargo build --release --workspace --bins --features readlens-nn/cuda`, or leave out --device cuda",
            )),
        }
    }
}
