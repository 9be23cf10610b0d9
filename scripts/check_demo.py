#!/usr/bin/env python3
"""Check the figures that a demo must reach: check_demo.py 16s|genomes|planted METRICS.JSON."""

import json
import sys


def main() -> None:
    kind, path = sys.argv[1:]
    with open(path, encoding="utf-8") as file:
        sections = json.load(file)["table"]["sections"]
    section = next(section for section in sections if section["method"] == "explainer")
    if section["split"] != "test":
        sys.exit(f"{path}: figures of split {section['split']}, expected test")
    ranks = {line["rank"]: line["accuracy"] for line in section["ranks"]}
    genus, mask = ranks["genus"], section["mask"]
    if kind == "16s":
        checks = [
            (f"unmasked {rank}", ranks[rank]["unmasked"], least)
            for rank, least in [("superkingdom", 0.99), ("phylum", 0.98), ("genus", 0.97)]
        ]
        checks.append(("minus the hard area", -mask["hard_area"], -0.12))
        for control in ["random_block", "random_segments"]:
            lead = genus["hard_masked"] - genus[control]
            checks.append((f"hard-masked genus over {control}", lead, 0.15))
    elif kind == "genomes":
        checks = [("minus the hard area", -mask["hard_area"], -0.25)]
        for rank, accuracy in ranks.items():
            lost = accuracy["hard_masked"] - accuracy["unmasked"]
            checks.append((f"hard-masked over unmasked {rank}", lost, -0.06))
            lead = accuracy["random_block_inverse"] - accuracy["hard_inverse"]
            checks.append((f"inverse of a random block over hard inverse, {rank}", lead, 0.25))
    elif kind == "planted":
        # Intersection over union says how much of the hard mask lies in motifs.
        union = (mask["hard_area"] + mask["prevalence"]) / (1 + mask["iou"])
        checks = [
            ("AUPRC", mask["auprc"], 0.70),
            ("share of the hard mask that lies in motifs", mask["iou"] * union / mask["hard_area"], 0.80),
        ]
        for rank, accuracy in ranks.items():
            lead = accuracy["hard_masked"] - accuracy["unmasked"]
            checks.append((f"hard-masked over unmasked {rank}", lead, -0.02))
            lead = accuracy["random_block_inverse"] - accuracy["hard_inverse"]
            checks.append((f"inverse of a random block over hard inverse, {rank}", lead, 0.15))
    else:
        sys.exit(f"no such demo: {kind}")
    for name, value, least in checks:
        print(f"{'ok  ' if value >= least else 'LOW '} {name}: {value:.3f}, at least {least:.3f}")
    if any(value < least for _, value, least in checks):
        sys.exit(1)


main()
