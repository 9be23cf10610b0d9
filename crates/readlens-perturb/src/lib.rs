//! The classifier's predictions under every mask, control and operator.
