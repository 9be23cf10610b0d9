"""The stages predict and perturb on the same windows: their passes, and what they say.

perturb makes its row `unmasked` by the pass that predict makes. It makes others of the same shape
with it: one classifier, as many tokens, one row per rank. So what is compared is the time of a pass,
over programs that start, read, compute and write.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

from contenders import BenchError, Command

# Windows of which perturb predicts the masks of others, each by one further pass.
DONORS = 64
# Rows that share the pass of another one: a constant of 1 is the untouched window, and hiding all
# tokens a constant of 0.
SHARED = 2


def read(*tables: Path) -> dict[str, Any]:
    """What `answers.py` says of a table of perturb and, if wanted, of predict."""
    script = Path(__file__).with_name("answers.py")
    done = subprocess.run([sys.executable, script, *tables], capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise BenchError(f"{tables[-1]} cannot be read:\n{done.stderr}")
    return json.loads(done.stdout)


def passes(perturbations: Path, windows: int) -> int:
    """Passes of the classifier that perturb took, which was given so many windows with one mask."""
    found = read(perturbations)
    return (found["rows_of_window"] - SHARED) * found["windows"] + min(windows, DONORS)


class Predicting(Command):
    """A stage that predicts; its values are the answers for the windows that perturb has chosen."""

    def __init__(self, stage: Command, perturbations: Path, predictions: Path | None) -> None:
        super().__init__(stage.label, stage.command, stage.threads)
        self.tables = [perturbations, predictions] if predictions else [perturbations]

    def end(self) -> tuple[int, list[float]]:
        peak, _ = super().end()
        return peak, read(*self.tables)["values"]
