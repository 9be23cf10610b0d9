//! The tensors of an encoder, borrowed: its weights, or the gradients of them.

/// A linear map's or a norm's weight and bias.
#[derive(Clone, Copy, Debug)]
pub struct Affine<T> {
    /// `(out, in)` of a linear map, `(dim)` of a norm.
    pub weight: T,
    /// `(out)` or `(dim)`.
    pub bias: T,
}

/// The tensors of one block.
#[derive(Clone, Copy, Debug)]
pub struct LayerTensors<T> {
    /// Norm of the attention.
    pub norm_1: Affine<T>,
    /// Queries, keys and values, `(3 dim, dim)`.
    pub qkv: Affine<T>,
    /// Projection of the joined heads, `(dim, dim)`.
    pub out: Affine<T>,
    /// Norm of the feed-forward layers.
    pub norm_2: Affine<T>,
    /// First feed-forward layer, `(feed_forward, dim)`.
    pub ff_1: Affine<T>,
    /// Second feed-forward layer, `(dim, feed_forward)`.
    pub ff_2: Affine<T>,
}

/// The tensors of an encoder.
#[derive(Debug)]
pub struct EncoderTensors<T> {
    /// Token embedding, `(vocabulary, dim)`.
    pub token: T,
    /// Position embedding, `(max_tokens, dim)`.
    pub position: T,
    /// Norm of the embedding.
    pub embedding_norm: Option<Affine<T>>,
    /// Joins `patch` tokens, `(dim, patch dim)`.
    pub stem: Option<Affine<T>>,
    /// The blocks.
    pub layers: Vec<LayerTensors<T>>,
    /// Norm after the last block, of a pre-LN encoder.
    pub final_norm: Option<Affine<T>>,
}

impl<T> Affine<T> {
    /// The same tensors, borrowed.
    pub fn each_ref(&self) -> Affine<&T> {
        Affine { weight: &self.weight, bias: &self.bias }
    }

    /// Weight, then bias, through `f`.
    ///
    /// # Errors
    /// The first of `f`.
    pub fn map<U, E>(self, f: &mut dyn FnMut(T) -> Result<U, E>) -> Result<Affine<U>, E> {
        Ok(Affine { weight: f(self.weight)?, bias: f(self.bias)? })
    }
}

impl<T> EncoderTensors<T> {
    /// The same tensors, borrowed.
    pub fn each_ref(&self) -> EncoderTensors<&T> {
        let affine = Affine::each_ref;
        EncoderTensors {
            token: &self.token,
            position: &self.position,
            embedding_norm: self.embedding_norm.as_ref().map(affine),
            stem: self.stem.as_ref().map(affine),
            layers: self
                .layers
                .iter()
                .map(|layer| LayerTensors {
                    norm_1: layer.norm_1.each_ref(),
                    qkv: layer.qkv.each_ref(),
                    out: layer.out.each_ref(),
                    norm_2: layer.norm_2.each_ref(),
                    ff_1: layer.ff_1.each_ref(),
                    ff_2: layer.ff_2.each_ref(),
                })
                .collect(),
            final_norm: self.final_norm.as_ref().map(affine),
        }
    }

    /// Every tensor through `f`, always in the same order.
    ///
    /// # Errors
    /// The first of `f`.
    pub fn try_map<U, E>(
        self,
        mut f: impl FnMut(T) -> Result<U, E>,
    ) -> Result<EncoderTensors<U>, E> {
        let f: &mut dyn FnMut(T) -> Result<U, E> = &mut f;
        let layers = self.layers.into_iter().map(|layer| {
            Ok(LayerTensors {
                norm_1: layer.norm_1.map(f)?,
                qkv: layer.qkv.map(f)?,
                out: layer.out.map(f)?,
                norm_2: layer.norm_2.map(f)?,
                ff_1: layer.ff_1.map(f)?,
                ff_2: layer.ff_2.map(f)?,
            })
        });
        let layers = layers.collect::<Result<_, E>>()?;
        Ok(EncoderTensors {
            layers,
            token: f(self.token)?,
            position: f(self.position)?,
            embedding_norm: self.embedding_norm.map(|t| t.map(f)).transpose()?,
            stem: self.stem.map(|t| t.map(f)).transpose()?,
            final_norm: self.final_norm.map(|t| t.map(f)).transpose()?,
        })
    }
}
