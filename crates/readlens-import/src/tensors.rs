//! The tensors of a model, each taken once.

use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};

use candle_core::{DType, Tensor};
use readlens_fault::{Fault, InputFault, Place, Result};

/// The tensors of a model by the names that they have in its files.
pub(crate) struct Tensors {
    /// The file that faults are about.
    file: PathBuf,
    tensors: BTreeMap<String, Tensor>,
}

/// A tensor and its bias.
pub(crate) struct Layer {
    pub(crate) weight: Tensor,
    pub(crate) bias: Tensor,
}

impl Tensors {
    /// Of `file`. Early layer norms have their weights as `gamma` and `beta`.
    pub(crate) fn new(file: &Path, tensors: HashMap<String, Tensor>) -> Result<Self> {
        let mut named = BTreeMap::new();
        for (name, tensor) in tensors {
            let new = match name.rsplit_once('.') {
                Some((rest, "gamma")) => format!("{rest}.weight"),
                Some((rest, "beta")) => format!("{rest}.bias"),
                _ => name,
            };
            if named.insert(new.clone(), tensor).is_some() {
                return Err(Fault::input(file)
                    .at(Place::Part(format!("tensor {new}")))
                    .expected("one tensor of that name")
                    .found("two, one of them as gamma or beta")
                    .remedy("save the model again")
                    .into());
            }
        }
        Ok(Self { file: file.to_path_buf(), tensors: named })
    }

    /// A fault about the tensor `name`.
    pub(crate) fn fault(&self, name: &str) -> InputFault {
        Fault::input(&self.file).at(Place::Part(format!("tensor {name}")))
    }

    /// Names of the tensors that are left and that `is_wanted`, in order.
    pub(crate) fn names(&self, is_wanted: impl Fn(&str) -> bool) -> Vec<String> {
        self.tensors.keys().filter(|name| is_wanted(name)).cloned().collect()
    }

    /// The tensor `name` in f32. The shape follows from config.json.
    pub(crate) fn take(&mut self, name: &str, shape: &[usize]) -> Result<Tensor> {
        let file = self.file.clone();
        let fault = || Fault::input(&file).at(Place::Part(format!("tensor {name}")));
        let Some(tensor) = self.tensors.remove(name) else {
            return Err(fault()
                .expected(format!("shape {shape:?}, as config.json says"))
                .found("no tensor of that name")
                .remedy("give the directory of a whole sequence-classification model")
                .into());
        };
        if tensor.dims() != shape {
            return Err(fault()
                .expected(format!("shape {shape:?}, as config.json says"))
                .found(format!("{:?}", tensor.dims()))
                .remedy("keep the weights and config.json of one model together")
                .into());
        }
        if !tensor.dtype().is_float() {
            return Err(fault()
                .expected("floating-point values")
                .found(format!("{:?}", tensor.dtype()))
                .remedy("a quantised model cannot be imported: save it in f32, f16 or bf16")
                .into());
        }
        let failed = |e| Fault::failed(format!("reading the tensor {name}"), e);
        let tensor = tensor.to_dtype(DType::F32).map_err(failed)?;
        let flat = tensor.flatten_all().and_then(|flat| flat.to_vec1::<f32>()).map_err(failed)?;
        if flat.iter().any(|value| !value.is_finite()) {
            return Err(fault()
                .expected("finite values")
                .found("NaN or infinity")
                .remedy("the model is broken: train it again")
                .into());
        }
        Ok(tensor)
    }

    /// `NAME.weight` of `(out, in)` and `NAME.bias`.
    pub(crate) fn linear(&mut self, name: &str, inputs: usize, outputs: usize) -> Result<Layer> {
        Ok(Layer {
            weight: self.take(&format!("{name}.weight"), &[outputs, inputs])?,
            bias: self.take(&format!("{name}.bias"), &[outputs])?,
        })
    }

    /// The same without a bias, which is zero then.
    pub(crate) fn unbiased(&mut self, name: &str, inputs: usize, outputs: usize) -> Result<Layer> {
        let weight = self.take(&format!("{name}.weight"), &[outputs, inputs])?;
        let bias = Tensor::zeros(outputs, DType::F32, weight.device());
        Ok(Layer { weight, bias: bias.map_err(|e| Fault::failed("making a bias of zeros", e))? })
    }

    /// `NAME.weight` and `NAME.bias` of a layer norm.
    pub(crate) fn norm(&mut self, name: &str, dim: usize) -> Result<Layer> {
        Ok(Layer {
            weight: self.take(&format!("{name}.weight"), &[dim])?,
            bias: self.take(&format!("{name}.bias"), &[dim])?,
        })
    }

    /// Names of the tensors that were not taken, if `is_harmless` is true of all.
    pub(crate) fn unused(self, is_harmless: impl Fn(&str) -> bool) -> Result<Vec<String>> {
        match self.tensors.keys().find(|name| !is_harmless(name)) {
            None => Ok(self.tensors.into_keys().collect()),
            Some(name) => Err(Fault::input(&self.file)
                .at(Place::Part(format!("tensor {name}")))
                .expected("only tensors of the model that config.json describes")
                .found("one that it has no place for")
                .remedy("keep the weights and config.json of one model together")
                .into()),
        }
    }
}

/// Tensors under our names.
#[derive(Default)]
pub(crate) struct Named(HashMap<String, Tensor>);

impl Named {
    /// A tensor.
    pub(crate) fn put(&mut self, name: &str, tensor: Tensor) {
        self.0.insert(name.to_owned(), tensor);
    }

    /// A tensor and its bias.
    pub(crate) fn layer(&mut self, name: &str, layer: Layer) {
        self.put(&format!("{name}.weight"), layer.weight);
        self.put(&format!("{name}.bias"), layer.bias);
    }

    /// Queries, keys and values one below the other.
    pub(crate) fn joined(&mut self, name: &str, parts: &[Layer]) -> candle_core::Result<()> {
        let weights: Vec<&Tensor> = parts.iter().map(|part| &part.weight).collect();
        let biases: Vec<&Tensor> = parts.iter().map(|part| &part.bias).collect();
        let (weight, bias) = (Tensor::cat(&weights, 0)?, Tensor::cat(&biases, 0)?);
        self.layer(name, Layer { weight, bias });
        Ok(())
    }

    /// All of them.
    pub(crate) fn finish(self) -> HashMap<String, Tensor> {
        self.0
    }
}
