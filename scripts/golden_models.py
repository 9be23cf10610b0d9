#!/usr/bin/env python3
"""Makes the golden models of crates/readlens-import: small random checkpoints of every family that
it reads, and what independent implementations compute with them.

Usage: golden_models.py DIRECTORY, which is crates/readlens-import/tests/golden. Needs the packages
of scripts/golden-requirements.txt. Nothing is fetched.

Each model is a folder as Hugging Face writes them, with `expected.json` beside it:

    tokenizer        sequences and the ids that the family's own tokenizer makes of them
    rows             ids of a few windows, special tokens included
    single, batch    logits of each row, alone and in one padded batch
    mask             factors of the word embeddings, 1 on special tokens
    masked           logits under that mask
    classes          one class for each row
    gradient         derivative of the logit of that class by the mask

Who computes: BERT, ESM-2 and Nucleotide Transformer v1 are transformers' own classes. DNABERT-2 is
multimolecule's, whose tensors are renamed into those of the original checkpoint. Nucleotide
Transformer v2 is transformers' ESM with the gated feed-forward unit of its description (Dalla-Torre
et al. 2024): silu(x1) * x2, with x1 the first half of the intermediate layer. All compute in f64 from
weights in f32.
"""

from __future__ import annotations

import json
import random
import shutil
import sys
from itertools import product
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file
from tokenizers import Tokenizer, models, pre_tokenizers, processors, trainers
from torch import nn
from transformers import BertConfig, BertForSequenceClassification, BertTokenizer
from transformers import EsmConfig, EsmForSequenceClassification, EsmTokenizer
from transformers import PreTrainedTokenizerFast

BASES = "ACGT"
AMINO_ACIDS = "LAGVSERTIDPKQNFYMHWC"
ESM2_TOKENS = ["<cls>", "<pad>", "<eos>", "<unk>", *AMINO_ACIDS, *"XBUZO.-", "<null_1>", "<mask>"]
NT_SPECIAL = ["<unk>", "<pad>", "<mask>", "<cls>", "<eos>", "<bos>"]
BERT_SPECIAL = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
DNABERT2_SPECIAL = ["[UNK]", "[CLS]", "[SEP]", "[PAD]", "[MASK]"]
# Sequences that a tokenizer may trip over, before the random ones.
ODD = ["ACGTACGTACGTA", "ACGNNTACGTTAGC", "acgtACGTacgt", "AC", "ACGTRYKMACGTAA", "NNNNNN", "ACGUACGU"]
ODD_PROTEINS = ["MKVLAAGIVGLLLAQWERTY", "MKXBZUO.-JLA", "mkvlMKVL", "M", "MK*VL"]


def kmers(k: int) -> list[str]:
    return ["".join(letters) for letters in product(BASES, repeat=k)]


def sequences(letters: str, lengths: tuple[int, ...]) -> list[str]:
    return ["".join(random.choice(letters) for _ in range(length)) for length in lengths]


def shake(model: nn.Module) -> None:
    """Draws every parameter: fresh ones are so small that attention is nearly uniform."""
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            noise = torch.randn(parameter.shape)
            is_norm = "norm" in name.lower() and name.endswith("weight")
            scale = 0.3 if parameter.dim() == 1 else 1.5 / parameter.shape[-1] ** 0.5
            parameter.copy_((1.0 if is_norm else 0.0) + scale * noise)


def rounded(tensor: torch.Tensor) -> list:
    def of(value):
        return [of(v) for v in value] if isinstance(value, list) else float(f"{value:.8g}")

    return of(tensor.detach().tolist())


