"""PyTorch, OpenVINO and ONNX Runtime as contenders.

Usage: engines.py torch|openvino|onnxruntime BATCH

BATCH is the rows of one inference call; a training step takes all rows of the job at once.
"""

from __future__ import annotations

import sys
import tempfile
import warnings
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Any

import numpy as np
import torch
from protocol import Unsupported, contend
from torch import Tensor
from torch_model import (
    classification_loss,
    complete,
    explainer_loss,
    load_classifier,
    load_explainer,
    optimiser,
)

# Largest norm of the gradient over all parameters.
CLIP = 1.0
# Value of the mask in a frozen step: between hidden and kept.
MASK = 0.5

Prepared = tuple[Callable[[], float | None], Callable[[], list[float]] | None]


class Examples:
    """The rows of a job: ids `(rows, tokens)` and one class per rank."""

    def __init__(self, job: dict[str, Any], tokens: int, ranks: int) -> None:
        examples = job["work"]["examples"]
        rows = examples["rows"]
        ids = np.fromfile(examples["ids"], "<u4", rows * tokens).astype(np.int64)
        labels = np.fromfile(examples["labels"], "<u4", rows * ranks).astype(np.int64)
        self.ids = torch.from_numpy(ids.reshape(rows, tokens))
        labels = torch.from_numpy(labels.reshape(rows, ranks))
        self.targets = [labels[:, rank].contiguous() for rank in range(ranks)]


def load(job: dict[str, Any]) -> tuple[Any, Examples]:
    """The classifier and the rows of a job."""
    classifier = load_classifier(Path(job["work"]["examples"]["models"]) / "classifier")
    examples = Examples(job, classifier.pos.shape[0], len(classifier.heads))
    return classifier, examples


def explainer_of(job: dict[str, Any]) -> Any:
    """The Explainer that the job names."""
    return load_explainer(Path(job["work"]["examples"]["models"]) / job["work"]["explainer"])


def numeric_mode(job: dict[str, Any]) -> AbstractContextManager[Any]:
    """Autocast where the job asks for bf16."""
    if job["precision"] == "bf16":
        return torch.autocast("cpu", dtype=torch.bfloat16)
    return nullcontext()


def training(network: Any, job: dict[str, Any], loss_of: Callable[[], Tensor]) -> Prepared:
    """One optimiser step of `network`; its values are the first losses."""
    adamw = optimiser(network)
    parameters = list(network.parameters())

    def step() -> float:
        adamw.zero_grad(set_to_none=True)
        with numeric_mode(job):
            loss = loss_of()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(parameters, CLIP)
        adamw.step()
        return loss.item()

    return step, None


def classifier_step(job: dict[str, Any]) -> Prepared:
    classifier, examples = load(job)
    return training(classifier, job, lambda: classification_loss(classifier(examples.ids), examples.targets))


def explainer_step(job: dict[str, Any]) -> Prepared:
    classifier, examples = load(job)
    classifier.requires_grad_(False)
    explainer = explainer_of(job)

    def loss() -> Tensor:
        return explainer_loss(explainer(examples.ids), classifier, examples.ids, examples.targets)

    return training(explainer, job, loss)


def frozen_step(job: dict[str, Any]) -> Prepared:
    classifier, examples = load(job)
    classifier.requires_grad_(False)
    mask = torch.ones(examples.ids.shape, requires_grad=True)

    def step() -> None:
        mask.grad = None
        with numeric_mode(job):
            logits = classifier(examples.ids, complete(mask * MASK))
            loss = classification_loss(logits, examples.targets)
        loss.backward()

    return step, lambda: mask.grad[0].tolist()


def forward(job: dict[str, Any], batch: int) -> Prepared:
    classifier, examples = load(job)
    batches = examples.ids.split(batch)

    @torch.inference_mode()
    def predict() -> None:
        with numeric_mode(job):
            for ids in batches:
                [logits.softmax(1) for logits in classifier(ids)]

    @torch.inference_mode()
    def values() -> list[float]:
        with numeric_mode(job):
            return torch.cat(classifier(examples.ids[:1]), 1)[0].tolist()

    return predict, values


