//! The words that stages write to each other in columns: each declared once, with its meaning.
//!
//! A closed vocabulary is an enum. Its names are refused when they are misspelt, and a new word
//! does not compile before every place that must know it does. [`Word`] is a word of a vocabulary
//! or a name of the user's own, where a column may hold both.
//!
//! ```
//! use readlens_tables::vocabulary::{Operator, Role, Word};
//!
//! assert_eq!("hard_masked".parse(), Ok(Operator::HardMasked));
//! assert_eq!(Operator::HardMasked.inverse(), Some(Operator::HardInverse));
//! assert_eq!(Operator::HardInverse.role(), Role::Removes);
//! let misspelt = "hard-masked".parse::<Operator>();
//! assert!(misspelt.is_err_and(|e| e.to_string().contains("hard_masked")));
//! assert_eq!(Word::<Operator>::of("my_own").known(), None);
//! ```

mod method;
mod metric;
mod name;
mod operator;
mod ranks;
mod removal;
mod split;
mod words;

pub use method::{AttributionMethod, MaskName, Method, MethodKind, TargetKind};
pub use metric::{Direction, Metric};
pub use name::{BadName, MAX_NAME, Name};
pub use operator::{Operator, Role};
pub use ranks::Ranks;
pub use removal::Removal;
pub use split::{Over, Split};
pub use words::{UnknownWord, Vocabulary, Word};

pub(crate) use name::NONE;
pub(crate) use words::alternatives;