def expected(logits, embedding: nn.Module, rows: list[list[int]], pad: int, special: set[int],
             least: float = 1e-3) -> dict:
    """What `logits`, a function of ids and attention mask, makes of the rows. `least`: how large some
    derivative by the mask is at least."""
    factors: list[torch.Tensor | None] = [None]

    def multiply(_module, _inputs, output):
        return output if factors[0] is None else output * factors[0].unsqueeze(-1)

    hook = embedding.register_forward_hook(multiply)

    def of(rows: list[list[int]], mask: torch.Tensor | None = None) -> torch.Tensor:
        width = max(map(len, rows))
        ids = torch.tensor([row + [pad] * (width - len(row)) for row in rows])
        present = torch.tensor([[1] * len(row) + [0] * (width - len(row)) for row in rows])
        factors[0] = mask
        return logits(ids, present)

    width = max(map(len, rows))
    generator = torch.Generator().manual_seed(len(rows) * width)
    mask = torch.rand((len(rows), width), generator=generator, dtype=torch.float64)
    mask = (mask * 1000).round() / 1000
    for row, ids in enumerate(rows):
        for place, token in enumerate(ids):
            if token in special:
                mask[row, place] = 1.0
        mask[row, len(ids):] = 1.0
    with torch.no_grad():
        single = torch.cat([of([row]) for row in rows])
        batch = of(rows)
    free = mask.clone().requires_grad_(True)
    masked = of(rows, free)
    classes = [row % masked.shape[1] for row in range(len(rows))]
    masked[range(len(rows)), classes].sum().backward()
    hook.remove()
    assert (single - batch).abs().max() < 1e-6, "padding is seen"
    assert free.grad.abs().max() > least, "the mask is not"
    cut = [len(row) for row in rows]
    return {
        "rows": rows, "single": rounded(single), "batch": rounded(batch),
        "mask": [rounded(values[:length]) for values, length in zip(mask, cut)],
        "masked": rounded(masked), "classes": classes,
        "gradient": [rounded(values[:length]) for values, length in zip(free.grad, cut)],
    }


def write(directory: Path, golden: dict) -> None:
    (directory / "expected.json").write_text(json.dumps(golden, separators=(",", ":")) + "\n")


def tokenized(tokenizer, texts: list[str], prepare=lambda text: text) -> list[dict]:
    return [{"sequence": text, "ids": tokenizer(prepare(text))["input_ids"]} for text in texts]


def write_labels(count: int) -> dict:
    labels = [f"taxon {chr(ord('a') + label)}" for label in range(count)]
    return {"id2label": dict(enumerate(labels)), "label2id": {name: i for i, name in enumerate(labels)}}


def add_tensors(directory: Path, added: dict[str, torch.Tensor]) -> None:
    file = directory / "model.safetensors"
    save_file({**load_file(file), **added}, file, metadata={"format": "pt"})


