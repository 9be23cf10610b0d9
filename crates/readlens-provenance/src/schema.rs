use serde_json::{Value, json};

/// The JSON Schema (2020-12) of [`Manifest`](crate::Manifest), for other programs.
///
/// Fields that manifests of version 0.1.0 may lack are not required.
pub fn manifest_schema() -> Value {
    let text = |description: &str| json!({"type": "string", "description": description});
    let or_null = |of: Value, description: &str| json!({"anyOf": [of, {"type": "null"}], "description": description});
    let digest = |description: &str| json!({"$ref": "#/$defs/sha256", "description": description});
    let inputs = |description: &str| json!({"type": "array", "items": {"$ref": "#/$defs/input"}, "description": description});
    json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Manifest of a readlens artefact",
        "description": "How an artefact came to be: enough to make it again and to notice that it would differ.",
        "type": "object",
        "additionalProperties": false,
        "required": ["stage", "version", "config", "seed", "inputs"],
        "properties": {
            "stage": text("Name of the stage, such as tokenize."),
            "version": text("Version of readlens that ran it."),
            "build": or_null(
                json!({"$ref": "#/$defs/build"}),
                "The build that ran it; null where the program does not say.",
            ),
            "compute": or_null(
                json!({"$ref": "#/$defs/compute"}),
                "What computed the numbers; null where the stage computes none that depend on it.",
            ),
            "config": {"description": "The validated configuration, without paths and thread counts, which change no content."},
            "seed": or_null(
                json!({"type": "integer", "minimum": 0}),
                "Seed of every random choice, where the stage makes any.",
            ),
            "inputs": inputs("The inputs in a stable order."),
            "lineage": {
                "type": "object",
                "description": "How the inputs, and what they were made from, came to be, by their digests.",
                "propertyNames": {"$ref": "#/$defs/sha256"},
                "additionalProperties": {"$ref": "#/$defs/origin"},
            },
        },
        "$defs": {
            "sha256": {"type": "string", "pattern": "^[0-9a-f]{64}$"},
            "input": {
                "type": "object",
                "additionalProperties": false,
                "required": ["role", "name", "sha256", "bytes"],
                "properties": {
                    "role": text("What the input was to the stage, such as tokens or taxonomy."),
                    "name": text("Last component of its path, or - for standard input."),
                    "sha256": digest("SHA-256 of its bytes; of a model directory, of the digests of its weights, configuration and manifest."),
                    "bytes": {"type": "integer", "minimum": 0, "description": "Its length in bytes; of a model directory, that of its weights."},
                },
            },
            "origin": {
                "type": "object",
                "additionalProperties": false,
                "required": ["stage", "inputs"],
                "properties": {
                    "stage": text("Name of the stage that made it."),
                    "inputs": inputs("What it was made from."),
                },
            },
            "build": {
                "type": "object",
                "additionalProperties": false,
                "required": ["revision", "rust", "lock"],
                "properties": {
                    "revision": or_null(
                        json!({"type": "string", "pattern": "^([0-9a-f]{40}|[0-9a-f]{64})$"}),
                        "The commit that was checked out; null where git knows none. Changes that were not committed are not seen.",
                    ),
                    "rust": text("Version of the Rust compiler."),
                    "lock": digest("SHA-256 of Cargo.lock."),
                },
            },
            "compute": {
                "type": "object",
                "additionalProperties": false,
                "required": ["device", "kernels"],
                "properties": {
                    "device": text("cpu or cuda."),
                    "kernels": or_null(
                        json!({"type": "string"}),
                        "Instruction set of the kernels: portable, avx2, avx512, avx512-bf16 or amx; null where no kernel computed.",
                    ),
                },
            },
        },
    })
}
