"""Which networks are trained and which masks are made, by the list of Explainers.

Files are named by a key: `explainer{key}/`, `masks{key}.parquet`, `bases{key}.parquet`. Without a
list there is one Explainer with an empty key, so that its files have the names that `readlens run`
gives them. Otherwise keys are `/distilled-2` (with the seed), `/distilled-ensemble`,
`/stability/frame_shift-1` and the like.
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class Network:
    """An Explainer to train."""

    classifier: str  # directory under `out` of the classifier that it explains
    options: dict  # of train-explainer


@dataclass(frozen=True)
class Masks:
    """A table of masks to make."""

    networks: list[str]  # keys; the scores of several are averaged
    options: dict  # of mask
    classifier: str = "classifier"
    tokens: str = "tokens"


def named(method: str, replicate: int = 1) -> dict:
    """Options of mask that say whose masks they are."""
    return {"method": method, "replicate": replicate}


CLASSIFIER = config.get("train-classifier", {})
# A classifier that is given is explained in the place of one that is made.
IS_GIVEN = "classifier" in INPUT
# The classifier is made with each of these seeds. The first is explained; the others have a folder
# of their own under `out`.
if IS_GIVEN and "classifier-seeds" in config:
    raise WorkflowError("classifier-seeds: the classifier is given; leave out one of the two")
CLASSIFIER_SEEDS = config.get("classifier-seeds", [config["seed"]])
PLACES = {"" if number == 0 else f"seeds/{seed}/": seed for number, seed in enumerate(CLASSIFIER_SEEDS)}


def seeded(options: dict, place: str) -> dict:
    """These options with the seed of a place, unless a single classifier has its own."""
    return options | {"seed": PLACES[place]} if "classifier-seeds" in config else options


# Branches of the classifiers: name of the directory -> stage and its options.
BRANCHES = {
    f"{place}branches/{name}": (stage, seeded(chosen, place))
    for place in PLACES
    for name, branch in ({} if IS_GIVEN else config.get("branches", {})).items()
    for stage, chosen in branch.items()
}
# Classifiers to train: name of the directory -> options.
CLASSIFIERS = {}
if not BRANCHES and not IS_GIVEN:
    CLASSIFIERS = {f"{place}classifier": seeded(CLASSIFIER, place) for place in PLACES}
if "judge" in config:
    # A judge must have seen small and large parts of its input, whatever the classifier saw.
    CLASSIFIERS["judge"] = CLASSIFIER | {"mask-kind": "uniform", "mask-probability": 1} | config["judge"]

NETWORKS: dict[str, Network] = {}
MASKS: dict[str, Masks] = {}
# Keys of the masks that perturb, probe and evaluate judge.
JUDGED: list[str] = []
# What differs, as compare calls it -> keys of masks that are compared with those of REFERENCE.
COMPARED: dict[str, list[str]] = {}

TRAIN = config.get("train-explainer", {})
MASK = config.get("mask", {})


def entry_of(name: str) -> dict:
    """The Explainer of this name."""
    for entry in config["explainers"]:
        if entry["name"] == name:
            return entry
    raise WorkflowError(f"explainers: there is none called {name}")


def trained(entry: dict) -> dict:
    """The entry whose networks an Explainer uses: its own or those of another."""
    owner = entry_of(entry.get("of", entry["name"]))
    if "of" in owner:
        raise WorkflowError(f"explainers: {entry['name']} must be `of` an Explainer that is trained")
    return owner


def seeds_of(entry: dict) -> list[int]:
    """Its own, or those of the Explainer whose networks it uses."""
    return entry.get("seeds") or trained(entry).get("seeds") or [TRAIN.get("seed", config["seed"])]


def network(entry: dict, seed: int) -> str:
    """Key of an Explainer's network of this seed."""
    owner = trained(entry)
    if seed not in seeds_of(owner):
        raise WorkflowError(f"explainers: {entry['name']} needs seed {seed}, with which {owner['name']} is not trained")
    return f"/{owner['name']}-{seed}"


def training(entry: dict, seed: int) -> dict:
    """Options of train-explainer for an Explainer's network of this seed."""
    return TRAIN | trained(entry).get("train", {}) | {"seed": seed}


def judge(key: str, masks: Masks) -> None:
    if key in MASKS:
        raise WorkflowError(f"explainers: two would write masks{key}.parquet")
    MASKS[key] = masks
    JUDGED.append(key)


if "explainers" not in config:
    NETWORKS[""] = Network("classifier", TRAIN)
    judge("", Masks([""], MASK))
    SHOWN, SHOWN_NETWORK = "", ""
else:
    for entry in config["explainers"]:
        for replicate, seed in enumerate(seeds_of(entry), start=1):
            if "of" not in entry:
                NETWORKS[network(entry, seed)] = Network("classifier", training(entry, seed))
            chosen = MASK | entry.get("mask", {}) | named(entry["name"], replicate)
            judge(f"/{entry['name']}-{seed}", Masks([network(entry, seed)], chosen))
    for entry in config["explainers"]:
        if "ensemble" in entry:
            chosen = MASK | entry.get("mask", {}) | entry["ensemble"] | named(f"{entry['name']}_ensemble")
            judge(f"/{entry['name']}-ensemble", Masks([network(entry, seed) for seed in seeds_of(entry)], chosen))

    SUBJECT = entry_of(config.get("subject", config["explainers"][0]["name"]))
    first, *others = seeds_of(SUBJECT)
    SHOWN_NETWORK = network(SUBJECT, first)
    SHOWN = f"/{SUBJECT['name']}-{'ensemble' if 'ensemble' in SUBJECT else first}"

