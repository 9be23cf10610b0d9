use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};

use candle_core::{DType, Device, Tensor, Var};
use rand::{Rng, RngExt};
use readlens_fault::{Fault, Place, Result};
use readlens_random::{normal, stream};

/// How a fresh tensor starts.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Initial {
    /// All zero.
    Zeros,
    /// All one.
    Ones,
    /// Normal with this standard deviation.
    Normal(f64),
    /// Uniform within ±√(6 / (in + out)) (Glorot & Bengio 2010); of a convolution's `(out, in,
    /// width)`, `in` counts the width.
    Glorot,
}

/// Trainable tensors by name, in name order.
#[derive(Clone, Debug, Default)]
pub struct Parameters {
    vars: BTreeMap<String, Var>,
    tables: BTreeMap<String, Var>,
}

impl Parameters {
    /// Names and variables that every step changes, in name order.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Var)> {
        self.vars.iter().map(|(name, var)| (name.as_str(), var))
    }

    /// Names and tables, `(rows, width)`, in name order: a step changes the rows that are used.
    pub fn tables(&self) -> impl Iterator<Item = (&str, &Var)> {
        self.tables.iter().map(|(name, var)| (name.as_str(), var))
    }

    /// All of them.
    fn all(&self) -> impl Iterator<Item = (&String, &Var)> {
        self.vars.iter().chain(&self.tables)
    }

    /// Number of scalars outside tables.
    pub fn count(&self) -> usize {
        self.vars.values().map(|var| var.elem_count()).sum()
    }

    /// Number of scalars in tables.
    pub fn table_count(&self) -> usize {
        self.tables.values().map(|var| var.elem_count()).sum()
    }

    /// Copies of the values, for a checkpoint.
    pub fn tensors(&self) -> HashMap<String, Tensor> {
        self.all().map(|(name, var)| (name.clone(), var.as_detached_tensor())).collect()
    }

    /// Sets every variable from `tensors`. No pass may be under way meanwhile: its kernels hold the
    /// values.
    ///
    /// # Errors
    /// A tensor is missing or has another shape.
    pub fn set(&self, tensors: &HashMap<String, Tensor>) -> candle_core::Result<()> {
        for (name, var) in self.all() {
            let tensor = tensors
                .get(name)
                .ok_or_else(|| candle_core::Error::msg(format!("no tensor {name}")))?;
            var.set(&tensor.to_device(var.device())?)?;
        }
        Ok(())
    }
}

impl WeightSource {
    /// Every tensor that was asked for, by name.
    pub fn used(&self) -> &BTreeMap<String, Tensor> {
        &self.used
    }

    /// The type that the network computes in.
    pub(crate) fn dtype(&self) -> DType {
        self.dtype
    }

    /// Where the network computes.
    pub fn device(&self) -> &Device {
        &self.device
    }

    /// From now on names begin with `branch` and a full stop; with neither if it is empty.
    pub(crate) fn enter(&mut self, branch: &str) {
        self.prefix = if branch.is_empty() { String::new() } else { format!("{branch}.") };
    }
}

enum Kind {
    /// Drawn by the seed; what was counted is given by name.
    Fresh {
        seed: u64,
        given: HashMap<String, Tensor>,
    },
    Loaded {
        file: PathBuf,
        tensors: HashMap<String, Tensor>,
        trainable: bool,
    },
}

/// Where a network's tensors come from: a seed or a file.
pub struct WeightSource {
    kind: Kind,
    dtype: DType,
    device: Device,
    prefix: String,
    used: BTreeMap<String, Tensor>,
    vars: BTreeMap<String, Var>,
    tables: BTreeMap<String, Var>,
}

impl std::fmt::Debug for WeightSource {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("WeightSource").field("used", &self.used.keys()).finish_non_exhaustive()
    }
}

impl WeightSource {
    /// Fresh trainable tensors; each is drawn from its own stream, named after it.
    pub fn fresh(seed: u64, dtype: DType, device: &Device) -> Self {
        Self::new(Kind::Fresh { seed, given: HashMap::new() }, dtype, device)
    }

    /// The same with what was counted before the training, by name: such tensors are taken, or
    /// begin, as they are given.
    #[must_use]
    pub fn given(mut self, counted: HashMap<String, Tensor>) -> Self {
        if let Kind::Fresh { given, .. } = &mut self.kind {
            *given = counted;
        }
        self
    }

