//! What artefacts were made from, as far as their manifests tell.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use crate::artefact::Artefact;
use crate::digest::Sha256Digest;
use crate::facts::{Fact, is_among};
use crate::manifest::InputDigest;

/// Artefacts that are the source of something, by their digests.
pub(crate) type Sources<'a> = BTreeMap<&'a Sha256Digest, &'a InputDigest>;

pub(crate) fn same(one: &Sources<'_>, two: &Sources<'_>) -> bool {
    one.keys().eq(two.keys())
}

pub(crate) fn names(sources: &Sources<'_>) -> String {
    let names: BTreeSet<&str> = sources.values().map(|source| source.name.as_str()).collect();
    names.into_iter().collect::<Vec<_>>().join(", ")
}

/// What every known artefact was made from, by its digest.
pub(crate) struct Graph<'a>(HashMap<&'a Sha256Digest, &'a [InputDigest]>);

impl<'a> Graph<'a> {
    pub(crate) fn of(artefacts: impl IntoIterator<Item = &'a Artefact>) -> Self {
        let mut made_from = HashMap::new();
        for Artefact { digest, manifest, .. } in artefacts {
            let Some(manifest) = manifest else { continue };
            for (sha256, origin) in &manifest.lineage {
                made_from.insert(sha256, origin.inputs.as_slice());
            }
            made_from.insert(&digest.sha256, manifest.inputs.as_slice());
        }
        Self(made_from)
    }

    /// Whether it is known what the artefact was made from.
    pub(crate) fn knows(&self, artefact: &Sha256Digest) -> bool {
        self.0.contains_key(artefact)
    }

    fn inputs(&self, of: &Sha256Digest) -> &'a [InputDigest] {
        self.0.get(of).copied().unwrap_or_default()
    }

    /// The inputs of an artefact that had the role.
    pub(crate) fn direct(&self, of: &Sha256Digest, role: &str) -> Sources<'a> {
        let inputs = self.inputs(of).iter().filter(|input| input.role == role);
        inputs.map(|input| (&input.sha256, input)).collect()
    }

    /// The artefact itself where it is what the fact is about; otherwise those that it, or what it
    /// inherits from, was made from.
    pub(crate) fn sources<'b>(&self, of: &'b InputDigest, fact: &Fact) -> Sources<'b>
    where
        'a: 'b,
    {
        if of.role == fact.role && is_among(fact.said_by, fact.role) {
            return BTreeMap::from([(&of.sha256, of)]);
        }
        let mut sources = BTreeMap::new();
        // Lineages come from files: one that goes in a circle must not do so here.
        let mut seen = BTreeSet::from([&of.sha256]);
        let mut waiting = vec![&of.sha256];
        while let Some(artefact) = waiting.pop() {
            for input in self.inputs(artefact) {
                if input.role == fact.role {
                    sources.insert(&input.sha256, input);
                } else if is_among(fact.inherited_through, &input.role)
                    && seen.insert(&input.sha256)
                {
                    waiting.push(&input.sha256);
                }
            }
        }
        sources
    }

    /// Every artefact that this one was made from by inputs of one role alone.
    pub(crate) fn ancestors(&self, of: &Sha256Digest, role: &str) -> BTreeSet<&'a Sha256Digest> {
        let mut found = BTreeSet::new();
        let mut waiting: Vec<&Sha256Digest> = self.direct(of, role).into_keys().collect();
        while let Some(artefact) = waiting.pop() {
            if found.insert(artefact) {
                waiting.extend(self.direct(artefact, role).into_keys());
            }
        }
        found
    }
}