if "stability" in config:
    # All have one name, because compare matches masks by it.
    chosen = MASK | SUBJECT.get("mask", {}) | config["stability"].get("mask", {}) | named(SUBJECT["name"])

    def compared(label: str, key: str, masks: Masks) -> None:
        MASKS[key] = masks
        COMPARED.setdefault(label, []).append(key)

    REFERENCE = f"/stability/seed-{first}"
    MASKS[REFERENCE] = Masks([SHOWN_NETWORK], chosen)
    for seed in others:
        compared("seed", f"/stability/seed-{seed}", Masks([network(SUBJECT, seed)], chosen))

# Variants of the tokens: name under `tokens/` -> options of vary.
VARIANTS: dict[str, dict] = {}
for variant in config.get("stability", {}).get("variants", []):
    # As compare calls what it knows.
    label = {"substitute": "substitution"}.get(variant["kind"], variant["kind"].replace("-", "_"))
    seed = {"seed": config["seed"]} if variant["kind"] == "substitute" else {}
    name = f"{label}-{len(COMPARED.get(label, [])) + 1}"
    VARIANTS[name] = seed | variant
    compared(label, f"/stability/{name}", Masks([SHOWN_NETWORK], chosen, tokens=f"tokens/{name}"))

SANITY = config.get("sanity", {})
# What differs -> the directory of the classifier.
less_knowing = {f"randomized:{parts}": f"randomized-{parts}" for parts in SANITY.get("randomized", [])}
if "permuted" in SANITY:
    CLASSIFIERS["permuted"] = CLASSIFIER | {"permute-labels": True} | SANITY["permuted"]
    less_knowing["permuted"] = "permuted"
for label, classifier in less_knowing.items():
    key = f"/sanity/{classifier}"
    NETWORKS[key] = Network(classifier, training(SUBJECT, first) | SANITY.get("train", {}))
    compared(label, f"/stability/{classifier}", Masks([key], chosen, classifier=classifier))

if "stability" in config and not COMPARED:
    raise WorkflowError("stability: there is nothing to compare with; add seeds, variants or `sanity`")
if "regions" in INPUT and "stability" not in config:
    raise WorkflowError("input: regions need the section `stability`, whose bases are tested")

# Masks for the taxa of other windows. Only perturb reads them.
WRONG = config.get("wrong-class", {})
if "explainers" in WRONG and "explainers" not in config:
    raise WorkflowError("wrong-class: its `explainers` are names of the list `explainers`, which is not there")
WRONG_OPTION = {"wrong-class": config["seed"]}
for name in WRONG.get("explainers", []):
    entry = entry_of(name)
    seed = seeds_of(entry)[0]
    chosen = MASK | entry.get("mask", {}) | named(name) | WRONG_OPTION
    MASKS[f"/wrong-class/{name}"] = Masks([network(entry, seed)], chosen)

# Samples of the splits: part of the name -> records to keep by split. Explainers may learn from
# fewer windows.
SAMPLES = {"": INPUT.get("sample", {})}
# The classifier is judged on all windows, however few are explained.
WHOLE_SAMPLE = "/whole" if "assess" in config and SAMPLES[""] else ""
SAMPLES.setdefault(WHOLE_SAMPLE, {})
WHOLE_TOKENS = f"{OUT}/tokens{WHOLE_SAMPLE}.parquet"
if "explainer-sample" in INPUT:
    SAMPLES["/explainer"] = INPUT["explainer-sample"]
TRAINING_TOKENS = f"{OUT}/tokens/explainer.parquet" if "/explainer" in SAMPLES else f"{OUT}/tokens.parquet"

# Tables of masks for perturb, probe and evaluate.
MASK_TABLES = [f"{OUT}/masks{key}.parquet" for key in JUDGED] + if_there("attribute", "attributions.parquet")

WRONG_TABLES = [f"{OUT}/masks/wrong-class/{name}.parquet" for name in WRONG.get("explainers", [])]
if "method" in WRONG:
    WRONG_TABLES.append(f"{OUT}/wrong-attributions.parquet")


def one_of(names) -> str:
    """A wildcard's values as a regular expression; it matches nothing where there are none."""
    return f"(?:{'|'.join(map(re.escape, names))})" if names else "(?!)"


wildcard_constraints:
    shard=r"[1-9]\d*",
    sample=one_of(SAMPLES),
    variant=one_of(VARIANTS),
    classifier=one_of(CLASSIFIERS),
    branch=one_of(BRANCHES),
    place=one_of(PLACES),
    parts=r"all|[1-9]\d*",
    network=one_of(NETWORKS),
    masks=one_of(MASKS),
    table=one_of(
        [f"{table}{key}" for table in ("masks", "bases") for key in MASKS]
        + ["attributions", "wrong-attributions", "costs", "perturbations"]
    ),
