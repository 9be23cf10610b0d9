use std::collections::BTreeMap;

/// Tensors that are randomised together.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Part {
    /// What the part is called in the log and in the manifest.
    pub name: String,
    /// Names of its tensors, in order.
    pub tensors: Vec<String>,
}

/// How far from the output a part is; the nearest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Depth {
    Heads,
    Pooler,
    /// A part with a name of its own, such as a branch beside the encoder: it joins the others
    /// where they are pooled.
    Branch,
    /// An encoder block, counted from the last.
    Block(usize),
    Stem,
    Embedding,
}

/// The parts of a network, from its output to its input, by the names of its tensors.
///
/// These are: `heads`; `pooler`; every further leading name, in order of names; the encoder's
/// blocks from the last (with the `final_ln` behind it) to `blocks.0`; `stem`; and `embedding`
/// (`tok`, `pos`, `type`, `emb_ln`). What a network lacks is left out. The same parts of several
/// `branches`, whose names stand before a full stop, are one.
pub fn parts_of<'a>(tensors: impl IntoIterator<Item = &'a str>, branches: &[&str]) -> Vec<Part> {
    let mut names: Vec<(&str, &str)> =
        tensors.into_iter().map(|name| (inside(name, branches), name)).collect();
    names.sort_unstable();
    let last_block = names.iter().filter_map(|(name, _)| block_of(name)).max();
    let mut parts: BTreeMap<(Depth, String), Vec<String>> = BTreeMap::new();
    for (name, full) in names {
        let leading = name.split('.').next().unwrap_or(name);
        let block = match leading {
            "final_ln" => last_block,
            _ => block_of(name),
        };
        let key = match (leading, block) {
            (_, Some(block)) => {
                let from_last = last_block.map_or(0, |last| last - block);
                (Depth::Block(from_last), format!("blocks.{block}"))
            }
            ("heads", _) => (Depth::Heads, leading.to_owned()),
            ("pooler", _) => (Depth::Pooler, leading.to_owned()),
            ("stem", _) => (Depth::Stem, leading.to_owned()),
            ("tok" | "pos" | "type" | "emb_ln", _) => (Depth::Embedding, "embedding".to_owned()),
            (other, _) => (Depth::Branch, other.to_owned()),
        };
        parts.entry(key).or_default().push(full.to_owned());
    }
    parts.into_iter().map(|((_, name), tensors)| Part { name, tensors }).collect()
}

/// The name of a tensor inside its branch.
pub(crate) fn inside<'a>(name: &'a str, branches: &[&str]) -> &'a str {
    let rest = |branch: &&str| name.strip_prefix(*branch)?.strip_prefix('.');
    branches.iter().filter(|branch| !branch.is_empty()).find_map(rest).unwrap_or(name)
}

/// The block that a tensor `blocks.N.…` belongs to.
fn block_of(name: &str) -> Option<usize> {
    name.strip_prefix("blocks.")?.split('.').next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(tensors: &[&str]) -> Vec<String> {
        parts_of(tensors.iter().copied(), &[]).into_iter().map(|part| part.name).collect()
    }

    #[test]
    fn parts_go_from_the_output_to_the_input() {
        let tensors = [
            "blocks.0.qkv.weight",
            "blocks.10.qkv.weight",
            "blocks.2.ff1.bias",
            "emb_ln.bias",
            "final_ln.weight",
            "heads.0.weight",
            "heads.1.weight",
            "pooler.bias",
            "pos",
            "stem.weight",
            "tok.weight",
        ];
        let expected =
            ["heads", "pooler", "blocks.10", "blocks.2", "blocks.0", "stem", "embedding"];
        assert_eq!(names(&tensors), expected);
        let parts = parts_of(tensors, &[]);
        assert_eq!(parts[0].tensors, ["heads.0.weight", "heads.1.weight"]);
        assert_eq!(parts[2].tensors, ["blocks.10.qkv.weight", "final_ln.weight"]);
        assert_eq!(parts[6].tensors, ["emb_ln.bias", "pos", "tok.weight"]);
    }

    #[test]
    fn the_same_parts_of_several_branches_are_one() {
        let tensors =
            ["a.heads.0.bias", "b.heads.0.bias", "b.tables.kmer:3", "a.blocks.0.ln1.bias"];
        let parts = parts_of(tensors, &["a", "b"]);
        let names: Vec<&str> = parts.iter().map(|part| part.name.as_str()).collect();
        assert_eq!(names, ["heads", "tables", "blocks.0"]);
        assert_eq!(parts[0].tensors, ["a.heads.0.bias", "b.heads.0.bias"]);
    }

    #[test]
    fn a_branch_of_another_name_is_a_part_behind_the_pooler() {
        let tensors = ["bag.weight", "bag.norm.bias", "pooler.bias", "blocks.0.out.bias", "extra"];
        assert_eq!(names(&tensors), ["pooler", "bag", "extra", "blocks.0"]);
        assert_eq!(parts_of(tensors, &[])[1].tensors, ["bag.norm.bias", "bag.weight"]);
        // No encoder block, no place for its norm but one of its own.
        assert_eq!(names(&["final_ln.bias", "heads.0.bias"]), ["heads", "final_ln"]);
        assert_eq!(names(&[]), [""; 0]);
    }
}
