"""The networks of readlens in plain PyTorch, as a practitioner would write them.

The modules keep readlens's tensor names, so that both sides load one safetensors file, and compute
the same numbers from it. The rows of the benchmark have no padding, so there is no padding mask to
apply: that is to PyTorch's advantage.
"""

from __future__ import annotations

import json
import math
from pathlib import Path

import torch
import torch.nn.functional as F
from safetensors.torch import load_file
from torch import Tensor, nn

# Loss weights of the preset `hard` of train-explainer; classification has weight 1.
UNIFORM_KL = 1.0
AREA = 1.0
TOTAL_VARIATION = 0.1


class Block(nn.Module):
    """Attention and feed-forward, each behind a layer norm (Xiong et al. 2020)."""

    def __init__(self, dim: int, heads: int, feed_forward: int) -> None:
        super().__init__()
        self.heads = heads
        self.ln1 = nn.LayerNorm(dim)
        self.qkv = nn.Linear(dim, 3 * dim)
        self.out = nn.Linear(dim, dim)
        self.ln2 = nn.LayerNorm(dim)
        self.ff1 = nn.Linear(dim, feed_forward)
        self.ff2 = nn.Linear(feed_forward, dim)

    def forward(self, x: Tensor) -> Tensor:
        batch, tokens, dim = x.shape
        qkv = self.qkv(self.ln1(x)).view(batch, tokens, 3, self.heads, dim // self.heads)
        q, k, v = qkv.permute(2, 0, 3, 1, 4)
        joined = F.scaled_dot_product_attention(q, k, v)
        x = x + self.out(joined.transpose(1, 2).reshape(batch, tokens, dim))
        return x + self.ff2(F.gelu(self.ff1(self.ln2(x))))


class Encoder(nn.Module):
    """A pre-LN encoder; the mask multiplies the token embedding before the position is added."""

    def __init__(
        self, vocabulary: int, max_tokens: int, dim: int, layers: int, heads: int, feed_forward: int
    ) -> None:
        super().__init__()
        self.tok = nn.Embedding(vocabulary, dim)
        self.pos = nn.Parameter(torch.zeros(max_tokens, dim))
        self.emb_ln = nn.LayerNorm(dim)
        self.blocks = nn.ModuleList(Block(dim, heads, feed_forward) for _ in range(layers))
        self.final_ln = nn.LayerNorm(dim)

    def encode(self, ids: Tensor, mask: Tensor | None = None) -> Tensor:
        """States `(batch, tokens, dim)` of `ids` `(batch, tokens)` under `mask` of the same
        shape."""
        x = self.tok(ids)
        if mask is not None:
            x = x * mask.unsqueeze(2)
        x = self.emb_ln(x + self.pos[: ids.shape[1]])
        for block in self.blocks:
            x = block(x)
        return self.final_ln(x)


class Classifier(Encoder):
    """Mean pooling, a tanh pooler and heads that also see the softmax of the ranks above."""

    def __init__(self, taxa: list[int], dim: int, **shape: int) -> None:
        super().__init__(dim=dim, **shape)
        self.pooler = nn.Linear(dim, dim)
        self.heads = nn.ModuleList(nn.Linear(dim + sum(taxa[:i]), n) for i, n in enumerate(taxa))

    def forward(self, ids: Tensor, mask: Tensor | None = None) -> list[Tensor]:
        state = torch.tanh(self.pooler(self.encode(ids, mask).mean(1)))
        above: list[Tensor] = []
        logits: list[Tensor] = []
        for head in self.heads:
            out = head(torch.cat([*above, state], 1))
            above.append(out.softmax(1))
            logits.append(out)
        return logits


class TransformerExplainer(Encoder):
    """Mask logits from an encoder, as in the paper."""

    def __init__(self, dim: int, **shape: int) -> None:
        super().__init__(dim=dim, **shape)
        self.out = nn.Linear(dim, 1)

    def forward(self, ids: Tensor) -> Tensor:
        return self.out(self.encode(ids)).squeeze(2)


class ConvolutionalExplainer(nn.Module):
    """Mask logits from residual dilated convolutions, as most presets of train-explainer have."""

    def __init__(self, vocabulary: int, dim: int, width: int, dilations: list[int]) -> None:
        super().__init__()
        self.tok = nn.Embedding(vocabulary, dim)
        self.convs = nn.ModuleList(
            nn.Conv1d(dim, dim, width, padding=width // 2 * d, dilation=d) for d in dilations
        )
        self.ln = nn.LayerNorm(dim)
        self.out = nn.Linear(dim, 1)

    def forward(self, ids: Tensor) -> Tensor:
        x = self.tok(ids).transpose(1, 2)
        for conv in self.convs:
            x = x + F.gelu(conv(x))
        return self.out(self.ln(x.transpose(1, 2))).squeeze(2)


Explainer = TransformerExplainer | ConvolutionalExplainer


def encoder_shape(config: dict) -> dict[str, int]:
    """The shape of an encoder that these modules can build; other designs are refused."""
    fixed = {"patch": 1, "norm": "pre", "embedding_norm": True, "dropout": 0.0, "mask_site": "embedding"}
    for name, value in fixed.items():
        if config[name] != value:
            raise ValueError(f"expected an encoder with {name} = {value}, found {config[name]}")
    names = ["vocabulary", "max_tokens", "dim", "layers", "heads", "feed_forward"]
    return {name: config[name] for name in names}


def load_classifier(directory: Path) -> Classifier:
    """The classifier of a model directory of readlens."""
    config = json.loads((directory / "config.json").read_text())
    if config["pooling"] != "mean":
        raise ValueError(f"expected mean pooling, found {config['pooling']}")
    taxa = [len(rank["taxa"]) for rank in config["ranks"]]
    classifier = Classifier(taxa, **encoder_shape(config["encoder"]))
    classifier.load_state_dict(load_file(directory / "model.safetensors"))
    return classifier


def load_explainer(directory: Path) -> Explainer:
    """The Explainer of a model directory of readlens."""
    config = json.loads((directory / "config.json").read_text())
    network = dict(config["network"])
    explainer: Explainer
    if network.pop("kind") == "transformer":
        explainer = TransformerExplainer(**encoder_shape(network))
    else:
        explainer = ConvolutionalExplainer(**network)
    explainer.load_state_dict(load_file(directory / "model.safetensors"))
    return explainer


def optimiser(network: nn.Module) -> torch.optim.AdamW:
    """AdamW as readlens_fit has it: vectors and embeddings do not decay."""
    decaying: list[nn.Parameter] = []
    others: list[nn.Parameter] = []
    for name, parameter in network.named_parameters():
        decays = parameter.dim() > 1 and not name.endswith(("tok.weight", "pos"))
        (decaying if decays else others).append(parameter)
    groups = [{"params": decaying, "weight_decay": 0.01}, {"params": others, "weight_decay": 0.0}]
    # The fused step is PyTorch's fastest on a CPU.
    return torch.optim.AdamW(groups, lr=1e-4, betas=(0.9, 0.98), eps=1e-8, fused=True)


def classification_loss(logits: list[Tensor], targets: list[Tensor]) -> Tensor:
    """Cross-entropy, the mean over rows and ranks."""
    losses = [F.cross_entropy(out, target) for out, target in zip(logits, targets, strict=True)]
    return torch.stack(losses).mean()


def complete(values: Tensor) -> Tensor:
    """A mask on tokens as the classifier wants it: 1 on CLS, which every row opens with."""
    return torch.cat([torch.ones_like(values[:, :1]), values[:, 1:]], 1)


def explainer_loss(logits: Tensor, classifier: Classifier, ids: Tensor, targets: list[Tensor]) -> Tensor:
    """The loss of the preset `hard`: straight-through hard masks; classification under the mask, KL
    from uniform under its inverse, area and total variation of the soft mask on real tokens."""
    soft = logits.sigmoid()
    hard = (soft > 0.5).to(soft.dtype)
    seen = hard + (soft - soft.detach())
    loss = classification_loss(classifier(ids, complete(seen)), targets)
    hidden = classifier(ids, complete(1 - seen))
    for out in hidden:
        kl = -out.log_softmax(1).mean(1) / math.log(out.shape[1]) - 1
        loss = loss + UNIFORM_KL * kl.mean() / len(hidden)
    real = soft[:, 1:]
    loss = loss + AREA * real.mean()
    return loss + TOTAL_VARIATION * (real[:, 1:] - real[:, :-1]).abs().mean()