def mask_inference(job: dict[str, Any], batch: int) -> Prepared:
    _, examples = load(job)
    explainer = explainer_of(job)
    batches = examples.ids.split(batch)

    @torch.inference_mode()
    def explain() -> None:
        with numeric_mode(job):
            for ids in batches:
                explainer(ids)

    @torch.inference_mode()
    def values() -> list[float]:
        with numeric_mode(job):
            # CLS has no mask.
            return explainer(examples.ids[:1])[0, 1:].tolist()

    return explain, values


def with_torch(job: dict[str, Any], batch: int) -> Prepared:
    """The job in eager PyTorch."""
    torch.set_num_threads(job["threads"])
    torch.set_num_interop_threads(1)
    torch.manual_seed(1)
    match job["work"]["kind"]:
        case "classifier-step":
            return classifier_step(job)
        case "explainer-step":
            return explainer_step(job)
        case "frozen-step":
            return frozen_step(job)
        case "forward":
            return forward(job, batch)
        case "mask-inference":
            return mask_inference(job, batch)
        case kind:
            raise Unsupported(f"PyTorch has no {kind}")


def only_forward(job: dict[str, Any], engine: str) -> None:
    """Refuses what an inference engine is not measured on."""
    if job["work"]["kind"] != "forward":
        raise Unsupported(f"{engine} is measured on forward only")


def with_openvino(job: dict[str, Any], batch: int) -> Prepared:
    """The job in OpenVINO, with static shapes and as many streams as threads."""
    import openvino as ov

    only_forward(job, "OpenVINO")
    classifier, examples = load(job)
    ids = examples.ids.numpy()
    with torch.no_grad():
        model = ov.convert_model(classifier.eval(), example_input=examples.ids[:batch])
    model.reshape([batch, ids.shape[1]])
    settings = {
        "INFERENCE_NUM_THREADS": job["threads"],
        "NUM_STREAMS": job["threads"],
        "INFERENCE_PRECISION_HINT": job["precision"],
        "PERFORMANCE_HINT": "THROUGHPUT",
    }
    compiled = ov.Core().compile_model(model, "CPU", settings)
    queue = ov.AsyncInferQueue(compiled, job["threads"])
    batches = [ids[first : first + batch] for first in range(0, len(ids), batch)]

    def predict() -> None:
        for rows in batches:
            queue.start_async({0: rows}, share_inputs=True)
        queue.wait_all()

    def values() -> list[float]:
        logits = compiled({0: batches[0]})
        return [float(x) for output in compiled.outputs for x in logits[output][0]]

    return predict, values


def with_onnxruntime(job: dict[str, Any], batch: int) -> Prepared:
    """The job in ONNX Runtime."""
    import onnxruntime

    only_forward(job, "ONNX Runtime")
    if job["precision"] != "f32":
        raise Unsupported("ONNX Runtime is measured in f32 only")
    classifier, examples = load(job)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = job["threads"]
    options.inter_op_num_threads = 1
    # A waiting contender must leave the processor to the others.
    options.add_session_config_entry("session.force_spinning_stop", "1")
    with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        file = Path(folder) / "classifier.onnx"
        with torch.no_grad():
            torch.onnx.export(classifier.eval(), (examples.ids[:batch],), file, dynamo=False)
        session = onnxruntime.InferenceSession(file, options, ["CPUExecutionProvider"])
    name = session.get_inputs()[0].name
    batches = [rows.numpy() for rows in examples.ids.split(batch)]

    def predict() -> None:
        for rows in batches:
            session.run(None, {name: rows})

    def values() -> list[float]:
        return [float(x) for logits in session.run(None, {name: batches[0]}) for x in logits[0]]

    return predict, values


ENGINES = {"torch": with_torch, "openvino": with_openvino, "onnxruntime": with_onnxruntime}


def main() -> None:
    engine, batch = ENGINES[sys.argv[1]], int(sys.argv[2])
    contend(lambda job: engine(job, batch))


if __name__ == "__main__":
    main()
