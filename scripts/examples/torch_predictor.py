"""A predictor in PyTorch: a small convolutional network, drawn from a seed, that hides tokens by
multiplying their factors into its embeddings. Yours loads its weights where this one draws them.

    readlens predict --tokens tokens.parquet --predictor "python torch_predictor.py" --output predictions.parquet
"""

import torch
from readlens_predictor import serve
from torch import nn

RANKS = {"kind": ["one", "other"]}


class Network(nn.Module):
    def __init__(self):
        super().__init__()
        self.embedding = nn.Embedding(5, 16)
        self.convolution = nn.Conv1d(16, 32, 9, padding=4)
        self.heads = nn.ModuleDict({rank: nn.Linear(32, len(taxa)) for rank, taxa in RANKS.items()})

    def forward(self, bases, mask, is_base):
        embedded = self.embedding(bases) * mask.unsqueeze(2)
        state = torch.relu(self.convolution(embedded.transpose(1, 2)))
        state = (state * is_base.unsqueeze(1)).amax(2)  # A row must not depend on the padding of others.
        return {rank: head(state).softmax(1) for rank, head in self.heads.items()}


torch.manual_seed(1)
network = Network().eval()


@torch.inference_mode()
def predict(letters, factors, about):
    longest, stride = max(map(len, letters)), int(about["readlens.stride"])
    bases = torch.tensor([["ACGTN".index(letter) for letter in text.ljust(longest, "N")] for text in letters])
    mask, is_base = torch.zeros(bases.shape), torch.zeros(bases.shape)
    for row, (text, of_tokens) in enumerate(zip(letters, factors)):
        of_bases = torch.tensor(of_tokens).repeat_interleave(stride)  # For a stride of k: one token a base.
        mask[row, : len(text)] = of_bases[: len(text)]
        is_base[row, : len(text)] = 1
    return {rank: found.numpy() for rank, found in network(bases, mask, is_base).items()}


serve(RANKS, predict, masking="factors", model="example, seed 1")
