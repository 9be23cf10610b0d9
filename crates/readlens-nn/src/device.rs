use std::fmt;
use std::str::FromStr;

use candle_core::Device;
use readlens_fault::{Fault, Result};

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
    /// Opens the device.
    ///
    /// # Errors
    /// [`Fault::Usage`] where the binary has no CUDA; [`Fault::Failed`] where the machine has none.
    pub fn open(self) -> Result<Device> {
        match self {
            Self::Cpu => Ok(Device::Cpu),
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

impl fmt::Display for DeviceKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Cpu => "cpu",
            Self::Cuda => "cuda",
        })
    }
}

impl FromStr for DeviceKind {
    type Err = String;

    fn from_str(text: &str) -> std::result::Result<Self, String> {
        match text {
            "cpu" => Ok(Self::Cpu),
            "cuda" => Ok(Self::Cuda),
            _ => Err(format!("expected cpu or cuda, found {text:?}")),
        }
    }
}
