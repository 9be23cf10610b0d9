//! What a figure is about: an operator, and what stood in the place of hidden tokens.

use readlens_tables::vocabulary::{Operator, Removal, Word};

use crate::operators::{removal_words, words};
use crate::text::spaced;

/// What was done to the input.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Treatment {
    pub(crate) operator: Word<Operator>,
    removal: Removal,
}

impl Treatment {
    /// A treatment as a table names it.
    pub(crate) fn new(operator: Word<Operator>, removal: Removal) -> Self {
        let removal = operator.known().and_then(named_removal).unwrap_or(removal);
        Self { operator, removal }
    }

    /// Whether it has a row in a family of operators.
    pub(crate) fn has_family(&self) -> bool {
        let operator = self.operator.known().filter(|operator| *self == Self::from(*operator));
        operator.is_some_and(|operator| words(operator).family.is_some())
    }

    /// Whether it hides in another way than the classifier's own masking.
    pub(crate) fn hides_otherwise(&self) -> bool {
        self.operator.known().is_some() && self.removal != Removal::Own
    }

    /// Title of its row and how to read it; a foreign operator has its name alone.
    pub(crate) fn words(&self) -> (String, &'static str) {
        let Word::Known(operator) = &self.operator else {
            return (spaced(self.operator.name()), "");
        };
        let own = words(*operator);
        if *self == Self::from(*operator) {
            return (own.title.to_owned(), own.reading);
        }
        // What stands behind a comma is about the operator's own removal or its control.
        let title = own.title.split(',').next().unwrap_or_default();
        let removal = removal_words(self.removal);
        (format!("{title}, {}", removal.title), removal.reading)
    }
}

/// The operator with the classifier's own masking, unless its name says another removal.
impl From<Operator> for Treatment {
    fn from(operator: Operator) -> Self {
        Self::new(operator.into(), Removal::Own)
    }
}

/// The removal that an operator's name says, as that of [`Operator::AllMean`] does.
fn named_removal(operator: Operator) -> Option<Removal> {
    let mut others = Removal::ALL.iter().copied().filter(|removal| *removal != Removal::Own);
    others.find(|removal| of_everything(*removal) == operator)
}

/// The operator that hides everything in this way.
const fn of_everything(removal: Removal) -> Operator {
    match removal {
        Removal::Own => Operator::AllZero,
        Removal::Mean => Operator::AllMean,
        Removal::Unknown => Operator::AllUnknown,
        Removal::Shuffled => Operator::AllShuffled,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn other_ways_of_hiding_have_titles_of_their_own() {
        let title =
            |operator: Operator, removal| Treatment::new(operator.into(), removal).words().0;
        assert_eq!(title(Operator::HardMasked, Removal::Unknown), "Hard masked, unknown");
        assert_eq!(title(Operator::RandomBlock, Removal::Mean), "Random block, average");
        assert_eq!(title(Operator::AllShuffled, Removal::Shuffled), "Everything hidden, shuffled");
        assert_eq!(title(Operator::HardMasked, Removal::Own), "Hard masked");
        let foreign = Treatment::new(Word::of("something_mean"), Removal::Mean);
        assert_eq!(foreign.words(), ("something mean".to_owned(), ""));
        assert!(!foreign.hides_otherwise() && !foreign.has_family());
    }

    #[test]
    fn a_removal_in_the_name_counts_whatever_the_column_says() {
        for removal in Removal::ALL {
            let told = Treatment::new(Operator::AllMean.into(), *removal);
            assert_eq!(told, Treatment::from(Operator::AllMean));
        }
        assert_ne!(
            Treatment::new(Operator::AllZero.into(), Removal::Mean),
            Treatment::from(Operator::AllZero)
        );
    }
}
