//! The four columns that name a mask: `method`, `method_kind`, `replicate` and its rank.

use crate::record::Broken;

/// Checks the columns that name a mask: all four or none, and replicates from 1.
pub(crate) fn check(are_there: [bool; 3], replicate: Option<u32>) -> Result<(), Broken> {
    if replicate == Some(0) {
        return Err(Broken {
            expected: "replicates counted from 1",
            found: "0",
            remedy: "number the runs of a method from 1",
        });
    }
    if are_there.into_iter().any(|is_there| is_there != replicate.is_some()) {
        return Err(Broken {
            expected: "method, method_kind, replicate and mask_rank together, or null in all four",
            found: "null in some of them",
            remedy: "fill all four, or none where no mask was used",
        });
    }
    Ok(())
}

/// Gives a row that is a mask, with all four columns, its name.
macro_rules! names_a_mask {
    ($row:ident) => {
        impl $row {
            fn check_mask(&self) -> Result<(), $crate::Broken> {
                $crate::mask_columns::check([true; 3], Some(self.replicate))
            }

            /// What made the mask and what it explains.
            pub fn name(&self) -> $crate::vocabulary::MaskName {
                let Self { method, method_kind, replicate, rank, .. } = self;
                let (name, kind) = (method.clone(), *method_kind);
                let method = $crate::vocabulary::Method { name, kind, replicate: *replicate };
                $crate::vocabulary::MaskName { method, ranks: rank.clone() }
            }

            /// Whether both rows are masks by the same method for the same rank.
            pub fn is_named_as(&self, other: &Self) -> bool {
                self.name() == other.name()
            }
        }
    };
}

/// Gives a row that may be about a mask, with all four columns or none, the mask's name.
macro_rules! may_name_a_mask {
    ($row:ident) => {
        impl $row {
            fn check_mask(&self) -> Result<(), $crate::Broken> {
                let Self { method, method_kind, replicate, mask_rank, .. } = self;
                let others = [method.is_some(), method_kind.is_some(), mask_rank.is_some()];
                $crate::mask_columns::check(others, *replicate)
            }

            /// What made the mask and what it explains; none where no mask was used.
            pub fn mask_name(&self) -> Option<$crate::vocabulary::MaskName> {
                let method = $crate::vocabulary::Method {
                    name: self.method.clone()?,
                    kind: self.method_kind?,
                    replicate: self.replicate?,
                };
                Some($crate::vocabulary::MaskName { method, ranks: self.mask_rank.clone()? })
            }
        }
    };
}

pub(crate) use {may_name_a_mask, names_a_mask};
