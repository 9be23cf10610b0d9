//! Drawings and tables as the templates need them: every coordinate computed, nothing escaped.

pub(crate) mod axis;
pub(crate) mod bars;
pub(crate) mod curves;
pub(crate) mod dots;
pub(crate) mod frame;
pub(crate) mod heat;
pub(crate) mod letters;
pub(crate) mod level;
pub(crate) mod lines;
pub(crate) mod methods;
pub(crate) mod reliability;
pub(crate) mod rows;
pub(crate) mod sequence;
pub(crate) mod stability;
pub(crate) mod table;
pub(crate) mod track;
pub(crate) mod verdicts;
