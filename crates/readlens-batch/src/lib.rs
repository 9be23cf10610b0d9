//! Token rows to padded tensors, the only bridge between Arrow and candle.