def store(directory: Path, how: str) -> None:
    """Writes the weights anew: as one file of PyTorch, or in shards of either kind."""
    file = directory / "model.safetensors"
    if how == "safetensors":
        return
    state = load_file(file)
    file.unlink()
    if how == "bin":
        # As a model has them: parameters among them, and the versions of modules beside.
        first = next(name for name, tensor in state.items() if tensor.is_floating_point())
        state[first] = nn.Parameter(state[first])
        written = nn.Module().state_dict()
        written.update(state)
        torch.save(written, directory / "pytorch_model.bin")
        return
    stem, ending = ("model", "safetensors") if how == "shards" else ("pytorch_model", "bin")
    names = list(state)
    halves = [names[: len(names) // 2], names[len(names) // 2 :]]
    weight_map = {}
    for number, half in enumerate(halves, 1):
        shard = f"{stem}-{number:05}-of-00002.{ending}"
        part = {name: state[name] for name in half}
        if ending == "bin":
            torch.save(part, directory / shard)
        else:
            save_file(part, directory / shard, metadata={"format": "pt"})
        weight_map |= dict.fromkeys(half, shard)
    size = sum(tensor.numel() * tensor.element_size() for tensor in state.values())
    index = {"metadata": {"total_size": size}, "weight_map": weight_map}
    (directory / f"{stem}.{ending}.index.json").write_text(json.dumps(index, indent=1) + "\n")


def halve(model: nn.Module) -> None:
    """Rounds all parameters to f16, as which they are stored."""
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.copy_(parameter.half().float())


def change_config(directory: Path, change: dict, drop: tuple[str, ...] = ()) -> None:
    file = directory / "config.json"
    config = {k: v for k, v in json.loads(file.read_text()).items() if k not in drop}
    file.write_text(json.dumps({**config, **change}, indent=2) + "\n")


def bert(directory: Path, k: int, labels: int, quirks: bool, how: str = "safetensors", **shape) -> None:
    vocabulary = [*BERT_SPECIAL, *kmers(k)]
    directory.mkdir(parents=True)
    (directory / "vocab.txt").write_text("\n".join(vocabulary) + "\n")
    tokenizer = BertTokenizer(str(directory / "vocab.txt"), do_lower_case=False)
    config = {"do_lower_case": False, "max_len": 512} if quirks else {
        "do_lower_case": False, "tokenizer_class": "BertTokenizer", "unk_token": "[UNK]",
        "sep_token": "[SEP]", "pad_token": "[PAD]", "cls_token": "[CLS]", "mask_token": "[MASK]",
    }
    (directory / "tokenizer_config.json").write_text(json.dumps(config) + "\n")

    def spaced(text: str) -> str:
        return " ".join(text[i : i + k] for i in range(len(text) - k + 1))

    model = BertForSequenceClassification(
        BertConfig(
            vocab_size=len(vocabulary), attn_implementation="eager", **shape, **write_labels(labels)
        )
    ).eval()
    shake(model)
    model.save_pretrained(directory)
    if quirks:
        # As DNABERT's own files have it, written by a fork of an early version.
        change_config(directory, {
            "bos_token_id": 0, "do_sample": False, "eos_token_ids": 0, "finetuning_task": "dnaprom",
            "length_penalty": 1.0, "max_length": 20, "num_beams": 1, "num_labels": labels,
            "num_return_sequences": 1, "num_rnn_layer": 1, "output_attentions": False,
            "output_hidden_states": False, "output_past": True, "pruned_heads": {},
            "repetition_penalty": 1.0, "rnn": "lstm", "rnn_dropout": 0.0, "rnn_hidden": 768,
            "split": 10, "temperature": 1.0, "top_k": 50, "top_p": 1.0, "torchscript": False,
            "use_bfloat16": False, "is_decoder": False,
        }, drop=("transformers_version", "dtype", "position_embedding_type"))
        places = torch.arange(shape["max_position_embeddings"]).reshape(1, -1)
        add_tensors(directory, {"bert.embeddings.position_ids": places})
    store(directory, how)
    rows = [tokenizer(spaced(text))["input_ids"] for text in sequences(BASES, (25, 9, 17, 4))]
    model.double()

    def logits(ids, present):
        return model(input_ids=ids, attention_mask=present).logits

    golden = {"tokenizer": tokenized(tokenizer, [*ODD, *sequences(BASES, (11, 30))], spaced)}
    special = {vocabulary.index(token) for token in ("[CLS]", "[SEP]", "[PAD]")}
    golden |= expected(logits, model.bert.embeddings.word_embeddings, rows, 0, special)
    write(directory, golden)


class GatedSilu(nn.Module):
    """The feed-forward unit of Nucleotide Transformer v2."""

    def __init__(self, width: int, hidden: int, bias: bool) -> None:
        super().__init__()
        self.dense = nn.Linear(width, 2 * hidden, bias=bias)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        gate, value = self.dense(x).chunk(2, dim=-1)
        return gate * torch.sigmoid(gate) * value


def esm(directory: Path, tokens: list[str], labels: int, *, gated: bool | None = None,
        old_buffers: bool = False, half: bool = False, how: str = "safetensors", **shape) -> None:
    """`gated`: whether the layers of the gated unit have biases; none for the plain unit. `half`:
    whether the weights are stored in f16."""
    directory.mkdir(parents=True)
    is_nt = tokens[0] == "<unk>"
    (directory / "vocab.txt").write_text("\n".join(tokens) + "\n")
    eos = None if is_nt else "<eos>"
    tokenizer = EsmTokenizer(str(directory / "vocab.txt"), eos_token=eos)
    named = {"cls_token": "<cls>", "mask_token": "<mask>", "pad_token": "<pad>", "unk_token": "<unk>"}
    named |= {} if is_nt else {"eos_token": "<eos>"}
    (directory / "special_tokens_map.json").write_text(json.dumps(named, indent=2) + "\n")
    described = {"tokenizer_class": "EsmTokenizer", **named, "eos_token": eos}
    (directory / "tokenizer_config.json").write_text(json.dumps(described, indent=2) + "\n")
    config = EsmConfig(
        vocab_size=len(tokens), pad_token_id=tokens.index("<pad>"),
        mask_token_id=tokens.index("<mask>"), attn_implementation="eager", **shape,
        **write_labels(labels),
    )
    model = EsmForSequenceClassification(config).eval()
    if gated is not None:
        width, hidden = config.hidden_size, config.intermediate_size
        for layer in model.esm.encoder.layer:
            layer.intermediate = GatedSilu(width, hidden, gated)
            layer.output.dense = nn.Linear(hidden, width, bias=gated)
    shake(model)
    if half:
        halve(model)
    if (half or old_buffers) and config.position_embedding_type == "rotary":
        # ESM-2's went through f16, and that is what transformers computes with.
        frequencies = model.esm.rotary_embeddings.inv_freq
        frequencies.copy_(frequencies.half().float())
    model.save_pretrained(directory)
    if half:
        add_tensors(directory, {
            name: tensor.half() for name, tensor in load_file(directory / "model.safetensors").items()
        })
        change_config(directory, {"dtype": "float16"})
    if gated is not None:
        change_config(directory, {
            "add_bias_fnn": gated, "tie_word_embeddings": False,
            "auto_map": {
                "AutoConfig": "esm_config.EsmConfig",
                "AutoModelForSequenceClassification": "modeling_esm.EsmForSequenceClassification",
            },
        })
    if old_buffers:
        # What earlier versions kept in the file, and what the language model has beside.
        places = shape["max_position_embeddings"]
        frequencies = model.esm.rotary_embeddings.inv_freq
        heads = shape["num_hidden_layers"] * shape["num_attention_heads"]
        added = {
            f"esm.encoder.layer.{i}.attention.self.rotary_embeddings.inv_freq": frequencies.clone()
            for i in range(shape["num_hidden_layers"])
        }
        added["esm.embeddings.position_ids"] = torch.arange(places).reshape(1, -1)
        added["esm.contact_head.regression.weight"] = torch.randn(1, heads)
        added["esm.contact_head.regression.bias"] = torch.randn(1)
        add_tensors(directory, added)
    store(directory, how)
    letters, odd = (BASES, ODD) if is_nt else (AMINO_ACIDS, ODD_PROTEINS)
    texts = sequences(letters, (40, 16, 23, 7))
    rows = [tokenizer(text)["input_ids"] for text in texts]
    model.double()

    def logits(ids, present):
        return model(input_ids=ids, attention_mask=present).logits

    golden = {"tokenizer": tokenized(tokenizer, [*odd, *sequences(letters, (11, 30))])}
    special = {tokens.index(token) for token in ("<cls>", "<eos>", "<pad>")}
    embedding = model.esm.embeddings.word_embeddings
    # A norm right behind the word embedding undoes every factor but 0.
    is_undone = config.emb_layer_norm_before and config.position_embedding_type == "rotary"
    least = 0.0 if is_undone else 1e-3
    golden |= expected(logits, embedding, rows, tokens.index("<pad>"), special, least)
    write(directory, golden)


def trained_bpe(size: int) -> Tokenizer:
    tokenizer = Tokenizer(models.BPE(unk_token="[UNK]"))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    trainer = trainers.BpeTrainer(
        vocab_size=size, special_tokens=DNABERT2_SPECIAL, initial_alphabet=list(BASES), show_progress=False
    )
    # Repeats make pairs unlike in frequency, as in genomes.
    words = sequences(BASES, tuple(random.randint(3, 9) for _ in range(40)))
    corpus = ["".join(random.choice(words) for _ in range(20)) for _ in range(60)]
    tokenizer.train_from_iterator(corpus, trainer)
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", pair="[CLS] $A [SEP] $B:1 [SEP]:1",
        special_tokens=[("[CLS]", 1), ("[SEP]", 2)],
    )
    return tokenizer


def original_names(state: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """multimolecule's tensors under the names of the original checkpoint."""
    named = {}
    for name, tensor in state.items():
        if name.endswith("alibi.slopes") or ".self.key." in name or ".self.value." in name:
            continue
        if ".self.query." in name:
            parts = [state[name.replace("query", part)] for part in ("query", "key", "value")]
            tensor, name = torch.cat(parts), name.replace("query", "Wqkv")
        name = name.replace(".mlp.layer_norm", ".mlp.layernorm").replace("layer_norm", "LayerNorm")
        name = name.replace(".mlp.up_proj.", ".mlp.gated_layers.").replace(".mlp.down_proj.", ".mlp.wo.")
        named[f"bert.{name}"] = tensor.clone()
    return named


def mosaic(directory: Path, vocabulary: int, labels: int, **shape) -> None:
    from multimolecule import DnaBert2Config, DnaBert2Model

    directory.mkdir(parents=True)
    bpe = trained_bpe(vocabulary)
    bpe.save(str(directory / "tokenizer.json"))
    named = {f"{part}_token": f"[{part.upper()}]" for part in ("unk", "cls", "sep", "pad", "mask")}
    described = {"tokenizer_class": "PreTrainedTokenizerFast", **named}
    (directory / "tokenizer_config.json").write_text(json.dumps(described, indent=2) + "\n")
    tokenizer = PreTrainedTokenizerFast(tokenizer_file=str(directory / "tokenizer.json"), **named)
    size = len(tokenizer)
    config = DnaBert2Config(vocab_size=size, pad_token_id=3, **shape)
    config._attn_implementation = "eager"
    model = DnaBert2Model(config).eval()
    classifier = nn.Linear(shape["hidden_size"], labels)
    shake(model)
    shake(classifier)
    state = original_names(model.state_dict())
    state |= {f"classifier.{name}": tensor for name, tensor in classifier.state_dict().items()}
    save_file(state, directory / "model.safetensors", metadata={"format": "pt"})
    written = {
        "_name_or_path": "", "alibi_starting_size": 512,
        "architectures": ["BertForSequenceClassification"], "attention_probs_dropout_prob": 0.0,
        "auto_map": {
            "AutoConfig": "configuration_bert.BertConfig",
            "AutoModelForSequenceClassification": "bert_layers.BertForSequenceClassification",
        },
        "classifier_dropout": None, "gradient_checkpointing": False, "hidden_act": "gelu",
        "hidden_dropout_prob": 0.1, "initializer_range": 0.02, "layer_norm_eps": 1e-12,
        "max_position_embeddings": 512, "model_type": "bert", "pad_token_id": 0,
        "position_embedding_type": "absolute", "torch_dtype": "float32", "type_vocab_size": 2,
        "use_cache": True, "vocab_size": size, **shape, **write_labels(labels),
    }
    (directory / "config.json").write_text(json.dumps(written, indent=2) + "\n")
    rows = [tokenizer(text)["input_ids"] for text in sequences(BASES, (60, 24, 41, 9))]
    model.double()
    classifier.double()

    def logits(ids, present):
        return classifier(model(input_ids=ids, attention_mask=present).pooler_output)

    golden = {"tokenizer": tokenized(tokenizer, [*ODD, *sequences(BASES, (11, 80))])}
    special = {tokenizer.convert_tokens_to_ids(token) for token in ("[CLS]", "[SEP]", "[PAD]")}
    golden |= expected(logits, model.embeddings.word_embeddings, rows, 3, special)
    write(directory, golden)


def shape(width: int, layers: int, heads: int, hidden: int, places: int = 64) -> dict:
    return {
        "hidden_size": width, "num_hidden_layers": layers, "num_attention_heads": heads,
        "intermediate_size": hidden, "max_position_embeddings": places,
    }


def nt_tokens(k: int) -> list[str]:
    return [*NT_SPECIAL, *kmers(k), *"ATCGN"]


def main() -> None:
    out = Path(sys.argv[1])

    def fresh(name: str) -> Path:
        seed = sum(name.encode())
        random.seed(seed)
        torch.manual_seed(seed)
        shutil.rmtree(out / name, ignore_errors=True)
        return out / name

    bert(fresh("bert-narrow"), 2, 2, False, **shape(15, 1, 3, 20))
    bert(fresh("bert-deep"), 3, 5, False, **shape(24, 3, 4, 40))
    bert(fresh("bert-dnabert"), 3, 3, True, "bin", **shape(28, 2, 4, 36))
    rotary = {"position_embedding_type": "rotary"}
    absolute = {"position_embedding_type": "absolute"}
    esm(fresh("esm-two"), ESM2_TOKENS, 3, old_buffers=True, token_dropout=True,
        emb_layer_norm_before=False, **rotary, **shape(24, 2, 4, 40))
    esm(fresh("esm-normed"), ESM2_TOKENS, 2, token_dropout=False, emb_layer_norm_before=True, **rotary,
        **shape(20, 3, 2, 30))
    esm(fresh("esm-absolute"), ESM2_TOKENS, 4, token_dropout=True, emb_layer_norm_before=True,
        how="shards", **absolute, **shape(18, 2, 6, 24))
    esm(fresh("nt-one"), nt_tokens(3), 3, token_dropout=True, emb_layer_norm_before=False, **absolute,
        layer_norm_eps=1e-12, **shape(20, 2, 4, 32))
    esm(fresh("nt-plain"), nt_tokens(2), 2, how="bin-shards", token_dropout=False, emb_layer_norm_before=True, **absolute,
        **shape(12, 1, 4, 16))
    esm(fresh("nt-two"), nt_tokens(3), 3, gated=False, token_dropout=False, emb_layer_norm_before=False,
        layer_norm_eps=1e-12, **rotary, **shape(24, 2, 4, 20))
    esm(fresh("nt-biased"), nt_tokens(3), 2, gated=True, half=True, token_dropout=False,
        emb_layer_norm_before=False, **rotary, **shape(20, 3, 2, 24))
    mosaic(fresh("mosaic-four"), 60, 2, **shape(24, 2, 4, 32, 512))
    mosaic(fresh("mosaic-six"), 120, 3, **shape(30, 3, 6, 28, 512))
    mosaic(fresh("mosaic-twelve"), 200, 4, **shape(36, 1, 12, 40, 512))


if __name__ == "__main__":
    main()