    /// Tensors read from `file`: trainable, or frozen (no gradient is tracked for them).
    pub fn loaded(
        file: &Path,
        tensors: HashMap<String, Tensor>,
        trainable: bool,
        dtype: DType,
        device: &Device,
    ) -> Self {
        Self::new(Kind::Loaded { file: file.to_path_buf(), tensors, trainable }, dtype, device)
    }

    fn new(kind: Kind, dtype: DType, device: &Device) -> Self {
        let device = device.clone();
        Self {
            kind,
            dtype,
            device,
            prefix: String::new(),
            used: BTreeMap::new(),
            vars: BTreeMap::new(),
            tables: BTreeMap::new(),
        }
    }

    /// The tensor `name` of `shape`.
    ///
    /// # Errors
    /// The file lacks it, gives it another shape, or holds a value that is not finite.
    pub fn tensor(&mut self, name: &str, shape: &[usize], initial: Initial) -> Result<Tensor> {
        let name = format!("{}{name}", self.prefix);
        let (dtype, device) = (self.dtype, self.device.clone());
        let (tensor, var) = self.take(&name, shape, initial, dtype, &device)?;
        self.vars.extend(var.map(|var| (name.clone(), var)));
        self.used.insert(name, tensor.clone());
        Ok(tensor)
    }

    /// The table `name`, `(rows, width)`, zero where it is fresh: f32 on the CPU wherever the
    /// network computes, because a step changes few of its rows.
    ///
    /// # Errors
    /// As [`WeightSource::tensor`].
    pub fn table(&mut self, name: &str, rows: usize, width: usize) -> Result<Tensor> {
        let name = format!("{}{name}", self.prefix);
        let shape = [rows, width];
        let (tensor, var) = self.take(&name, &shape, Initial::Zeros, DType::F32, &Device::Cpu)?;
        self.tables.extend(var.map(|var| (name.clone(), var)));
        self.used.insert(name, tensor.clone());
        Ok(tensor)
    }

    /// What was counted and not learned: f32 values, zero where the network is fresh.
    ///
    /// # Errors
    /// As [`WeightSource::tensor`].
    pub(crate) fn counted(&mut self, name: &str, shape: &[usize]) -> Result<Tensor> {
        let name = format!("{}{name}", self.prefix);
        let given = match &mut self.kind {
            Kind::Fresh { given, .. } => given.remove(&name).filter(|t| t.dims() == shape),
            Kind::Loaded { .. } => None,
        };
        if let Some(tensor) = given {
            self.used.insert(name, tensor.clone());
            return Ok(tensor);
        }
        let (tensor, _) = self.take(&name, shape, Initial::Zeros, DType::F32, &Device::Cpu)?;
        let tensor = tensor.detach();
        self.used.insert(name, tensor.clone());
        Ok(tensor)
    }

    /// Whole numbers of 32 bits, zero where the network is fresh.
    ///
    /// # Errors
    /// The file lacks them, or has others.
    pub(crate) fn integers(&mut self, name: &str, count: usize) -> Result<Tensor> {
        let full = format!("{}{name}", self.prefix);
        let tensor = match &mut self.kind {
            Kind::Fresh { .. } => Tensor::zeros(count, DType::U32, &Device::Cpu)
                .map_err(|e| Fault::failed(format!("preparing the tensor {full}"), e))?,
            Kind::Loaded { tensors, .. } => match tensors.remove(&full) {
                Some(tensor) if tensor.dims() == [count] && tensor.dtype() == DType::U32 => tensor,
                Some(tensor) => {
                    let found = format!("{:?} of {:?}", tensor.dims(), tensor.dtype());
                    return Err(self.broken(name, &found));
                }
                None => return Err(self.broken(name, "none of that name")),
            },
        };
        self.used.insert(full, tensor.clone());
        Ok(tensor)
    }

    /// The fault of a tensor that is not as its network says.
    pub(crate) fn broken(&self, name: &str, found: &str) -> Fault {
        match &self.kind {
            Kind::Fresh { .. } => Fault::failed(format!("preparing the tensor {name}"), found),
            Kind::Loaded { file, .. } => Fault::input(file)
                .at(Place::Part(format!("tensor {}{name}", self.prefix)))
                .expected("the tensor that config.json describes")
                .found(found)
                .remedy("keep model.safetensors and config.json of one training together")
                .into(),
        }
    }

