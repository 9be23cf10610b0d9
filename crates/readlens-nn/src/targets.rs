use std::ops::Range;

/// What a classifier should say of the rows of a batch at one rank.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Targets {
    /// Class of each row; any class where the weight is 0.
    pub classes: Vec<u32>,
    /// Weight of each row, 0 or more; 0 where the row has no class.
    pub weights: Vec<f64>,
}

impl Targets {
    /// These classes, each with weight 1.
    pub fn of_classes(classes: &[u32]) -> Self {
        Self { classes: classes.to_vec(), weights: vec![1.0; classes.len()] }
    }

    /// Those of some of the rows.
    #[must_use]
    pub fn of_rows(&self, rows: Range<usize>) -> Self {
        Self { classes: self.classes[rows.clone()].to_vec(), weights: self.weights[rows].to_vec() }
    }

    /// The same classes with weight 1 wherever the weight is not 0.
    #[must_use]
    pub fn unweighted(&self) -> Self {
        let weights = self.weights.iter().map(|w| f64::from(u8::from(*w > 0.0))).collect();
        Self { classes: self.classes.clone(), weights }
    }
}