    /// A tensor, with its variable where it is trained.
    fn take(
        &mut self,
        name: &str,
        shape: &[usize],
        initial: Initial,
        dtype: DType,
        device: &Device,
    ) -> Result<(Tensor, Option<Var>)> {
        let candle =
            |e: candle_core::Error| Fault::failed(format!("preparing the tensor {name}"), e);
        let (tensor, trainable) = match &mut self.kind {
            Kind::Fresh { seed, given } => {
                let given = given.remove(name);
                if let Some(other) = given.as_ref().filter(|tensor| tensor.dims() != shape) {
                    return Err(Fault::failed(
                        format!("preparing the tensor {name}"),
                        format!("{:?} was given for shape {shape:?}", other.dims()),
                    ));
                }
                let tensor = match given {
                    Some(tensor) => tensor.to_device(device).and_then(|t| t.to_dtype(dtype)),
                    None => fresh(*seed, name, shape, initial, dtype, device),
                };
                (tensor.map_err(candle)?, true)
            }
            Kind::Loaded { file, tensors, trainable } => {
                let fault = || Fault::input(&*file).at(Place::Part(format!("tensor {name}")));
                let Some(tensor) = tensors.remove(name) else {
                    return Err(fault()
                        .expected("the tensor")
                        .found("none of that name")
                        .remedy("the checkpoint is of another network or damaged; train again")
                        .into());
                };
                if tensor.dims() != shape {
                    return Err(fault()
                        .expected(format!("shape {shape:?}, as config.json says"))
                        .found(format!("{:?}", tensor.dims()))
                        .remedy("keep model.safetensors and config.json of one training together")
                        .into());
                }
                let tensor = tensor.to_device(device).and_then(|t| t.to_dtype(dtype));
                let tensor = tensor.map_err(candle)?;
                if !is_finite(&tensor).map_err(candle)? {
                    return Err(fault()
                        .expected("finite values")
                        .found("NaN or infinity")
                        .remedy("the checkpoint is broken; train again")
                        .into());
                }
                (tensor, *trainable)
            }
        };
        if !trainable {
            return Ok((tensor, None));
        }
        let var = Var::from_tensor(&tensor).map_err(candle)?;
        Ok((var.as_tensor().clone(), Some(var)))
    }

    /// The trainable tensors that were asked for (none of a frozen network).
    ///
    /// # Errors
    /// The file holds tensors that the network has no place for.
    pub fn finish(&mut self) -> Result<Parameters> {
        if let Kind::Loaded { file, tensors, .. } = &self.kind
            && let Some(name) = tensors.keys().min()
        {
            return Err(Fault::input(file)
                .at(Place::Part(format!("tensor {name}")))
                .expected("only tensors of the network that config.json describes")
                .found(format!("{} more", tensors.len()))
                .remedy("keep model.safetensors and config.json of one training together")
                .into());
        }
        if let Kind::Fresh { given, .. } = &self.kind
            && let Some(name) = given.keys().min()
        {
            return Err(Fault::failed("preparing the network", format!("{name} is not of it")));
        }
        Ok(Parameters {
            vars: std::mem::take(&mut self.vars),
            tables: std::mem::take(&mut self.tables),
        })
    }
}

fn fresh(
    seed: u64,
    name: &str,
    shape: &[usize],
    initial: Initial,
    dtype: DType,
    device: &Device,
) -> candle_core::Result<Tensor> {
    let mut rng = stream(seed, &format!("weights/{name}"));
    match initial {
        Initial::Zeros => Tensor::zeros(shape, dtype, device),
        Initial::Ones => Tensor::ones(shape, dtype, device),
        Initial::Normal(scale) => normal_tensor(&mut rng, shape, scale, dtype, device),
        Initial::Glorot => {
            let fan_out = shape.first().copied().unwrap_or(1);
            let fan_in: usize = shape.iter().skip(1).product();
            let bound = (6.0 / (fan_in + fan_out) as f64).sqrt();
            let count = shape.iter().product();
            let values: Vec<f64> = (0..count).map(|_| rng.random_range(-bound..bound)).collect();
            Tensor::from_vec(values, shape, device)?.to_dtype(dtype)
        }
    }
}

/// A tensor of normal draws with standard deviation `scale`.
fn normal_tensor(
    rng: &mut impl Rng,
    shape: &[usize],
    scale: f64,
    dtype: DType,
    device: &Device,
) -> candle_core::Result<Tensor> {
    let count = shape.iter().product();
    let values: Vec<f64> = (0..count).map(|_| scale * normal(rng)).collect();
    Tensor::from_vec(values, shape, device)?.to_dtype(dtype)
}

fn is_finite(tensor: &Tensor) -> candle_core::Result<bool> {
    let values: Vec<f32> = tensor.flatten_all()?.to_dtype(DType::F32)?.to_vec1()?;
    Ok(values.iter().all(|v| v.is_finite()))
}
